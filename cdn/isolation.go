package cdn

// WhenIsolated says what a node does with requests for a distribution while it has
// no lease: while it cannot know what was invalidated since.
type WhenIsolated int

// Confirming is the default: what is stored is served once the origin has
// confirmed it. A distribution tagged "warmfront:when-isolated=serve-stale" stays
// available instead, and its invalidations wait for such nodes' acknowledgement.
const (
	Confirm WhenIsolated = iota
	ServeStale
)

// WhenIsolatedTag is the tag's key; its values are those of WhenIsolated.String.
const WhenIsolatedTag = "warmfront:when-isolated"

func (w WhenIsolated) String() string {
	if w == ServeStale {
		return "serve-stale"
	}
	return "confirm"
}

// ParseWhenIsolated reads a value of the tag. Its error names those there are.
func ParseWhenIsolated(s string) (WhenIsolated, error) {
	for _, w := range []WhenIsolated{Confirm, ServeStale} {
		if s == w.String() {
			return w, nil
		}
	}
	return Confirm, Errorf("InvalidArgument", "The value %.100q of %s is not one of %s, %s.", s, WhenIsolatedTag, ServeStale, Confirm)
}

// whenIsolated reads a distribution's tags. A value of another release means
// confirming: that is the one which is always right.
func whenIsolated(d *Distribution) WhenIsolated {
	w, _ := ParseWhenIsolated(d.Tags[WhenIsolatedTag])
	return w
}

// MayServe reports whether a node may answer requests for the distribution from
// its cache, by what it has applied: it has its lease, or the distribution is to
// be served without one and the node is entitled to that, having held a lease
// since it joined.
func (p *Plan) MayServe(leased, entitled bool) bool {
	return leased || entitled && p.WhenIsolated == ServeStale
}

// Isolation is what control must know of the past of a distribution's setting:
// nodes that have not heard of a change of it go by what it was.
type Isolation struct {
	// ServeStale is the setting now.
	ServeStale bool
	// Until is the version at which it was last turned off; zero where it never was.
	Until Version
}

// At returns the isolation with the setting as the change at v has it.
func (i Isolation) At(w WhenIsolated, v Version) Isolation {
	if i.ServeStale && w != ServeStale {
		i.Until = v
	}
	i.ServeStale = w == ServeStale
	return i
}

// Frees reports whether a node that has acknowledged acked, and may have applied
// more, is one that serves nothing of the distribution without a lease: the
// setting was off in every version from acked on.
func (i Isolation) Frees(acked Version) bool { return !i.ServeStale && !acked.Before(i.Until) }

// isolate notes the setting that a distribution has from v on.
func (s *State) isolate(p *Plan, v Version) {
	if i := s.isolation[p.ID].At(p.WhenIsolated, v); i != s.isolation[p.ID] {
		s.isolation = with(s, s.isolation, p.ID, i)
	}
}

// Isolations are those of the distributions that are served without a lease, or
// were: by id. Do not change the map.
func (s *State) Isolations() map[string]Isolation { return s.isolation }
