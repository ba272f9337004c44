package router

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/router/dnssec"
	"github.com/warmfront/warmfront/router/hosted"
)

// The times to live, in seconds. That of addresses is CloudFront's; that of
// negative answers is as long, so that a name asked for a moment too early is
// found a minute later (RFC 2308: the lesser of the SOA's TTL and its minimum).
const (
	ttlAddress  = 60
	ttlNegative = 60
	ttlZone     = 3600 // NS and the addresses of name servers
	ttlANY      = 3600
)

// zone is the part of the answers that rests on the configuration alone.
type zone struct {
	apex   string // canonical: lower case, final dot
	soa    dns.SOA
	names  map[string]map[uint16][]dns.RR // by canonical name and type
	before map[string]bool                // empty non-terminals among the above
	// signing signs its records; nil: nothing does.
	signing *dnssec.Zone

	// hosted is what a hosted zone has, which was made of a resource; nil of others.
	hosted   *hosted.Zone
	resource *cdn.Resource
}

// maxText bounds what one TXT record may hold, so that every answer fits TCP.
const maxText = 4096

// zones are those that a router is authoritative for: first the network's own, in
// which distributions have their names and the name servers theirs, then those
// in which only aliases are found, then hosted ones. Of the first two kinds none is
// above another.
type zones []*zone

func newZones(cfg Config, signer *dnssec.Signer) (zones, error) {
	own, err := newZone(cfg, signer)
	if err != nil {
		return nil, err
	}
	all := zones{own}
	for _, name := range cfg.AliasZones {
		apex := dns.Fqdn(strings.ToLower(name))
		if _, ok := dns.IsDomainName(apex); !ok || apex == "." || strings.ContainsAny(apex, `\ `) {
			return nil, fmt.Errorf("router: --zone-for-aliases %q is not a domain name", name)
		}
		for _, z := range all {
			if dns.IsSubDomain(z.apex, apex) || dns.IsSubDomain(apex, z.apex) {
				return nil, fmt.Errorf("router: --zone-for-aliases: %s and the zone %s overlap: aliases within a zone need no other", apex, z.apex)
			}
		}
		z, err := emptyZone(cfg, signer, apex)
		if err != nil {
			return nil, err
		}
		all = append(all, z)
	}
	return all, nil
}

// of returns the zone that a name is in, the lowest of several, nil for none.
func (all zones) of(name string) (found *zone) {
	for _, z := range all {
		if dns.IsSubDomain(z.apex, name) && (found == nil || len(z.apex) > len(found.apex)) {
			found = z
		}
	}
	return found
}

// emptyZone returns a zone with what every zone has at its apex.
func emptyZone(cfg Config, signer *dnssec.Signer, apex string) (*zone, error) {
	z := &zone{apex: apex, signing: signer.Zone(apex), names: map[string]map[uint16][]dns.RR{}, before: map[string]bool{}}
	own := dns.Fqdn(cfg.Zone)
	z.soa = dns.SOA{
		Hdr: dns.RR_Header{Name: z.apex, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: ttlNegative},
		Ns:  "ns1." + own, Mbox: "hostmaster." + own,
		Refresh: 7200, Retry: 900, Expire: 1209600, Minttl: ttlNegative,
	}
	for i := range cfg.NS {
		z.add(z.apex, &dns.NS{Hdr: header(dns.TypeNS, ttlZone), Ns: fmt.Sprintf("ns%d.%s", i+1, own)})
	}
	if z.signing != nil {
		for _, rr := range z.signing.Records() {
			z.add(z.apex, rr)
		}
	}
	return z, z.addCAA(cfg.CAA)
}

func newZone(cfg Config, signer *dnssec.Signer) (*zone, error) {
	z, err := emptyZone(cfg, signer, dns.Fqdn(cfg.Zone))
	if err != nil {
		return nil, err
	}
	for i, addrs := range cfg.NS {
		for _, a := range addrs {
			z.add(fmt.Sprintf("ns%d.%s", i+1, z.apex), addressRecord(a, ttlZone))
		}
	}
	for relative, rec := range cfg.Names {
		name := strings.ToLower(relative) + "." + z.apex
		if relative == "" {
			name = z.apex
		}
		if err := z.addRecord(name, rec); err != nil {
			return nil, fmt.Errorf("router: the name %q: %w", relative, err)
		}
	}
	return z, nil
}

// addCAA puts the records at the apex, where certificate authorities look for those
// of all names below (RFC 8659, section 3).
func (z *zone) addCAA(list []string) error {
	for _, text := range list {
		rr, err := dns.NewRR(z.apex + " CAA " + text)
		caa, ok := rr.(*dns.CAA)
		if err != nil || !ok || strings.ContainsAny(text, "\n\r") || len(caa.Tag) == 0 || len(text) > 1024 {
			return fmt.Errorf("router: --caa: the CAA record %q: write FLAGS TAG \"VALUE\", such as 0 issue \"ca.example.net\"", text)
		}
		z.add(z.apex, &dns.CAA{Hdr: header(dns.TypeCAA, ttlZone), Flag: caa.Flag, Tag: caa.Tag, Value: caa.Value})
	}
	return nil
}

func (z *zone) addRecord(name string, rec Record) error {
	if _, ok := dns.IsDomainName(name); !ok {
		return fmt.Errorf("not a domain name")
	}
	if len(rec.Addrs) > 64 {
		return fmt.Errorf("%d addresses; at most 64", len(rec.Addrs))
	}
	for _, a := range rec.Addrs {
		if !a.IsValid() {
			return fmt.Errorf("an address that is not valid")
		}
		z.add(name, addressRecord(a, ttlAddress))
	}
	total := 0
	for _, s := range rec.Text {
		total += len(s) + 1
		if len(s) > 255 || total > maxText {
			return fmt.Errorf("a text of more than 255 bytes, or %d in all", maxText)
		}
	}
	if len(rec.Text) > 0 {
		z.add(name, &dns.TXT{Hdr: header(dns.TypeTXT, ttlAddress), Txt: rec.Text})
	}
	return nil
}

func (z *zone) add(name string, rr dns.RR) {
	if z.names[name] == nil {
		z.names[name] = map[uint16][]dns.RR{}
		between(z.before, name, z.apex)
	}
	rr.Header().Name = name
	t := rr.Header().Rrtype
	z.names[name][t] = append(z.names[name][t], rr)
}

// between adds to set the names above name and below the apex: they exist, though
// they may hold nothing (RFC 8020; RFC 4592, section 2.2.2).
func between(set map[string]bool, name, apex string) {
	for {
		i, end := dns.NextLabel(name, 0)
		if end || len(name)-i <= len(apex) {
			return
		}
		name = name[i:]
		set[name] = true
	}
}

func header(rrtype uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Rrtype: rrtype, Class: dns.ClassINET, Ttl: ttl}
}

func addressRecord(a netip.Addr, ttl uint32) dns.RR {
	if a = a.Unmap(); a.Is4() {
		return &dns.A{Hdr: header(dns.TypeA, ttl), A: a.AsSlice()}
	}
	return &dns.AAAA{Hdr: header(dns.TypeAAAA, ttl), AAAA: a.WithZone("").AsSlice()}
}
