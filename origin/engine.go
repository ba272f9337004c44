package origin

import (
	"bytes"
	"context"
	"encoding/xml"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/rclone/gofakes3"
)

// newEngine makes the protocol engine. Its own checks of clocks, digests and
// metadata size are off: they have been made, S3's way, before it is called.
func newEngine(b backend) http.Handler {
	return gofakes3.New(b, gofakes3.WithTimeSkewLimit(0), gofakes3.WithIntegrityCheck(false), gofakes3.WithMetadataSizeLimit(0)).Server()
}

type callKey struct{}

// callOf is the call that the engine is working for.
func callOf(ctx context.Context) *call { return ctx.Value(callKey{}).(*call) }

func engineCall(params ...string) func(*call) error {
	return func(c *call) error { return c.callEngine(params...) }
}

// callEngine has the engine answer. It gets bucket, key, the named query
// parameters and the headers that describe an object, and nothing else: were
// it to see a sub-resource, a condition or a digest that was already dealt
// with, it would deal with it again in its own way.
func (c *call) callEngine(params ...string) error {
	q := url.Values{}
	for _, p := range params {
		if c.query.Has(p) {
			q.Set(p, c.query.Get(p))
		}
	}
	path := "/" + c.bucket
	if c.key != "" {
		path += "/" + c.key
	}
	header := http.Header{}
	for name, values := range c.r.Header {
		if keptHeader(name) || name == "X-Amz-Tagging" || name == "X-Amz-Tagging-Directive" || name == "X-Amz-Metadata-Directive" || name == "X-Amz-Copy-Source" {
			header[name] = values
		}
	}
	r := &http.Request{Method: c.r.Method, URL: &url.URL{Path: path, RawQuery: q.Encode()}, Header: header, Body: http.NoBody}
	if c.body != nil && c.source == (object{}) {
		r.Body, r.ContentLength = c.body, c.body.length
		header.Set("Content-Length", strconv.FormatInt(c.body.length, 10))
	}
	w := &engineWriter{c: c, header: http.Header{}}
	c.s.engine.ServeHTTP(w, r.WithContext(context.WithValue(c.r.Context(), callKey{}, c)))
	return w.finish()
}

// engineWriter lets the engine's success through and holds its errors back,
// which are then rendered as all errors are.
type engineWriter struct {
	c      *call
	header http.Header
	status int
	failed bytes.Buffer
}

func (w *engineWriter) Header() http.Header { return w.header }

func (w *engineWriter) WriteHeader(status int) {
	if w.status != 0 {
		return
	}
	w.status = status
	if status >= 400 {
		return
	}
	h := w.c.w.Header()
	for name, values := range w.header {
		switch {
		case strings.HasPrefix(name, "Access-Control-"), name == "Server", name == "X-Amz-Request-Id", name == "X-Amz-Id-2", name == "X-Amz-Delete-Marker":
			// CORS for everyone is the engine's own idea; the others are set.
		default:
			h[name] = values
		}
	}
	if w.c.op.name == "PutObject" && w.c.source == (object{}) {
		for name, v := range w.c.body.checksums() {
			h.Set(name, v)
		}
	}
	w.c.w.WriteHeader(status)
}

func (w *engineWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		// All that the engine writes here is XML; it says so too late.
		w.header.Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusOK)
	}
	if w.status >= 400 {
		return w.failed.Write(p)
	}
	return w.c.w.Write(p)
}

func (w *engineWriter) finish() error {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.status < 400 {
		return nil
	}
	if w.c.body != nil && w.c.body.err != nil {
		return w.c.body.err
	}
	if w.c.err != nil {
		return w.c.err
	}
	var e struct{ Code, Message string }
	if err := xml.Unmarshal(w.failed.Bytes(), &e); err != nil || e.Code == "" {
		return fault("InvalidRequest", "")
	}
	if e.Code == "NoSuchKey" {
		return w.c.missing()
	}
	if e.Message == e.Code || e.Code == "MalformedXML" {
		e.Message = ""
	}
	return fault(e.Code, e.Message)
}
