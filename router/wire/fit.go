package wire

import (
	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/router/transport"
)

// Finish puts the OPT into an answer and makes the answer fit, by UDP, Size bytes.
func (e *EDNS) Finish(r *dns.Msg, proto transport.Proto) {
	if e.Present {
		opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
		opt.SetUDPSize(transport.UDPSize)
		opt.SetDo(e.DO) // RFC 3225, section 3: copied
		opt.SetCo(e.Compact)
		if e.Subnet != nil {
			// Sent back whenever it was sent, whether it mattered or not (RFC 7871,
			// section 7.2.1): family, source and address as they came.
			opt.Option = append(opt.Option, &dns.EDNS0_SUBNET{
				Code: dns.EDNS0SUBNET, Family: e.Subnet.Family, Address: e.Subnet.Address,
				SourceNetmask: e.Subnet.SourceNetmask, SourceScope: e.Scope,
			})
		}
		if e.EDE != nil {
			opt.Option = append(opt.Option, e.EDE)
		}
		opt.Option = append(opt.Option, e.Replies...)
		r.Extra = append(r.Extra, opt)
	}
	r.Compress = true
	if proto == transport.UDP {
		fit(r, e.Size)
	}
}

// Amplification is how many times as large as its query an answer by UDP is at most, where
// the query has not proven where it comes from: what an attacker who writes another's address
// into it can have sent there, whatever he asks.
const Amplification = 10

// Unproven is how many bytes an answer has at most to a query of so many, both without the
// headers of UDP and below, whose sender has not proven by a cookie or by TCP that he receives what
// is sent to his address.
func Unproven(query int) int { return Amplification * query }

// fit makes an answer fit a datagram. Additional records are a courtesy and go first. If that
// does not do, all goes and TC is set: half an RRset is of no use to a resolver, which
// asks again over TCP (RFC 2181, section 9). Options are answers, too, and go last.
func fit(r *dns.Msg, size int) {
	if fits(r, size) {
		return
	}
	opt := r.IsEdns0()
	r.Extra = nil
	if opt != nil {
		r.Extra = []dns.RR{opt}
	}
	if !fits(r, size) {
		r.Answer, r.Ns, r.Truncated = nil, nil, true
	}
	if opt != nil && !fits(r, size) {
		opt.Option = nil
	}
}

// fits reports whether a message has at most so many bytes. The library counts up to two too
// many for each key and each signature: enough to keep the DNSKEY records of two keys, which every
// validator asks for, from who has no cookie.
func fits(r *dns.Msg, size int) bool {
	over := r.Len() - size
	if over <= 0 {
		return true
	}
	if over > 2*(len(r.Answer)+len(r.Ns)+len(r.Extra)) {
		return false
	}
	packed, err := r.Pack()
	return err == nil && len(packed) <= size
}

// Truncated is an answer that says only: ask by TCP. It is no larger than the
// question.
func Truncated(m *dns.Msg) *dns.Msg {
	out := &dns.Msg{MsgHdr: m.MsgHdr, Compress: true, Question: m.Question}
	out.Truncated = true
	if opt := m.IsEdns0(); opt != nil {
		bare := *opt
		bare.Option = nil
		out.Extra = []dns.RR{&bare}
	}
	return out
}

// NotReady is SERVFAIL with a word on why (RFC 8914): unlike NXDOMAIN it makes
// resolvers ask another server, or serve what they had.
func (e *EDNS) NotReady(r *dns.Msg, why string) {
	r.Rcode = dns.RcodeServerFailure
	e.EDE = &dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeNotReady, ExtraText: why}
}
