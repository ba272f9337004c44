package router

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/router/dnssec"
	"github.com/warmfront/warmfront/router/explain"
	"github.com/warmfront/warmfront/router/pick"
	"github.com/warmfront/warmfront/router/wire"
)

// signaturesPerSecond is how many signatures are made in a second for who has not proven that
// he receives what is sent to his address: a fifth of a processor for signing alone. Who comes too late is
// told to use TCP.
const signaturesPerSecond = 5000

// newSigner returns what signs, which signs nothing without keys.
func newSigner(cfg Config) (*dnssec.Signer, error) {
	if len(cfg.Keys) > 0 && len(cfg.Keys.Of(cfg.Zone)) == 0 {
		var others []string
		for _, k := range cfg.Keys {
			others = append(others, strings.TrimSuffix(k.Zone, "."))
		}
		return nil, fmt.Errorf("router: --dnssec: there is no key of the zone %s, only of %s", cfg.Zone, strings.Join(slices.Compact(others), ", "))
	}
	perSecond := 0
	if cfg.RateLimit.PerSecond > 0 {
		perSecond = signaturesPerSecond
	}
	s, err := dnssec.New(cfg.Keys, perSecond)
	if err != nil {
		return nil, fmt.Errorf("router: --dnssec: %w", err)
	}
	return s, nil
}

// Rekey has answers signed with other keys from now on, where they were signed before: while
// a key is replaced. The zones are the same, and those that are signed stay so.
func (r *Router) Rekey(keys dnssec.Keys) error {
	cfg := r.cfg
	if len(cfg.Keys) == 0 || len(keys) == 0 {
		return errors.New("router: --dnssec: signing begins and ends with a start of the router")
	}
	cfg.Keys = keys
	signer, err := newSigner(cfg)
	if err != nil {
		return err
	}
	zones, err := newZones(cfg, signer)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := keys.Follow(r.cfg.Keys); err != nil {
		return fmt.Errorf("router: --dnssec: %w", err)
	}
	r.cfg.Keys = keys
	next := *r.snap.Load()
	next.signer, next.configured, next.zones = signer, zones, r.withHosted(next.state, zones, &next)
	next.index = r.index(&next)
	r.snap.Store(&next)
	return nil
}

// subject is what the name asked for is: the types that it has follow from it.
type subject struct {
	zone      *zone  // nil where nothing is said of it
	name      string // canonical
	held      map[uint16][]dns.RR
	plan      *cdn.Plan
	service   bool   // the name is of HTTPS records only
	port      uint16 // which they are about, 0 for a name above them
	explained bool
	invented  bool // the name is one that strangers can make up
}

// types returns the types that there are at a name which exists. One that some viewers are
// given and others not is among them.
func (s *snapshot) types(of *subject) (out []uint16) {
	for t := range of.held {
		out = append(out, t)
	}
	if of.name == of.zone.apex {
		out = append(out, dns.TypeSOA)
	}
	if of.explained {
		out = append(out, dns.TypeTXT)
	}
	if of.plan == nil {
		return out
	}
	v4 := !s.table.Pool(of.plan.PriceClass, pick.IPv4).Empty()
	v6 := of.plan.IPv6 && !s.table.Pool(of.plan.PriceClass, pick.IPv6).Empty()
	if v4 && !of.service {
		out = append(out, dns.TypeA)
	}
	if v6 && !of.service {
		out = append(out, dns.TypeAAAA)
	}
	if (v4 || v6) && of.port != 0 {
		out = append(out, dns.TypeHTTPS)
	}
	return out
}

// dnssec says how a zone's answers are signed, nil for not at all.
func (z *zone) dnssec() *explain.DNSSEC {
	if z == nil || z.signing == nil {
		return nil
	}
	d := &explain.DNSSEC{Zone: strings.TrimSuffix(z.apex, "."), Algorithm: dnssec.AlgorithmName}
	for _, tag := range z.signing.Tags() {
		d.Keys = append(d.Keys, int(tag))
	}
	return d
}

// complete makes an answer ready to be sent: signed where it can be, and of a size that
// fits. On an error it has become SERVFAIL; on dnssec.ErrTooMany it says only: ask by TCP.
func (s *snapshot) complete(p *reply, proto Proto, now time.Time) error {
	err := s.sign(p, dnssec.Use{Invented: p.invented, Limited: proto == UDP && !p.proven}, now)
	if errors.Is(err, dnssec.ErrTooMany) {
		p.edns.Finish(p.msg, proto)
		p.msg = wire.Truncated(p.msg)
		return err
	}
	if err != nil {
		p.msg = &dns.Msg{MsgHdr: p.msg.MsgHdr, Question: p.msg.Question}
		p.msg.Rcode, p.said = dns.RcodeServerFailure, dns.RcodeServerFailure
	}
	p.edns.Finish(p.msg, proto)
	return err
}

// sign puts into an answer what those want who asked for DNSSEC (RFC 4035, section 3.1), and
// what was asked for by its type.
func (s *snapshot) sign(p *reply, use dnssec.Use, now time.Time) error {
	z, m := p.zone, p.msg
	if z == nil || z.signing == nil || m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
		return nil
	}
	qtype, exists := m.Question[0].Qtype, m.Rcode == dns.RcodeSuccess
	p.edns.Compact = p.edns.DO && p.edns.CO
	if len(m.Answer) == 0 && (p.edns.DO || exists && (qtype == dns.TypeNSEC || qtype == dns.TypeRRSIG)) {
		types := slices.DeleteFunc(s.types(&p.subject), func(t uint16) bool { return t == qtype })
		nsec, err := dnssec.Deny(m.Question[0].Name, exists, types, ttlNegative)
		if err != nil {
			return err
		}
		switch {
		case qtype == dns.TypeNSEC:
			m.Answer, m.Ns = []dns.RR{nsec}, nil
		case qtype == dns.TypeRRSIG && exists:
			// Of all signatures one, as for ANY (RFC 8482, section 7).
			m.Ns = nil
			m.Answer, err = z.signing.Sign([]dns.RR{nsec}, use, now)
			return err
		default:
			m.Ns = append(m.Ns, nsec)
		}
	}
	if !p.edns.DO {
		return nil
	}
	if !exists && !p.edns.Compact {
		// A validator that knows nothing of NXNAME takes the proof for one of no data (RFC
		// 9824, section 3.1).
		m.Rcode = dns.RcodeSuccess
	}
	for _, section := range []*[]dns.RR{&m.Answer, &m.Ns, &m.Extra} {
		var err error
		if *section, err = s.signed(*section, m.Question[0].Name, use, now); err != nil {
			return err
		}
	}
	return nil
}

// signed returns the records of a section with the signatures behind each RRset. Records
// of an RRset are next to one another. Use is that of the name asked for; others there are.
func (s *snapshot) signed(section []dns.RR, asked string, use dnssec.Use, now time.Time) (out []dns.RR, err error) {
	for len(section) > 0 {
		first, n := section[0].Header(), 1
		for n < len(section) && section[n].Header().Name == first.Name && section[n].Header().Rrtype == first.Rrtype {
			n++
		}
		rrset := section[:n]
		section = section[n:]
		out = append(out, rrset...)
		z := s.zones.of(dns.CanonicalName(first.Name))
		if z == nil || z.signing == nil {
			continue
		}
		of := use
		of.Invented = use.Invented && first.Name == asked
		sigs, err := z.signing.Sign(rrset, of, now)
		if err != nil {
			return nil, err
		}
		out = append(out, sigs...)
	}
	return out, nil
}
