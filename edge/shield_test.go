package edge

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/tier"
)

// shields has one node be the Origin Shield of each origin, by its id; and of all that
// is cached the primary origin's is asked first.
func shields(of map[string]string) routes {
	shield := func(a tier.Asking) []tier.Tier {
		id := of[a.Origin.ID]
		if id == "" || id == a.Self.ID {
			return nil
		}
		return []tier.Tier{{Level: tier.Shield, Node: a.Nodes[id]}}
	}
	return routes{route: shield, shield: shield}
}

// hops are the caches that an answer says it came through, the nearest to the origin
// first.
func hops(r reply) string {
	var names []string
	for member := range message.Members(r.Header.Joined("Cache-Status")) {
		name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(member), "warmfront/"), ";")
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

// echo answers with what it was asked.
func echo(_ context.Context, _ int, r *message.Request) (*message.Response, error) {
	body := ""
	if r.Body != nil {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = string(b)
	}
	return status(201, fmt.Sprint(r.Method, " ", r.URI(), " ", r.Header.Get("Range"), " ", r.Header.Get("If-None-Match"), " ", len(body), " ", body[:min(4, len(body))])), nil
}

// TestWhatIsNotCachedGoesThroughTheShield (belief 461): whatever the method, as the
// viewer made it, and to the origin itself where the shield is none.
func TestWhatIsNotCachedGoesThroughTheShield(t *testing.T) {
	c := newRouted(t, 2, shields(map[string]string{"o": "NRT-2"}), site{behaviors: []behavior{{pattern: "/dynamic/*", policy: disabled, methods: all7}, {policy: optimized, methods: all7}}}, echo)
	n := c.nodes[0]
	ask := func(method, uri, body string, h ...string) reply {
		r := n.request(method, uri, h...)
		if body != "" {
			r.Body, r.Length = strings.NewReader(body), int64(len(body))
		}
		return n.do(r)
	}
	long := strings.Repeat("data", 50_000)
	expect := func(r reply, by, want string) {
		t.Helper()
		if r.Status != 201 || r.body != want || hops(r) != by || r.xcache() != "Miss" {
			t.Errorf("%d %q by %q, want %q by %q", r.Status, r.body, hops(r), want, by)
		}
	}
	const shield, origin = "NRT-2 NRT-1", "NRT-1"
	expect(ask("POST", "/x?a=1", "data"), shield, "POST /base/x   4 data")
	expect(ask("PUT", "/x", long), shield, "PUT /base/x   200000 data")
	expect(ask("DELETE", "/x", ""), shield, "DELETE /base/x   0 ")
	expect(ask("GET", "/dynamic/x", "", "Range", "bytes=0-1", "If-None-Match", `"a"`), shield, `GET /base/dynamic/x bytes=0-1 "a" 0 `)
	upgrade := n.request("GET", "/dynamic/x")
	upgrade.Upgrade = "websocket"
	expect(n.do(upgrade), origin, "GET /base/dynamic/x   0 ")
	expect(ask("POST", "/x", "data", "Content-Type", "application/grpc"), origin, "POST /base/x   4 data")
	n.edge.cfg.Sandbox = true
	if up := n.why(n.request("POST", "/x")).Tiers; len(up) != 1 || up[0].Level != "shield" || up[0].Node != "NRT-2" {
		t.Errorf("explained by %+v", up)
	}
	if r := n.get("/x"); hops(r) != shield {
		t.Errorf("what is cached came by %q", hops(r))
	}

	// The shield does not know of a change that the asker knows of, and says so: then the
	// origin is asked, with the body from its beginning; a body longer than is kept is gone.
	n.applyChange(site{behaviors: []behavior{{policy: disabled, methods: all7}}}.change("E1"))
	expect(ask("POST", "/x", "data"), origin, "POST /base/x   4 data")
	c.until("the shield is asked again", func() bool {
		return hops(ask("GET", "/x", "")) == origin && len(n.edge.tiers.Shielding(tier.Shield, n.edge.cfg.State().Nodes, nil, &origins.Origin{ID: "o"}, "")) > 0
	})
	before := c.at.count()
	if r := ask("POST", "/x", long); r.Status == 201 && !strings.Contains(r.body, " 200000 ") || r.Status != 201 && (r.Status != 504 || c.at.count() != before) {
		t.Errorf("%d %q", r.Status, r.body)
	}
	c.nodes[1].applyChange(site{behaviors: []behavior{{policy: disabled, methods: all7}}}.change("E1"))
	c.until("the shield has caught up", func() bool { return hops(ask("POST", "/x", "data")) == shield })

	// It is gone.
	if err := c.nodes[1].edge.tiers.Close(); err != nil {
		t.Fatal(err)
	}
	c.until("the origin is asked without the shield", func() bool { return hops(ask("POST", "/x", long)) == origin })
	expect(ask("POST", "/x", long), origin, "POST /base/x   200000 data")
}

// TestWhatMayBeAskedOnceIsNotAskedTwice: a shield that took a POST and died leaves
// nobody who knows what became of it.
func TestWhatMayBeAskedOnceIsNotAskedTwice(t *testing.T) {
	asked := make(chan struct{}, 10)
	c := newRouted(t, 2, shields(map[string]string{"o": "NRT-2"}), site{behaviors: []behavior{{policy: disabled, methods: all7}}}, func(ctx context.Context, i int, _ *message.Request) (*message.Response, error) {
		asked <- struct{}{}
		if i > 1 { // not through the shield
			return ok("again"), nil
		}
		<-ctx.Done()
		return nil, ctx.Err()
	})
	n := c.nodes[0]
	go func() {
		<-asked
		_ = c.nodes[1].edge.tiers.Close()
	}()
	r := n.request("POST", "/x")
	r.Body, r.Length = strings.NewReader("data"), 4
	if got := n.do(r); got.Status != 504 || c.at.count() != 1 {
		t.Errorf("%d, the origin was asked %d times", got.Status, c.at.count())
	}
}

// TestTheSecondOriginHasAShieldOfItsOwn (belief 462).
func TestTheSecondOriginHasAShieldOfItsOwn(t *testing.T) {
	for _, cached := range []bool{true, false} {
		t.Run(fmt.Sprint("cached ", cached), func(t *testing.T) {
			p := pairOf{
				primary: func(*message.Request) (*message.Response, error) { return status(503, "busy"), nil },
				second: func(r *message.Request) (*message.Response, error) {
					return ok(r.Path, "Cache-Control", "max-age=60", "ETag", `"a"`), nil
				},
			}
			policy := map[bool]string{true: optimized, false: disabled}[cached]
			c := newRouted(t, 4, shields(map[string]string{"o": "NRT-2", "p": "NRT-3"}), site{failover: "503", behaviors: []behavior{{policy: policy}}}, p.answer)
			ask := func(node int, uri, by string) {
				t.Helper()
				if r := c.nodes[node-1].get(uri); r.Status != 200 || r.body != "/copy"+uri || hops(r) != by {
					t.Errorf("%s at node %d: %d %q by %q, want %q", uri, node, r.Status, r.body, hops(r), by)
				}
			}
			if !cached {
				// The asker has both asked, each by its shield.
				ask(1, "/a", "NRT-3 NRT-1")
				ask(2, "/a", "NRT-3 NRT-2")
				ask(3, "/a", "NRT-3")
				if turn := p.turn(); turn != "primary second primary second primary second" {
					t.Errorf("asked %s", turn)
				}
				return
			}
			// The shield of the primary origin finds that it has failed.
			ask(1, "/a", "NRT-3 NRT-2 NRT-1")
			ask(4, "/a", "NRT-3 NRT-2 NRT-4") // that has it, and what was said of it then
			ask(3, "/a", "NRT-3 NRT-2 NRT-3")
			ask(3, "/b", "NRT-3 NRT-2 NRT-3")
			if turn := p.turn(); turn != "primary second primary second" {
				t.Errorf("asked %s", turn)
			}
			// What the second one's shield has is no older than an invalidation.
			c.apply(cdn.KindInvalidation, cdn.Invalidation{ID: "I1", Distribution: "E1", Paths: []string{"/a"}})
			ask(1, "/a", "NRT-3 NRT-2 NRT-1")
			if turn := p.turn(); turn != "primary second" {
				t.Errorf("after an invalidation asked %s", turn)
			}
		})
	}
}

// TestShieldsDoNotWaitForOneAnother: each is in the way of what the other waits for, and
// viewers of all nodes want one cold object of the group at once.
func TestShieldsDoNotWaitForOneAnother(t *testing.T) {
	p := pairOf{
		primary: func(*message.Request) (*message.Response, error) { return status(503, "busy"), nil },
		second: func(*message.Request) (*message.Response, error) {
			<-time.After(20 * time.Millisecond)
			return ok("x", "Cache-Control", "max-age=60", "ETag", `"a"`), nil
		},
	}
	c := newRouted(t, 3, shields(map[string]string{"o": "NRT-2", "p": "NRT-3"}), site{failover: "503"}, p.answer)
	for round := range 20 {
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				if r := c.nodes[i%3].get(fmt.Sprint("/", round)); r.Status != 200 {
					t.Errorf("round %d, node %d: %d %q", round, i%3+1, r.Status, hops(r))
				}
			})
		}
		wg.Wait()
	}
}
