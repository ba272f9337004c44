// Package route53 serves as much of Route 53's API (version 2013-04-01) as the apply
// of a site needs: public hosted zones, record sets of the types A, AAAA, CNAME
// and TXT, aliases to distributions, changes and tags. Routing policies, health
// checks, private zones and delegations are refused, by name.
//
// A hosted zone is one resource of the journal, which routers apply like any other
// change, and serve. A change is INSYNC when every registered router and edge has
// acknowledged the journal's version that it made, or its lease has ended: the same
// rule as a distribution's Deployed.
//
// One call goes through it like this: method and path give the operation
// (route53.go), it decodes its body, decides inside Propose on a zone that nobody
// else is changing (zone.go, records.go), and answers with XML. Errors become
// Route 53's in one place (fail).
package route53

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/admission"
	"github.com/warmfront/warmfront/journal"
	"github.com/warmfront/warmfront/sigv4"
)

// Journal is what hosted zones are kept in; *control.Control is one.
type Journal interface {
	State() *cdn.State
	Propose(ctx context.Context, f func(*cdn.State) ([]cdn.Change, error)) (cdn.Version, error)
	// Settled is the version up to which changes are effective in a scope.
	Settled(journal.Scope) cdn.Version
}

// Config is what the service is given.
type Config struct {
	Gate      admission.Gate
	Journal   Journal
	Zone      string // the network's own
	Now       func() time.Time
	RequestID func() string
	Logger    *slog.Logger
}

const (
	namespace = "https://route53.amazonaws.com/doc/2013-04-01/"
	prefix    = "/2013-04-01/"
)

// Handler serves Route 53.
func Handler(cfg Config) http.Handler {
	h := &handler{Config: cfg, mux: http.NewServeMux()}
	for pattern, op := range map[string]operation{
		"POST hostedzone":            h.create,
		"GET hostedzone":             h.list,
		"GET hostedzonesbyname":      h.listByName,
		"GET hostedzonecount":        h.count,
		"GET hostedzone/{id}":        h.get,
		"POST hostedzone/{id}":       h.updateComment,
		"DELETE hostedzone/{id}":     h.delete,
		"GET hostedzone/{id}/dnssec": h.dnssec,
		"GET hostedzone/{id}/rrset":  h.listRecords,
		"POST hostedzone/{id}/rrset": h.changeRecords,
		"GET change/{id}":            h.change,
		"GET tags/{kind}/{id}":       h.listTags,
		"POST tags/{kind}/{id}":      h.changeTags,
	} {
		method, path, _ := strings.Cut(pattern, " ")
		for _, end := range []string{"", "/{$}"} { // clients end some paths with a slash
			h.mux.HandleFunc(method+" "+prefix+path+end, h.serve(op))
		}
	}
	h.mux.HandleFunc("/", h.serve(func(c *call) (any, error) {
		return nil, cdn.Errorf("UnsupportedOperation", "Warmfront does not support the operation %s %.200s.", c.r.Method, c.r.URL.Path)
	}))
	return h.mux
}

type handler struct {
	Config
	mux *http.ServeMux
}

// operation answers a call with what becomes XML; its status is 200 unless the call
// says otherwise.
type operation func(*call) (any, error)

type call struct {
	context.Context
	r        *http.Request
	body     []byte
	status   int
	location string
}

// decode reads the body of a call.
func decode[T any](c *call) (*T, error) {
	in := new(T)
	if err := xml.Unmarshal(c.body, in); err != nil {
		return nil, cdn.Errorf("InvalidInput", "The body is not the XML of this call: %v.", err)
	}
	return in, nil
}

func (h *handler) serve(op operation) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := h.RequestID()
		w.Header().Set("x-amzn-RequestId", id)
		c := &call{Context: r.Context(), r: r, status: http.StatusOK}
		var answer any
		var err error
		if c.body, err = h.Gate.Admit(w, r); err == nil {
			answer, err = op(c)
		}
		if err != nil {
			h.fail(w, id, err)
			return
		}
		if c.location != "" {
			w.Header().Set("Location", "https://route53.amazonaws.com"+prefix+c.location)
		}
		write(w, c.status, answer)
	}
}

func write(w http.ResponseWriter, status int, v any) {
	doc, err := xml.Marshal(v)
	if err != nil {
		panic(err) // the types here always marshal
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, xml.Header+string(doc)) // the caller is gone
}

// fail is the one place where errors become Route 53's.
func (h *handler) fail(w http.ResponseWriter, id string, err error) {
	type detail struct{ Type, Code, Message string }
	e, status := detail{"Receiver", "InternalFailure", "The request could not be processed because of an internal error."}, http.StatusInternalServerError
	var coded *cdn.Error
	var signature *sigv4.Error
	switch {
	case errors.As(err, &signature):
		e.Type = "Sender"
		e.Code, e.Message, status = signature.Query()
	case errors.As(err, &coded):
		e, status = detail{"Sender", coded.Code, coded.Message}, http.StatusBadRequest
		switch coded.Code {
		case "NoSuchHostedZone", "NoSuchChange":
			status = http.StatusNotFound
		case "HostedZoneAlreadyExists":
			status = http.StatusConflict
		case "AccessDenied":
			status = http.StatusForbidden
		case "UnsupportedOperation":
			status = http.StatusNotImplemented
		}
	default:
		h.Logger.Error("Route 53 failed", "request", id, "error", err)
	}
	write(w, status, struct {
		XMLName   xml.Name
		Error     detail
		RequestID string `xml:"RequestId"`
	}{xml.Name{Space: namespace, Local: "ErrorResponse"}, e, id})
}
