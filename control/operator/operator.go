// Package operator is the part of control's HTTP interface that CloudFront has no
// word for: who is in the network and how far each node is, faults in a sandbox,
// and the file that sets a browser to a city.
//
// Requests are signed as those to CloudFront's API are (SigV4), for the service
// "warmfront", or prove themselves otherwise where Config says how; answers are
// JSON, errors {"code", "message"} with an HTTP status. What is sent to a name
// that is not control's, or by a page of another origin, is refused first.
// The package owns no state: it asks the small interfaces of Config.
package operator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/accesskey"
	"github.com/warmfront/warmfront/control/admission"
	"github.com/warmfront/warmfront/sigv4"
)

// Service is the service name in signatures of requests to this interface.
const Service = "warmfront"

// Network is the answer to GET /warmfront/v1/network.
type Network struct {
	Zone    string `json:"zone"`
	Version string `json:"version"`
	Sandbox bool   `json:"sandbox"`
	// CA is the certificate, in PEM, of the authority that edges' certificates
	// come from.
	CA string `json:"ca"`
}

// Fault is the body of POST /warmfront/v1/faults.
type Fault struct {
	// Kind is stop, pause, partition, slow or heal.
	Kind string `json:"kind"`
	// Target is a node's id, a POP's code, a continent, or "all".
	Target string `json:"target"`
	// From is "control" for a partition from control alone.
	From string `json:"from,omitempty"`
	// Delay is what slow adds to each round trip.
	Delay time.Duration `json:"delay_ns,omitempty"`
}

// Faulted is the answer to it: the nodes it reached.
type Faulted struct {
	Nodes []string `json:"nodes"`
}

// Config is what the interface asks.
type Config struct {
	// Keys are the access keys that may call.
	Keys sigv4.Lookup
	// Authenticate says which requests are authentic. Nil takes those that are
	// signed with one of Keys.
	Authenticate admission.Authenticate
	// Zone is the network's domain.
	Zone string
	// Hosts are the names by which the interface may be called. Nil allows those
	// that no stranger's DNS can point here, admission.LocalNames.
	Hosts   admission.Names
	Now     func() time.Time
	Network func() Network
	Nodes   func() Nodes
	// RoundTrips asks the edges what they have measured.
	RoundTrips func(ctx context.Context) RoundTrips
	// Invalidation returns how far an invalidation of a distribution is.
	Invalidation func(distribution, id string) (Invalidation, error)
	// Forget removes a node from the registered ones.
	Forget func(ctx context.Context, id string) error
	// AccessKeys are the account's.
	AccessKeys *accesskey.Keys
	// Fault is nil outside a sandbox.
	Fault func(ctx context.Context, f Fault) (Faulted, error)
	// Clock returns a sandbox's time, MoveClock moves it; both are nil outside a sandbox.
	Clock     func() Clock
	MoveClock func(ctx context.Context, m MoveClock) (Clock, error)
	// PAC returns the proxy auto-configuration for a city; nil where no viewer
	// proxy runs.
	PAC func(city string) (string, error)
}

const (
	maxBody = 64 << 10
	// readTimeout is how long a caller may take to send a body.
	readTimeout = 10 * time.Second
)

// Handler serves the interface under /warmfront/ and /proxy/.
func Handler(cfg Config) http.Handler {
	if cfg.Hosts == nil {
		cfg.Hosts = admission.LocalNames(cfg.Zone)
	}
	if cfg.Authenticate == nil {
		cfg.Authenticate = admission.Signature(Service, cfg.Keys, cfg.Now)
	}
	mux := http.NewServeMux()
	h := handler{cfg}
	mux.Handle("GET /warmfront/v1/network", h.signed(func(*http.Request, []byte) (any, error) { return cfg.Network(), nil }))
	mux.Handle("GET /warmfront/v1/nodes", h.signed(func(*http.Request, []byte) (any, error) { return cfg.Nodes(), nil }))
	mux.Handle("GET /warmfront/v1/round-trips", h.signed(func(r *http.Request, _ []byte) (any, error) { return cfg.RoundTrips(r.Context()), nil }))
	mux.Handle("DELETE /warmfront/v1/nodes/{id}", h.signed(func(r *http.Request, _ []byte) (any, error) {
		return struct{}{}, cfg.Forget(r.Context(), r.PathValue("id"))
	}))
	mux.Handle("GET /warmfront/v1/distributions/{distribution}/invalidations/{id}", h.signed(func(r *http.Request, _ []byte) (any, error) {
		return cfg.Invalidation(r.PathValue("distribution"), r.PathValue("id"))
	}))
	mux.Handle("GET /warmfront/v1/access-keys", h.signed(func(*http.Request, []byte) (any, error) { return AccessKeys{cfg.AccessKeys.List()}, nil }))
	mux.Handle("POST /warmfront/v1/access-keys", h.signed(h.createAccessKey))
	mux.Handle("DELETE /warmfront/v1/access-keys/{id}", h.signed(func(r *http.Request, _ []byte) (any, error) {
		return struct{}{}, cfg.AccessKeys.Delete(r.Context(), r.PathValue("id"))
	}))
	mux.Handle("POST /warmfront/v1/faults", h.signed(h.fault))
	mux.Handle("GET /warmfront/v1/clock", h.signed(h.clock))
	mux.Handle("POST /warmfront/v1/clock", h.signed(h.moveClock))
	mux.HandleFunc("GET /proxy/{file}", h.pac)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, cdn.Errorf("NoSuchResource", "There is no %s %.200s here.", r.Method, r.URL.EscapedPath()))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := cfg.Hosts.Check(r); err != nil {
			refuse(w, err)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

type handler struct{ cfg Config }

// signed wraps a handler that returns a value or an error with a code.
func (h handler) signed(serve func(r *http.Request, body []byte) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := readBody(w, r)
		if err == nil {
			err = h.cfg.Authenticate(r, body)
		}
		var answer any
		if err == nil {
			answer, err = serve(r, body)
		}
		if err != nil {
			refuse(w, err)
			return
		}
		write(w, http.StatusOK, answer)
	})
}

// readBody reads a body that is neither too large nor too slow.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	deadline := http.NewResponseController(w)
	_ = deadline.SetReadDeadline(time.Now().Add(readTimeout)) // not every writer can do it
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	_ = deadline.SetReadDeadline(time.Time{})
	var tooLarge *http.MaxBytesError
	if err != nil && !errors.As(err, &tooLarge) {
		err = cdn.Errorf("InvalidArgument", "The body cannot be read: %v.", err)
	}
	return body, err
}

func (h handler) fault(r *http.Request, body []byte) (any, error) {
	if h.cfg.Fault == nil {
		return nil, notHere("Faults are made")
	}
	var f Fault
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, cdn.Errorf("InvalidArgument", "The fault is not understood: %v.", err)
	}
	if d.More() {
		return nil, cdn.Errorf("InvalidArgument", "The fault is not understood: something follows it.")
	}
	return h.cfg.Fault(r.Context(), f)
}

// pac needs no signature: a browser fetches it for itself. It holds every alias,
// which is why pages must not read it: their origin or the name they call gives
// them away, and as a script, for which neither tells, it must not run.
func (h handler) pac(w http.ResponseWriter, r *http.Request) {
	city, ok := strings.CutSuffix(r.PathValue("file"), ".pac")
	if h.cfg.PAC == nil || !ok {
		refuse(w, cdn.Errorf("NoSuchResource", "There is no viewer proxy here, or the name does not end in .pac."))
		return
	}
	text, err := h.cfg.PAC(city)
	if err != nil {
		refuse(w, cdn.Errorf("NoSuchResource", "%v", err))
		return
	}
	w.Header().Set("Content-Type", "application/x-ns-proxy-autoconfig")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
	_, _ = io.WriteString(w, text)
}

// refuse maps an error to a status: the one place where codes of this interface
// become HTTP.
func refuse(w http.ResponseWriter, err error) {
	status, body := http.StatusInternalServerError, map[string]string{"code": "InternalError", "message": err.Error()}
	var signature *sigv4.Error
	var coded *cdn.Error
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &signature):
		body["code"], body["message"], status = signature.Query()
	case errors.As(err, &tooLarge):
		body["code"], body["message"], status = "TooLarge", fmt.Sprintf("The body has more than %d bytes.", tooLarge.Limit), http.StatusRequestEntityTooLarge
	case errors.As(err, &coded):
		body["code"], body["message"] = coded.Code, coded.Message
		switch status = http.StatusBadRequest; coded.Code {
		case "NoSuchResource", "NoSuchNode", "NoSuchEntity", "NoSuchDistribution", "NoSuchInvalidation":
			status = http.StatusNotFound
		case "EntityAlreadyExists", "DeleteConflict":
			status = http.StatusConflict
		case "NotASandbox", "AccessDenied":
			status = http.StatusForbidden
		}
	}
	write(w, status, body)
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v)
}
