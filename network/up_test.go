package network

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/operator"
	"github.com/warmfront/warmfront/geo"
	"github.com/warmfront/warmfront/journal"
	"github.com/warmfront/warmfront/network/demo"
	"github.com/warmfront/warmfront/network/ports"
	"github.com/warmfront/warmfront/network/statefolder"
	"github.com/warmfront/warmfront/network/viewer"
	"github.com/warmfront/warmfront/wan"
)

// freeBase finds a port base at which control's and the front door's ports are
// free; another network may run on the machine.
func freeBase(t *testing.T) ports.Ports {
	t.Helper()
	for base := 12000; base < 22000; base += 500 {
		p, err := ports.DefaultPorts().Shift(base)
		if err != nil {
			break
		}
		free := true
		for _, port := range []uint16{p.Control, p.HTTP, p.Proxy, p.DNS, p.Metrics, p.Peer, p.CityProxy + 86} {
			l, err := net.Listen("tcp", hostPort("127.0.0.1", port))
			if err != nil {
				free = false
				break
			}
			_ = l.Close()
		}
		if free {
			return p
		}
	}
	t.Fatal("no free ports for a network on this machine")
	return ports.Ports{}
}

// running starts a network of three cities and returns it with a viewer.
func running(t *testing.T) (*Up, statefolder.Running, *viewer.Getter) {
	t.Helper()
	return runningIn(t, "FRA,NRT,SYD", 1)
}

// runningIn starts a network of those cities, with as many nodes in each.
func runningIn(t *testing.T, cities string, nodes int) (*Up, statefolder.Running, *viewer.Getter) {
	t.Helper()
	return runningAs(t, cities, func(c *UpConfig) { c.NodesPerPOP = nodes })
}

// runningAs starts a network of those cities, configured by change.
func runningAs(t *testing.T, cities string, change func(*UpConfig)) (*Up, statefolder.Running, *viewer.Getter) {
	t.Helper()
	db, err := geo.Open(geo.Config{})
	if err != nil {
		t.Fatal(err)
	}
	pops, err := db.Catalogue().Select(cities)
	if err != nil {
		t.Fatal(err)
	}
	cfg := UpConfig{
		Folder: statefolder.Folder(t.TempDir()), POPs: pops, NodesPerPOP: 1, Home: "FRA", Zone: "up.test", Ports: freeBase(t), Geo: db,
		WAN: wan.Model{Seed: 1, Scale: 0.05}, MemoryBytes: 16 << 20, DiskBytes: 16 << 20, Version: "test", Log: slog.New(slog.DiscardHandler),
	}
	change(&cfg)
	u, err := NewUp(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan statefolder.Running, 1), make(chan error, 1)
	go func() { done <- u.Run(ctx, func(r statefolder.Running) { ready <- r }) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("stopping: %v", err)
			}
		case <-time.After(15 * time.Second):
			t.Error("the network has not stopped within 15 s")
		}
	})
	select {
	case r := <-ready:
		pem, err := os.ReadFile(r.CA)
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		return u, r, &viewer.Getter{Proxy: r.Proxy, Roots: roots}
	case err := <-done:
		done <- nil
		t.Fatalf("it ended before it was ready: %v", err)
	case <-time.After(30 * time.Second):
		t.Fatal("the network is not ready after 30 s")
	}
	return nil, statefolder.Running{}, nil
}

func get(t *testing.T, g *viewer.Getter, url, from string) (viewer.Got, string) {
	t.Helper()
	var body bytes.Buffer
	got, err := g.Get(t.Context(), url, from, &body)
	if err != nil {
		t.Fatalf("%s from %s: %v", url, from, err)
	}
	return got, body.String()
}

// until polls: the condition holds within ten seconds.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 10 s", what)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// TestWalkThrough is what the person we build for does: a distribution on a
// bucket, the nearest edge, a miss, a hit, an invalidation, a miss; an edge that
// fails, one that is cut off.
func TestWalkThrough(t *testing.T) {
	u, r, g := running(t)
	url := "https://" + r.Domain + "/style.css"
	site, err := demo.Site()
	if err != nil {
		t.Fatal(err)
	}
	var css string
	for _, o := range site {
		if o.Key == "style.css" {
			css = string(o.Body)
		}
	}
	for from, pop := range map[string]string{"Tokyo": "NRT120-P1", "SYD": "SYD143-P1", "Lagos": "FRA86-P1"} {
		for _, cache := range []string{"Miss from cloudfront", "Hit from cloudfront"} {
			got, body := get(t, g, url, from)
			if got.POP != pop || got.Cache != cache || body != css {
				t.Errorf("from %s: %s %q and %d bytes, want %s %q and %d", from, got.POP, got.Cache, len(body), pop, cache, len(css))
			}
		}
	}
	if got, _ := get(t, g, "http://"+r.Domain+"/style.css?a=1", "SYD"); got.Status != 301 ||
		got.Header.Get("Location") != "https://"+net.JoinHostPort(r.Domain, portText(r.Ports.HTTPS))+"/style.css?a=1" {
		t.Errorf("http: %d, %q", got.Status, got.Header.Get("Location"))
	}
	t.Run("an unknown name gets no certificate", func(t *testing.T) { refusesUnknownName(t, r) })
	t.Run("a stopped edge", func(t *testing.T) { survivesAStop(t, u, g, url) })
	t.Run("a partitioned edge", func(t *testing.T) { survivesAPartition(t, u, r, g, url) })
	t.Run("paused nodes", func(t *testing.T) { stopsWhatIsPaused(t, u) })
}

func portText(p uint16) string {
	_, text, _ := net.SplitHostPort(hostPort("", p))
	return text
}

func refusesUnknownName(t *testing.T, r statefolder.Running) {
	edge := netip.AddrPortFrom(EdgeAddr(120, 1), r.Ports.HTTPS)
	c, err := tls.Dial("tcp", edge.String(), &tls.Config{ServerName: "unknown." + r.Zone, InsecureSkipVerify: true}) //nolint:gosec // there must be none to verify
	if err == nil {
		_ = c.Close()
		t.Error("an unknown name was given a certificate")
	}
}

func survivesAStop(t *testing.T, u *Up, g *viewer.Getter, url string) {
	pop := func() string {
		got, err := g.Get(t.Context(), url, "NRT", io.Discard)
		if err != nil {
			return ""
		}
		return got.POP
	}
	if _, err := u.fault(t.Context(), operator.Fault{Kind: "stop", Target: "nrt"}); err != nil {
		t.Fatal(err)
	}
	until(t, "Tokyo is served by the next nearest", func() bool { return pop() == "SYD143-P1" })
	if u.faultOf("NRT-1") != "stopped" {
		t.Errorf("fault %q", u.faultOf("NRT-1"))
	}
	if _, err := u.fault(t.Context(), operator.Fault{Kind: "heal", Target: "Asia"}); err != nil {
		t.Fatal(err)
	}
	until(t, "Tokyo is served by Tokyo again", func() bool { return pop() == "NRT120-P1" })
	for _, f := range []operator.Fault{{Kind: "melt", Target: "NRT"}, {Kind: "stop", Target: "Atlantis"}, {Kind: "slow", Target: "NRT", Delay: -1}} {
		if _, err := u.fault(t.Context(), f); cdn.ErrorCode(err) == "" {
			t.Errorf("%+v: %v", f, err)
		}
	}
}

// stopsWhatIsPaused leaves a router and an edge paused, and another edge stopped
// while it was: the network's own stop, within 15 s, is the test's clean-up.
func stopsWhatIsPaused(t *testing.T, u *Up) {
	for _, f := range []operator.Fault{{Kind: "pause", Target: "router-2"}, {Kind: "pause", Target: "SYD"}, {Kind: "pause", Target: "NRT"}, {Kind: "stop", Target: "NRT"}} {
		if _, err := u.fault(t.Context(), f); err != nil {
			t.Fatalf("%+v: %v", f, err)
		}
	}
	if u.faultOf("SYD-1") != "paused" || u.faultOf("router-2") != "paused" || u.faultOf("NRT-1") != "stopped" {
		t.Errorf("faults %q %q %q", u.faultOf("SYD-1"), u.faultOf("router-2"), u.faultOf("NRT-1"))
	}
}

// survivesAPartition cuts SYD off from control, changes the page, invalidates, and
// asks SYD for as long as the invalidation is in progress and after: once it is
// Completed nothing older than it may come.
func survivesAPartition(t *testing.T, u *Up, r statefolder.Running, g *viewer.Getter, url string) {
	core := u.control.Core()
	get(t, g, url, "SYD")
	if _, err := u.fault(t.Context(), operator.Fault{Kind: "partition", Target: "SYD-1"}); err != nil {
		t.Fatal(err)
	}
	origin := u.slots["origin-1"].current().(*Origin)
	if err := origin.server.Store().Put(demo.Bucket, "style.css", "text/css", "", strings.NewReader("new")); err != nil {
		t.Fatal(err)
	}
	v, err := core.Propose(t.Context(), func(*cdn.State) ([]cdn.Change, error) {
		c, err := cdn.NewChange(cdn.KindInvalidation, cdn.Invalidation{ID: "I1", Distribution: r.Distribution, Paths: []string{"/*"}}, time.Now())
		return []cdn.Change{c}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	asked := time.Now()
	for core.Settled(journal.Completed).Before(v) {
		get(t, g, url, "SYD")
		if time.Since(asked) > 20*time.Second {
			t.Fatal("not completed although the lease must have ended")
		}
		<-time.After(100 * time.Millisecond)
	}
	if took := time.Since(asked); took < 2*time.Second {
		t.Errorf("completed after %v: the lease of the edge that is cut off was not waited for", took)
	}
	if got, body := get(t, g, url, "SYD"); body != "new" {
		t.Errorf("after Completed the edge that is cut off serves %q (%s)", body, got.Cache)
	}
	if _, err := u.fault(t.Context(), operator.Fault{Kind: "heal", Target: "SYD"}); err != nil {
		t.Fatal(err)
	}
	until(t, "SYD has caught up", func() bool {
		for _, n := range u.control.nodes().Nodes {
			if n.ID == "SYD-1" {
				return !n.Applied.Before(v) && n.LeaseLeft > 0
			}
		}
		return false
	})
	if _, body := get(t, g, url, "SYD"); body != "new" {
		t.Errorf("healed, it serves %q", body)
	}
}
