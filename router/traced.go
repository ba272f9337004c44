package router

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/cdn/span"
	"github.com/warmfront/warmfront/router/pick"
	"github.com/warmfront/warmfront/router/wire"
)

// traceAnswer makes a span of a query and its answer, once there is one: how it came about is found out again,
// for those that are recorded alone, so that answering itself knows of no tracing.
func (r *Router) traceAnswer(packet, out []byte, from netip.Addr, proto Proto, now time.Time, t *trace) {
	defer func() { // as in respondTraced
		if p := recover(); p != nil {
			r.cfg.Logger.Error("a DNS query made its tracing panic", "panic", p, "packet", hex.EncodeToString(packet))
		}
	}()
	begin := span.Start{Name: "DNS", Kind: span.Server, At: now}
	if told := span.ParseOption(wire.Option(packet, span.OptionCode)); r.cfg.BelieveTraces {
		begin.Parent = told
	} else {
		begin.Links = []span.Context{told}
	}
	s := span.Begin(r.cfg.Tracer, begin)
	answered := r.cfg.Now()
	if !s.Recorded() {
		s.EndAs(answered, "", "")
		return
	}
	q, a := wire.Decode(packet), &dns.Msg{}
	if q == nil || a.Unpack(out) != nil {
		return // an answer that cannot be read was made of none
	}
	name, failure := "DNS", ""
	s.Set(span.String("warmfront.dns.rcode", dns.RcodeToString[a.Rcode]), span.String("network.transport", transports(proto)),
		span.String("client.address", from.Unmap().String()))
	if a.Rcode == dns.RcodeServerFailure {
		failure = "SERVFAIL"
	}
	if len(q.Question) == 1 {
		asked := q.Question[0]
		name = "DNS " + dns.Type(asked.Qtype).String()
		s.Set(span.String("dns.question.name", strings.TrimSuffix(asked.Name, ".")), span.String("warmfront.dns.type", dns.Type(asked.Qtype).String()))
		s.Set(answersOf(a)...)
		if t.pop != "" {
			s.Set(span.String("warmfront.pop", t.pop), span.String("warmfront.distribution.id", t.distribution))
			s.Set(r.current().reasons(q, from)...)
		}
	}
	s.EndAs(answered, name, failure)
}

func transports(p Proto) string {
	if p == TCP {
		return "tcp"
	}
	return "udp"
}

// answersOf are the addresses of an answer and the scope within which it holds.
func answersOf(a *dns.Msg) (facts []span.Attribute) {
	var answers []string
	for _, rr := range a.Answer {
		switch rr := rr.(type) {
		case *dns.A:
			answers = append(answers, rr.A.String())
		case *dns.AAAA:
			answers = append(answers, rr.AAAA.String())
		}
	}
	if answers != nil {
		facts = append(facts, span.Strings("dns.answers", answers))
	}
	if opt := a.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if subnet, ok := o.(*dns.EDNS0_SUBNET); ok {
				facts = append(facts, span.Int("warmfront.dns.scope", subnet.SourceScope))
			}
		}
	}
	return facts
}

// mostRanked is how many POPs of a ranking a span tells, of those that have edges.
const mostRanked = 8

// reasons are where a viewer was taken to be and how POPs rank from there.
func (s *snapshot) reasons(q *dns.Msg, from netip.Addr) []span.Attribute {
	var e wire.EDNS
	if !e.Read(q) {
		return nil
	}
	if e.Subnet != nil && !s.server.trusts(from.Unmap()) {
		e.Subnet, e.Viewer = nil, netip.Prefix{}
	}
	family := pick.IPv4
	if q.Question[0].Qtype == dns.TypeAAAA {
		family = pick.IPv6
	}
	d, err := s.decide(dns.CanonicalName(q.Question[0].Name), family, &e, from)
	if err != nil {
		return nil // HTTPS records at names of their own, say
	}
	var ranked []string
	for _, p := range d.Ranking {
		if len(p.Edges) == 0 || len(ranked) == mostRanked {
			continue
		}
		entry := fmt.Sprintf("%s %.0f km", p.Code, p.Km)
		if p.Excluded != "" {
			entry += ", " + string(p.Excluded)
		}
		ranked = append(ranked, entry)
	}
	facts := []span.Attribute{
		span.String("warmfront.viewer.placed_by", d.By), span.String("geo.country.iso_code", d.Place.Country),
		span.String("geo.locality.name", d.Place.City), span.Strings("warmfront.pops.ranked", ranked), span.String("warmfront.node", d.Node.ID),
		span.String("warmfront.price_class", d.PriceClass.String()),
	}
	if e.Viewer.IsValid() {
		facts = append(facts, span.String("warmfront.viewer.subnet", e.Viewer.String()))
	}
	if d.Overflow || d.Degraded || d.From != "" {
		facts = append(facts, span.Bool("warmfront.overflow", d.Overflow), span.Bool("warmfront.degraded", d.Degraded), span.String("warmfront.sent_on_from", d.From))
	}
	return facts
}
