package dnssec

import (
	"bytes"
	"slices"

	"github.com/miekg/dns"
)

// Deny returns the NSEC record that says which types there are at a name of a signed
// zone (RFC 9824, section 3.2), beside its own and RRSIG; for a name that does not exist
// exists is false, and it says NXNAME (section 3.1). Its range ends at the very next name, so that
// it says nothing of any other. TTL is that of negative answers (RFC 9077).
func Deny(name string, exists bool, types []uint16, ttl uint32) (*dns.NSEC, error) {
	next, err := successor(name)
	if err != nil {
		return nil, err
	}
	bitmap := []uint16{dns.TypeRRSIG, dns.TypeNSEC}
	if exists {
		bitmap = append(bitmap, types...)
	} else {
		bitmap = append(bitmap, dns.TypeNXNAME)
	}
	slices.Sort(bitmap)
	return &dns.NSEC{
		Hdr:        dns.RR_Header{Name: name, Rrtype: dns.TypeNSEC, Class: dns.ClassINET, Ttl: ttl},
		NextDomain: next, TypeBitMap: slices.Compact(bitmap),
	}, nil
}

// successor returns the name that is next to another in canonical order (RFC 4034, section
// 6.1; RFC 4471, section 3.1), in lower case: one label of a zero byte below it, unless that makes
// it too long.
func successor(name string) (string, error) {
	wire, err := packName(name)
	if err != nil {
		return "", err
	}
	lowerName(wire)
	const longest, longestLabel = 255, 63
	label := int(wire[0])
	switch {
	case len(wire)+2 <= longest:
		wire = append([]byte{1, 0}, wire...)
	case len(wire)+1 <= longest && label < longestLabel:
		wire = slices.Insert(wire, 1+label, 0)
		wire[0]++
	default:
		wire = increase(wire)
	}
	next, _, err := dns.UnpackDomainName(wire, 0)
	return next, err
}

// increase makes the first label of a name greater by as little as can be without making
// it longer: trailing bytes that are the greatest there are go, and the one before
// counts up, past the capitals, which sort as small letters do.
func increase(wire []byte) []byte {
	label := bytes.TrimRight(wire[1:1+wire[0]], "\xff")
	rest := wire[1+wire[0]:]
	if len(label) == 0 { // the last below its parent
		return rest
	}
	label = slices.Clone(label)
	last := &label[len(label)-1]
	if *last++; *last == 'A' {
		*last = 'Z' + 1
	}
	return slices.Concat([]byte{byte(len(label))}, label, rest)
}
