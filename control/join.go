package control

import (
	"encoding/json"
	"net/http"
	"time"

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
	c.log.Info("a node has joined", "node", req.Node.ID, "incarnation", incarnation, "rolled_back", rolledBack)
	return answer, nil
}
