package upstream

import (
	"context"
	"io"
	"sync"
	"time"
)

// defaultReadTimeout is CloudFront's response time-out.
const defaultReadTimeout = 30 * time.Second

// readLimit ends a request over HTTP/2 to an origin that says nothing for too
// long: its connection is others' too and can have no deadline.
type readLimit struct {
	timeout time.Duration

	mu     sync.Mutex
	timer  *time.Timer
	sent   bool // the origin has the request
	header bool // it is there: an answer may come before the request is written
}

func newReadLimit(timeout time.Duration, cancel context.CancelCauseFunc) *readLimit {
	t := time.AfterFunc(timeout, func() { cancel(errReadTimeout) })
	t.Stop()
	return &readLimit{timeout: timeout, timer: t}
}

func (l *readLimit) awaitHeader() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sent = true; !l.header {
		l.timer.Reset(l.timeout)
	}
}

// again gives an origin that says it is at work its time anew.
func (l *readLimit) again() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sent && !l.header {
		l.timer.Reset(l.timeout)
	}
}

func (l *readLimit) headerIsThere() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.header = true
	l.timer.Stop()
}

// stream reads the body of an answer over HTTP/2, each read within the response
// time-out.
type stream struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	limit  *readLimit
}

func (b *stream) Read(p []byte) (int, error) {
	b.limit.timer.Reset(b.limit.timeout)
	n, err := b.ReadCloser.Read(p)
	b.limit.timer.Stop()
	return n, classify(b.ctx, err)
}

func (b *stream) Close() error {
	b.limit.timer.Stop()
	err := b.ReadCloser.Close()
	b.cancel(nil)
	return err
}
