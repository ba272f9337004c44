package router

import (
	"os"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
)

// TestMetricsAreDocumented: docs/operations.md says what each is.
func TestMetricsAreDocumented(t *testing.T) {
	reg := prometheus.NewRegistry()
	r := newRouter(t, func(c *Config) { c.Keys, c.Metrics = keysOf(t, testZone), reg })
	mark(r)
	overLimit(r, map[string]float64{"NRT": 0.5})
	wireAnswer(t, r, pack(t, question("dall.warmfront.test.", dns.TypeA)), UDP)
	r.dropped("panic")
	families, err := reg.Gather()
	if err != nil || len(families) < 11 {
		t.Fatalf("%d metrics, %v", len(families), err)
	}
	operations, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if !strings.Contains(string(operations), "`"+f.GetName()+"`") {
			t.Errorf("%s is not in docs/operations.md", f.GetName())
		}
		if !strings.HasPrefix(f.GetName(), "warmfront_") || f.GetHelp() == "" {
			t.Errorf("%s: %q", f.GetName(), f.GetHelp())
		}
	}
}

// TestCounts: an answer counts for its distribution, its location, its response code and how
// the viewer was placed, whichever way it is made.
func TestCounts(t *testing.T) {
	reg := prometheus.NewRegistry()
	r := newSignedRouter(t, keysOf(t, testZone), func(c *Config) { c.Metrics = reg })
	ask := func(q *dns.Msg) { wireAnswer(t, r, pack(t, q), UDP) }
	tokyo := func(qtype uint16) *dns.Msg { return withSubnet(question("dall.warmfront.test.", qtype), "203.0.113.0") }
	ask(tokyo(dns.TypeA))                                       // by the short way
	ask(tokyo(dns.TypeAAAA))                                    // by the long one
	ask(question("d100.warmfront.test.", dns.TypeA))            // by the asking address
	ask(question("nope.warmfront.test.", dns.TypeA))            // NXDOMAIN by the short way
	ask(question("nope.warmfront.test.", dns.TypeTXT))          // by the long one
	ask(question("big.warmfront.test.", dns.TypeTXT))           // does not fit
	ask(question("dall.warmfront.test.", dns.TypeMX))           // no data
	ask(question("example.com.", dns.TypeA))                    // refused
	ask(question("nope.warmfront.test.", dns.TypeNXNAME))       // malformed
	ask(question("warmfront.test.", 65000).SetEdns0(512, true)) // no name of its own
	for _, c := range []struct {
		name   string
		values []string
		want   float64
	}{
		{"warmfront_dns_answers_total", []string{"NRT"}, 2},
		{"warmfront_dns_answers_total", []string{"FRA"}, 1},
		{"warmfront_dns_distribution_answers_total", []string{"EALL"}, 2},
		{"warmfront_dns_distribution_answers_total", []string{"E100"}, 1},
		{"warmfront_dns_geo_total", []string{"subnet"}, 2},
		{"warmfront_dns_geo_total", []string{"address"}, 1},
		{"warmfront_dns_queries_total", nil, 10},
		{"warmfront_dns_queries_total", []string{"A", "NXDOMAIN"}, 1},
		{"warmfront_dns_queries_total", []string{"TXT", "NXDOMAIN"}, 1},
		{"warmfront_dns_queries_total", []string{"MX", "NOERROR"}, 1},
		{"warmfront_dns_queries_total", []string{"REFUSED"}, 1},
		{"warmfront_dns_queries_total", []string{"FORMERR"}, 1},
		{"warmfront_dns_queries_total", []string{"other", "NOERROR"}, 1},
		{"warmfront_dns_truncated_total", nil, 1},
	} {
		if got := counted(t, reg, c.name, c.values...); got != c.want {
			t.Errorf("%s %v: %v, want %v", c.name, c.values, got, c.want)
		}
	}
}
