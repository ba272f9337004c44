package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/ca"
	"github.com/warmfront/warmfront/control/store"
	"github.com/warmfront/warmfront/control/wire"
	"github.com/warmfront/warmfront/journal"
)

func (c *Control) newServer() *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+wire.PathJoin, c.serveJoin)
	mux.HandleFunc("GET "+wire.PathJournal, c.serveJournal)
	mux.HandleFunc("POST "+wire.PathLease, c.answer(c.lease))
	mux.HandleFunc("POST "+wire.PathCertificate, c.answer(c.certificate))
	mux.HandleFunc("POST "+wire.PathSecret, c.answer(c.secret))
	mux.HandleFunc("POST "+wire.PathIdentity, c.answer(c.renewIdentity))
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler: mux, Protocols: protocols,
		ReadHeaderTimeout: 5 * time.Second,
		// A lease connection is used every quarter lease.
		IdleTimeout:    2 * c.cfg.Terms.Length,
		MaxHeaderBytes: 8 << 10,
		ErrorLog:       slog.NewLogLogger(c.log.Handler(), slog.LevelDebug),
	}
}

// answer wraps a call: who calls is what the certificate says, the body is
// limited, and an error becomes the wire's in one place.
func (c *Control) answer(call func(ctx context.Context, node string, body []byte) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		node, err := c.caller(r)
		if err == nil && !c.Leads(time.Now()) {
			err = store.ErrNotLeader
		}
		if err != nil {
			c.fail(w, err)
			return
		}
		body, err := readBody(w, r)
		if err != nil {
			c.fail(w, err)
			return
		}
		answer, err := call(r.Context(), node, body)
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
		_, _ = w.Write(doc) // the caller is gone: it will call again
	}
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(10 * time.Second))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, wire.MaxBody))
	if err != nil {
		return nil, &wire.Error{Code: wire.CodeInvalid, Message: "the body cannot be read: " + err.Error()}
	}
	return body, nil
}

// caller returns the node that a call proves to come from.
func (c *Control) caller(r *http.Request) (string, error) {
	id, err := ca.PeerID(r.TLS)
	if err != nil {
		return "", &wire.Error{Code: wire.CodeDenied, Message: err.Error()}
	}
	if _, ok := c.State().Nodes[id]; !ok {
		return "", journal.ErrNotRegistered
	}
	// Versions of another journal mean nothing here, though the node has its
	// certificate from the same authority. An older release says nothing of it.
	if of := r.Header.Get(wire.HeaderJournal); of != "" && of != c.journalID {
		return "", &wire.Error{Code: wire.CodeOtherJournal, Journal: c.journalID, Message: "the node follows another journal"}
	}
	return id, nil
}

func (c *Control) fail(w http.ResponseWriter, err error) {
	status := map[string]int{
		wire.CodeDenied: http.StatusForbidden, wire.CodeNotRegistered: http.StatusForbidden, wire.CodeName: http.StatusNotFound,
		wire.CodeSuperseded: http.StatusConflict, wire.CodeAhead: http.StatusConflict, wire.CodeOtherJournal: http.StatusConflict,
		wire.CodeInvalid: http.StatusBadRequest, wire.CodeNotLeader: http.StatusMisdirectedRequest,
	}
	e := wireError(err)
	code, ok := status[e.Code]
	if !ok {
		code = http.StatusInternalServerError
		c.log.Error("a node's call failed", "error", err)
	}
	doc, _ := json.Marshal(e) // two strings
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(doc)
}

func wireError(err error) *wire.Error {
	var e *wire.Error
	var invalid *cdn.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &invalid):
		return &wire.Error{Code: wire.CodeInvalid, Message: invalid.Message}
	case errors.Is(err, journal.ErrNotRegistered):
		return &wire.Error{Code: wire.CodeNotRegistered, Message: err.Error()}
	case errors.Is(err, journal.ErrSuperseded):
		return &wire.Error{Code: wire.CodeSuperseded, Message: err.Error()}
	case errors.Is(err, store.ErrNotLeader), errors.Is(err, store.ErrUnknown):
		return &wire.Error{Code: wire.CodeNotLeader, Message: "this control does not lead; another does, or is about to"}
	case errors.Is(err, journal.ErrAhead):
		return &wire.Error{Code: wire.CodeAhead, Message: err.Error()}
	case errors.Is(err, ca.ErrRequest):
		return &wire.Error{Code: wire.CodeInvalid, Message: err.Error()}
	case errors.Is(err, ca.ErrName):
		return &wire.Error{Code: wire.CodeName, Message: err.Error()}
	}
	return &wire.Error{Code: wire.CodeInternal, Message: "control cannot answer; its log says why"}
}

func decode(body []byte, v any) error {
	if err := json.Unmarshal(body, v); err != nil {
		return &wire.Error{Code: wire.CodeInvalid, Message: "the body is not the JSON of this call: " + err.Error()}
	}
	return nil
}

// serveJournal delivers. It neither acknowledges nor renews: only a lease call
// says what a node has applied (rule M).
func (c *Control) serveJournal(w http.ResponseWriter, r *http.Request) {
	_, err := c.caller(r)
	if err == nil && !c.Leads(time.Now()) {
		err = store.ErrNotLeader
	}
	if err != nil {
		c.fail(w, err)
		return
	}
	after, err := cdn.ParseVersion(r.URL.Query().Get("after"))
	if err != nil {
		c.fail(w, &wire.Error{Code: wire.CodeInvalid, Message: err.Error()})
		return
	}
	if err := c.outrun(after, journal.Term{}); err != nil {
		c.fail(w, err)
		return
	}
	ctx, end := c.whileLeading(r.Context())
	defer end()
	if err := c.feed.Serve(w, r.WithContext(ctx), after); err != nil {
		c.fail(w, err)
	}
}

// whileLeading returns a context that ends some time after this control's right to
// lead has, if nothing renews it: who follows is to look for another.
func (c *Control) whileLeading(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	if c.cfg.Leads != nil {
		go func() {
			tick := time.NewTicker(c.cfg.Terms.Renewal())
			defer tick.Stop()
			for c.Leads(time.Now()) {
				select {
				case <-tick.C:
				case <-ctx.Done():
				}
				if ctx.Err() != nil {
					return
				}
			}
			cancel()
		}()
	}
	return ctx, cancel
}

// outrun begins a new epoch if a node has applied or seen what this journal and
// this leader come before: the journal was put back to an older state.
func (c *Control) outrun(applied cdn.Version, seen journal.Term) error {
	ahead := func() bool { return c.Head().Before(applied) || c.ledger.Term().Before(seen) }
	c.mu.Lock()
	suspect := c.ledger != nil && ahead()
	c.mu.Unlock()
	if !suspect {
		return nil
	}
	claimed, own := max(applied.Epoch, seen.Epoch), c.Head().Epoch
	if !journal.Plausible(claimed, own, time.Now()) {
		return &wire.Error{Code: wire.CodeInvalid, Message: fmt.Sprintf("epoch %d cannot be: the journal is in epoch %d", claimed, own)}
	}
	return c.beginEpoch(claimed, ahead)
}

func (c *Control) lease(_ context.Context, node string, body []byte) (any, error) {
	var r journal.LeaseRequest
	if err := decode(body, &r); err != nil {
		return nil, err
	}
	if err := c.outrun(r.Applied, r.Seen); err != nil {
		return nil, err
	}
	c.mu.Lock()
	if c.ledger == nil {
		c.mu.Unlock()
		return nil, ErrClosed
	}
	// One reading for the right to grant and for what is granted.
	read := time.Now()
	if !c.Leads(read) {
		c.mu.Unlock()
		return nil, store.ErrNotLeader
	}
	now := c.clock(read)
	before := c.ledger.Standing(node, now)
	answer, err := c.ledger.Lease(node, r, now)
	c.mu.Unlock()
	// A running lease that only runs longer settles nothing, and the settle loop
	// looks again when it would have ended. A lease that begins must wake it: the
	// loop does not know of that end.
	if !answer.Granted || before.Left <= 0 || before.Incarnation != r.Incarnation || before.Acked != r.Applied {
		c.wake()
	}
	if err != nil {
		r.Disk = journal.Disk{} // it may be that of a process that was replaced
	}
	c.note(node, r)
	return answer, err
}

// certificate signs an edge's key for a name it serves.
func (c *Control) certificate(_ context.Context, node string, body []byte) (any, error) {
	var r wire.CertificateRequest
	if err := decode(body, &r); err != nil {
		return nil, err
	}
	state := c.State()
	if state.Nodes[node].Role != cdn.RoleEdge {
		return nil, &wire.Error{Code: wire.CodeDenied, Message: "only edges are given certificates to show to viewers"}
	}
	if !ca.Serves(state, c.cfg.Zone, r.Name) {
		return nil, &wire.Error{Code: wire.CodeName, Message: "no distribution answers to " + r.Name}
	}
	doc, err := c.authority.Serve([]byte(r.CSR), r.Name, time.Now())
	return wire.CertificateAnswer{Certificate: string(doc)}, err
}

func (c *Control) renewIdentity(_ context.Context, node string, body []byte) (any, error) {
	var r wire.IdentityRequest
	if err := decode(body, &r); err != nil {
		return nil, err
	}
	doc, err := c.authority.Identify([]byte(r.CSR), node, time.Now())
	return wire.CertificateAnswer{Certificate: string(doc)}, err
}
