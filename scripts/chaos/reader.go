package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/warmfront/warmfront/sim/claim"
	"github.com/warmfront/warmfront/sim/site"
)

// reader reads from one edge all the time.
type reader struct {
	hosts   *hosts
	edge    *node
	domain  string
	rate    float64 // reads a second
	objects []site.Object
	history *claim.History
	line    *timeline
	tally   *tally
}

// readers is how many requests to one edge are under way at most. Some of them wait for an edge that stands still
// until it goes on: what it answers then is of interest.
const readers = 24

// patience is how long an answer is waited for: mostly as a viewer would, now and then longer than any edge is stopped.
func patience(r *rand.Rand) time.Duration {
	if r.IntN(6) == 0 {
		return 75 * time.Second
	}
	return 4 * time.Second
}

// run reads until ctx ends, and waits for what is under way.
func (r *reader) run(ctx context.Context) {
	client := r.hosts.client(0)
	work := make(chan struct{})
	var all sync.WaitGroup
	for range readers {
		all.Go(func() {
			for range work {
				r.read(ctx, client)
			}
		})
	}
	for wait(ctx, time.Duration(float64(time.Second)/r.rate)) {
		select {
		case work <- struct{}{}:
		default: // all wait for this edge
		}
	}
	close(work)
	all.Wait()
}

func (r *reader) read(ctx context.Context, client *http.Client) {
	random := rand.New(rand.NewPCG(rand.Uint64(), 0))
	q := r.draw(random)
	ctx, cancel := context.WithTimeout(ctx, patience(random))
	defer cancel()
	do(ctx, client, "http://"+r.edge.host.Addr.String(), r.domain, q)
	what, why, version := site.Judge(q, r.history)
	r.tally.count(q)
	if what == "" {
		return
	}
	answer := fmt.Sprint(q.Status)
	for _, name := range []string{"X-Version", "Etag", "X-Cache", "Cache-Status", "Age", "Date", "Content-Range", "X-Amz-Cf-Id"} {
		if v := q.Answer.Get(name); v != "" {
			answer += fmt.Sprintf(" %s: %s;", name, v)
		}
	}
	r.line.offend(violation{
		What: what, Why: why, Edge: r.edge.name, Asked: fmt.Sprintf("%s %s %v", q.Method, q.URI, q.Header), Answer: answer,
		Sent: r.line.since(q.Started), Ended: r.line.since(q.Ended), Version: version,
	}, q.Started)
}

// draw makes up a request.
func (r *reader) draw(random *rand.Rand) *site.Read {
	o := r.objects[random.IntN(len(r.objects))]
	q := &site.Read{Edge: r.edge.name, Object: o, Method: http.MethodGet, URI: o.Path, Header: http.Header{}}
	if query := o.Queries[random.IntN(len(o.Queries))]; query != "" {
		q.URI += "?" + query
	}
	if random.IntN(12) == 0 {
		q.Method = http.MethodHead
	}
	switch {
	case o.Kind == site.Large && random.IntN(8) > 0: // seldom the whole of it
		from := random.IntN(o.Size)
		q.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, min(o.Size, from+1+random.IntN(300_000))-1))
	case o.Kind == site.Vary && random.IntN(2) == 0:
		q.Header.Set("Accept-Encoding", "gzip")
	case random.IntN(10) == 0: // as a browser that has an older one, or this one
		version := max(1, r.history.Current(o.Path)-random.IntN(3))
		if tag := o.ETag(version, false); tag != "" {
			q.Header.Set("If-None-Match", tag)
		}
	}
	return q
}

// do asks. The start is before the connection is looked for, so before anything of the request is sent.
func do(ctx context.Context, client *http.Client, base, host string, q *site.Read) {
	request, err := http.NewRequestWithContext(ctx, q.Method, base+q.URI, nil)
	if err != nil {
		q.Err = err
		return
	}
	request.Host, request.Header = host, q.Header.Clone()
	q.Started = time.Now()
	defer func() { q.Ended = time.Now() }()
	answer, err := client.Do(request)
	if err != nil {
		q.Err = err
		return
	}
	defer answer.Body.Close()
	q.Status, q.Answer = answer.StatusCode, answer.Header
	q.Body, q.Err = io.ReadAll(answer.Body)
}

// tally counts reads.
type tally struct {
	mu        sync.Mutex
	reads     int
	silent    int            // without an answer
	cut       int            // answers that ended early
	afterLong int            // answers that took over ten seconds
	caches    map[string]int // by X-Cache
	statuses  map[int]int
	byKind    map[site.Kind]int
}

func newTally() *tally {
	return &tally{caches: map[string]int{}, statuses: map[int]int{}, byKind: map[site.Kind]int{}}
}

func (t *tally) count(q *site.Read) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reads++
	t.byKind[q.Object.Kind]++
	switch {
	case q.Status == 0 && errors.Is(q.Err, context.Canceled):
		t.reads-- // the run is over
		return
	case q.Status == 0:
		t.silent++
		return
	case q.Err != nil:
		t.cut++
	}
	if q.Ended.Sub(q.Started) > 10*time.Second {
		t.afterLong++
	}
	t.statuses[q.Status]++
	cache, _, _ := strings.Cut(q.Answer.Get("X-Cache"), " from ")
	t.caches[cache]++
}
