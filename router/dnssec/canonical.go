package dnssec

import (
	"bytes"
	"slices"

	"github.com/miekg/dns"
)

func packName(name string) ([]byte, error) {
	wire := make([]byte, 256)
	n, err := dns.PackDomainName(name, wire, 0, nil, false)
	return wire[:n], err
}

// Canonical returns an RRset in the form that is signed (RFC 4034, section 6.3; RFC 6840,
// section 5.1): owners in lower case and not compressed, records by the order of their
// data, none twice. The TTL of the first counts for all.
func Canonical(rrset []dns.RR) ([]byte, error) {
	var records [][]byte
	total := 0
	for _, rr := range rrset {
		rr = lower(rr)
		rr.Header().Ttl = rrset[0].Header().Ttl
		wire := make([]byte, dns.Len(rr)+1)
		n, err := dns.PackRR(rr, wire, 0, nil, false)
		if err != nil {
			return nil, err
		}
		lowerName(wire[:n])
		records = append(records, wire[:n])
		total += n
	}
	slices.SortFunc(records, func(a, b []byte) int {
		// The owner is the same; the length before the data does not count.
		return bytes.Compare(data(a), data(b))
	})
	records = slices.CompactFunc(records, bytes.Equal)
	return slices.Concat(records...), nil
}

// lowerName makes the capitals in the name at the beginning of wire small, those too that
// the library writes as numbers.
func lowerName(wire []byte) {
	for at := 0; wire[at] != 0; {
		end := at + 1 + int(wire[at])
		for at++; at < end; at++ {
			if b := wire[at]; b >= 'A' && b <= 'Z' {
				wire[at] = b + 'a' - 'A'
			}
		}
	}
}

// data returns the RDATA of a record that is not compressed.
func data(record []byte) []byte {
	at := 0
	for record[at] != 0 {
		at += int(record[at]) + 1
	}
	const fixed = 10 // type, class, TTL, length
	return record[at+1+fixed:]
}

// lower returns a copy of a record with its owner in lower case, and those names in
// its data that are to be (RFC 4034, section 6.2): of the types that routers answer with NS
// and SOA have some. Those of NSEC and HTTPS stay as they are.
func lower(rr dns.RR) dns.RR {
	rr = dns.Copy(rr)
	rr.Header().Name = dns.CanonicalName(rr.Header().Name)
	switch rr := rr.(type) {
	case *dns.NS:
		rr.Ns = dns.CanonicalName(rr.Ns)
	case *dns.SOA:
		rr.Ns, rr.Mbox = dns.CanonicalName(rr.Ns), dns.CanonicalName(rr.Mbox)
	case *dns.CNAME:
		rr.Target = dns.CanonicalName(rr.Target)
	}
	return rr
}
