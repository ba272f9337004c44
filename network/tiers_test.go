package network

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/operator"
	"github.com/warmfront/warmfront/journal"
	"github.com/warmfront/warmfront/network/demo"
	"github.com/warmfront/warmfront/network/statefolder"
)

// atNode asks node k of Frankfurt itself.
func atNode(t *testing.T, r statefolder.Running, k int, url string) (string, http.Header) {
	t.Helper()
	pem, err := os.ReadFile(r.CA)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, hostPort(EdgeAddr(86, k).String(), r.Ports.HTTPS))
	}}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get(url)
	if err != nil {
		t.Errorf("node %d: %v", k, err)
		return "", nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Errorf("node %d: %d, %v", k, resp.StatusCode, err)
	}
	return string(body), resp.Header
}

// originRequests is how often all edges have asked an origin.
func originRequests(t *testing.T, u *Up) (n int) {
	t.Helper()
	for _, s := range u.slots {
		e, ok := s.current().(*Edge)
		if !ok {
			continue
		}
		families, err := e.registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "warmfront_edge_origin_requests_total" {
				for _, m := range f.GetMetric() {
					n += int(m.GetCounter().GetValue())
				}
			}
		}
	}
	return n
}

// TestACityAsksTheOriginOnce: three nodes, each asked for the same cold object; then
// an invalidation that holds at all three, one of which is cut off from the others.
func TestACityAsksTheOriginOnce(t *testing.T) {
	u, r, _ := runningIn(t, "FRA", 3)
	origin := u.slots["origin-1"].current().(*Origin)
	put := func(key, body string) {
		t.Helper()
		if err := origin.server.Store().Put(demo.Bucket, key, "text/css", "", strings.NewReader(body)); err != nil {
			t.Fatal(err)
		}
	}
	all := func(key, want string) {
		t.Helper()
		var wg sync.WaitGroup
		for k := 1; k <= 3; k++ {
			for range 5 {
				wg.Go(func() {
					if body, h := atNode(t, r, k, "https://"+r.Domain+"/"+key); body != want {
						t.Errorf("node %d: %q (%s), want %q", k, body, h.Get("Cache-Status"), want)
					}
				})
			}
		}
		wg.Wait()
	}
	// Each key has its owner: over several, each node is one.
	for _, key := range []string{"a.css", "b.css", "c.css", "d.css", "e.css"} {
		put(key, "old")
		before := originRequests(t, u)
		all(key, "old")
		if asked := originRequests(t, u) - before; asked != 1 {
			t.Errorf("for %s the origin was asked %d times", key, asked)
		}
	}
	if _, err := u.fault(t.Context(), operator.Fault{Kind: "partition", Target: "FRA-2"}); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a.css", "b.css", "c.css", "d.css", "e.css"} {
		put(key, "new")
	}
	core := u.control.Core()
	v, err := core.Propose(t.Context(), func(*cdn.State) ([]cdn.Change, error) {
		c, err := cdn.NewChange(cdn.KindInvalidation, cdn.Invalidation{ID: "I1", Distribution: r.Distribution, Paths: []string{"/*"}}, time.Now())
		return []cdn.Change{c}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	for asked := time.Now(); core.Settled(journal.Completed).Before(v); <-time.After(100 * time.Millisecond) {
		for k := 1; k <= 3; k++ {
			atNode(t, r, k, "https://"+r.Domain+"/a.css")
		}
		if time.Since(asked) > 20*time.Second {
			t.Fatal("not completed although the lease must have ended")
		}
	}
	for _, key := range []string{"a.css", "b.css", "c.css", "d.css", "e.css"} {
		all(key, "new")
	}
	if _, err := u.fault(t.Context(), operator.Fault{Kind: "heal", Target: "FRA-2"}); err != nil {
		t.Fatal(err)
	}
	until(t, "the city is one again", func() bool {
		key := "/healed-" + time.Now().Format("150405.000000000") + ".css"
		put(key[1:], "healed")
		before := originRequests(t, u)
		for k := 1; k <= 3; k++ {
			atNode(t, r, k, "https://"+r.Domain+key)
		}
		return originRequests(t, u)-before == 1
	})
}
