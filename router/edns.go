package router

import (
	"encoding/hex"
	"net/netip"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/router/transport"
)

// udpSize is the largest UDP answer.
const udpSize = transport.UDPSize

// edns is what a query says by EDNS (RFC 6891), and the OPT of the answer.
type edns struct {
	present bool
	version uint8
	size    int // of a UDP answer
	do      bool
	co      bool              // compact answers are understood (RFC 9824, section 5.1)
	compact bool              // and this one may be one
	subnet  *dns.EDNS0_SUBNET // nil where none was sent
	// viewer is the network that the subnet option names. It is not valid where
	// none was sent, or one of zero bits: a viewer who does not want to
	// be placed (RFC 7871, section 7.1.2).
	viewer netip.Prefix
	scope  uint8 // of the answer
	ede    *dns.EDNS0_EDE

	nsid      bool   // asked for (RFC 5001)
	keepalive bool   // asked for (RFC 7828)
	cookie    []byte // the data of the query's COOKIE option, nil for none (RFC 7873)
	proven    bool   // the cookie is valid
	// replies are the options of the answer that depend on this server rather
	// than on the question.
	replies []dns.EDNS0
}

// read reads the OPT of a query; it returns false where that is malformed.
func (e *edns) read(q *dns.Msg) bool {
	e.size = dns.MinMsgSize
	for _, rr := range q.Extra {
		opt, isOPT := rr.(*dns.OPT)
		if !isOPT {
			continue
		}
		// One OPT, owned by the root (RFC 6891, sections 6.1.1 and 6.1.2).
		if e.present || opt.Hdr.Name != "." {
			*e = edns{size: dns.MinMsgSize}
			return false
		}
		e.present, e.version, e.do, e.co = true, opt.Version(), opt.Do(), opt.Co()
		e.size = min(max(int(opt.UDPSize()), dns.MinMsgSize), udpSize)
		for _, o := range opt.Option {
			if !e.readOption(opt, o) {
				e.subnet, e.viewer, e.cookie = nil, netip.Prefix{}, nil
				return false
			}
		}
	}
	return true
}

// readsOption reports whether readOption looks at options of a code.
func readsOption(code uint16) bool {
	switch code {
	case dns.EDNS0SUBNET, dns.EDNS0NSID, dns.EDNS0TCPKEEPALIVE, dns.EDNS0COOKIE:
		return true
	}
	return false
}

// readOption takes in one option, and reports whether it is well formed. Those unknown
// to us are ignored (RFC 6891, section 6.1.2).
func (e *edns) readOption(opt *dns.OPT, o dns.EDNS0) bool {
	switch o := o.(type) {
	case *dns.EDNS0_SUBNET:
		return e.subnet == nil && e.readSubnet(opt, o)
	case *dns.EDNS0_NSID:
		e.nsid = true
	case *dns.EDNS0_TCP_KEEPALIVE:
		e.keepalive = true
	case *dns.EDNS0_COOKIE:
		if e.cookie != nil {
			return true // the first counts (RFC 7873, section 5.2)
		}
		data, err := hex.DecodeString(o.Cookie)
		if err != nil || len(data) == 0 {
			return false
		}
		e.cookie = data
	}
	return true
}

// readSubnet checks the subnet option by RFC 7871, sections 6 and 7.2.1: the
// scope of a query is zero, ADDRESS has exactly the octets that SOURCE
// PREFIX-LENGTH needs, and no bit is set beyond it.
func (e *edns) readSubnet(opt *dns.OPT, s *dns.EDNS0_SUBNET) bool {
	// The library forgets how many octets there were, but not the length of all
	// the options, and it would write the right number of them.
	const fixed = 11 // root, type, class, TTL, length
	if opt.Hdr.Rdlength != 0 && int(opt.Hdr.Rdlength) != dns.Len(opt)-fixed {
		return false
	}
	if s.SourceScope != 0 {
		return false
	}
	e.subnet = s
	if s.SourceNetmask == 0 {
		// Any family: dig's +subnet=0 sends none.
		return s.Address.IsUnspecified() || s.Address == nil
	}
	addr, ok := netip.AddrFromSlice(s.Address)
	if ok && s.Family == 1 {
		// The library keeps IPv4 in its mapped form. A mapped address of family 2
		// stays what it is.
		addr = addr.Unmap()
	}
	e.viewer = netip.PrefixFrom(addr, int(s.SourceNetmask))
	return ok && e.viewer.IsValid() && addr.Is4() == (s.Family == 1) && e.viewer.Masked() == e.viewer
}

// finish puts the OPT into an answer and makes the answer fit.
func (e *edns) finish(r *dns.Msg, proto Proto) {
	if e.present {
		opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
		opt.SetUDPSize(udpSize)
		opt.SetDo(e.do) // RFC 3225, section 3: copied
		opt.SetCo(e.compact)
		if e.subnet != nil {
			// Sent back whenever it was sent, whether it mattered or not (RFC 7871,
			// section 7.2.1): family, source and address as they came.
			opt.Option = append(opt.Option, &dns.EDNS0_SUBNET{
				Code: dns.EDNS0SUBNET, Family: e.subnet.Family, Address: e.subnet.Address,
				SourceNetmask: e.subnet.SourceNetmask, SourceScope: e.scope,
			})
		}
		if e.ede != nil {
			opt.Option = append(opt.Option, e.ede)
		}
		opt.Option = append(opt.Option, e.replies...)
		r.Extra = append(r.Extra, opt)
	}
	r.Compress = true
	if proto == UDP {
		fit(r, e.size)
	}
}

// fit makes an answer fit a datagram. Addresses of name servers are a courtesy and
// go first. If that does not do, all goes and TC is set: half an RRset is of no
// use to a resolver, which asks again over TCP (RFC 2181, section 9).
func fit(r *dns.Msg, size int) {
	if r.Len() <= size {
		return
	}
	opt := r.IsEdns0()
	r.Extra = nil
	if opt != nil {
		r.Extra = []dns.RR{opt}
	}
	if r.Len() > size {
		r.Answer, r.Ns, r.Truncated = nil, nil, true
	}
}
