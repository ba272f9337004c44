package client

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/ca"
	"github.com/warmfront/warmfront/control/wire"
	"github.com/warmfront/warmfront/journal"
)

// join tries the controls in turn until one admits the node.
func (c *Client) join(ctx context.Context) error {
	wait := backoff{controls: len(c.cfg.Control)}
	for {
		s, err := c.joinOnce(ctx)
		if err == nil {
			c.tellDisk(s.answer)
			c.nextLease.Store(c.next.Load())
			if old := c.session.Swap(s); old != nil {
				old.close()
			}
			c.saveIdentity(s)
			c.accepted()
			return nil
		}
		if ctx.Err() != nil {
			return err
		}
		pause := wait.next()
		if errors.Is(err, ErrOtherJournal) {
			c.refuse(err)
			pause = refusedPause
		} else {
			c.note(fmt.Errorf("join %s: %w", c.address(&c.next), err))
		}
		c.next.Add(1)
		if !c.pause(ctx, pause, nil) {
			return ctx.Err()
		}
	}
}

// refusedPause is between two looks at a control that has another journal: a person
// has to do something first.
const refusedPause = 5 * time.Second

// refuse notes that control has another journal. The node keeps the one it has and
// runs on without a lease: it may be control's journal again tomorrow, from a backup.
func (c *Client) refuse(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refusing == nil || c.refusing.Error() != err.Error() {
		c.log.Error("control's journal is refused; the node keeps what it has and is fenced", "error", err)
	}
	c.refusing, c.trouble = err, err
	c.refusedOnce.Do(func() { close(c.refused) })
}

// accepted notes that the node follows the journal that control has.
func (c *Client) accepted() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trouble, c.refusing = nil, nil
}

// otherJournal says what is wrong where control has another journal, and what to do.
func (c *Client) otherJournal(own, controls string) error {
	return fmt.Errorf("%w: it has %s, the node has %s up to %v. Restore control from a backup of its data folder; or, to give up what only the nodes still know, start the node with --adopt-journal %s",
		ErrOtherJournal, controls, own, c.State().Version, controls)
}

// tellDisk has the node's disk know whose and how old it is (O). A control of an
// older release says nothing of it: then there is only what it knows of the node.
func (c *Client) tellDisk(a wire.JoinAnswer) {
	if c.cfg.Disk == nil {
		return
	}
	known := c.cfg.Disk.Disk()
	if a.Disk != nil {
		known = *a.Disk
	}
	if err := c.cfg.Disk.Joined(a.Journal, known, a.RolledBack); err != nil {
		c.log.Warn("the node's disk does not take down that it has joined", "error", err)
	}
}

// disk is what a lease call tells of the disk.
func (c *Client) disk() journal.Disk {
	if c.cfg.Disk == nil {
		return journal.Disk{}
	}
	return c.cfg.Disk.Disk()
}

func (c *Client) joinOnce(ctx context.Context) (*session, error) {
	key, err := ca.NewKey()
	if err != nil {
		return nil, err
	}
	csr, err := ca.NewRequest(key)
	if err != nil {
		return nil, err
	}
	// Control takes the process that joined before for ended.
	c.step(journal.Joining{})
	req := c.joinRequest(string(csr))
	body, err := json.Marshal(req)
	if err != nil {
		return nil, err
	}
	answer, err := c.exchange(ctx, body)
	var refused *wire.Error
	if errors.As(err, &refused) && refused.Code == wire.CodeOtherJournal {
		c.step(journal.TurnedAway{})
		return nil, c.otherJournal(req.Journal, refused.Journal)
	}
	if err != nil {
		return nil, err
	}
	if err := c.adopt(answer.Journal); err != nil {
		return nil, err
	}
	return c.newSession(*answer, ca.EncodeKey(key), true)
}

func (c *Client) joinRequest(csr string) wire.JoinRequest {
	c.mu.Lock()
	defer c.mu.Unlock()
	return wire.JoinRequest{
		Node: c.cfg.Node, CSR: csr, Incarnation: c.joined().Incarnation,
		Journal: c.journal, Applied: c.follower.Applied(), Adopt: c.mayAdopt(),
	}
}

// mayAdopt is the journal that the node may adopt, "" for none. The caller holds mu.
func (c *Client) mayAdopt() string {
	if c.follower.Synced() {
		return ""
	}
	return c.cfg.Adopt
}

// adopt makes a journal the one that is followed. If the node follows another one, it
// gives up what its disk has of that, where it was started to do so; a node that has
// been level with control in this run has served by what it had, and does not.
//
// Versions of the two are alike and mean different things. So no neighbour is sent
// the old state under the new name, one that follows the old journal still leaves
// when it is sent what comes before all it has, and nothing is taken from one.
func (c *Client) adopt(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.journal
	switch {
	case before == name:
		return nil
	case before == "":
		c.journal = name
		return nil
	case name == "" || name != c.mayAdopt():
		return c.otherJournal(before, name)
	}
	c.log.Warn("the journal on this node's disk is given up for control's", "had", before, "up_to", c.follower.Applied(), "adopted", name)
	c.journal = name
	c.leaveRelay()
	state := cdn.NewState(0)
	c.follower = journal.NewFollower(state, journal.Term{})
	c.state.Store(state)
	c.feed.Publish(state, nil)
	return nil
}

// exchange proves the cluster secret to control and control's knowledge of it to
// the node, over a connection on which neither knows the other: the MACs cover
// what the two ends of this very connection have in common.
func (c *Client) exchange(ctx context.Context, body []byte) (*wire.JoinAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	raw, err := c.cfg.Dial(ctx, "tcp", c.address(&c.next))
	if err != nil {
		return nil, err
	}
	// Not verified by certificate: the answer's MAC does that.
	conn := tls.Client(raw, &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	binding, err := wire.Binding(conn.ConnectionState())
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://control"+wire.PathJoin, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(wire.HeaderMAC, wire.RequestMAC(c.cfg.Secret, binding, body))
	req.Close = true
	if err := req.Write(conn); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	doc, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, answerError(resp.StatusCode, doc)
	}
	if !wire.Equal(resp.Header.Get(wire.HeaderMAC), wire.AnswerMAC(c.cfg.Secret, binding, body, doc)) {
		return nil, errors.New("what answers at control's address does not know the cluster secret")
	}
	answer := &wire.JoinAnswer{}
	return answer, json.Unmarshal(doc, answer)
}
