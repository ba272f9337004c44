package edge

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/identity"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/policy"
	"github.com/warmfront/warmfront/edge/tier"
	"github.com/warmfront/warmfront/edge/tier/tiertest"
)

// city is the edges of one POP, which ask one another over real connections, with one
// origin.
type city struct {
	t     testing.TB
	nodes []*network
	at    *scripted
}

func newCity(t testing.TB, count int, s site, answer func(ctx context.Context, n int, r *message.Request) (*message.Response, error)) *city {
	t.Helper()
	return newRouted(t, count, routes{}, s, answer)
}

// routes are whom nodes ask; those that are nil are as in tier.Config.
type routes struct{ route, shield tier.Route }

// newRouted is newCity with other routes.
func newRouted(t testing.TB, count int, by routes, s site, answer func(ctx context.Context, n int, r *message.Request) (*message.Response, error)) *city {
	t.Helper()
	c := &city{t: t}
	authority := tiertest.New(t)
	for k := range count {
		n := newNetwork(t, s, answer)
		if c.at == nil {
			c.at = n.at
		}
		n.at, n.edge.fetcher.Origin = c.at, c.at
		id := fmt.Sprint("NRT-", k+1)
		n.edge.cfg.Node.ID, n.edge.cfg.Node.K, n.edge.cacheName = id, k+1, identity.CacheName(id)
		if err := n.edge.joinTiers(tier.Config{Addr: "127.0.0.1:0", Identity: authority.Identity(id), Patience: 2 * time.Second, Route: by.route, Shield: by.shield}); err != nil {
			t.Fatal(err)
		}
		go func() { _ = n.edge.servers[0].serve() }()
		c.nodes = append(c.nodes, n)
	}
	for _, n := range c.nodes {
		at := netip.MustParseAddrPort(n.edge.tiers.Addr().String())
		c.apply(cdn.KindNodeRegister, cdn.Node{ID: n.edge.cfg.Node.ID, Role: cdn.RoleEdge, POP: "NRT", K: n.edge.cfg.Node.K, Addr: at.Addr(), PeerPort: at.Port()})
	}
	return c
}

// apply has every node apply a change.
func (c *city) apply(kind cdn.Kind, body any) {
	c.t.Helper()
	for _, n := range c.nodes {
		n.apply(kind, body)
	}
}

// owner returns a node and a URI under prefix whose owner it is to all.
func (c *city) owner(prefix string, of int) string {
	c.t.Helper()
	for i := range 1000 {
		uri := fmt.Sprint(prefix, i)
		x := c.nodes[0].edge.newExchange()
		x.receive(c.nodes[0].request("GET", uri))
		if f := x.route(); f != nil {
			c.t.Fatal(f.sentence)
		}
		var ids []string
		for _, n := range c.nodes {
			ids = append(ids, n.edge.cfg.Node.ID)
		}
		if tier.Owner(x.key, ids) == ids[of] {
			return uri
		}
	}
	c.t.Fatalf("no URI under %s belongs to node %d", prefix, of)
	return ""
}

func (c *city) until(what string, holds func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); <-time.After(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("%s: not within 10 s", what)
		}
	}
}

// TestOneOriginRequestForACity: three nodes, a hundred viewers, one cold object.
func TestOneOriginRequestForACity(t *testing.T) {
	g := newGate()
	c := newCity(t, 3, site{}, func(ctx context.Context, i int, _ *message.Request) (*message.Response, error) {
		return ok(fmt.Sprint("answer ", i), "ETag", `"a"`), g.wait(ctx)
	})
	var wg sync.WaitGroup
	for i := range 102 {
		wg.Go(func() {
			n := c.nodes[i%3]
			if r := n.get("/cold"); r.Status != 200 || r.body != "answer 1" {
				t.Errorf("%d %q", r.Status, r.body)
			}
		})
	}
	c.until("the origin is asked", func() bool { return c.at.count() > 0 })
	close(g.open)
	wg.Wait()
	for i, n := range c.nodes {
		if r := n.get("/cold"); r.xcache() != "Hit" || r.body != "answer 1" {
			t.Errorf("node %d: %s %q", i, r.xcache(), r.body)
		}
	}
	if c.at.count() != 1 {
		t.Errorf("the origin was asked %d times", c.at.count())
	}
}

// TestATierIsOneWithItsAsker to viewers and to the origin.
func TestATierIsOneWithItsAsker(t *testing.T) {
	query := behavior{def: 600, max: 600, forwarded: "<QueryString>true</QueryString><QueryStringCacheKeys><Items><Name>a</Name></Items></QueryStringCacheKeys>" +
		"<Cookies><Forward>whitelist</Forward><WhitelistedNames><Items><Name>sid</Name></Items></WhitelistedNames></Cookies>" +
		"<Headers><Items><Name>Host</Name><Name>Accept-Language</Name><Name>CloudFront-Viewer-Country</Name><Name>CloudFront-Forwarded-Proto</Name></Items></Headers>"}
	c := newCity(t, 2, site{behaviors: []behavior{query}}, numbered("Vary", "Accept-Language, Cookie", "X-Cache", "Hit from elsewhere", "Warmfront-Birth", "9.9", "Warmfront-Passed", "lagging"))
	uri := c.owner("/p", 1) + "?b=1&a=2"
	ask := func(n *network) reply {
		r := n.request("GET", uri, "Cookie", "sid=1; x=2", "Accept-Language", "de", "Via", "1.0 proxy", "X-Forwarded-For", "203.0.113.1", "X-Other", "o",
			"Warmfront-Least", "7.7", "Warmfront-Level", "shield", "Warmfront-Viewer", "6.6.6.6:6 https 1.1", "warmfront-birth", "8.8")
		r.Scheme, r.Host, r.Major, r.Minor = "https", "www.e1.test", 2, 0
		return n.do(r)
	}
	r := ask(c.nodes[0])
	if r.Status != 200 || r.xcache() != "Miss" || r.Header.Get("X-Amz-Cf-Pop") != "NRT20-P1" {
		t.Errorf("%d %s %s", r.Status, r.xcache(), r.Header.Get("X-Amz-Cf-Pop"))
	}
	for _, name := range []string{"X-Cache", "Via", "X-Amz-Cf-Pop", "X-Amz-Cf-Id"} {
		if got := message.Items(r.Header.Joined(name)); len(got) != 1 {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, f := range append(slices.Clone(r.Header), c.at.last().Header...) {
		if tier.Own(f.Name) {
			t.Errorf("%s: %s got out", f.Name, f.Value)
		}
	}
	o := c.at.last().Header
	for name, want := range map[string]string{
		"X-Forwarded-For": "203.0.113.1, 192.0.2.7", "Cookie": "sid=1", "Accept-Language": "de", "X-Amz-Cf-Id": r.Header.Get("X-Amz-Cf-Id"),
		"CloudFront-Viewer-Country": "JP", "CloudFront-Forwarded-Proto": "https", "X-Shared": "secret", "CDN-Loop": "warmfront.test; distribution=E1", "X-Other": "o",
	} {
		if o.Joined(name) != want {
			t.Errorf("the origin gets %s: %s, want %s", name, o.Joined(name), want)
		}
	}
	if via := message.Items(o.Joined("Via")); len(via) != 2 || via[0] != "1.0 proxy" || !strings.HasPrefix(via[1], "2.0 ") {
		t.Errorf("the origin gets Via: %v", via)
	}
	if host := c.at.last().Host; host != "www.e1.test" {
		t.Errorf("the origin gets Host: %s", host)
	}
	// The same request is a hit at both: they agree on key and variant.
	for i, n := range c.nodes {
		if r := ask(n); r.xcache() != "Hit" {
			t.Errorf("then at node %d: %s", i, r.xcache())
		}
	}
	if c.at.count() > 2 {
		t.Errorf("the origin was asked %d times", c.at.count())
	}
}

// TestTheLowerBirthIsStored (D): the asker knows more by now than the owner did when
// it fetched.
func TestTheLowerBirthIsStored(t *testing.T) {
	c := newCity(t, 2, site{}, numbered())
	uri := c.owner("/p", 1)
	c.nodes[1].get(uri)
	born := c.nodes[1].stored(uri).Birth
	c.apply(cdn.KindInvalidation, cdn.Invalidation{ID: "I1", Distribution: "E1", Paths: []string{"/elsewhere"}})
	c.nodes[1].advance(90 * time.Second)
	c.nodes[0].advance(90 * time.Second)
	r := c.nodes[0].get(uri)
	if o := c.nodes[0].stored(uri); o == nil || o.Birth != born || !born.Before(c.nodes[0].state.Load().Version) {
		t.Errorf("stored %+v, the owner's was born at %v", o, born)
	}
	if r.body != "answer 1" || r.Header.Get("Age") != "90" || c.at.count() != 1 {
		t.Errorf("%q, Age %s, the origin was asked %d times", r.body, r.Header.Get("Age"), c.at.count())
	}
	if status := r.Header.Joined("Cache-Status"); !strings.HasPrefix(status, "warmfront/NRT-2; hit") || !strings.Contains(status, ", warmfront/NRT-1; fwd=uri-miss") {
		t.Errorf("Cache-Status: %s", status)
	}
	// It is invalidated by what is newer than that, and no less.
	c.apply(cdn.KindInvalidation, cdn.Invalidation{ID: "I2", Distribution: "E1", Paths: []string{uri}})
	if r := c.nodes[0].get(uri); r.body != "answer 2" || r.xcache() != "Miss" {
		t.Errorf("once invalidated: %q %s", r.body, r.xcache())
	}
	if c.at.count() != 2 || c.at.last().Header.Has("If-None-Match") {
		t.Errorf("the origin was asked %d times", c.at.count())
	}
}

// TestATierThatLagsIsPassedOver (D): the owner still has what the asker knows to be
// invalidated.
func TestATierThatLagsIsPassedOver(t *testing.T) {
	c := newCity(t, 2, site{}, numbered())
	uri := c.owner("/p", 1)
	asker, owner := c.nodes[0], c.nodes[1]
	owner.get(uri)
	asker.invalidate(uri)
	if r := asker.get(uri); r.body != "answer 2" {
		t.Errorf("the owner lags, and its copy was served: %q", r.body)
	}
	asker.edge.store.Remove(asker.stored(uri))
	owner.invalidate(uri)
	c.until("the owner is asked again", func() bool {
		if o := asker.stored(uri); o != nil {
			asker.edge.store.Remove(o)
		}
		r := asker.get(uri)
		return strings.Contains(r.Header.Joined("Cache-Status"), "NRT-2")
	})
	if r := asker.get(uri); r.body == "answer 1" {
		t.Error("what was invalidated came back")
	}
	// Another epoch cannot be compared.
	nodes := asker.state.Load().Nodes
	asker.state.Store(cdn.NewState(2))
	asker.applyChange(site{}.change("E1"))
	for _, n := range nodes {
		asker.apply(cdn.KindNodeRegister, n)
	}
	before := c.at.count()
	if r := asker.get(uri); r.Status != 200 || c.at.count() != before+1 {
		t.Errorf("%d, the origin was asked %d times more", r.Status, c.at.count()-before)
	}
}

// TestFencedNodesAskForTheOriginsWord (K): whichever of the two has no lease, the
// origin confirms what is served.
func TestFencedNodesAskForTheOriginsWord(t *testing.T) {
	for _, fenced := range []int{0, 1} {
		version := "1"
		c := newCity(t, 2, site{}, func(_ context.Context, n int, r *message.Request) (*message.Response, error) {
			if r.Header.Get("If-None-Match") == `"`+version+`"` {
				return status(304, "", "ETag", `"`+version+`"`), nil
			}
			return ok(fmt.Sprint("answer ", n), "ETag", `"`+version+`"`), nil
		})
		uri := c.owner("/p", 1)
		for _, n := range c.nodes {
			n.get(uri)
		}
		if c.at.count() != 1 {
			t.Fatalf("the origin was asked %d times", c.at.count())
		}
		c.nodes[0].edge.store.RemoveKey(c.nodes[0].stored(uri).Key)
		c.nodes[fenced].lease.ended.Store(true)
		r := c.nodes[0].get(uri)
		if r.body != "answer 1" || c.at.count() != 2 || !c.at.last().Header.Has("If-None-Match") {
			t.Errorf("node %d has no lease: %q, the origin was asked %d times, last with %v", fenced, r.body, c.at.count(), c.at.last().Header)
		}
		version = "2"
		c.nodes[0].edge.store.RemoveKey(c.nodes[0].stored(uri).Key)
		if r := c.nodes[0].get(uri); r.body != "answer 3" {
			t.Errorf("node %d has no lease, and what the origin has no more was served: %q", fenced, r.body)
		}
	}
}

func TestOthersGoOnWithoutTheOwner(t *testing.T) {
	g := newGate()
	c := newCity(t, 3, site{}, func(ctx context.Context, n int, r *message.Request) (*message.Response, error) {
		if n == 1 { // the owner's; it breaks off with it
			return nil, g.wait(ctx)
		}
		return ok("whole", "ETag", `"a"`), nil
	})
	uri := c.owner("/p", 2)
	got := make(chan reply, 2)
	for _, n := range c.nodes[:2] {
		go func() { got <- n.get(uri) }()
	}
	c.until("the owner asks", func() bool { return c.at.count() == 1 })
	_ = c.nodes[2].edge.Close()
	for range 2 {
		if r := <-got; r.Status != 200 || r.body != "whole" {
			t.Errorf("the owner died while it was asked: %d %q", r.Status, r.body)
		}
	}
	// What belonged to it belongs to another while it rests.
	before := c.at.count()
	another := c.owner("/q", 2)
	for range 2 {
		for _, n := range c.nodes[:2] {
			if r := n.get(another); r.Status != 200 {
				t.Errorf("%d", r.Status)
			}
		}
	}
	if asked := c.at.count() - before; asked > 2 {
		t.Errorf("without the owner the origin was asked %d times", asked)
	}
}

// TestATierThatDiesInTheBodyBreaksIt: nothing that is half there is stored.
func TestATierThatDiesInTheBodyBreaksIt(t *testing.T) {
	from := newDripping()
	c := newCity(t, 2, site{}, func(_ context.Context, n int, _ *message.Request) (*message.Response, error) {
		if n > 1 {
			return ok("whole"), nil
		}
		return &message.Response{Status: 200, Length: 10, Body: from, Live: true}, nil
	})
	uri := c.owner("/p", 1)
	got := make(chan reply, 1)
	go func() { got <- c.nodes[0].get(uri) }()
	from.drip("half")
	c.until("the half has arrived", func() bool { o := c.nodes[0].stored(uri); return o != nil && o.Body.Size() == 4 })
	_ = c.nodes[1].edge.tiers.Close()
	if r := <-got; r.err == nil {
		t.Errorf("%q was taken for the whole", r.body)
	}
	if r := c.nodes[0].get(uri); r.body != "whole" {
		t.Errorf("then %q", r.body)
	}
	from.finish()
}

// TestOneTierAfterTheOther: peer, then regional edge cache, then Origin Shield, by the
// route that the network gives; what is down is left out.
func TestOneTierAfterTheOther(t *testing.T) {
	c := newRouted(t, 4, routes{route: func(a tier.Asking) (up []tier.Tier) {
		for level := tier.Peer; level <= tier.Shield; level++ {
			if at := a.Nodes[fmt.Sprint("NRT-", int(level)+1)]; at.K > a.Self.K && a.Up(at.ID) {
				up = append(up, tier.Tier{Level: level, Node: at})
			}
		}
		return up
	}}, site{}, numbered())
	r := c.nodes[0].get("/page")
	var names []string
	for _, m := range message.Items(r.Header.Joined("Cache-Status")) {
		name, _, _ := strings.Cut(m, ";")
		names = append(names, name)
	}
	if want := []string{"warmfront/NRT-4", "warmfront/NRT-3", "warmfront/NRT-2", "warmfront/NRT-1"}; r.body != "answer 1" || !slices.Equal(names, want) {
		t.Errorf("%q through %v, want %v", r.body, names, want)
	}
	for i, n := range c.nodes {
		if r := n.get("/page"); r.xcache() != "Hit" || r.body != "answer 1" {
			t.Errorf("node %d: %s %q", i, r.xcache(), r.body)
		}
	}
	_ = c.nodes[1].edge.tiers.Close()
	_ = c.nodes[3].edge.tiers.Close()
	r = c.nodes[0].get("/other")
	if status := r.Header.Joined("Cache-Status"); r.body != "answer 2" || !strings.HasPrefix(status, "warmfront/NRT-3;") || !strings.Contains(status, ", warmfront/NRT-1;") || strings.Contains(status, "NRT-2") {
		t.Errorf("%q through %s", r.body, status)
	}
}

// dripping is a body whose bytes come when a test says.
type dripping struct{ pieces chan string }

func newDripping() *dripping { return &dripping{make(chan string, 8)} }

func (d *dripping) drip(s string) { d.pieces <- s }
func (d *dripping) finish()       { close(d.pieces) }
func (d *dripping) Close() error  { return nil }
func (d *dripping) Read(p []byte) (int, error) {
	s, ok := <-d.pieces
	if !ok {
		return 0, errVanished
	}
	return copy(p, s), nil
}

func TestPeerRequestsAreNoViewers(t *testing.T) {
	c := newCity(t, 2, site{behaviors: []behavior{{policy: optimized, protocol: "redirect-to-https"}}}, numbered())
	uri := c.owner("/p", 1)
	r := c.nodes[0].request("GET", uri)
	r.Scheme = "https"
	if got := c.nodes[0].do(r); got.Status != 200 {
		t.Errorf("%d", got.Status)
	}
	count := func(name string) (n float64) {
		families, err := c.nodes[1].edge.cfg.Registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == name {
				for _, m := range f.GetMetric() {
					n += m.GetCounter().GetValue()
				}
			}
		}
		return n
	}
	c.until("the peer's request is counted", func() bool { return count("warmfront_edge_peer_requests_total") == 1 })
	if n := count("warmfront_edge_requests_total"); n != 0 {
		t.Errorf("%v requests of viewers are counted", n)
	}
}

// TestATierMakesTheSameKey of what it is sent as the asker did of what the viewer
// sent.
func TestATierMakesTheSameKey(t *testing.T) {
	selecting := behavior{def: 60, max: 60, forwarded: "<QueryString>true</QueryString><Cookies><Forward>all</Forward></Cookies><Headers><Items><Name>Accept-Encoding</Name><Name>User-Agent</Name><Name>X-Mine</Name></Items></Headers>"}
	for _, s := range []site{{}, {strict: true}, {root: "index.html"}, {behaviors: []behavior{selecting}}, compressing(optimized)} {
		n := newNetwork(t, s, numbered())
		for _, uri := range []string{"/", "/a/../b%20c?x=1&y=&x=2", "/caf%C3%A9?q"} {
			r := n.request("GET", uri, "Accept-Encoding", "br;q=0.5, gzip", "Cookie", "a=1; b=2", "Cookie", "c=3", "User-Agent", "curl", "X-Mine", "1", "X-Mine", "2",
				"Connection", "x-named, close", "X-Named", "1", "Accept-Language", "de", "Range", "bytes=0-1", "If-None-Match", `"a"`, "TE", "trailers")
			x, y := n.edge.newExchange(), n.edge.newExchange()
			for at, v := range []struct {
				x *exchange
				r *message.Request
			}{{x, r}, {y, nil}} {
				if at == 1 {
					v.r = x.TierRequest(false)
				}
				v.x.receive(v.r)
				if f := v.x.route(); f != nil {
					t.Fatal(f.sentence)
				}
			}
			if x.key != y.key || !slices.Equal(x.uris, y.uris) {
				t.Errorf("%s: %q %q, at the tier %q %q", uri, x.key, x.uris, y.key, y.uris)
			}
			a, b := x.OriginRequest(policy.Asking{}), y.OriginRequest(policy.Asking{})
			if a.URI() != b.URI() || a.Host != b.Host || !slices.Equal(a.Header, b.Header) {
				t.Errorf("%s: the origin is asked %+v, by the tier %+v", uri, a, b)
			}
			for _, name := range []string{"Accept-Encoding", "Cookie", "User-Agent", "X-Mine", "Accept-Language"} {
				if x.Field(name) != y.Field(name) {
					t.Errorf("%s varies by %q, at the tier by %q", name, x.Field(name), y.Field(name))
				}
			}
		}
	}
}

// BenchmarkAHitAtTheOwner is what a miss costs that the owner of the key answers from
// its memory: both nodes and the connection between them.
func BenchmarkAHitAtTheOwner(b *testing.B) {
	for _, size := range []int{1 << 10, 100 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			c := newCity(b, 2, site{}, func(context.Context, int, *message.Request) (*message.Response, error) {
				return ok(strings.Repeat("x", size)), nil
			})
			uri := c.owner("/p", 1)
			c.nodes[0].get(uri)
			key := c.nodes[0].stored(uri).Key
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				c.nodes[0].edge.store.RemoveKey(key)
				if r := c.nodes[0].get(uri); len(r.body) != size {
					b.Fatal(r.Status)
				}
			}
			if c.at.count() != 1 {
				b.Errorf("the origin was asked %d times", c.at.count())
			}
		})
	}
}

// TestAnUnsafeMethodOutdatesWhatItsNodeServes, whoever would be the owner (RFC 9111
// section 4.4).
func TestAnUnsafeMethodOutdatesWhatItsNodeServes(t *testing.T) {
	c := newCity(t, 2, site{strict: true, behaviors: []behavior{{policy: optimized, methods: all7}}}, numbered("Cache-Control", "max-age=60"))
	uri, n := c.owner("/p", 1), c.nodes[0]
	n.get(uri)
	n.do(n.request("POST", uri))
	if r := n.get(uri); r.body != "answer 3" {
		t.Errorf("after a POST through the same node: %q, %s", r.body, r.Header.Get("Cache-Status"))
	}
}

// TestWhatTheCachesAboveHadIsAHit (belief 108): of a regional edge cache plainly, of the
// Origin Shield behind one by its own name.
func TestWhatTheCachesAboveHadIsAHit(t *testing.T) {
	// Node 1 and 2 are edges, 3 the regional cache of the first, 4 the shield.
	c := newRouted(t, 4, routes{route: func(a tier.Asking) (up []tier.Tier) {
		if a.Self.K == 1 {
			up = append(up, tier.Tier{Level: tier.Regional, Node: a.Nodes["NRT-3"]})
		}
		if a.Self.K != 4 {
			up = append(up, tier.Tier{Level: tier.Shield, Node: a.Nodes["NRT-4"]})
		}
		return up
	}}, site{}, numbered("Cache-Control", "max-age=60", "ETag", `"a"`))
	ask := func(node int, uri, want string) {
		t.Helper()
		n, log := c.nodes[node-1], &noted{}
		n.edge.cfg.AccessLog = log
		line := n.logged(log, context.Background(), n.request("GET", uri), message.Delivery{})
		if line.Detail != want || line.Result != strings.TrimPrefix(want, "OriginShield") {
			t.Errorf("%s at node %d is logged as %s, %s, want %s", uri, node, line.Result, line.Detail, want)
		}
	}
	see := func(node int, uri, want string) {
		t.Helper()
		r := c.nodes[node-1].get(uri)
		if r.xcache() != want || strings.HasSuffix(want, "Hit") != r.Header.Has("Age") {
			t.Errorf("%s at node %d: %s, Age %q, want %s", uri, node, r.xcache(), r.Header.Get("Age"), want)
		}
	}
	see(1, "/a", "Miss") // from the origin, through both
	see(1, "/a", "Hit")
	see(2, "/a", "OriginShieldHit")
	ask(2, "/b", "Miss")
	ask(1, "/b", "OriginShieldHit") // the regional cache had it not
	c.nodes[0].edge.store.Remove(c.nodes[0].stored("/b"))
	ask(1, "/b", "Hit") // now it has
	if c.at.count() != 2 {
		t.Errorf("the origin was asked %d times", c.at.count())
	}
}
