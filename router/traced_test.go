package router

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/cdn/span"
	"github.com/warmfront/warmfront/cdn/span/spantest"
	"github.com/warmfront/warmfront/router/transport"
	"github.com/warmfront/warmfront/router/wire"
)

func traceOption(c span.Context) *dns.EDNS0_LOCAL {
	return &dns.EDNS0_LOCAL{Code: span.OptionCode, Data: c.AppendOption(nil)}
}

func TestAnAnswerIsASpanWithItsReasons(t *testing.T) {
	asked, unrecorded := span.New(), span.New()
	unrecorded.Flags = 0
	for _, c := range []struct {
		name    string
		q       *dns.Msg
		believe bool
		parent  span.Context
		span    string
		facts   map[string]any
	}{
		{"a common query", question("dall.warmfront.test.", dns.TypeA), true, span.Context{}, "DNS A", map[string]any{"warmfront.pop": "FRA", "warmfront.dns.rcode": "NOERROR", "warmfront.viewer.placed_by": "address"}},
		{"of a subnet", withOptions(question("dall.warmfront.test.", dns.TypeA), subnetOption(1, 24, 0, 203, 0, 113)), true, span.Context{}, "DNS A", map[string]any{"warmfront.pop": "NRT", "warmfront.viewer.subnet": "203.0.113.0/24", "warmfront.distribution.id": "EALL", "dns.question.name": "dall.warmfront.test"}},
		{"part of a trace", withOptions(question("dall.warmfront.test.", dns.TypeA), subnetOption(1, 24, 0, 203, 0, 113), traceOption(asked)), true, asked, "DNS A", map[string]any{"warmfront.pop": "NRT", "network.transport": "udp"}},
		{"not believed", withOptions(question("dall.warmfront.test.", dns.TypeA), traceOption(asked)), false, span.Context{}, "DNS A", map[string]any{"warmfront.pop": "FRA"}},
		{"no such name", question("nope.warmfront.test.", dns.TypeAAAA), true, span.Context{}, "DNS AAAA", map[string]any{"warmfront.dns.rcode": "NXDOMAIN", "warmfront.pop": nil}},
		{"not recorded", withOptions(question("dall.warmfront.test.", dns.TypeA), traceOption(unrecorded)), true, unrecorded, "DNS", map[string]any{"warmfront.pop": nil}},
	} {
		tracer := &spantest.Tracer{}
		r := newRouter(t, func(cfg *Config) { cfg.Tracer, cfg.BelieveTraces = tracer, c.believe })
		plain := newRouter(t, nil)
		mark(r)
		mark(plain)
		packet, from := pack(t, c.q), netip.AddrPortFrom(viewer(t, "FRA"), 53)
		out := r.serve(packet, from, UDP, make([]byte, transport.UDPSize), r.cfg.Now())
		if want := plain.serve(packet, from, UDP, make([]byte, transport.UDPSize), r.cfg.Now()); string(out) != string(want) {
			t.Errorf("%s: tracing changes the answer:\n%x\n%x", c.name, out, want)
		}
		all := tracer.Spans()
		if len(all) != 1 {
			t.Errorf("%s: %d spans", c.name, len(all))
			continue
		}
		s := all[0]
		s.Parent.Remote, c.parent.Remote = false, false
		if s.Name != c.span || !s.Ended || s.Kind != span.Server || s.Parent != c.parent {
			t.Errorf("%s: %+v", c.name, s)
		}
		if linked := len(s.Links) == 1 && s.Links[0].TraceID == asked.TraceID; linked == c.believe {
			t.Errorf("%s: the links are %v", c.name, s.Links)
		}
		for k, v := range c.facts {
			if s.Facts[k] != v {
				t.Errorf("%s: %s is %v, want %v", c.name, k, s.Facts[k], v)
			}
		}
		if pop, ok := s.Facts["warmfront.pop"]; ok {
			ranked, _ := s.Facts["warmfront.pops.ranked"].([]string)
			if len(ranked) < 2 || !strings.HasPrefix(ranked[0], pop.(string)+" ") {
				t.Errorf("%s: %v was answered of %v", c.name, pop, ranked)
			}
		}
	}
}

// TestWithoutATracerAnAnswerCostsNothing: not an allocation.
func TestWithoutATracerAnAnswerCostsNothing(t *testing.T) {
	r := newRouter(t, nil)
	packet, buf := pack(t, question("dall.warmfront.test.", dns.TypeA)), make([]byte, transport.UDPSize)
	from, now := netip.AddrPortFrom(viewer(t, "FRA"), 53), r.cfg.Now()
	if n := testing.AllocsPerRun(200, func() { r.serve(packet, from, UDP, buf, now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzOption(f *testing.F) {
	f.Add(pack(f, withOptions(question("a.test.", dns.TypeA), traceOption(span.New()))))
	f.Fuzz(func(t *testing.T, packet []byte) {
		data := wire.Option(packet, span.OptionCode)
		var m dns.Msg
		if m.Unpack(packet) != nil || len(m.Question) != 1 || len(m.Extra) != 1 || len(m.Answer)+len(m.Ns) != 0 || m.IsEdns0() == nil {
			return
		}
		for _, o := range m.IsEdns0().Option {
			if l, ok := o.(*dns.EDNS0_LOCAL); ok && l.Code == span.OptionCode {
				if string(l.Data) != string(data) {
					t.Errorf("%x, the library has %x", data, l.Data)
				}
				return
			}
		}
		if data != nil {
			t.Errorf("%x, the library has none", data)
		}
	})
}
