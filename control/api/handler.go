package api

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/admission"
	calls "github.com/warmfront/warmfront/control/api/call"
	"github.com/warmfront/warmfront/control/api/resource"
	"github.com/warmfront/warmfront/control/cloudfront"
	"github.com/warmfront/warmfront/control/store"
	"github.com/warmfront/warmfront/journal"
	"github.com/warmfront/warmfront/sigv4"
)

// Service is the name that calls are signed for.
const Service = "cloudfront"

// Journal is what the API reads and changes; *control.Control is one.
type Journal interface {
	State() *cdn.State
	// Propose adds the changes that f makes of the newest state and returns when
	// they are durable. What f has seen still holds when they are made. f must not
	// call the Journal.
	Propose(ctx context.Context, f func(*cdn.State) ([]cdn.Change, error)) (cdn.Version, error)
	// Settled is the version up to which changes are effective in a scope.
	Settled(journal.Scope) cdn.Version
	// CompletedFor is the version up to which invalidations of a distribution are
	// completed.
	CompletedFor(distribution string) cdn.Version
}

// Config is what the API is given.
type Config struct {
	Journal Journal
	// Keys are the access keys that may call.
	Keys sigv4.Lookup
	// Authenticate says which calls are authentic. Nil takes those that are signed
	// with one of Keys.
	Authenticate admission.Authenticate
	// Account is the twelve digits in ARNs.
	Account string
	// Zone is the domain beneath which distributions get their names.
	Zone string
	// RequireCertificates refuses aliases that no certificate of ACM covers, and certificates
	// that are not here: --require-certificates.
	RequireCertificates bool
	// Lambda reports whether a Lambda function, by its ARN, is one that edges run: those
	// that --lambda names. Nil: any is kept.
	Lambda func(arn string) bool
	// Hosts are the names by which the API may be called. Nil allows those that no
	// stranger's DNS can point here, admission.LocalNames.
	Hosts admission.Names
	// Functions runs functions, for TestFunction. Nil: nobody does.
	Functions resource.Functions
	// Objects reads what key value stores are imported from. Nil: none can be.
	Objects resource.Objects
	Now     func() time.Time
	Random  io.Reader // safe for concurrent use, as crypto/rand.Reader is
	Logger  *slog.Logger
}

// Handler serves the API. Mount it at "/": whatever is no operation gets
// CloudFront's own error for that.
func Handler(cfg Config) http.Handler {
	h := &handler{Config: cfg}
	if h.Hosts == nil {
		h.Hosts = admission.LocalNames(cfg.Zone)
	}
	if h.Authenticate == nil {
		h.Authenticate = admission.Signature(Service, cfg.Keys, cfg.Now)
	}
	h.operations = map[string]operation{}
	for _, of := range []map[string]operation{
		h.distributionOperations(), h.distributionsByOperations(), h.stagingOperations(), h.aliasOperations(), h.webACLOperations(), h.tagOperations(), h.invalidationOperations(),
		h.resourceOperations(),
	} {
		for name, op := range of {
			h.operations[name] = op
		}
	}
	return h
}

type handler struct {
	Config
	operations map[string]operation
}

// operation does one of CloudFront's operations.
type operation func(*call) (*answer, error)

// call is one request that was found authentic.
type call struct {
	context.Context
	op      cloudfront.Operation
	params  cloudfront.Params
	body    []byte
	ifMatch string
	staging string // the header Staging
}

// get returns a parameter of the call by the API's name.
func (c *call) get(name string) string { return c.params.Get(name) }

// answer is what an operation answers, besides the status, which is the
// operation's own.
type answer struct {
	etag     string
	location string // path beneath the version
	body     any    // shape, or calls.Raw; nil for none
}

// readTimeout is how long a caller may take to send a body.
const readTimeout = 30 * time.Second

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	requestID := h.requestID()
	w.Header().Set("x-amzn-RequestId", requestID)
	op, params, found := cloudfront.Route(r.Method, r.URL.EscapedPath(), r.URL.RawQuery)
	if !found {
		op.Name, params.Version = "unknown", cloudfront.Version
	}
	log := h.Logger.With("operation", op.Name, "request", requestID)
	a, err := h.do(w, r, op, params, found)
	if err != nil {
		e := h.failure(err)
		if e.Status >= http.StatusInternalServerError {
			log.Error("the API failed", "error", err)
		} else {
			log.Debug("the API refused a call", "code", e.Code, "message", e.Message)
		}
		write(w, e.Status, xmlType, e.Body(params.Version, requestID))
		return
	}
	if r.Method != http.MethodGet {
		log.Info("the API did what it was asked", "path", r.URL.Path, "location", a.location)
	}
	if a.etag != "" {
		w.Header().Set("ETag", a.etag)
		if slices.Contains(op.ResponseHeaders, "ETtag") { // so spelt in the API's model (compatibility.md, 307)
			w.Header().Set("ETtag", a.etag)
		}
	}
	if a.location != "" {
		w.Header().Set("Location", "https://cloudfront.amazonaws.com/"+params.Version+"/"+a.location)
	}
	if a.body == nil {
		w.WriteHeader(op.Status)
		return
	}
	doc, contentType := []byte(nil), xmlType
	if raw, is := a.body.(calls.Raw); is {
		w.Header().Set("X-Content-Type-Options", "nosniff") // it is somebody's code
		doc, contentType = raw.Bytes, raw.ContentType
	} else {
		doc = cloudfront.Marshal(params.Version, a.body)
	}
	if r.ContentLength > 0 && len(doc) > readBuffer {
		pause(r.Context())
	}
	write(w, op.Status, contentType, doc)
}

// readBuffer is how much of an answer Go's HTTP client has when it has its head.
const readBuffer = 4 << 10

// pause lets the caller notice that it has sent its body. AWS's SDK for Go
// (smithy-go 1.28, transport/http/internal/io) closes the body as soon as the
// answer begins; the goroutine that has just sent it takes that for a failure and
// closes the connection, on which the rest of the answer is lost. What is retried
// then is a Create that was carried out: DistributionAlreadyExists. CloudFront is
// never that fast; a journal in memory or on a file system in memory is.
func pause(ctx context.Context) {
	select {
	case <-time.After(5 * time.Millisecond):
	case <-ctx.Done():
	}
}

// do checks a request in the order in which a stranger could do harm, and lets
// the operation answer it.
func (h *handler) do(w http.ResponseWriter, r *http.Request, op cloudfront.Operation, params cloudfront.Params, found bool) (*answer, error) {
	if err := h.Hosts.Check(r); err != nil {
		return nil, err
	}
	if !found {
		return nil, cloudfront.CodeUnknownOperation.Errorf("There is no operation %s %.200s in the CloudFront API.", r.Method, r.URL.EscapedPath())
	}
	// Whoever sends a body byte by byte would hold the connection for ever. Not
	// every writer can do it, and without it the request is served all the same.
	deadline := http.NewResponseController(w)
	_ = deadline.SetReadDeadline(time.Now().Add(readTimeout))
	body, err := cloudfront.ReadBody(r.Body)
	_ = deadline.SetReadDeadline(time.Time{})
	if err != nil {
		return nil, unreadable(err)
	}
	if err := h.Authenticate(r, body); err != nil {
		return nil, err
	}
	if err := op.Check(params); err != nil {
		return nil, err
	}
	serve, supported := h.operations[op.Name]
	if !supported {
		return nil, unsupported(op)
	}
	caller, _ := sigv4.Claimed(r) // and proven by now
	return serve(&call{Context: calls.WithCaller(r.Context(), caller), op: op, params: params, body: body,
		ifMatch: r.Header.Get("If-Match"), staging: r.Header.Get("Staging")})
}

// unreadable makes of a body that did not arrive whole the caller's error.
func unreadable(err error) error {
	var known *cloudfront.Error
	if errors.As(err, &known) {
		return known
	}
	return cloudfront.CodeMalformedInput.Errorf("The request body could not be read: %v.", err)
}

func unsupported(op cloudfront.Operation) error {
	return cloudfront.CodeUnsupportedOperation.Errorf("Warmfront does not support the operation %s. What it supports is listed in its documentation, docs/compatibility.md.", op.Name)
}

// failure is the one place where errors become CloudFront's.
func (h *handler) failure(err error) *cloudfront.Error {
	var known *cloudfront.Error
	var coded *cdn.Error
	var signature *sigv4.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &coded):
		return cloudfront.Code(coded.Code).Errorf("%s", coded.Message)
	case errors.As(err, &signature):
		code, message, status := signature.Query()
		return &cloudfront.Error{Code: cloudfront.Code(code), Status: status, Message: message}
	case errors.Is(err, store.ErrNotLeader), errors.Is(err, store.ErrUnknown):
		return cloudfront.CodeServiceUnavailable.Errorf("Another control is about to lead. Whether the request was carried out is not certain: repeat it, with the same CallerReference.")
	}
	return cloudfront.CodeInternalFailure.Errorf("The request could not be processed because of an internal error. Try it again.")
}

const xmlType = "text/xml"

func write(w http.ResponseWriter, status int, contentType string, doc []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(doc)))
	w.WriteHeader(status)
	_, _ = w.Write(doc)
}

// decode reads the body of a call into its shape.
func decode[T any](c *call) (*T, error) {
	v := new(T)
	return v, cloudfront.Decode(c.body, c.params.Version, v)
}

// change makes the one change that an operation proposes.
func (h *handler) change(kind cdn.Kind, body any) ([]cdn.Change, error) {
	c, err := cdn.NewChange(kind, body, h.Now())
	return []cdn.Change{c}, err
}

// now is the time that is written down: CloudFront tells milliseconds.
func (h *handler) now() time.Time { return h.Now().UTC().Truncate(time.Millisecond) }
