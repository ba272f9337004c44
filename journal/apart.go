package journal

import (
	"maps"

	"github.com/warmfront/warmfront/cdn"
)

// Part is how far a distribution's invalidations are Completed that nodes serve
// without a lease, or may not have heard that they are no longer to. Once everybody
// has heard it is like any other, for which Completed is the journal's.
type Part struct {
	Version cdn.Version `json:"version"`
	Apart   bool        `json:"apart"`
}

// is reports whether the distribution goes apart from the journal.
func (p Part) is(i cdn.Isolation) bool { return i.ServeStale || p.Version.Before(i.Until) }

// Parts are those of the distributions that have gone apart, by id: what control has
// reported of them, and remembers. None is changed; what is next is another.
type Parts map[string]Part

// Completed returns the version up to which invalidations of a distribution are
// Completed, settled being the journal's. It never goes back, whatever the
// distribution's setting becomes.
func (p Parts) Completed(distribution string, settled cdn.Version) cdn.Version {
	if part := p[distribution]; part.Apart {
		return part.Version
	}
	return settled
}

// Begun notes the distributions that go apart with the changes that isolations are
// of, before any node can have heard of them. What was Completed stays so.
func (p Parts) Begun(isolations map[string]cdn.Isolation, settled cdn.Version) Parts {
	next := maps.Clone(p)
	for id, i := range isolations {
		if part := p[id]; !part.Apart && part.is(i) {
			if next == nil {
				next = Parts{}
			}
			next[id] = Part{settled, true}
		}
	}
	return next
}

// Settled computes how far each distribution is. It is written down before the
// journal's own is, and before either is Reported: a distribution that went apart
// just before an end, and was not written down as such, was like any other till then.
func (p Parts) Settled(isolations map[string]cdn.Isolation, l *Ledger, now Instant) Parts {
	next := make(Parts, len(isolations))
	for id, i := range isolations {
		part := p[id]
		if part.Apart {
			part.Version = part.Version.Max(l.SettledFor(Completed, i, now))
			part.Apart = part.is(i)
		}
		next[id] = part
	}
	return next
}

// Reported makes what was computed, and written down, what is reported. The settings
// may have changed meanwhile.
func (p Parts) Reported(isolations map[string]cdn.Isolation, computed Parts) Parts {
	next := make(Parts, len(isolations))
	for id, i := range isolations {
		part := p[id]
		if part.Apart {
			part.Version = part.Version.Max(computed[id].Version)
			part.Apart = part.is(i)
		}
		next[id] = part
	}
	return next
}
