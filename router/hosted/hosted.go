// Package hosted holds a hosted zone of Route 53 as a router looks names up in it:
// record sets, aliases, and the wildcards that stand in for names which do not exist
// (RFC 4592). It is pure.
package hosted

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/cdn/account"
)

// Zone is immutable.
type Zone struct {
	apex   string
	names  map[string]*Name
	before map[string]bool // names that exist because others lie below them
}

// Name is what a zone has for a name.
type Name struct {
	Records map[uint16][]dns.RR
	// Aliases are the domain names of the distributions as which it is answered, by
	// type of question.
	Aliases map[uint16]string
}

// New makes a zone of its document; apex is canonical.
func New(apex string, doc *account.Zone) (*Zone, error) {
	z := &Zone{apex: apex, names: map[string]*Name{apex: {}}, before: map[string]bool{}}
	for _, rec := range doc.Records {
		n := z.name(rec.Name)
		if rec.Alias != "" {
			n.Aliases[dns.StringToType[rec.Type]] = rec.Alias
			continue
		}
		for _, value := range rec.Values {
			if strings.ContainsAny(value, "\r\n") {
				return nil, fmt.Errorf("%s %s has a value of two lines", rec.Name, rec.Type)
			}
			rr, err := dns.NewRR(fmt.Sprintf("%s %d IN %s %s", rec.Name, rec.TTL, rec.Type, value))
			if err != nil || rr == nil {
				return nil, fmt.Errorf("%s %s %.100q: %w", rec.Name, rec.Type, value, err)
			}
			t := rr.Header().Rrtype
			n.Records[t] = append(n.Records[t], rr)
		}
	}
	return z, nil
}

// name returns what there is for a name, to be added to, and has those above it exist.
func (z *Zone) name(name string) *Name {
	n := z.names[name]
	if n == nil {
		n = &Name{}
		z.names[name] = n
		for above := parent(name); len(above) > len(z.apex); above = parent(above) {
			z.before[above] = true
		}
	}
	if n.Records == nil {
		n.Records, n.Aliases = map[uint16][]dns.RR{}, map[uint16]string{}
	}
	return n
}

// parent is a name without its first label.
func parent(name string) string {
	i, end := dns.NextLabel(name, 0)
	if end {
		return ""
	}
	return name[i:]
}

// Find returns what answers for a canonical name: its own record sets, or those of
// the wildcard at its closest encloser (RFC 4592, section 3.3.1). False is a name that
// does not exist.
func (z *Zone) Find(name string) (Name, bool) {
	for at := name; ; at = parent(at) {
		n := z.names[at]
		switch {
		case n == nil && !z.before[at]:
			if len(at) <= len(z.apex) {
				return Name{}, false
			}
			continue
		case at != name:
			n = z.names["*."+at]
			if n == nil {
				return Name{}, false
			}
		case n == nil:
			return Name{}, true // an empty non-terminal
		}
		return *n, true
	}
}
