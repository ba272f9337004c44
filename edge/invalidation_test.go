package edge

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/originauth"
	"github.com/warmfront/warmfront/edge/rfc9111"
)

func v(epoch, number uint64) cdn.Version { return cdn.Version{Epoch: epoch, Number: number} }

func TestAnInvalidationMakesAMiss(t *testing.T) {
	query := behavior{def: 600, max: 600, forwarded: "<QueryString>true</QueryString><QueryStringCacheKeys><Items><Name>a</Name></Items></QueryStringCacheKeys>"}
	for _, c := range []struct {
		site site
		get  string
		path string
		miss bool
	}{
		{site{}, "/a/b.html", "/a/b.html", true},
		{site{}, "/a/b.html", "/a/*", true},
		{site{}, "/a/b.html", "/*", true},
		{site{}, "/a/b.html", "/a/b", false},
		{site{}, "/a/b.html", "/A/b.html", false},
		{site{}, "/a/b.html?x=1", "/a/b.html", true}, // the query is not part of the key
		{site{root: "index.html"}, "/", "/index.html", true},
		{site{root: "index.html"}, "/", "/", true},
		{site{root: "index.html"}, "/index.html", "/", false},
		{site{}, "/x/../a.html", "/a.html", true}, // as normalised
		{site{}, "/x/../a.html", "/x/*", true},    // as written
		{site{}, "/caf%c3%a9", "/caf%C3%A9", true},
		{site{}, "/caf\u00e9", "/caf%C3%A9", true},
		{site{}, "/caf%C3%A9", "/caf%c3%a9", true},
		{site{}, "/~x", "/%7Ex", true},
		{site{}, "/%7ex", "/~*", true},
		{site{}, "/a%2fb", "/a%2Fb", true},
		{site{}, "/a%2fb", "/a/b", false},
		{site{behaviors: []behavior{query}}, "/a?a=%c3%a9", "/a?a=%C3%A9", true},
		{site{behaviors: []behavior{query}}, "/a?b=2&a=1", "/a?a=1", true},
		{site{behaviors: []behavior{query}}, "/a?b=2&a=1", "/a?b=2&a=1", true},
		{site{behaviors: []behavior{query}}, "/a?b=2&a=1", "/a*", true},
		{site{behaviors: []behavior{query}}, "/a?b=2&a=1", "/a", false},
	} {
		n := newNetwork(t, c.site, numbered("ETag", `"same"`))
		n.get(c.get)
		if r := n.get(c.get); r.xcache() != "Hit" {
			t.Fatalf("%s: %s", c.get, r.xcache())
		}
		n.invalidate(c.path)
		r := n.get(c.get)
		if miss := r.xcache() == "Miss"; miss != c.miss {
			t.Errorf("%s after invalidating %s: %s", c.get, c.path, r.xcache())
		}
		if c.miss && n.at.last().Header.Has("If-None-Match") {
			t.Errorf("%s was only asked for conditionally", c.get)
		}
		if r := n.get(c.get); r.xcache() != "Hit" {
			t.Errorf("%s once fetched anew: %s", c.get, r.xcache())
		}
	}
}

// TestTheDefaultRootObjectIsFoundByEitherName: stored under one URI, asked for by
// another that was invalidated.
func TestTheDefaultRootObjectIsFoundByEitherName(t *testing.T) {
	n := newNetwork(t, site{root: "index.html"}, numbered())
	n.get("/index.html")
	n.invalidate("/")
	if r := n.get("/"); r.xcache() != "Miss" {
		t.Errorf("/ after invalidating /: %s", r.xcache())
	}
}

// TestAnInvalidatedObjectIsNeverServedBecauseTheOriginFails.
func TestAnInvalidatedObjectIsNeverServedBecauseTheOriginFails(t *testing.T) {
	for _, strict := range []bool{false, true} {
		n := newNetwork(t, site{strict: strict}, func(_ context.Context, i int, _ *message.Request) (*message.Response, error) {
			if i == 1 {
				return ok("old", "ETag", `"a"`, "Cache-Control", "max-age=60, stale-while-revalidate=9999, stale-if-error=9999"), nil
			}
			return nil, errRefused
		})
		n.get("/x")
		n.invalidate("/x")
		n.advance(61 * time.Second)
		if r := n.get("/x"); r.Status != 502 {
			t.Errorf("%d %q", r.Status, r.body)
		}
	}
}

// TestAFetchThatStraddlesAnInvalidationIsStoredDead is rule C.
func TestAFetchThatStraddlesAnInvalidationIsStoredDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		n := newNetwork(t, site{}, func(ctx context.Context, i int, _ *message.Request) (*message.Response, error) {
			if i > 1 {
				return ok(fmt.Sprint("answer ", i)), nil
			}
			return ok("old"), g.wait(ctx)
		})
		before := n.viewers(1, func(int) *message.Request { return n.request("GET", "/x") })
		n.invalidate("/x")
		close(g.open)
		if r := before.all()[0]; r.body != "old" {
			t.Errorf("who asked before: %q", r.body)
		}
		if r := n.get("/x"); r.body != "answer 2" || r.xcache() != "Miss" {
			t.Errorf("who asks after: %q %s", r.body, r.xcache())
		}
	})
}

// TestARequestDoesNotJoinAFetchOlderThanAnInvalidation is rule J.
func TestARequestDoesNotJoinAFetchOlderThanAnInvalidation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gates := []gate{newGate(), newGate()}
		n := newNetwork(t, site{}, func(ctx context.Context, i int, _ *message.Request) (*message.Response, error) {
			return ok(fmt.Sprint("answer ", i)), gates[i-1].wait(ctx)
		})
		ask := func(int) *message.Request { return n.request("GET", "/x") }
		before := n.viewers(3, ask)
		n.invalidate("/other")
		unrelated := n.viewers(3, ask)
		n.invalidate("/x")
		after := n.viewers(3, ask)
		close(gates[1].open)
		for _, r := range after.all() { // though the first fetch still waits
			if r.body != "answer 2" {
				t.Errorf("after: %q", r.body)
			}
		}
		close(gates[0].open)
		for _, r := range append(before.all(), unrelated.all()...) {
			if r.body != "answer 1" {
				t.Errorf("before: %q", r.body)
			}
		}
		// The older answer came last, and has not taken the newer one's place.
		if r := n.get("/x"); r.body != "answer 2" || r.xcache() != "Hit" {
			t.Errorf("at the end: %s %q", r.xcache(), r.body)
		}
	})
}

// TestA304RenewsTheBirthToWhenItWasAskedFor is rule L: an invalidation that
// arrives while the origin thinks is not overtaken by its 304.
func TestA304RenewsTheBirthToWhenItWasAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		n := newNetwork(t, site{}, func(ctx context.Context, i int, r *message.Request) (*message.Response, error) {
			switch i {
			case 1:
				return ok("old", "ETag", `"a"`, "Cache-Control", "max-age=60"), nil
			case 2:
				return status(304, "", "ETag", `"a"`), g.wait(ctx)
			}
			return ok("new"), nil
		})
		n.get("/x")
		n.advance(61 * time.Second)
		before := n.viewers(1, func(int) *message.Request { return n.request("GET", "/x") })
		n.invalidate("/x")
		close(g.open)
		if r := before.all()[0]; r.body != "old" || r.xcache() != "RefreshHit" {
			t.Errorf("who asked before: %q %s", r.body, r.xcache())
		}
		if r := n.get("/x"); r.body != "new" {
			t.Errorf("who asks after: %q", r.body)
		}
	})
}

// scriptedLease is a lease that a test answers for.
type scriptedLease func() bool

func (l scriptedLease) Valid(time.Time) bool { return l() }

// TestALeaseVouchesForTheStateReadAfterIt is rule I: a node was fenced, an
// invalidation Completed without it, and it catches up and gets its lease back
// while a request that began after Completed is being received.
func TestALeaseVouchesForTheStateReadAfterIt(t *testing.T) {
	n := newNetwork(t, site{}, numbered())
	n.get("/x")
	caughtUp := false
	n.edge.cfg.Lease = scriptedLease(func() bool {
		if !caughtUp {
			caughtUp = true
			n.invalidate("/*")
		}
		return true
	})
	if r := n.get("/x"); r.xcache() != "Miss" || r.body != "answer 2" {
		t.Errorf("%s %q: the lease was valid for a state that the request does not know", r.xcache(), r.body)
	}
}

func TestWithoutALeaseEachHitIsConfirmed(t *testing.T) {
	up := true
	n := newNetwork(t, site{}, func(_ context.Context, i int, r *message.Request) (*message.Response, error) {
		switch {
		case !up:
			return nil, errRefused
		case r.Header.Has("If-None-Match"):
			return status(304, "", "ETag", `"a"`), nil
		}
		return ok("hello", "ETag", `"a"`), nil
	})
	n.get("/x")
	n.lease.ended.Store(true)
	for i := 2; i < 5; i++ {
		r := n.get("/x")
		if r.body != "hello" || r.xcache() != "RefreshHit" || n.at.count() != i || r.Header.Get("Cache-Status") != "warmfront/NRT-1; fwd=stale; fwd-status=304; stored; ttl=86400; detail=fenced" {
			t.Errorf("%q %s %s, asked %d times", r.body, r.xcache(), r.Header.Get("Cache-Status"), n.at.count())
		}
	}
	up = false
	for _, uri := range []string{"/x", "/x", "/never-seen"} {
		if r := n.get(uri); r.Status != 504 {
			t.Errorf("%s with the origin out of reach: %d", uri, r.Status)
		}
	}
	up = true
	n.lease.ended.Store(false)
	n.advance(11 * time.Second)
	if r := n.get("/x"); r.Status != 200 {
		t.Errorf("with a lease again: %d", r.Status)
	}
}

// TestWithoutALeaseAllWhoWaitShareTheNextConfirmation is rule K: a confirmation
// that began before a request arrived is not for it, and no more than two are in
// flight.
func TestWithoutALeaseAllWhoWaitShareTheNextConfirmation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gates := make([]gate, 6)
		for i := range gates {
			gates[i] = newGate()
		}
		n := newNetwork(t, site{}, func(ctx context.Context, i int, r *message.Request) (*message.Response, error) {
			if i == 1 {
				return ok("0"), nil
			}
			return ok(fmt.Sprint(i - 1)), gates[i-1].wait(ctx)
		})
		n.get("/x")
		n.lease.ended.Store(true)
		ask := func(int) *message.Request { return n.request("GET", "/x") }
		first := n.viewers(1, ask) // begins the first confirmation
		second := n.viewers(1, ask)
		third := n.viewers(50, ask)
		if n.at.count() != 3 {
			t.Fatalf("%d confirmations are in flight", n.at.count()-1)
		}
		close(gates[1].open)
		if r := first.all()[0]; r.body != "1" {
			t.Errorf("the first: %q", r.body)
		}
		synctest.Wait()
		if n.at.count() != 4 {
			t.Fatalf("the next did not begin when one had ended: %d", n.at.count()-1)
		}
		close(gates[3].open)
		for _, r := range third.all() {
			if r.body != "3" {
				t.Errorf("who came last got confirmation %s", r.body)
			}
		}
		close(gates[2].open)
		if r := second.all()[0]; r.body != "2" {
			t.Errorf("the second: %q", r.body)
		}
	})
}

// TestNothingOfAnOlderEpochIsServedUnconfirmed: control was restored from a
// backup, its journal begins anew.
func TestNothingOfAnOlderEpochIsServedUnconfirmed(t *testing.T) {
	n := newNetwork(t, site{}, func(_ context.Context, _ int, r *message.Request) (*message.Response, error) {
		if r.Header.Has("If-None-Match") {
			return status(304, ""), nil
		}
		return ok("hello", "ETag", `"a"`), nil
	})
	n.get("/x")
	snap, err := n.state.Load().Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	snap.Version = v(2, 1)
	restored, err := cdn.Restore(snap)
	if err != nil {
		t.Fatal(err)
	}
	n.state.Store(restored)
	for _, want := range []string{"RefreshHit", "Hit"} {
		if r := n.get("/x"); r.xcache() != want {
			t.Errorf("%s, want %s", r.xcache(), want)
		}
	}
}

func TestADistributionMadeAnewStartsEmpty(t *testing.T) {
	n := newNetwork(t, site{}, numbered())
	n.get("/x")
	n.apply(cdn.KindDistributionDelete, cdn.Ref{ID: "E1"})
	if r := n.get("/x"); r.Status != 403 {
		t.Errorf("deleted: %d", r.Status)
	}
	c := site{}.change("E2")
	n.applyChange(c)
	r := n.request("GET", "/x")
	r.Host = "de2.warmfront.test"
	if got := n.do(r); got.body != "answer 2" {
		t.Errorf("made anew: %q", got.body)
	}
}

// TestAFetchByAnOldPlanIsOlderThanTheInvalidationAfterIt: a request waits for its
// turn to ask while the distribution is given another origin and is invalidated.
// What it then brings from the old origin may not be served to who asks later.
func TestAFetchByAnOldPlanIsOlderThanTheInvalidationAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gates := []gate{newGate(), newGate()}
		n := newNetwork(t, site{}, func(ctx context.Context, i int, r *message.Request) (*message.Response, error) {
			if i <= len(gates) {
				return ok(r.Host), gates[i-1].wait(ctx)
			}
			return ok(r.Host), nil
		})
		n.lease.ended.Store(true) // so that none may join a fetch that began before it came
		ask := func(int) *message.Request { return n.request("GET", "/x") }
		first, second, queued := n.viewers(1, ask), n.viewers(1, ask), n.viewers(1, ask)
		n.applyChange(site{s3: true}.change("E1"))
		n.edge.fetcher.Signer = originauth.S3{}
		n.invalidate("/*")
		late := n.viewers(1, ask) // waits for the fetch that is queued, and may not use it
		n.lease.ended.Store(false)
		close(gates[0].open)
		first.all()
		if r := queued.all()[0]; r.body != "origin.test" {
			t.Errorf("who asked before the update: %q", r.body)
		}
		const bucket = "demo.s3.eu-west-1.amazonaws.com"
		if r := late.all()[0]; r.body != bucket {
			t.Errorf("who asked after the update, and waited: %q", r.body)
		}
		close(gates[1].open)
		second.all()
		if r := n.get("/x"); r.body != bucket {
			t.Errorf("who asks after the invalidation: %s %q", r.xcache(), r.body)
		}
	})
}

// TestAFetchSharesNothingWithTheRequest, whose memory an adapter may use again as
// soon as the viewer has its answer.
func TestAFetchSharesNothingWithTheRequest(t *testing.T) {
	buffer := []byte("/path de1.warmfront.test value")
	alias := func(from, to int) string { return unsafe.String(&buffer[from], to-from) }
	n := newNetwork(t, site{strict: true}, numbered())
	r := n.request("GET", alias(0, 5), "X-Lang", alias(25, 30))
	x := n.edge.newExchange()
	x.receive(r)
	if f := x.route(); f != nil {
		t.Fatal(f.sentence)
	}
	f := x.fetch()
	before := fmt.Sprintf("%q %q %+v %q %q", f.Key, f.URIs, *f.Request, f.Varying, rfc9111.Variant([]string{"x-lang"}, f.Varying.Joined))
	clear(buffer)
	if after := fmt.Sprintf("%q %q %+v %q %q", f.Key, f.URIs, *f.Request, f.Varying, rfc9111.Variant([]string{"x-lang"}, f.Varying.Joined)); after != before {
		t.Errorf("%s has become %s", before, after)
	}
}
