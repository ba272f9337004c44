package chaos

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/warmfront/warmfront/sim/site"
)

// readersPerEdge is how many viewers each edge has; each waits for its answer before it asks again.
const readersPerEdge = 4

// reader is a viewer that asks one edge again and again, and judges what it gets.
type reader struct {
	world  *world
	host   *host
	random *rand.Rand
	client *http.Client
}

func (w *world) newReader(h *host, n uint64) *reader {
	dial := w.net.Dialer(h.viewers)
	return &reader{
		world: w, host: h, random: w.random(n),
		client: &http.Client{Transport: &http.Transport{DialContext: dial, DisableCompression: true, IdleConnTimeout: 5 * time.Second}},
	}
}

func (r *reader) run(ctx context.Context) {
	defer r.client.CloseIdleConnections()
	for wait(ctx, time.Duration(r.random.ExpFloat64()*float64(150*time.Millisecond))) {
		r.read(ctx)
	}
}

// patience is for how long a viewer waits: now and then for as long as an edge that stands still.
func (r *reader) patience() time.Duration {
	if r.random.IntN(4) == 0 {
		return 5 * leaseLength
	}
	return time.Second
}

func (r *reader) read(ctx context.Context) {
	w, q := r.world, r.draw()
	ctx, cancel := context.WithTimeout(ctx, r.patience())
	defer cancel()
	r.ask(ctx, q)
	w.count(q)
	what, why, _ := site.Judge(q, w.history)
	if what == "" {
		return
	}
	answer := fmt.Sprint(q.Status)
	for _, name := range []string{"X-Version", "Etag", "X-Cache", "Cache-Status", "Age", "Content-Range"} {
		if v := q.Answer.Get(name); v != "" {
			answer += fmt.Sprintf(" %s: %s;", name, v)
		}
	}
	w.offend(what, fmt.Sprintf("%s was asked %s %s %v at %.3f s and answered until %.3f s: %s\n\t%s", q.Edge, q.Method, q.URI, q.Header,
		q.Started.Sub(w.start).Seconds(), q.Ended.Sub(w.start).Seconds(), answer, why))
}

// draw makes up a request.
func (r *reader) draw() *site.Read {
	o := r.world.draw(r.random)
	q := &site.Read{Edge: r.host.node.ID, Object: o, Method: http.MethodGet, URI: o.Path, Header: http.Header{}}
	if query := o.Queries[r.random.IntN(len(o.Queries))]; query != "" {
		q.URI += "?" + query
	}
	if r.random.IntN(12) == 0 {
		q.Method = http.MethodHead
	}
	switch {
	case o.Kind == site.Large && r.random.IntN(8) > 0: // seldom the whole of it
		from := r.random.IntN(o.Size)
		q.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, min(o.Size, from+1+r.random.IntN(300_000))-1))
	case o.Kind == site.Vary && r.random.IntN(2) == 0:
		q.Header.Set("Accept-Encoding", "gzip")
	case r.random.IntN(10) == 0: // as a browser that has an older one, or this one
		version := max(1, r.world.history.Current(o.Path)-r.random.IntN(3))
		if tag := o.ETag(version, false); tag != "" {
			q.Header.Set("If-None-Match", tag)
		}
	}
	return q
}

// ask asks the edge and notes what comes.
func (r *reader) ask(ctx context.Context, q *site.Read) {
	request, err := http.NewRequestWithContext(ctx, q.Method, "http://"+r.host.node.Addr.String()+q.URI, nil)
	if err != nil {
		q.Err = err
		return
	}
	request.Host, request.Header = domain, q.Header.Clone()
	q.Started = time.Now()
	defer func() { q.Ended = time.Now() }()
	answer, err := r.client.Do(request)
	if err != nil {
		q.Err = err
		return
	}
	defer answer.Body.Close()
	q.Status, q.Answer = answer.StatusCode, answer.Header
	q.Body, q.Err = io.ReadAll(answer.Body)
}
