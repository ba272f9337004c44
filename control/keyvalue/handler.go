package keyvalue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/admission"
	"github.com/warmfront/warmfront/control/store"
	"github.com/warmfront/warmfront/journal"
	"github.com/warmfront/warmfront/sigv4"
)

// Service is the name that calls are signed for, and Path what their paths begin
// with.
const (
	Service = "cloudfront-keyvaluestore"
	Path    = "/key-value-stores/"
)

// Journal is what the API reads and changes; *control.Control is one.
type Journal interface {
	State() *cdn.State
	Propose(ctx context.Context, f func(*cdn.State) ([]cdn.Change, error)) (cdn.Version, error)
	Settled(journal.Scope) cdn.Version
}

// Config is what the API is given.
type Config struct {
	Journal Journal
	// Authenticate says which calls are authentic.
	Authenticate admission.Authenticate
	// Account is the twelve digits in ARNs. Clients put them before the name of the
	// endpoint.
	Account string
	// Hosts are the names by which the API may be called, without the account.
	Hosts  admission.Names
	Now    func() time.Time
	Random io.Reader // safe for concurrent use
	Logger *slog.Logger
}

// Handler serves the API. Mount it at Path.
func Handler(cfg Config) http.Handler { return &handler{cfg} }

type handler struct{ Config }

// target is what a path names.
type target struct {
	arn, key string
	keys     bool // the store's keys, or one of them
}

// parse reads the path of a call: /key-value-stores/ARN, /key-value-stores/ARN/keys or
// /key-value-stores/ARN/keys/KEY, each part escaped.
func parse(escaped string) (t target, ok bool) {
	rest, ok := strings.CutPrefix(escaped, Path)
	parts := strings.Split(rest, "/")
	if !ok || len(parts) > 3 || len(parts) > 1 && parts[1] != "keys" {
		return t, false
	}
	var err1, err2 error
	t.arn, err1 = url.PathUnescape(parts[0])
	t.keys = len(parts) > 1
	if len(parts) == 3 {
		if t.key, err2 = url.PathUnescape(parts[2]); t.key == "" {
			return t, false
		}
	}
	return t, err1 == nil && err2 == nil && t.arn != ""
}

// maxBody bounds what a caller may send: 3 MB of keys and values, as JSON.
const (
	maxBody     = 8 << 20
	readTimeout = 30 * time.Second
)

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	etag, body, err := h.do(w, r)
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		f := h.failure(r, err)
		w.Header().Set("X-Amzn-ErrorType", f.code)
		w.WriteHeader(f.status)
		_ = json.NewEncoder(w).Encode(map[string]string{"Message": f.message})
		return
	}
	if etag != "" {
		w.Header().Set("ETag", etag)
	}
	_ = json.NewEncoder(w).Encode(body)
}

// do checks a request in the order in which a stranger could do harm, and answers it.
func (h *handler) do(w http.ResponseWriter, r *http.Request) (etag string, body any, err error) {
	names := admission.Names(func(host string) bool {
		return h.Hosts(host) || h.Hosts(strings.TrimPrefix(host, h.Account+"."))
	})
	if err := names.Check(r); err != nil {
		return "", nil, err
	}
	t, ok := parse(r.URL.EscapedPath())
	if !ok {
		return "", nil, fail(validation, "There is no operation %s %.200s in the API of key value stores.", r.Method, r.URL.EscapedPath())
	}
	deadline := http.NewResponseController(w)
	_ = deadline.SetReadDeadline(time.Now().Add(readTimeout))
	sent, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	_ = deadline.SetReadDeadline(time.Time{})
	if err != nil || len(sent) > maxBody {
		return "", nil, fail(validation, "The request body could not be read, or has more than %d bytes.", maxBody)
	}
	if err := h.Authenticate(r, sent); err != nil {
		return "", nil, err
	}
	switch {
	case r.Method == http.MethodGet && !t.keys:
		return h.describe(t)
	case r.Method == http.MethodGet && t.key == "":
		return h.list(t, r.URL.Query())
	case r.Method == http.MethodGet:
		return h.get(t)
	case r.Method == http.MethodPut && t.key != "":
		var in struct{ Value *string }
		if err := decode(sent, &in); err != nil {
			return "", nil, err
		}
		if in.Value == nil {
			return "", nil, fail(validation, "The member Value is required.")
		}
		return h.update(r, t, []pair{{t.key, *in.Value}}, nil)
	case r.Method == http.MethodDelete && t.key != "":
		return h.update(r, t, nil, []pair{{Key: t.key}})
	case r.Method == http.MethodPost && t.keys && t.key == "":
		var in struct{ Puts, Deletes []pair }
		if err := decode(sent, &in); err != nil {
			return "", nil, err
		}
		return h.update(r, t, in.Puts, in.Deletes)
	}
	return "", nil, fail(validation, "There is no operation %s on %.200s.", r.Method, r.URL.EscapedPath())
}

// decode reads a body. What it does not know it passes over: a newer client may say
// more.
func decode(body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return fail(validation, "The request body is not the JSON of this operation: %v.", err)
	}
	return nil
}

// The errors of the API.
const (
	validation = "ValidationException"
	conflict   = "ConflictException"
	notFound   = "ResourceNotFoundException"
	denied     = "AccessDeniedException"
	quota      = "ServiceQuotaExceededException"
	internal   = "InternalServerException"
)

// failure is why a call was not carried out.
type failure struct {
	code    string
	status  int
	message string
}

func (f *failure) Error() string { return f.code + ": " + f.message }

func fail(code, format string, args ...any) error {
	status := map[string]int{validation: 400, denied: 403, notFound: 404, conflict: 409, quota: 402, internal: 500}[code]
	return &failure{code, status, fmt.Sprintf(format, args...)}
}

// failure is the one place where errors become those of the API.
func (h *handler) failure(r *http.Request, err error) *failure {
	var f *failure
	var coded *cdn.Error
	var signature *sigv4.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &signature):
		code, message, _ := signature.Query()
		return &failure{denied, http.StatusForbidden, code + ": " + message}
	case errors.As(err, &coded) && coded.Code == notFound:
		return &failure{notFound, http.StatusNotFound, coded.Message}
	case errors.As(err, &coded):
		return &failure{denied, http.StatusForbidden, coded.Message}
	case errors.Is(err, store.ErrNotLeader), errors.Is(err, store.ErrUnknown):
		return &failure{internal, http.StatusServiceUnavailable, "Another control is about to lead. Whether the request was carried out is not certain: read the version of the key value store, and repeat it if need be."}
	}
	h.Logger.Error("the API of key value stores failed", "path", r.URL.Path, "error", err)
	return &failure{internal, http.StatusInternalServerError, "The request could not be processed because of an internal error. Try it again."}
}

// pageSize reads MaxResults: 10 by default, 50 at most (API, ListKeys).
func pageSize(asked string) (int, error) {
	if asked == "" {
		return 10, nil
	}
	n, err := strconv.Atoi(asked)
	if err != nil || n < 1 || n > 50 {
		return 0, fail(validation, "The parameter MaxResults must be from 1 to 50, not %.20q.", asked)
	}
	return n, nil
}
