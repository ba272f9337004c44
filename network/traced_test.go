package network

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/network/tracing"
	"github.com/warmfront/warmfront/network/tracing/tracetest"
	"github.com/warmfront/warmfront/network/viewer"
)

// tracedNetwork is a network with regional edge caches whose traces a collector takes, and whose demo distribution has
// an Origin Shield in Frankfurt.
func tracedNetwork(t *testing.T) (*Up, string, *viewer.Getter, *tracetest.Collector) {
	t.Helper()
	c := tracetest.New(t)
	e, err := tracing.New(tracing.Settings{URL: c.URL(), Sample: 1}, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	u, r, getter := runningAs(t, "SYD,FRA", func(cfg *UpConfig) { cfg.Regional, cfg.Traces = true, e })
	if _, err := u.control.Core().Propose(t.Context(), func(s *cdn.State) ([]cdn.Change, error) {
		d := s.Distributions[r.Distribution]
		d.Config = strings.Replace(d.Config, "</Origin>", "<OriginShield><Enabled>true</Enabled><OriginShieldRegion>eu-central-1</OriginShieldRegion></OriginShield></Origin>", 1)
		c, err := cdn.NewChange(cdn.KindDistributionPut, d, time.Now())
		return []cdn.Change{c}, err
	}); err != nil {
		t.Fatal(err)
	}
	if err := u.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	getter.Tracer = e.Tracer("get", "get")
	return u, r.Domain, getter, c
}

// TestOneTraceShowsAllOfARequest: what a viewer in Sydney does, by way of the viewer proxy, a router, its edge, the
// regional edge cache, the Origin Shield and the bundled origin; one exporter for all of them.
func TestOneTraceShowsAllOfARequest(t *testing.T) {
	_, domain, getter, c := tracedNetwork(t)
	got, err := getter.Get(t.Context(), "https://"+domain+"/style.css", "SYD", io.Discard)
	if err != nil || got.Status != 200 || len(got.Trace) != 32 {
		t.Fatalf("%+v, %v", got, err)
	}
	want := "get get client: GET by warmfront get\n" +
		"  proxy viewer proxy server: CONNECT by the viewer proxy\n" +
		"    proxy viewer proxy client: DNS A\n" +
		"      router router-1 server: DNS A\n" +
		"  edge SYD-1 server: GET *\n" +
		"    edge SYD-1 internal: fetch\n" +
		"      edge SYD-1 client: GET regional\n" +
		"        edge SYD-R1 server: GET *\n" +
		"          edge SYD-R1 internal: fetch\n" +
		"            edge SYD-R1 client: GET shield\n" +
		"              edge FRA-R1 server: GET *\n" +
		"                edge FRA-R1 internal: fetch\n" +
		"                  edge FRA-R1 client: GET origin\n" +
		"                    origin origin-1 server: GET\n"
	all := c.Await(t, "whole trace", func(s []tracetest.Span) bool { return tracetest.Tree(tracetest.Of(s, got.Trace)) == want })
	facts := map[string]map[string]string{
		"router router-1 server": {"warmfront.pop": "SYD", "warmfront.viewer.placed_by": "subnet", "warmfront.dns.rcode": "NOERROR", "warmfront.node": "SYD-1", "dns.question.name": domain},
		"edge SYD-1 server":      {"http.response.status_code": "200", "warmfront.result_type": "Miss", "server.address": domain, "url.path": "/style.css", "url.scheme": "https", "warmfront.cache.forward": "uri-miss"},
		"edge FRA-R1 server":     {"warmfront.tier.level": "shield"},
		"origin origin-1 server": {"aws.s3.bucket": "demo", "aws.s3.key": "style.css", "http.response.status_code": "200"},
	}
	for _, s := range tracetest.Of(all, got.Trace) {
		for k, v := range facts[strings.TrimPrefix(s.Service, "warmfront-")+" "+s.Node+" "+s.Kind] {
			if s.Attributes[k] != v {
				t.Errorf("%s %s: %s is %q, want %q", s.Node, s.Name, k, s.Attributes[k], v)
			}
		}
		if s.Node == "router-1" && !strings.HasPrefix(s.Attributes["warmfront.pops.ranked"], "SYD 0 km,FRA ") {
			t.Errorf("POPs are ranked %s", s.Attributes["warmfront.pops.ranked"])
		}
		if s.End.Before(s.Start) {
			t.Errorf("%s ends before it begins", s.Name)
		}
	}
	// The second time it is a hit, in a trace of its own.
	again, err := getter.Get(t.Context(), "https://"+domain+"/style.css", "SYD", io.Discard)
	if err != nil || again.Trace == got.Trace {
		t.Fatalf("%+v, %v", again, err)
	}
	hit := want[:strings.Index(want, "    edge SYD-1 internal")]
	c.Await(t, "hit", func(s []tracetest.Span) bool { return tracetest.Tree(tracetest.Of(s, again.Trace)) == hit })
}

// TestPlainRequestsArePartOfTheTraceOfTheirDNS: through the viewer proxy and the front door, of viewers that know of no traces.
func TestPlainRequestsArePartOfTheTraceOfTheirDNS(t *testing.T) {
	u, domain, _, c := tracedNetwork(t)
	conn, err := net.Dial("tcp", u.proxy.front.HTTPAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "GET /robots.txt HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", domain); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	c.Await(t, "trace from the front door", func(s []tracetest.Span) bool {
		for _, front := range s {
			if front.Name != "front door" {
				continue
			}
			tree := tracetest.Tree(tracetest.Of(s, front.Trace))
			return strings.HasPrefix(tree, "proxy front door server: front door\n  proxy front door client: DNS A\n    router router-1 server: DNS A\n  edge FRA-1 server: GET")
		}
		return false
	})
}

// TestACollectorThatIsAwayDelaysNoRequest, nor the end of the network.
func TestACollectorThatIsAwayDelaysNoRequest(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	e, err := tracing.New(tracing.Settings{URL: "http://" + silent.Addr().String(), Sample: 1}, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	_, r, getter := runningAs(t, "FRA", func(cfg *UpConfig) { cfg.Traces = e })
	getter.Tracer = e.Tracer("get", "get")
	begun := time.Now()
	for range 10 {
		if got, err := getter.Get(t.Context(), "https://"+r.Domain+"/style.css", "FRA", io.Discard); err != nil || got.Status != 200 {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	// One attempt to send takes ten seconds.
	if took := time.Since(begun); took > 50*time.Second {
		t.Errorf("10 requests took %v", took)
	}
}
