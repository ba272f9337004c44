package health

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/report"
)

// world is the edges as a fake sees them.
type world struct {
	mu     sync.Mutex
	down   map[string]bool // refuse
	silent map[string]bool // answer nothing until the time-out
	checks int
}

func (w *world) Probe(ctx context.Context, n cdn.Node) (report.Edge, error) {
	w.mu.Lock()
	w.checks++
	down, silent := w.down[n.ID], w.silent[n.ID]
	w.mu.Unlock()
	switch {
	case silent:
		<-ctx.Done()
		return report.Edge{}, ctx.Err()
	case down:
		return report.Edge{}, errors.New("connection refused")
	}
	return report.Edge{Node: n.ID, Load: 1, Capacity: 2}, nil
}

func (w *world) set(which map[string]bool, id string, v bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	which[id] = v
}

// run runs a checker over n edges until the test ends. Changed gets a token
// after each change.
func run(t *testing.T, w *world, n int) (c *Checker, changed chan struct{}) {
	changed = make(chan struct{}, 1000)
	c = NewChecker(Config{
		Settings: Default(), Probe: w, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		Changed: func() { changed <- struct{}{} },
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { c.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	c.Register(nodes(n))
	return c, changed
}

func healthy(c *Checker) (n int) {
	for _, e := range c.Edges() {
		if e.Healthy {
			n++
		}
	}
	return n
}

func newWorld() *world { return &world{down: map[string]bool{}, silent: map[string]bool{}} }

func TestCheckerFailureAndRecovery(t *testing.T) {
	for _, c := range []struct {
		name string
		kind func(*world) map[string]bool
		most time.Duration // from the failure to the exclusion
	}{
		{"refuses", func(w *world) map[string]bool { return w.down }, 3 * time.Second},
		{"silent", func(w *world) map[string]bool { return w.silent }, 4 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				c1, changed := run(t, w, 12)
				synctest.Wait()
				if got := healthy(c1); got != 12 {
					t.Fatalf("%d of 12 healthy at once after registration", got)
				}
				for len(changed) > 0 {
					<-changed
				}
				id := node(5).ID
				for fall := range 3 {
					w.set(c.kind(w), id, true)
					from := time.Now()
					<-changed
					took := time.Since(from)
					if took > c.most || took <= time.Second {
						t.Errorf("out after %v, want at most %v and not at the first failure", took, c.most)
					}
					if healthy(c1) != 11 {
						t.Errorf("%d healthy", healthy(c1))
					}
					w.set(c.kind(w), id, false)
					from = time.Now()
					<-changed
					// It falls again and again, and so is kept out twice as long each time.
					if took := time.Since(from); took > time.Second+2*time.Second<<fall || healthy(c1) != 12 {
						t.Errorf("back after %v, %d healthy", took, healthy(c1))
					}
				}
			})
		})
	}
}

func TestCheckerNewEdgeAndRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		c, _ := run(t, w, 103)
		synctest.Wait()
		w.mu.Lock()
		before := w.checks
		w.mu.Unlock()
		<-time.After(10*time.Second + 7*time.Millisecond)
		w.mu.Lock()
		rate := float64(w.checks-before) / 103 / 10
		w.mu.Unlock()
		if rate < 0.9 || rate > 1.1 {
			t.Errorf("%.2f checks a second for an edge", rate)
		}
		c.Register(nodes(104))
		synctest.Wait()
		if healthy(c) != 104 {
			t.Error("a new edge was not checked at once")
		}
	})
}

func TestCheckerHints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		c, _ := run(t, w, 3)
		synctest.Wait()
		id := node(2).ID
		c.Hint(id, HintLeft)
		if healthy(c) != 2 {
			t.Error("a clean leave did not exclude at once")
		}
		<-time.After(Default().LeaveHold + time.Millisecond)
		synctest.Wait()
		if healthy(c) != 3 {
			t.Error("a leave outlasted its time though the node answers")
		}
		c.Hint(id, HintDead)
		synctest.Wait()
		if healthy(c) != 3 {
			t.Error("gossip alone excluded a node that answers")
		}
	})
}

func TestHTTPProbe(t *testing.T) {
	var mu sync.Mutex
	status, text, asked, dialed := http.StatusOK, "NRT-1\nload 7 of 50 requests/s\n", "", 0
	edge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = r.Method + " " + r.Host + r.URL.Path + " " + r.Header.Get("Authorization")
		if status == http.StatusFound {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}))
	defer edge.Close()
	at := netip.MustParseAddrPort(edge.Listener.Addr().String())
	n := cdn.Node{ID: "NRT-1", Addr: netip.MustParseAddr("127.120.0.1"), Endpoint: at.Addr(), HTTPPort: at.Port()}
	p := NewHTTP("health.warmfront.test", "secret", func(ctx context.Context, network, addr string) (net.Conn, error) {
		dialed++
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	})
	defer p.Close()
	for range 3 {
		if r, err := p.Probe(t.Context(), n); err != nil || r.Load != 7 || r.Capacity != 50 {
			t.Fatal(r, err)
		}
	}
	if asked != "GET health.warmfront.test/healthz Bearer secret" {
		t.Errorf("asked %q", asked)
	}
	if dialed != 1 {
		t.Errorf("%d connections for three checks, want one that is kept", dialed)
	}
	for _, bad := range []int{http.StatusServiceUnavailable, http.StatusNotFound, http.StatusFound, http.StatusNoContent} {
		mu.Lock()
		status = bad
		mu.Unlock()
		if _, err := p.Probe(t.Context(), n); err == nil || errors.Is(err, ErrDraining) {
			t.Errorf("%d counts as healthy, or as draining: %v", bad, err)
		}
	}
	for said, draining := range map[string]bool{"NRT-1 is draining\n": true, "NRT-1 has not been told yet what it serves\n": false} {
		mu.Lock()
		status, text = http.StatusServiceUnavailable, said
		mu.Unlock()
		if _, err := p.Probe(t.Context(), n); err == nil || errors.Is(err, ErrDraining) != draining {
			t.Errorf("%q: %v", said, err)
		}
	}
	edge.Close()
	if _, err := p.Probe(t.Context(), n); err == nil {
		t.Error("an edge that is gone counts as healthy")
	}
}
