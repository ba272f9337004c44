package edge

import (
	"net/netip"
	"testing"

	"github.com/warmfront/warmfront/cdn"
)

// TestViewersAreSentOn to where they are better served, once, and only what can be asked again.
func TestViewersAreSentOn(t *testing.T) {
	n := newNetwork(t, site{behaviors: []behavior{{policy: optimized, methods: all7}}}, numbered("Cache-Control", "max-age=60"))
	n.apply(cdn.KindNodeRegister, cdn.Node{ID: "SYD-1", Role: cdn.RoleEdge, POP: "SYD"})
	n.get("/a?b=1")
	n.edge.cfg.Elsewhere = func(viewer netip.Addr, plan *cdn.Plan) string {
		if plan.ID == "E1" && viewer == netip.MustParseAddr("192.0.2.7") {
			return "SYD"
		}
		return ""
	}
	for _, host := range []string{"de1.warmfront.test", "www.e1.test"} {
		r := n.request("GET", "/a?b=1")
		r.Host = host
		if n.edge.newExchange().Ready(r) {
			t.Error("it is answered from memory")
		}
		got := n.do(r)
		if got.Status != 302 || got.Header.Get("Location") != "http://pop-syd.de1.warmfront.test/a?b=1" || got.xcache() != "Redirect" || got.Header.Get("Cache-Control") != "private, max-age=60" {
			t.Errorf("%s: %d %v", host, got.Status, got.Header)
		}
	}
	at := n.request("GET", "/a?b=1")
	at.Host = "pop-syd.de1.warmfront.test"
	if r := n.do(at); r.Status != 200 || r.xcache() != "Hit" {
		t.Errorf("who was sent on: %d %s", r.Status, r.xcache())
	}
	if r := n.do(n.request("POST", "/a")); r.Status != 200 {
		t.Errorf("POST: %d", r.Status)
	}
	near := n.request("GET", "/a?b=1")
	near.Viewer = netip.MustParseAddrPort("198.51.100.1:1")
	if r := n.do(near); r.Status != 200 || r.xcache() != "Hit" {
		t.Errorf("who is near: %d %s", r.Status, r.xcache())
	}
	local := n.request("GET", "/a?b=1")
	local.Host = "de1.localhost"
	if r := n.do(local); r.Status != 200 {
		t.Errorf("localhost: %d", r.Status)
	}
}
