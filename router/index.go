package router

import (
	"maps"
	"strings"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/router/dnssec"
	"github.com/warmfront/warmfront/router/svcb"
)

// index finds the distribution of a name without making a string of it: by the
// canonical name without its final dot. A nil target is a name at which the zone's own
// records go before an alias, or that no wildcard stands for. What it lacks may exist all the same.
type index map[string]*target

// target is what the names of one distribution in one zone lead to.
type target struct {
	plan    *cdn.Plan
	answers prometheus.Counter
	// wildcard: the names are any that strangers think of.
	wildcard bool
	signing  *dnssec.Zone // signs the answers for those who ask for it; nil: nothing does
}

// index returns that of a snapshot's zones and state.
func (r *Router) index(s *snapshot) index {
	out := index{}
	if s.state == nil {
		return out
	}
	for id := range s.state.Plans {
		p := s.state.Plans[id]
		answers := r.metrics.distributions.WithLabelValues(p.ID)
		for _, host := range append([]string{p.Domain}, p.Aliases...) {
			if z := s.zones.of(host + "."); z != nil && z.hosted == nil && s.state.PlanFor(host) == p {
				out[host] = &target{plan: p, answers: answers, signing: z.signing, wildcard: strings.HasPrefix(host, "*.")}
			}
		}
	}
	except(out, s.before)
	for _, z := range s.zones {
		for name, held := range z.names {
			if len(held[dns.TypeA]) > 0 || len(held[dns.TypeAAAA]) > 0 {
				out[name[:len(name)-1]] = nil
			}
		}
		except(out, z.before)
		except(out, z.names)
	}
	return out
}

// except has names that exist, but are no distribution's, not be answered as the wildcards
// above them (see stands).
func except[T any](x index, names map[string]T) {
	for name := range names {
		if _, ok := x[name[:len(name)-1]]; !ok {
			x[name[:len(name)-1]] = nil
		}
	}
}

// invented reports whether strangers can make up a name such as this one: it does not
// exist, or only below a wildcard. Name is canonical.
func (s *snapshot) invented(name string, held map[uint16][]dns.RR) bool {
	if _, rest, ok := svcb.Prefix(name); ok {
		name = rest
	}
	_, exact := s.index[strings.TrimSuffix(name, ".")]
	return held == nil && !exact
}

// find returns the target of a name, nil where it is not in the index. It changes
// the name, which is the caller's own copy, and puts it back.
func (x index) find(name []byte) *target {
	if t, ok := x[string(name)]; ok {
		return t
	}
	for i := 1; i < len(name); i++ {
		if name[i] != '.' {
			continue
		}
		last := name[i-1]
		name[i-1] = '*'
		t, found := x[string(name[i-1:])]
		name[i-1] = last
		if found {
			return t
		}
	}
	return nil
}

// reindex gives the next snapshot what follows from the plans of its state.
// Most changes of the journal are about something else.
func (r *Router) reindex(next *snapshot, old *cdn.State) {
	if old != nil && next.state != nil && maps.Equal(old.Plans, next.state.Plans) && sameHosted(old, next.state) {
		return
	}
	next.zones = r.withHosted(next.state, next.configured, next)
	next.before = emptyNonTerminals(next.state, next.zones)
	next.index = r.index(next)
	if old == nil {
		return
	}
	for id := range old.Plans {
		if next.state == nil || next.state.Plans[id] == nil {
			r.metrics.distributions.DeleteLabelValues(id)
		}
	}
}
