package control

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/store"
	"github.com/warmfront/warmfront/control/wire"
)

// serveJoin admits a node. The MAC is checked before anything of the body is
// looked at.
func (c *Control) serveJoin(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(w, r)
	if err != nil {
		c.fail(w, err)
		return
	}
	binding, err := wire.Binding(*r.TLS)
	if err != nil {
		c.fail(w, &wire.Error{Code: wire.CodeDenied, Message: err.Error()})
		return
	}
	if !wire.Equal(r.Header.Get(wire.HeaderMAC), wire.RequestMAC(c.cfg.Secret, binding, body)) {
		c.log.Warn("a join was refused: it does not prove the cluster secret", "from", r.RemoteAddr)
		c.fail(w, &wire.Error{Code: wire.CodeDenied, Message: "the cluster secret is not this network's"})
		return
	}
	if !c.Leads(time.Now()) {
		c.fail(w, store.ErrNotLeader)
		return
	}
	answer, err := c.admit(r, body)
	if err != nil {
		c.fail(w, err)
		return
	}
	doc, err := json.Marshal(answer)
	if err != nil {
		c.fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set(wire.HeaderMAC, wire.AnswerMAC(c.cfg.Secret, binding, body, doc))
	_, _ = w.Write(doc) // the node is gone: it will join again
}

func (c *Control) admit(r *http.Request, body []byte) (*wire.JoinAnswer, error) {
	var req wire.JoinRequest
	if err := decode(body, &req); err != nil {
		return nil, err
	}
	if err := checkNode(req.Node); err != nil {
		return nil, err
	}
	if req.Journal != "" && req.Journal != c.journalID && req.Adopt != c.journalID {
		return nil, c.refused(req)
	}
	// The journal changes last: a node whose request is no good is not registered.
	certificate, err := c.authority.Identify([]byte(req.CSR), req.Node.ID, time.Now())
	if err != nil {
		return nil, err
	}
	if err := c.register(r.Context(), req.Node); err != nil {
		return nil, err
	}
	incarnation, rolledBack, disk, err := c.incarnate(req.Node.ID, req.Incarnation)
	if err != nil {
		return nil, err
	}
	answer := &wire.JoinAnswer{
		Certificate: string(certificate), NodeCA: string(c.authority.NodePEM()), ViewerCA: string(c.authority.ViewerPEM()),
		Zone: c.cfg.Zone, Journal: c.journalID, Terms: c.cfg.Terms, Incarnation: incarnation, RolledBack: rolledBack, Disk: &disk,
	}
	if c.cfg.NodeSettings != nil {
		answer.Settings = c.cfg.NodeSettings(req.Node)
	}
	c.admitted(req.Node.ID)
	c.log.Info("a node has joined", "node", req.Node.ID, "incarnation", incarnation, "rolled_back", rolledBack)
	return answer, nil
}

// refusal is a node that follows another journal and does not give it up.
type refusal struct {
	node    cdn.Node
	journal string
	applied cdn.Version
	at      time.Time
}

const (
	// refusalKept is for how long a node that asks no more is remembered; it asks
	// every few seconds.
	refusalKept = time.Minute
	// mostRefusals bounds what is remembered: whoever knows the cluster secret can make
	// up nodes.
	mostRefusals = 4096
	// maxJournalID is the length of the longest name of a journal that is remembered.
	maxJournalID = 64
)

// refused notes a node that follows another journal: this control has lost its file,
// or is not the one that the node knows. Nothing is registered.
func (c *Control) refused(req wire.JoinRequest) error {
	if len(req.Journal) > maxJournalID {
		return &wire.Error{Code: wire.CodeInvalid, Message: "no journal has such a name"}
	}
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	_, known := c.refusals[req.Node.ID]
	for id, r := range c.refusals {
		if now.Sub(r.at) > refusalKept {
			delete(c.refusals, id)
		}
	}
	if known || len(c.refusals) < mostRefusals {
		c.refusals[req.Node.ID] = refusal{req.Node, req.Journal, req.Applied, now}
	}
	if !known {
		c.log.Error("a node follows another journal than this control has, and keeps to it: restore control's data folder from a backup, or start the node with --adopt-journal",
			"node", req.Node.ID, "its_journal", req.Journal, "up_to", req.Applied, "journal", c.journalID, "head", c.Head())
	}
	return &wire.Error{Code: wire.CodeOtherJournal, Journal: c.journalID, Message: "the node follows the journal " + req.Journal + ", control has " + c.journalID}
}

func (c *Control) admitted(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.refusals, id)
}

// Journal names the journal.
func (c *Control) Journal() string { return c.journalID }
