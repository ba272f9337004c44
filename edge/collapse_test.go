package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/collapse"
	"github.com/warmfront/warmfront/edge/message"
)

// gate is an origin's answer that waits to be let through.
type gate struct{ open chan struct{} }

func newGate() gate { return gate{make(chan struct{})} }

func (g gate) wait(ctx context.Context) error {
	select {
	case <-g.open:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// viewers sends count requests at once and returns their replies when all have
// been answered; it returns when all of them wait or are answered.
type viewers struct {
	wg      sync.WaitGroup
	mu      sync.Mutex
	replies []reply
}

func (n *network) viewers(count int, request func(i int) *message.Request) *viewers {
	v := &viewers{}
	for i := range count {
		v.wg.Go(func() {
			r := n.do(request(i))
			v.mu.Lock()
			v.replies = append(v.replies, r)
			v.mu.Unlock()
		})
	}
	synctest.Wait()
	return v
}

func (v *viewers) all() []reply {
	v.wg.Wait()
	return v.replies
}

func TestAThousandMissesAreOneFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		n := newNetwork(t, site{}, func(ctx context.Context, i int, _ *message.Request) (*message.Response, error) {
			return ok(fmt.Sprint("answer ", i)), g.wait(ctx)
		})
		v := n.viewers(1000, func(int) *message.Request { return n.request("GET", "/cold") })
		close(g.open)
		collapsed := 0
		for _, r := range v.all() {
			if r.Status != 200 || r.body != "answer 1" || r.xcache() != "Miss" {
				t.Fatalf("%d %q %s", r.Status, r.body, r.xcache())
			}
			if strings.Contains(r.Header.Get("Cache-Status"), "collapsed") {
				collapsed++
			}
		}
		if n.at.count() != 1 || collapsed != 999 {
			t.Errorf("asked %d times, %d collapsed", n.at.count(), collapsed)
		}
	})
}

func TestADrippingBodyReachesAllAsItComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := io.Pipe()
		n := newNetwork(t, site{}, func(context.Context, int, *message.Request) (*message.Response, error) {
			return &message.Response{Status: 200, Body: in, Length: -1, Live: true}, nil
		})
		const count = 100
		var mu sync.Mutex
		got := make([]string, count)
		var wg sync.WaitGroup
		for i := range count {
			wg.Go(func() {
				resp := n.edge.Handle(t.Context(), n.request("GET", "/drip"))
				defer resp.Close()
				buf := make([]byte, 100)
				for {
					m, err := resp.Body.Read(buf)
					mu.Lock()
					got[i] += string(buf[:m])
					mu.Unlock()
					if err != nil {
						return
					}
				}
			})
		}
		want := ""
		for _, piece := range []string{"one ", "two ", "three"} {
			_, _ = io.WriteString(out, piece)
			want += piece
			synctest.Wait()
			for i := range got {
				if got[i] != want {
					t.Fatalf("viewer %d has %q, want %q", i, got[i], want)
				}
			}
		}
		_ = out.Close()
		wg.Wait()
		if r := n.get("/drip"); r.body != want || r.xcache() != "Hit" || r.Length != int64(len(want)) || n.at.count() != 1 {
			t.Errorf("%q %s, length %d", r.body, r.xcache(), r.Length)
		}
	})
}

func TestTheFirstViewerMayVanish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		n := newNetwork(t, site{}, func(ctx context.Context, i int, _ *message.Request) (*message.Response, error) {
			return ok(fmt.Sprint("answer ", i)), g.wait(ctx)
		})
		ctx, vanish := context.WithCancelCause(t.Context())
		first := make(chan reply, 1)
		go func() { first <- n.doCtx(ctx, n.request("GET", "/x")) }()
		synctest.Wait()
		v := n.viewers(5, func(int) *message.Request { return n.request("GET", "/x") })
		vanish(errVanished)
		if r := <-first; r.Status != 499 {
			t.Errorf("the vanished viewer: %d", r.Status)
		}
		close(g.open)
		for _, r := range v.all() {
			if r.body != "answer 1" {
				t.Errorf("%d %q", r.Status, r.body)
			}
		}
	})
}

func TestASlowFirstViewerHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := strings.Repeat("0123456789", 100_000)
		n := newNetwork(t, site{}, func(context.Context, int, *message.Request) (*message.Response, error) { return ok(body), nil })
		slow := n.edge.Handle(t.Context(), n.request("GET", "/x")) // reads nothing
		if r := n.get("/x"); r.body != body || n.at.count() != 1 {
			t.Errorf("%d bytes", len(r.body))
		}
		rest, err := io.ReadAll(slow.Body)
		if string(rest) != body || err != nil {
			t.Errorf("the slow one: %d bytes, %v", len(rest), err)
		}
		slow.Close()
	})
}

func TestABodyThatBreaksOffBreaksForAllAndIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("connection reset")
		in, out := io.Pipe()
		n := newNetwork(t, site{}, func(_ context.Context, i int, _ *message.Request) (*message.Response, error) {
			if i == 1 {
				return &message.Response{Status: 200, Body: in, Length: -1, Live: true}, nil
			}
			return ok("whole"), nil
		})
		v := n.viewers(3, func(int) *message.Request { return n.request("GET", "/x") })
		_, _ = io.WriteString(out, "half")
		_ = out.CloseWithError(broken)
		for _, r := range v.all() {
			if r.body != "half" || !errors.Is(r.err, broken) {
				t.Errorf("%q, %v", r.body, r.err)
			}
		}
		synctest.Wait()
		if r := n.get("/x"); r.body != "whole" || r.err != nil {
			t.Errorf("%q %v", r.body, r.err)
		}
	})
}

func TestAShortBodyIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, site{}, func(context.Context, int, *message.Request) (*message.Response, error) {
			resp := ok("short")
			resp.Length = 10
			return resp, nil
		})
		if r := n.get("/x"); !errors.Is(r.err, io.ErrUnexpectedEOF) {
			t.Errorf("%q %v", r.body, r.err)
		}
		synctest.Wait()
		if n.stored("/x") != nil {
			t.Error("it is kept")
		}
	})
}

func TestWhatIsPrivateIsNotShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		n := newNetwork(t, site{behaviors: []behavior{{def: 60, max: 60}}}, func(ctx context.Context, i int, _ *message.Request) (*message.Response, error) {
			return ok(fmt.Sprint("answer ", i), "Cache-Control", "private"), g.wait(ctx)
		})
		v := n.viewers(20, func(int) *message.Request { return n.request("GET", "/x") })
		close(g.open)
		seen := map[string]bool{}
		for _, r := range v.all() {
			if r.Status != 200 || seen[r.body] {
				t.Errorf("%q was given to two viewers", r.body)
			}
			seen[r.body] = true
		}
	})
}

func TestWithoutALifetimeOnlyTheNextFetchIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		n := newNetwork(t, site{behaviors: []behavior{{def: 60, max: 60}}}, func(ctx context.Context, i int, _ *message.Request) (*message.Response, error) {
			return ok(fmt.Sprint("answer ", i), "Cache-Control", "max-age=0", "ETag", fmt.Sprint(`"`, i, `"`)), g.wait(ctx)
		})
		// The first fetch has begun before the rest arrive; had it not, it would be as
		// good as their own.
		request := func(int) *message.Request { return n.request("GET", "/x") }
		first := n.viewers(1, request)
		rest := n.viewers(99, request)
		close(g.open)
		bodies := map[string]int{}
		for _, r := range append(first.all(), rest.all()...) {
			bodies[r.body]++
		}
		if bodies["answer 1"] != 1 || n.at.count() != 2 {
			t.Errorf("%v, asked %d times", bodies, n.at.count())
		}
	})
}

func TestNothingIsCollapsedWhereCookiesAreForwardedOrNothingIsCached(t *testing.T) {
	cookies := behavior{def: 60, max: 60, forwarded: "<QueryString>false</QueryString><Cookies><Forward>all</Forward></Cookies>"}
	for _, b := range []behavior{cookies, {policy: disabled}} {
		synctest.Test(t, func(t *testing.T) {
			g := newGate()
			n := newNetwork(t, site{behaviors: []behavior{b}}, func(ctx context.Context, i int, _ *message.Request) (*message.Response, error) {
				return ok(fmt.Sprint("answer ", i)), g.wait(ctx)
			})
			v := n.viewers(10, func(int) *message.Request { return n.request("GET", "/x", "Cookie", "sid=1") })
			if n.at.count() != 10 {
				t.Errorf("asked %d times for 10 viewers", n.at.count())
			}
			close(g.open)
			v.all()
		})
	}
}

func TestVariantsFetchedTogetherGoToTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		n := newNetwork(t, site{behaviors: []behavior{{def: 60, max: 60}}}, func(ctx context.Context, _ int, r *message.Request) (*message.Response, error) {
			return ok(r.Header.Get("X-Lang"), "Vary", "X-Lang"), g.wait(ctx)
		})
		v := n.viewers(30, func(i int) *message.Request { return n.request("GET", "/x", "X-Lang", fmt.Sprint("lang", i%3)) })
		close(g.open)
		langs := map[string]int{}
		for _, r := range v.all() {
			langs[r.body]++
		}
		if langs["lang0"] != 10 || langs["lang1"] != 10 || langs["lang2"] != 10 {
			t.Errorf("%v", langs)
		}
	})
}

func TestTooLargeWithUnknownSizeStreamsAndIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, site{}, nil)
		size := int(n.edge.store.MaxObject()) * 3
		n.at.answer = func(context.Context, int, *message.Request) (*message.Response, error) {
			return &message.Response{Status: 200, Body: io.NopCloser(io.LimitReader(zeros{}, int64(size))), Length: -1, Live: true}, nil
		}
		resp := n.edge.Handle(t.Context(), n.request("GET", "/x"))
		got, err := io.Copy(io.Discard, resp.Body)
		resp.Close()
		if got != int64(size) || err != nil {
			t.Errorf("%d of %d bytes, %v", got, size, err)
		}
		synctest.Wait()
		if n.stored("/x") != nil {
			t.Error("it is kept")
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// TestWhatCannotBeSharedIsNotWaitedForTwice: all wait for the first answer, which
// turns out to be private or too large; the others then ask at once, and those who
// come within the next seconds do not wait at all.
func TestWhatCannotBeSharedIsNotWaitedForTwice(t *testing.T) {
	for name, answer := range map[string]func() *message.Response{
		"private": func() *message.Response { return ok("x", "Cache-Control", "private") },
		"too large": func() *message.Response {
			r := ok("")
			r.Length, r.Body = 1<<40, nil
			return r
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			shared := false
			n := newNetwork(t, site{behaviors: []behavior{{def: 600, max: 600}}}, func(ctx context.Context, _ int, _ *message.Request) (*message.Response, error) {
				timer := time.NewTimer(time.Second)
				defer timer.Stop()
				<-timer.C
				if shared {
					return ok("for all"), nil
				}
				return answer(), nil
			})
			ask := func(count int) (time.Duration, int) {
				start, before := time.Now(), n.at.count()
				n.viewers(count, func(int) *message.Request { return n.request("GET", "/x") }).all()
				return time.Since(start), n.at.count() - before
			}
			if took, asked := ask(50); took != 2*time.Second || asked != 50 {
				t.Errorf("%s: the last of 50 is answered after %v, the origin asked %d times", name, took, asked)
			}
			if took, asked := ask(50); took != time.Second || asked != 50 {
				t.Errorf("%s, known: the last of 50 is answered after %v, the origin asked %d times", name, took, asked)
			}
			n.advance(collapse.LoneTime)
			if took, asked := ask(2); took != 2*time.Second || asked != 2 {
				t.Errorf("%s, forgotten: answered after %v, the origin asked %d times", name, took, asked)
			}
			shared = true
			ask(1)
			if took, asked := ask(50); took != 0 || asked != 0 {
				t.Errorf("%s, no more: answered after %v, the origin asked %d times", name, took, asked)
			}
		})
	}
}

// TestAnErrorInPlaceOfWhichNothingMayBeServedIsAskedForOnce: a fenced node has a
// copy that it may not serve, and the origin answers with an error.
func TestAnErrorInPlaceOfWhichNothingMayBeServedIsAskedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		n := newNetwork(t, site{}, func(ctx context.Context, i int, _ *message.Request) (*message.Response, error) {
			if i == 1 {
				return ok("old"), nil
			}
			return status(500, "broken"), g.wait(ctx)
		})
		n.get("/x")
		n.lease.ended.Store(true)
		ask := func(int) *message.Request { return n.request("GET", "/x") }
		first := n.viewers(1, ask)
		others := n.viewers(20, ask)
		close(g.open)
		for _, r := range append(first.all(), others.all()...) {
			if r.Status != 500 {
				t.Errorf("%d %q", r.Status, r.body)
			}
		}
		// The copy's, and the flights of those who wait: the first's, that of who came
		// before it began, and the next where some came after.
		if got := n.at.count(); got < 3 || got > 4 {
			t.Errorf("the origin was asked %d times", n.at.count())
		}
	})
}

// TestAFetchThatPanicsIsAnErrorForAllWhoWait, and for nobody who comes after.
func TestAFetchThatPanicsIsAnErrorForAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		n := newNetwork(t, site{}, func(ctx context.Context, i int, _ *message.Request) (*message.Response, error) {
			if _ = g.wait(ctx); i == 1 {
				panic("scripted")
			}
			return ok("well"), nil
		})
		v := n.viewers(20, func(int) *message.Request { return n.request("GET", "/x") })
		close(g.open)
		for _, r := range v.all() {
			if r.Status != 502 {
				t.Errorf("%d %q", r.Status, r.body)
			}
		}
		if r := n.get("/x"); r.Status != 200 || r.body != "well" || n.at.count() != 2 {
			t.Errorf("after that: %d %q, asked %d times", r.Status, r.body, n.at.count())
		}
	})
}

// panicking is a body that comes to an end by a panic.
type panicking struct{ io.Reader }

func (p panicking) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	if err != nil {
		panic("scripted")
	}
	return n, nil
}

func (panicking) Close() error { return nil }

// TestABodyThatPanicsBreaksOff, or is brought anew where its parts can be asked for.
func TestABodyThatPanicsBreaksOff(t *testing.T) {
	for _, tag := range []string{"", `"v"`} {
		synctest.Test(t, func(t *testing.T) {
			f := &film{size: 2*cache.SliceSize - 9, header: []string{"ETag", tag}}
			n := newNetwork(t, site{}, func(ctx context.Context, i int, r *message.Request) (*message.Response, error) {
				resp, err := f.answer(ctx, i, r)
				if i <= 2 { // of slices the second is the rest of the first
					resp.Body = panicking{io.LimitReader(resp.Body, 500_000)}
				}
				return resp, err
			})
			for range 2 {
				if r := n.get("/film"); r.err == nil && (tag == "" || r.body != f.part(0, f.size)) {
					t.Errorf("%q: %d bytes, no error", tag, len(r.body))
				}
				synctest.Wait()
			}
			if r := n.get("/film"); r.err != nil || r.body != f.part(0, f.size) {
				t.Errorf("%q: %d bytes, %v", tag, len(r.body), r.err)
			}
		})
	}
}
