package site

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// VersionHeader says which version an answer is of.
const VersionHeader = "X-Version"

// Origin serves the objects, at the versions that Current tells.
type Origin struct {
	Objects map[string]Object
	Current func(path string) int
	// Epoch is what Last-Modified counts versions from: days ago, so that it is a strong validator.
	Epoch time.Time
	// Delay says how long the head and the body of an answer are held back; nil for not at all.
	Delay func(Kind) (head, body time.Duration)

	requests, confirmed atomic.Int64
}

// Served returns how many requests there were, and how many were answered with 304.
func (o *Origin) Served() (requests, confirmed int64) { return o.requests.Load(), o.confirmed.Load() }

// ETag is the validator of a version, in one encoding or another.
func (o Object) ETag(version int, gzipped bool) string {
	tag := fmt.Sprintf(`"%s-%d"`, o.Kind, version)
	switch {
	case gzipped:
		tag = fmt.Sprintf(`"%s-%d-gzip"`, o.Kind, version)
	case o.Kind == Weak:
		tag = "W/" + tag
	case o.Kind == Dated:
		tag = ""
	}
	return tag
}

// ServeHTTP answers with the version that is current as the request arrives, however long it takes to send.
func (o *Origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.requests.Add(1)
	object, ok := o.Objects[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	version := o.Current(object.Path)
	h := w.Header()
	h.Set(VersionHeader, strconv.Itoa(version))
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Cache-Control", "max-age=3600")
	if object.Kind == StaleOK {
		h.Set("Cache-Control", "max-age=1, stale-while-revalidate=600, stale-if-error=600")
	}
	var head, rest time.Duration
	if o.Delay != nil {
		head, rest = o.Delay(object.Kind)
	}
	if !pause(r.Context(), head) {
		return
	}
	slow := &slowWriter{ResponseWriter: w, ctx: r.Context(), left: rest, count: &o.confirmed}
	if !object.Exists(version) {
		h.Set("Content-Length", strconv.Itoa(object.Size))
		w.WriteHeader(http.StatusNotFound)
		_, _ = slow.Write(object.Body(version)) // who asked has gone, if it fails
		return
	}
	body, gzipped := object.Body(version), false
	if object.Kind == Vary {
		h.Set("Vary", "Accept-Encoding")
		if gzipped = strings.Contains(r.Header.Get("Accept-Encoding"), "gzip"); gzipped {
			body = compressed(body)
			h.Set("Content-Encoding", "gzip")
		}
	}
	var modified time.Time
	if tag := object.ETag(version, gzipped); tag != "" {
		h.Set("ETag", tag)
	} else {
		modified = o.Epoch.Add(time.Duration(version) * time.Second)
	}
	http.ServeContent(slow, r, "", modified, bytes.NewReader(body))
}

func compressed(body []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(body) // to memory
	_ = z.Close()
	return b.Bytes()
}

// Delays are up to three seconds: mostly for the kinds that are slow, now and then for the head of every kind, so that
// confirmations too are on their way while their object is invalidated.
func Delays(k Kind) (head, body time.Duration) {
	if k == SlowHead && rand.N(10) < 7 || rand.N(20) == 0 {
		head = slow()
	}
	if k == SlowBody && rand.N(10) < 7 || k == Large && rand.N(5) == 0 {
		body = slow()
	}
	return head, body
}

func slow() time.Duration { return 200*time.Millisecond + rand.N(2800*time.Millisecond) }

func pause(ctx context.Context, d time.Duration) bool {
	if d == 0 {
		return true
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// slowWriter spreads a body over a while, in a few pieces.
type slowWriter struct {
	http.ResponseWriter
	ctx   context.Context
	left  time.Duration
	count *atomic.Int64 // of 304
}

func (s *slowWriter) WriteHeader(status int) {
	if status == http.StatusNotModified {
		s.count.Add(1)
	}
	s.ResponseWriter.WriteHeader(status)
}

func (s *slowWriter) Write(b []byte) (int, error) {
	if s.left == 0 {
		return s.ResponseWriter.Write(b)
	}
	const pieces = 4
	written := 0
	for n := range pieces {
		end := len(b) * (n + 1) / pieces
		k, err := s.ResponseWriter.Write(b[written:end])
		written += k
		if err != nil {
			return written, err
		}
		_ = http.NewResponseController(s.ResponseWriter).Flush() // not every writer can
		wait := s.left / pieces
		s.left -= wait
		if !pause(s.ctx, wait) {
			return written, s.ctx.Err()
		}
	}
	return written, nil
}
