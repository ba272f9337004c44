package router

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/router/pick"
	"github.com/warmfront/warmfront/router/transport"
	"github.com/warmfront/warmfront/router/wire"
)

// Proto is what a query came over.
type Proto = transport.Proto

// The protocols.
const (
	UDP = transport.UDP
	TCP = transport.TCP
)

// Answer returns the answer to a query, nil where there must be none (q is
// itself an answer). It changes nothing, and is the definition of what this server
// says: what is faster beside it (respondCommon) says the same. The records in the answer
// are shared with later ones and must not be changed.
func (r *Router) Answer(q *dns.Msg, from netip.Addr, proto Proto) *dns.Msg {
	now := r.cfg.Now()
	s := r.current()
	p := s.compose(q, q.Len(), from, proto, now)
	if p == nil {
		return nil
	}
	r.complete(s, p, proto, now)
	return p.msg
}

// reply is an answer in the making: first it is composed, then, if it is to be sent,
// completed.
type reply struct {
	msg  *dns.Msg
	edns wire.EDNS
	trace
	subject
}

// trace is what metrics and limits go by.
type trace struct {
	pop string // of the edge that was answered, "" for none
	// distribution is the id of the one asked for, where pop is set.
	distribution string
	geo          string // how the viewer was placed, "" if it was not

	viewer netip.Prefix // the client subnet of the query
	proven bool         // by a cookie: the query comes from where it says
	said   int          // the response code, whatever a signed denial makes of it
}

// compose makes the answer to a query, which came in so many bytes, but for what depends on how
// it is sent: signatures, the OPT, and its size. Nil is no answer.
func (s *snapshot) compose(q *dns.Msg, size int, from netip.Addr, proto Proto, now time.Time) *reply {
	if q.Response {
		return nil
	}
	// AD and CD are for resolvers: who is authoritative clears both (RFC 4035, section
	// 3.1.6).
	r := &dns.Msg{MsgHdr: dns.MsgHdr{
		Id: q.Id, Response: true, Opcode: q.Opcode, RecursionDesired: q.RecursionDesired,
	}}
	p := &reply{msg: r}
	e := &p.edns
	ok := e.Read(q)
	ok = ok && s.server.admit(e, from, proto, now)
	if !e.Proven {
		e.Size = min(e.Size, wire.Unproven(size)) // which by TCP says nothing
	}
	switch {
	case q.Opcode != dns.OpcodeQuery:
		r.Rcode = dns.RcodeNotImplemented
	case ok && len(q.Question) == 0 && e.Cookie != nil:
		// A client asks for a cookie and nothing else (RFC 7873, section 5.4).
	case !ok || len(q.Question) != 1 || q.Question[0].Qclass == 0 || q.Question[0].Qtype == dns.TypeOPT:
		// Class zero is reserved (RFC 6895, section 3.2), and what the library
		// makes of a question that ends early.
		r.Rcode = dns.RcodeFormatError
	case e.Version != 0:
		r.Rcode, e.Subnet, e.Replies = dns.RcodeBadVers, nil, nil
	default:
		r.Question = q.Question[:1:1]
		s.resolve(p, from)
	}
	p.viewer, p.proven, p.said = e.Viewer, e.Proven, r.Rcode
	return p
}

// resolve fills in the answer to the question of p.
func (s *snapshot) resolve(p *reply, from netip.Addr) {
	r, e := p.msg, &p.edns
	q := r.Question[0]
	if q.Qclass == dns.ClassCHAOS {
		s.server.chaos(r)
		return
	}
	name := dns.CanonicalName(q.Name)
	z := s.zones.of(name)
	if z == nil || q.Qclass != dns.ClassINET || q.Qtype == dns.TypeAXFR || q.Qtype == dns.TypeIXFR {
		r.Rcode = dns.RcodeRefused
		return
	}
	if q.Qtype == dns.TypeNXNAME {
		// It is only ever among the types of a denial (RFC 9824, section 3.5).
		r.Rcode, r.Question = dns.RcodeFormatError, nil
		e.EDE = &dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeInvalidQueryType}
		return
	}
	if s.explains(name, from) && s.state != nil {
		r.Authoritative = true
		s.answerExplanation(r, e, name, from)
		s.negative(r, z)
		p.subject = subject{zone: z, name: name, invented: true, explained: r.Rcode == dns.RcodeSuccess}
		return
	}
	if z.hosted != nil {
		s.resolveHosted(p, z, name, from)
		return
	}
	held, port := z.names[name], uint16(standardHTTPS)
	plan, known := s.plan(name, held)
	service, pop := false, ""
	if plan != nil && s.state != nil {
		if pop, _ = s.state.AtPOP(strings.TrimSuffix(name, ".")); pop != "" {
			port = 0 // it is for who was sent there, and has no HTTPS record
		}
	}
	if held == nil && plan == nil {
		plan, port = s.service(name)
		service = plan != nil
	}
	if !known {
		e.NotReady(r, "the journal has not been read yet")
		return
	}
	r.Authoritative = true
	p.subject = subject{zone: z, name: name, held: held, plan: plan, service: service, port: port, invented: s.invented(name, held)}
	switch {
	case held == nil && plan == nil:
		if !z.before[name] && !s.before[name] {
			r.Rcode = dns.RcodeNameError
		}
	case q.Qtype == dns.TypeANY:
		r.Answer = []dns.RR{minimalANY(q.Name)}
	case q.Qtype == dns.TypeSOA && name == z.apex:
		r.Answer = []dns.RR{s.soa(z, q.Name)}
	case len(held[q.Qtype]) > 0:
		s.answerHeld(r, held[q.Qtype])
	case plan != nil && q.Qtype == dns.TypeHTTPS && port != 0:
		p.trace = s.answerHTTPS(r, e, plan, port, from)
	case plan != nil && !service && (q.Qtype == dns.TypeA || q.Qtype == dns.TypeAAAA):
		p.trace = s.steer(r, e, plan, from, pop)
	}
	s.negative(r, z)
}

// negative puts the SOA into answers that say that there is nothing (RFC 2308,
// section 3).
func (s *snapshot) negative(r *dns.Msg, z *zone) {
	if len(r.Answer) == 0 && (r.Rcode == dns.RcodeSuccess || r.Rcode == dns.RcodeNameError) {
		r.Ns = []dns.RR{s.soa(z, z.apex)}
	}
}

// plan returns the distribution that a name belongs to, nil for none. Known is
// false while it cannot be told. Addresses that the zone itself holds for the name
// go before an alias.
func (s *snapshot) plan(name string, held map[uint16][]dns.RR) (p *cdn.Plan, known bool) {
	if len(held[dns.TypeA]) > 0 || len(held[dns.TypeAAAA]) > 0 {
		return nil, true
	}
	if s.state == nil {
		return nil, held != nil
	}
	if name[0] == '_' {
		return nil, true // about other names: no alias stands for it
	}
	host := strings.TrimSuffix(name, ".")
	p = s.state.PlanFor(host)
	if p != nil && s.stands(name, held) && host != p.Domain && !slices.Contains(p.Aliases, host) {
		return nil, true
	}
	return p, true
}

// stands reports whether a name exists for what the zone holds at it or what is below it, so that
// no wildcard stands for it (RFC 4592, section 2.2.2).
func (s *snapshot) stands(name string, held map[uint16][]dns.RR) bool {
	z := s.zones.of(name)
	return z != nil && name != z.apex && (held != nil || z.before[name] || s.before[name])
}

// steer answers with the address of the edge for the viewer. An alias within the
// zone is answered like the domain name itself, as Route 53 does for its alias
// records: a CNAME would be one more lookup, and is not allowed at the apex.
// A disabled distribution is answered too: at CloudFront its name stays, and the
// edge refuses the request. Pop, if any, is the POP that is asked for: its edges answer,
// whoever asks, as long as it has healthy ones.
func (s *snapshot) steer(r *dns.Msg, e *wire.EDNS, plan *cdn.Plan, from netip.Addr, pop string) (t trace) {
	family, other := pick.IPv4, pick.IPv6
	if r.Question[0].Qtype == dns.TypeAAAA {
		family, other = other, family
		if !plan.IPv6 {
			return t
		}
	}
	pool := s.table.Pool(plan.PriceClass, family)
	if pool.Empty() {
		if s.table.Pool(plan.PriceClass, other).Empty() {
			r.Authoritative = false
			e.NotReady(r, "no edge is registered in "+plan.PriceClass.String())
		}
		return t
	}
	choice, named := pool.At(pop, plan.ID)
	outcome := "unknown"
	if !named {
		choice, outcome, e.Scope = s.choose(e, pool, plan, from)
	}
	addrs := choice.Addresses(family, s.most)
	for _, a := range addrs.All() {
		rr := addressRecord(a, ttlAddress)
		rr.Header().Name = r.Question[0].Name
		r.Answer = append(r.Answer, rr)
	}
	return trace{pop: choice.Site.Code, distribution: plan.ID, geo: outcome}
}

// choose returns what the viewer is given of a pool, how the viewer was placed, and
// the scope within which others are given the same. A viewer of a subnet that nobody knows
// is given what is given at the asking address.
func (s *snapshot) choose(e *wire.EDNS, pool *pick.Pool, plan *cdn.Plan, from netip.Addr) (c pick.Choice, outcome string, shared uint8) {
	from = from.Unmap()
	if !pool.Divided() {
		return s.chooseByPlace(e, pool, plan, from)
	}
	if e.Viewer.IsValid() {
		c, bits := pool.Find(e.Viewer.Addr(), plan.ID)
		shared = uint8(bits)
		if c.Site != nil {
			return c, "subnet", shared
		}
	}
	if c, _ := pool.Find(from, plan.ID); c.Site != nil {
		return c, "address", shared
	}
	return pool.Nearest(s.home.point(), pick.Block(from, 0), plan.ID), "unknown", shared
}

// chooseByPlace is choose without a location table.
func (s *snapshot) chooseByPlace(e *wire.EDNS, pool *pick.Pool, plan *cdn.Plan, from netip.Addr) (c pick.Choice, outcome string, shared uint8) {
	place, outcome := s.place(e, from)
	block := pick.Block(from, 0)
	if outcome == "subnet" {
		block = pick.Block(e.Viewer.Addr(), int(scope(e.Viewer, place.Prefix)))
	}
	c = pool.Nearest(place.point(), block, plan.ID)
	if e.Viewer.IsValid() && (pool.Tailored() || c.Block.IsValid()) {
		shared = scope(e.Viewer, place.Prefix)
		if outcome == "subnet" && c.Block.IsValid() {
			shared = uint8(c.Block.Bits())
		}
	}
	return c, outcome, shared
}

// place says where the viewer is. A subnet that nobody knows (a private one,
// say) is placed by the asking address, and the scope stays that of the subnet.
func (s *snapshot) place(e *wire.EDNS, from netip.Addr) (p Place, outcome string) {
	var prefix netip.Prefix
	if e.Viewer.IsValid() {
		p, ok := s.locate(e.Viewer.Addr())
		if ok {
			return p, "subnet"
		}
		prefix = p.Prefix
	}
	p, ok := s.locate(from.Unmap())
	outcome = "address"
	if !ok {
		p, outcome = s.home, "unknown"
	}
	if e.Viewer.IsValid() {
		p.Prefix = prefix
	}
	return p, outcome
}

// scope is the SCOPE PREFIX-LENGTH (RFC 7871, section 7.2.1): the prefix within
// which the location data say the same, which may be shorter or longer than what
// was sent. Without data, what was sent is all that the answer is known to hold for.
func scope(sent, located netip.Prefix) uint8 {
	if !located.IsValid() || !located.Contains(sent.Addr()) {
		return uint8(sent.Bits())
	}
	return uint8(located.Bits())
}

// answerHeld answers with records of the zone itself, named as they were asked
// for: resolvers put random capitals into names to recognize forged answers.
func (s *snapshot) answerHeld(r *dns.Msg, rrs []dns.RR) {
	for _, rr := range rrs {
		rr = dns.Copy(rr)
		rr.Header().Name = r.Question[0].Name
		r.Answer = append(r.Answer, rr)
		if ns, ok := rr.(*dns.NS); ok {
			own := s.zones[0].names[ns.Ns]
			r.Extra = append(r.Extra, own[dns.TypeA]...)
			r.Extra = append(r.Extra, own[dns.TypeAAAA]...)
		}
	}
}

// soa returns the SOA of a zone. Its serial is the version of the journal that the
// answers rest on.
func (s *snapshot) soa(z *zone, owner string) dns.RR {
	soa := z.soa
	soa.Hdr.Name = owner
	if s.state != nil {
		soa.Serial = uint32(s.state.Version.Number)
	}
	return &soa
}

// minimalANY answers ANY with one made-up record, so that it neither amplifies
// nor depends on where the viewer is (RFC 8482, section 4.2).
func minimalANY(owner string) dns.RR {
	h := header(dns.TypeHINFO, ttlANY)
	h.Name = owner
	return &dns.HINFO{Hdr: h, Cpu: "RFC8482"}
}
