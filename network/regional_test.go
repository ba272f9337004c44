package network

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
)

// shielded puts a distribution in front of an origin whose shield is in that region,
// and returns its domain once every node has heard of it.
func shielded(t *testing.T, u *Up, origin string, region string) string {
	t.Helper()
	host, port, err := net.SplitHostPort(origin)
	if err != nil {
		t.Fatal(err)
	}
	config := "<DistributionConfig><CallerReference>s</CallerReference><Origins><Items><Origin><Id>o</Id><DomainName>" + host + "</DomainName>" +
		"<CustomOriginConfig><HTTPPort>" + port + "</HTTPPort><HTTPSPort>443</HTTPSPort><OriginProtocolPolicy>http-only</OriginProtocolPolicy></CustomOriginConfig>" +
		"<OriginShield><Enabled>" + fmt.Sprint(region != "") + "</Enabled><OriginShieldRegion>" + region + "</OriginShieldRegion></OriginShield></Origin></Items></Origins>" +
		"<DefaultCacheBehavior><TargetOriginId>o</TargetOriginId><ViewerProtocolPolicy>allow-all</ViewerProtocolPolicy><CachePolicyId>658327ea-f89d-4fab-a63d-7e88639e58f6</CachePolicyId>" +
		"<AllowedMethods><Items><Method>GET</Method><Method>HEAD</Method><Method>OPTIONS</Method><Method>PUT</Method><Method>PATCH</Method><Method>POST</Method><Method>DELETE</Method></Items></AllowedMethods>" +
		"</DefaultCacheBehavior><Enabled>true</Enabled></DistributionConfig>"
	d := cdn.Distribution{ID: "ESHIELD", ARN: "arn:aws:cloudfront::1:distribution/ESHIELD", Domain: "dshield.up.test", Config: config}
	if _, err := u.control.Core().Propose(t.Context(), func(*cdn.State) ([]cdn.Change, error) {
		c, err := cdn.NewChange(cdn.KindDistributionPut, d, time.Now())
		return []cdn.Change{c}, err
	}); err != nil {
		t.Fatal(err)
	}
	if err := u.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d.Domain
}

// atEdge asks the first edge of a POP.
func atEdge(t *testing.T, u *Up, code, method, host, uri string) (string, http.Header) {
	pop, _ := u.cfg.Geo.Catalogue().ByCode(code)
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+hostPort(EdgeAddr(pop.N, 1).String(), u.cfg.Ports.HTTP)+uri, nil)
	if err != nil {
		t.Error(err)
		return "", nil
	}
	r.Host = host
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		t.Errorf("%s: %v", code, err)
		return "", nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Errorf("%s: %d, %v", code, resp.StatusCode, err)
	}
	return string(body), resp.Header
}

// TestTheWorldAsksTheOriginOnce: twelve cities ask for a cold object at once, of an
// origin that takes its time; with regional edge caches, and by edges alone.
func TestTheWorldAsksTheOriginOnce(t *testing.T) {
	for _, regional := range []bool{false, true} {
		t.Run(fmt.Sprintf("regional %v", regional), func(t *testing.T) {
			var asked, posted atomic.Int32
			origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n := asked.Add(1)
				if r.Method == "POST" {
					posted.Add(1)
				}
				if strings.HasPrefix(r.URL.Path, "/slow") {
					<-time.After(700 * time.Millisecond)
				}
				w.Header().Set("Cache-Control", "max-age=600")
				_, _ = fmt.Fprintf(w, "answer %d", n)
			}))
			defer origin.Close()
			u, _, _ := runningAs(t, DefaultPOPs, func(c *UpConfig) { c.Regional = regional })
			host := shielded(t, u, origin.Listener.Addr().String(), "eu-central-1")
			var wg sync.WaitGroup
			for code := range strings.SplitSeq(DefaultPOPs, ",") {
				for range 3 {
					wg.Go(func() {
						if body, h := atEdge(t, u, code, "GET", host, "/slow"); body != "answer 1" {
							t.Errorf("%s: %q, %s", code, body, h.Get("Cache-Status"))
						}
					})
				}
			}
			wg.Wait()
			if n := asked.Load(); n != 1 {
				t.Errorf("the origin was asked %d times", n)
			}
			// One after the other: what the shield has is said to be its.
			atEdge(t, u, "SYD", "GET", host, "/calm")
			_, h := atEdge(t, u, "GRU", "GET", host, "/calm")
			status := strings.Join(h.Values("Cache-Status"), ", ")
			hops := []string{"warmfront/FRA-1; hit", "warmfront/GRU-1; fwd=uri-miss"}
			if regional {
				hops = []string{"warmfront/FRA-R1; hit", "warmfront/GRU-R1; fwd=uri-miss", "warmfront/GRU-1; fwd=uri-miss"}
			}
			at := 0
			for _, hop := range hops {
				i := strings.Index(status[at:], hop)
				if i < 0 {
					t.Errorf("Cache-Status: %s, want %q in it behind %d", status, hop, at)
					break
				}
				at += i
			}
			if h.Get("X-Cache") != "OriginShieldHit from cloudfront" || asked.Load() != 2 {
				t.Errorf("X-Cache: %s, the origin was asked %d times", h.Get("X-Cache"), asked.Load())
			}
			// What is not cached goes through the shield, and no other cache (belief 461).
			_, h = atEdge(t, u, "SYD", "POST", host, "/calm")
			by, _, _ := strings.Cut(hops[0], ";")
			if status := strings.Join(h.Values("Cache-Status"), ", "); posted.Load() != 1 || !strings.HasPrefix(status, by+"; fwd=bypass") || strings.Count(status, "warmfront/") != 2 || !strings.Contains(status, "warmfront/SYD-1; fwd=method") {
				t.Errorf("a POST: %d, %s", posted.Load(), status)
			}
			down := "FRA-1"
			if regional {
				down = "FRA-R1"
			}
			u.slots[down].stop()
			asked.Store(0)
			if body, h := atEdge(t, u, "NRT", "GET", host, "/without"); body != "answer 1" {
				t.Errorf("without the shield: %q %v", body, h.Values("Cache-Status"))
			}
			if _, h := atEdge(t, u, "SYD", "GET", host, "/without"); asked.Load() > 2 {
				t.Errorf("without the shield the origin was asked %d times: %v", asked.Load(), h.Values("Cache-Status"))
			}
			if regional {
				for _, r := range u.slots["router-1"].current().(*Router).router.Edges() {
					if r.Node.IsRegional() {
						t.Errorf("routers know of %s", r.Node.ID)
					}
				}
			}
		})
	}
}
