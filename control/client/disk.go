package client

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/ca"
	"github.com/warmfront/warmfront/control/wire"
	"github.com/warmfront/warmfront/journal"
)

// The files of a node. identity.json and certificates.json hold keys.
const (
	identityFile     = "identity.json"
	snapshotFile     = "snapshot.json"
	certificatesFile = "certificates.json"
)

// keptInvalidations is how many of each distribution's invalidations are saved one by
// one, for all that is saved is written anew each time: what was stored before them
// is confirmed after a restart.
const keptInvalidations = 1000

type savedIdentity struct {
	Answer wire.JoinAnswer `json:"answer"`
	Key    string          `json:"key"`
}

type savedSnapshot struct {
	Journal  string       `json:"journal"`
	Seen     journal.Term `json:"seen"`
	Snapshot cdn.Snapshot `json:"snapshot"`
}

// load reads what the disk has. A file that cannot be used is named in the log
// and done without: control has it all.
func (c *Client) load() (*cdn.State, journal.Term) {
	empty := cdn.NewState(0)
	var id savedIdentity
	if !c.readFile(identityFile, &id) {
		return empty, journal.Term{}
	}
	s, err := c.newSession(id.Answer, []byte(id.Key), false)
	if err != nil {
		c.log.Warn("the node's identity on disk cannot be used", "error", err)
		return empty, journal.Term{}
	}
	c.session.Store(s)
	c.certificates.load()
	var saved savedSnapshot
	if !c.readFile(snapshotFile, &saved) || saved.Journal != id.Answer.Journal {
		return empty, journal.Term{}
	}
	state, err := cdn.Restore(saved.Snapshot)
	if err != nil {
		c.log.Warn("the state on disk cannot be used", "error", err)
		return empty, journal.Term{}
	}
	return state, saved.Seen
}

func (c *Client) readFile(name string, v any) bool {
	if c.cfg.DataDir == "" {
		return false
	}
	doc, err := os.ReadFile(filepath.Join(c.cfg.DataDir, name))
	if err == nil {
		err = json.Unmarshal(doc, v)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		c.log.Warn("a file of the node cannot be read", "file", name, "error", err)
	}
	return err == nil
}

// writeFile replaces a file. That it failed is no reason to stop: it is logged,
// and what is missing will come from control.
func (c *Client) writeFile(name string, v any) {
	if c.cfg.DataDir == "" {
		return
	}
	doc, err := json.Marshal(v)
	if err == nil {
		err = ca.WriteFile(filepath.Join(c.cfg.DataDir, name), doc, 0o600)
	}
	if err != nil {
		c.log.Error("a file of the node cannot be written", "file", name, "error", err)
	}
}

// save writes what has been applied.
func (c *Client) save() {
	s := c.session.Load()
	if c.cfg.DataDir == "" || s == nil {
		return
	}
	c.mu.Lock()
	state, seen := c.follower.State(), c.follower.Seen()
	c.mu.Unlock()
	snap, err := state.SnapshotKeeping(keptInvalidations)
	if err != nil {
		c.log.Error("the state cannot be saved", "error", err)
		return
	}
	c.writeFile(snapshotFile, savedSnapshot{s.answer.Journal, seen, snap})
	c.certificates.save()
}

func (c *Client) saveIdentity(s *session) {
	c.writeFile(identityFile, savedIdentity{s.answer, string(s.key)})
}
