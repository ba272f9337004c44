package router

import (
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/router/explain"
	"github.com/warmfront/warmfront/router/pick"
	"github.com/warmfront/warmfront/router/wire"
)

// explainLabel is before a name of which TXT says why it is answered as it is.
const explainLabel = "_explain."

// explains reports whether a name asks for an explanation and whoever asks may have
// it: it tells how the network is built, and is long.
func (s *snapshot) explains(name string, from netip.Addr) bool {
	from = from.Unmap()
	return s.explaining && strings.HasPrefix(name, explainLabel) && (from.IsLoopback() || from.IsPrivate())
}

// answerExplanation answers TXT at _explain.NAME with why a viewer is answered so at
// NAME. It is for once, and for nobody else: TTL 0, and the scope is the subnet that was
// sent.
func (s *snapshot) answerExplanation(r *dns.Msg, e *wire.EDNS, name string, from netip.Addr) {
	rest := strings.TrimPrefix(name, explainLabel)
	d, err := s.decide(rest, pick.IPv4, e, from)
	if errors.Is(err, ErrNoSuchName) {
		r.Rcode = dns.RcodeNameError
		return
	}
	if r.Question[0].Qtype != dns.TypeTXT {
		return
	}
	x := s.explanation(strings.TrimSuffix(rest, "."), d, e, from)
	if e.Viewer.IsValid() {
		e.Scope = uint8(e.Viewer.Bits())
	}
	h := header(dns.TypeTXT, 0)
	h.Name = r.Question[0].Name
	r.Answer = []dns.RR{&dns.TXT{Hdr: h, Txt: x.Lines()}}
}

// explanation puts a decision in words.
func (s *snapshot) explanation(name string, d Decision, e *wire.EDNS, from netip.Addr) explain.Explanation {
	from = from.Unmap()
	x := explain.Explanation{
		Name: name, Distribution: d.Distribution, PriceClass: d.PriceClass.String(),
		Viewer: explain.Viewer{Network: netip.PrefixFrom(from, from.BitLen()), By: d.By},
		Place: explain.Place{
			City: d.Place.City, Country: d.Place.Country, Lat: d.Place.Lat, Lon: d.Place.Lon,
			Precision: d.Place.Precision, Source: d.Place.Source, Prefix: d.Place.Prefix,
		},
		Answer: explain.Answer{
			POP: d.POP.Code, Node: d.Node.ID, Addr: d.Addr, TTL: int(d.TTL), Scope: -1, Degraded: d.Degraded, Overflow: d.Overflow,
			Block: d.Block, From: d.From, At: d.At,
		},
	}
	for _, n := range d.Nodes[min(1, len(d.Nodes)):] {
		x.Answer.Others = append(x.Answer.Others, n.Addr)
	}
	if e.Viewer.IsValid() {
		x.Viewer.Network, x.Answer.Scope = e.Viewer, int(e.Scope)
	}
	x.DNSSEC = s.zones.of(dns.CanonicalName(name)).dnssec()
	at, loads := d.Place.point(), s.loads()
	for _, r := range d.Ranking {
		p := explain.POP{Code: r.Code, Km: r.Km, Edges: len(r.Edges), Use: -1, Spill: r.Spill, Excluded: string(r.Excluded), Way: r.RoundTrip, Measured: r.Measured}
		if l, known := loads[r.Code]; known {
			p.Use = l.Use
		}
		for _, edge := range r.Edges {
			if edge.Healthy {
				p.Healthy++
			}
		}
		if s.roundTrip != nil {
			p.RoundTrip = s.roundTrip(at, pick.Point{Lat: r.Lat, Lon: r.Lon}).Round(10 * time.Microsecond)
		}
		x.Ranking = append(x.Ranking, p)
	}
	return x
}
