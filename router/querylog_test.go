package router

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/warmfront/warmfront/router/querylog"
	"github.com/warmfront/warmfront/router/transport"
)

// TestQueryLog: what came over sockets is written with what the answer followed from.
func TestQueryLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queries.jsonl")
	l, err := querylog.Open(querylog.Config{File: path, Sample: 1})
	if err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	r, stop := serve(t, func(c *Config) {
		c.QueryLog, c.Identity, c.Keys = l, "router-7", keysOf(t, testZone)
		c.Metrics = reg
	})
	mark(r)
	for _, q := range []*dns.Msg{
		withSubnet(question("dall.warmfront.test.", dns.TypeA), "203.0.113.0"),     // by the short way
		withSubnet(question("dall.warmfront.test.", dns.TypeHTTPS), "203.0.113.0"), // by the long one
		question("nope.warmfront.test.", dns.TypeA),
		question("nope.warmfront.test.", dns.TypeA).SetEdns0(1232, true),
	} {
		exchange(t, "udp", r, q)
		exchange(t, "tcp", r, q)
	}
	stop()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got []querylog.Line
	for s := range strings.Lines(string(text)) {
		var line querylog.Line
		if err := json.Unmarshal([]byte(s), &line); err != nil {
			t.Fatal(err)
		}
		got = append(got, line)
	}
	if len(got) != 8 {
		t.Fatalf("%d lines:\n%s", len(got), text)
	}
	for i, line := range got {
		if line.Router != "router-7" || line.Client.Addr() != netip.MustParseAddr("127.0.0.1") || line.Proto != [...]string{"udp", "tcp"}[i%2] || line.Bytes == 0 || line.Micros < 0 {
			t.Errorf("%+v", line)
		}
		switch i / 2 {
		case 0:
			if line.Type != "A" || line.RCode != "NOERROR" || line.POP != "NRT" || line.Distribution != "EALL" || line.Geo != "subnet" || line.Scope == 0 || line.Answers != 1 {
				t.Errorf("%+v", line)
			}
		case 2:
			if line.RCode != "NXDOMAIN" || line.POP != "" || line.DO {
				t.Errorf("%+v", line)
			}
		case 3: // as it was sent
			if line.RCode != "NOERROR" || !line.DO || line.Answers != 0 {
				t.Errorf("%+v", line)
			}
		}
	}
	if n := counted(t, reg, "warmfront_dns_query_log_total", "taken"); n != 8 {
		t.Errorf("%v are counted", n)
	}
	if n := counted(t, reg, "warmfront_dns_queries_total", "udp", "A", "NXDOMAIN"); n != 2 {
		t.Errorf("%v NXDOMAIN by UDP: one of them was sent as a signed NOERROR", n)
	}
}

// counted is a counter's or a gauge's value, of those whose labels have these values.
func counted(t testing.TB, reg *prometheus.Registry, name string, values ...string) (n float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			has := 0
			for _, l := range m.GetLabel() {
				if slices.Contains(values, l.GetValue()) {
					has++
				}
			}
			if has == len(values) {
				n += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return n
}

// TestQueryLogDoesNotAllocate: what is not written costs nothing.
func TestQueryLogDoesNotAllocate(t *testing.T) {
	l, err := querylog.Open(querylog.Config{File: filepath.Join(t.TempDir(), "q.log"), Sample: 1e-12})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := newRouter(t, func(c *Config) { c.QueryLog = l })
	mark(r)
	packet, buf := pack(t, question("dall.warmfront.test.", dns.TypeA)), make([]byte, transport.UDPSize)
	from, now := netip.AddrPortFrom(viewer(t, "FRA"), 53), r.cfg.Now()
	if n := testing.AllocsPerRun(200, func() { r.serve(packet, from, UDP, buf, now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
