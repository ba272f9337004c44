package fetch

import (
	"errors"
	"io"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/upstream"
)

// Timing says which origin was asked for a request, by this node itself, and how long it
// took. It is read once a flight has brought something; nil is of no origin.
type Timing struct {
	// Host is the domain of the origin that was asked last, "" where none was.
	Host string
	// First is how long the header of its answer took; 0: none came.
	First time.Duration
	last  atomic.Int64
}

// Last is how long the answer took, from when the origin was asked to its last byte; 0
// while that has not come.
func (t *Timing) Last() time.Duration { return time.Duration(t.last.Load()) }

// timed has the timing of a question be that of an origin that is asked now.
func (ft *Fetcher) timed(t *Timing, to Target, ask func() (*message.Response, error)) (*message.Response, error) {
	if t == nil {
		return ask()
	}
	began := ft.Now()
	since := func() time.Duration { return max(ft.Now().Sub(began), 1) }
	t.Host, t.First = to.Origin.Domain, 0
	t.last.Store(0)
	resp, err := ask()
	if err != nil {
		return resp, err
	}
	t.First = since()
	if resp.Body == nil || resp.Length == 0 || to.Request.Method == "HEAD" {
		t.last.Store(int64(t.First))
		return resp, nil
	}
	resp.Body = &timedBody{ReadCloser: resp.Body, left: resp.Length, ended: func() { t.last.CompareAndSwap(0, int64(since())) }}
	return resp, nil
}

// timedBody notes when a body has ended: where its length is known nobody reads on to
// find that nothing follows.
type timedBody struct {
	io.ReadCloser
	left  int64 // -1 where nobody knows
	ended func()
}

// Read implements io.Reader.
func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left > 0 {
		b.left = max(b.left-int64(n), 0)
	}
	if b.left == 0 || b.left < 0 && errors.Is(err, io.EOF) {
		b.ended()
	}
	return n, err
}

// FailedWith is the status that stands for why the primary origin of a group has failed,
// where Ask says why: what it answered, 504 where it was waited for in vain, and 502 for
// the rest.
func FailedWith(why string) string {
	if _, err := strconv.Atoi(why); err == nil || why == "" {
		return why
	}
	if why == string(upstream.ConnectTimeout) || why == string(upstream.ReadTimeout) {
		return "504"
	}
	return "502"
}
