package router

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/router/explain"
	"github.com/warmfront/warmfront/router/load"
	"github.com/warmfront/warmfront/router/pick"
)

func explaining(c *Config) {
	c.Explain = true
	c.RoundTrip = func(_, pop pick.Point) time.Duration { return time.Duration(pop.Lat*10) * time.Millisecond }
	c.AliasZones = []string{"elsewhere.example"}
}

// TestExplain: what is explained is what is answered.
func TestExplain(t *testing.T) {
	r := newRouter(t, explaining)
	mark(r, "NRT")
	ask := func(name string, qtype uint16, subnet bool) *dns.Msg {
		q := question(name, qtype)
		if subnet {
			q = withOptions(q, subnetOption(1, 24, 0, 203, 0, 113))
		}
		return wireAnswer(t, r, pack(t, q), TCP)
	}
	for _, name := range []string{"dall.warmfront.test.", "D200.warmfront.test.", "d100.warmfront.test.", "www.elsewhere.example.", "any.wild.warmfront.test."} {
		for _, subnet := range []bool{true, false} {
			answer, m := ask(name, dns.TypeA, subnet), ask("_explain."+name, dns.TypeTXT, subnet)
			if m.Rcode != 0 || !m.Authoritative || len(m.Answer) != 1 || m.Answer[0].Header().Ttl != 0 {
				t.Fatalf("%s: %v", name, m)
			}
			x, err := explain.Parse(m.Answer[0].(*dns.TXT).Txt)
			if err != nil {
				t.Fatal(err)
			}
			first := ""
			for _, p := range x.Ranking {
				if first == "" && p.Excluded == "" {
					first = p.Code
				}
				if p.Code == "NRT" && p.Excluded == "" || p.RoundTrip == 0 {
					t.Errorf("%s: %+v", name, p)
				}
			}
			if x.Answer.POP != popOf(answer) || x.Answer.Addr.String() != answer.Answer[0].(*dns.A).A.String() || first != x.Answer.POP || len(x.Ranking) != 12 {
				t.Errorf("%s: explained %+v, answered %v", name, x.Answer, answer.Answer)
			}
			scope := -1
			if s := subnetOf(answer); s != nil {
				scope = int(s.SourceScope)
				if e := subnetOf(m); e == nil || e.SourceScope != 24 {
					t.Errorf("%s: the explanation holds for more than the subnet: %v", name, e)
				}
			}
			if x.Answer.Scope != scope || (x.Viewer.By == "subnet") != subnet {
				t.Errorf("%s: explained %+v %+v, scope %d", name, x.Viewer, x.Answer, scope)
			}
		}
	}
	if m := ask("_explain.dall.warmfront.test.", dns.TypeA, false); m.Rcode != 0 || len(m.Answer) != 0 || len(m.Ns) != 1 {
		t.Errorf("another type: %v", m)
	}
	for _, name := range []string{"_explain.dnone.warmfront.test.", "_explain.ns1.warmfront.test.", "_explain.warmfront.test.x.elsewhere.example.", "_explain._explain.dall.warmfront.test."} {
		if m := ask(name, dns.TypeTXT, false); m.Rcode != dns.RcodeNameError || len(m.Ns) != 1 {
			t.Errorf("%s: %v", name, m)
		}
	}
}

// TestExplainLoad: what was sent on, from where, and how loaded who sends it on is.
func TestExplainLoad(t *testing.T) {
	r := newRouter(t, explaining)
	r.loads.Store(&map[string]load.State{"NRT": {Use: 0.93, Spill: 0.5}, "SIN": {Use: 0.1}})
	overLimit(r, map[string]float64{"NRT": 0.5})
	moved := 0
	for i := range 40 {
		from := netip.AddrFrom4([4]byte{127, 120, byte(8 + i), 9})
		answer := r.Answer(question("dall.warmfront.test.", dns.TypeA), from, TCP)
		m := r.Answer(question("_explain.dall.warmfront.test.", dns.TypeTXT), from, TCP)
		x, err := explain.Parse(m.Answer[0].(*dns.TXT).Txt)
		if err != nil {
			t.Fatal(err)
		}
		block, _ := from.Prefix(24)
		if x.Answer.POP != popOf(answer) || x.Answer.Block != block {
			t.Fatalf("%v is answered %s: %+v", from, popOf(answer), x.Answer)
		}
		nrt := x.Ranking[slices.IndexFunc(x.Ranking, func(p explain.POP) bool { return p.Code == "NRT" })]
		if nrt.Use != 0.93 || nrt.Spill != 0.5 || x.Ranking[len(x.Ranking)-1].Use != -1 {
			t.Errorf("%+v", nrt)
		}
		if sent := x.Answer.From == "NRT"; sent != (nrt.Excluded == string(pick.Loaded)) || sent != (x.Answer.POP == "SIN") {
			t.Errorf("%+v, %+v", x.Answer, nrt)
		}
		if x.Answer.From != "" {
			moved++
		}
	}
	if moved < 10 || moved > 30 {
		t.Errorf("%d of 40 blocks moved", moved)
	}
}

// TestExplainOnlyInLabs: to strangers, and where it is off, there is no such name.
func TestExplainOnlyInLabs(t *testing.T) {
	on, off := newRouter(t, explaining), newRouter(t, nil)
	q := pack(t, question("_explain.dall.warmfront.test.", dns.TypeTXT))
	for _, c := range []struct {
		r     *Router
		from  string
		rcode int
	}{
		{on, "127.0.0.1", 0}, {on, "::1", 0}, {on, "10.77.3.100", 0}, {on, "fd77:3::100", 0}, {on, "::ffff:10.77.3.100", 0},
		{on, "203.0.113.9", dns.RcodeNameError}, {on, "2001:db8::1", dns.RcodeNameError}, {off, "127.0.0.1", dns.RcodeNameError},
	} {
		m := new(dns.Msg)
		if err := m.Unpack(c.r.respond(q, netip.MustParseAddr(c.from), UDP, nil, c.r.cfg.Now())); err != nil || m.Rcode != c.rcode {
			t.Errorf("from %s: %v %v", c.from, err, m)
		}
	}
}
