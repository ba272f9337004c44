package wire

import (
	"encoding/hex"
	"net/netip"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/router/transport"
)

// EDNS is what a query says by EDNS (RFC 6891), and the OPT of the answer.
type EDNS struct {
	Present bool
	Version uint8
	// Size is how many bytes a UDP answer has at most.
	Size    int
	DO      bool
	CO      bool              // compact answers are understood (RFC 9824, section 5.1)
	Compact bool              // and this one may be one
	Subnet  *dns.EDNS0_SUBNET // nil where none was sent
	// Viewer is the network that the subnet option names. It is not valid where
	// none was sent, or one of zero bits: a viewer who does not want to
	// be placed (RFC 7871, section 7.1.2).
	Viewer netip.Prefix
	Scope  uint8 // of the answer
	EDE    *dns.EDNS0_EDE

	NSID      bool   // asked for (RFC 5001)
	Keepalive bool   // asked for (RFC 7828)
	Cookie    []byte // the data of the query's COOKIE option, nil for none (RFC 7873)
	Proven    bool   // the cookie is valid
	// Replies are the options of the answer that depend on this server rather
	// than on the question.
	Replies []dns.EDNS0
}

// Read reads the OPT of a query; it returns false where that is malformed.
func (e *EDNS) Read(q *dns.Msg) bool {
	e.Size = dns.MinMsgSize
	for _, rr := range q.Extra {
		opt, isOPT := rr.(*dns.OPT)
		if !isOPT {
			continue
		}
		// One OPT, owned by the root (RFC 6891, sections 6.1.1 and 6.1.2).
		if e.Present || opt.Hdr.Name != "." {
			*e = EDNS{Size: dns.MinMsgSize}
			return false
		}
		e.Present, e.Version, e.DO, e.CO = true, opt.Version(), opt.Do(), opt.Co()
		e.Size = min(max(int(opt.UDPSize()), dns.MinMsgSize), transport.UDPSize)
		for _, o := range opt.Option {
			if !e.readOption(opt, o) {
				e.Subnet, e.Viewer, e.Cookie = nil, netip.Prefix{}, nil
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
func (e *EDNS) readOption(opt *dns.OPT, o dns.EDNS0) bool {
	switch o := o.(type) {
	case *dns.EDNS0_SUBNET:
		return e.Subnet == nil && e.readSubnet(opt, o)
	case *dns.EDNS0_NSID:
		e.NSID = true
	case *dns.EDNS0_TCP_KEEPALIVE:
		e.Keepalive = true
	case *dns.EDNS0_COOKIE:
		if e.Cookie != nil {
			return true // the first counts (RFC 7873, section 5.2)
		}
		data, err := hex.DecodeString(o.Cookie)
		if err != nil || len(data) == 0 {
			return false
		}
		e.Cookie = data
	}
	return true
}

// readSubnet checks the subnet option by RFC 7871, sections 6 and 7.2.1: the
// scope of a query is zero, ADDRESS has exactly the octets that SOURCE
// PREFIX-LENGTH needs, and no bit is set beyond it.
func (e *EDNS) readSubnet(opt *dns.OPT, s *dns.EDNS0_SUBNET) bool {
	// The library forgets how many octets there were, but not the length of all
	// the options, and it would write the right number of them.
	const fixed = 11 // root, type, class, TTL, length
	if opt.Hdr.Rdlength != 0 && int(opt.Hdr.Rdlength) != dns.Len(opt)-fixed {
		return false
	}
	if s.SourceScope != 0 {
		return false
	}
	e.Subnet = s
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
	e.Viewer = netip.PrefixFrom(addr, int(s.SourceNetmask))
	return ok && e.Viewer.IsValid() && addr.Is4() == (s.Family == 1) && e.Viewer.Masked() == e.Viewer
}
