package router

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/router/cookie"
	"github.com/warmfront/warmfront/router/transport"
	"github.com/warmfront/warmfront/router/wire"
)

// identity is what a router says of itself, and whom it believes.
type identity struct {
	name, version string
	cookies       *cookie.Server // nil: none are given
	trusted       []netip.Prefix // nil: everybody is
}

func newIdentity(cfg Config) (*identity, error) {
	const longest = 255 // of one string in a TXT record
	if len(cfg.Identity) > longest || len(cfg.Version) > longest {
		return nil, fmt.Errorf("router: the identity and the version may have %d bytes", longest)
	}
	id := &identity{name: cfg.Identity, version: cfg.Version, trusted: cfg.ECSTrusted}
	if cfg.CookieSecret == nil {
		return id, nil
	}
	var err error
	if id.cookies, err = cookie.New(cfg.CookieSecret); err != nil {
		return nil, fmt.Errorf("router: %w", err)
	}
	return id, nil
}

// trusts reports whether a client subnet is taken from an address. Elsewhere
// the option is left out of the answer, which says that it was not looked at
// (RFC 7871, section 7.2.1).
func (id *identity) trusts(from netip.Addr) bool {
	return id.trusted == nil ||
		slices.ContainsFunc(id.trusted, func(p netip.Prefix) bool { return p.Contains(from) })
}

// admit judges the options of a query by whom it came from, and prepares those of
// the answer. It returns false for one that is malformed.
func (id *identity) admit(e *wire.EDNS, from netip.Addr, proto Proto, now time.Time) bool {
	from = from.Unmap()
	if e.Subnet != nil && !id.trusts(from) {
		e.Subnet, e.Viewer = nil, netip.Prefix{}
	}
	if e.NSID && id.name != "" {
		e.Replies = append(e.Replies, &dns.EDNS0_NSID{Code: dns.EDNS0NSID, Nsid: hex.EncodeToString([]byte(id.name))})
	}
	if e.Keepalive && proto == TCP {
		// In units of 100 ms (RFC 7828, section 3.1).
		e.Replies = append(e.Replies, &dns.EDNS0_TCP_KEEPALIVE{Code: dns.EDNS0TCPKEEPALIVE, Timeout: uint16(transport.Idle / (100 * time.Millisecond))})
	}
	if e.Cookie == nil || id.cookies == nil {
		return true
	}
	verdict := id.cookies.Read(e.Cookie, from, now)
	if verdict == cookie.Malformed {
		e.Replies = nil
		return false
	}
	e.Proven = verdict == cookie.Valid
	reply := id.cookies.Reply(nil, e.Cookie, verdict, from, now)
	e.Replies = append(e.Replies, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: hex.EncodeToString(reply)})
	return true
}

// chaos answers questions in class CHAOS: for the server's name (RFC 4892) and,
// by custom, its version. What the operator does not want to be known is refused,
// as all else is.
func (id *identity) chaos(r *dns.Msg) {
	q := r.Question[0]
	text := ""
	switch dns.CanonicalName(q.Name) {
	case "id.server.", "hostname.bind.":
		text = id.name
	case "version.server.", "version.bind.":
		text = id.version
	}
	if text == "" {
		r.Rcode = dns.RcodeRefused
		return
	}
	r.Authoritative = true
	if q.Qtype == dns.TypeTXT || q.Qtype == dns.TypeANY {
		r.Answer = []dns.RR{&dns.TXT{
			Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeTXT, Class: dns.ClassCHAOS}, Txt: []string{text},
		}}
	}
}
