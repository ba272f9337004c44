package reuse

import (
	"slices"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/rfc9111"
	"github.com/warmfront/warmfront/journal/mutant"
)

// Facts are what a request knows when it asks whether something may be served.
type Facts struct {
	Now time.Time
	// Arrived is the request's place in the order of arrivals and of beginnings
	// of fetches at this node.
	Arrived uint64
	// Leased says whether the node had its lease after the request was read (I).
	Leased bool
	// Applied is the version the node had applied then, Newest that of the newest
	// invalidation of what is asked for, Floor the version up to which single
	// invalidations are no longer known.
	Applied, Newest, Floor cdn.Version
	// SetBack is the version at which a sandbox's clock was last set back.
	SetBack cdn.Version
	// Planned is the version of the plan that the request goes by.
	Planned cdn.Version
	// Doubt is of what may be from before the node's disk was put back (O).
	Doubt cache.Doubt
	// URIs are those that an answer stands for.
	URIs  []string
	Asked rfc9111.Asked
}

// Action is what to do with a request.
type Action int

// The actions.
const (
	Fetch   Action = iota // nothing stored is of use
	Confirm               // ask the origin whether what is stored still holds
	Serve                 // serve what is stored
	Refresh               // serve it, and confirm it meanwhile
)

// Decide says what to do with a request for which o is stored, and why if that
// is not for its age.
func Decide(o *cache.Object, f Facts) (Action, string) {
	switch {
	case o == nil:
		return Fetch, ""
	case ownAsk(o.Order, o.Birth, f) && (f.Leased || covers(o.URIs, f.URIs)):
		// Asked for after the request arrived, while it waited for another fetch
		// in vain: as good as its own. Who has no lease does not know all
		// invalidations; that a tier knew those of the URIs it was asked for has
		// to do then.
		return Serve, ""
	case o.Birth.Before(f.Newest) && f.Newest != f.Floor:
		// Invalidated: CloudFront fetches such an object whole, and so do we. A
		// 304 would keep header fields that the invalidation was to renew.
		return Fetch, "invalidated"
	case !born(o.Birth, f):
		return Confirm, "unknown-invalidations"
	case doubted(o, f):
		return Confirm, "recalled"
	case !f.Leased:
		return Confirm, "fenced"
	case o.Birth.Before(f.SetBack) && o.Received.After(f.Now):
		return Confirm, "clock-set-back" // it was stored in what is the future again
	}
	switch f.Asked.Reuse(o.Lifetime, o.InitialAge, o.Received, f.Now) {
	case rfc9111.Use:
		return Serve, ""
	case rfc9111.UseWhileRevalidating:
		return Refresh, ""
	}
	return Confirm, ""
}

// Newest is the version of the newest invalidation of any of some URIs or tags.
func Newest(inv cdn.Invalidations, uris []string) cdn.Version {
	newest := inv.Floor()
	for _, uri := range uris {
		newest = newest.Max(inv.Newest(uri))
	}
	return newest
}

// born reports whether something whose fetch began at version birth is younger
// than every invalidation of it that the request must know of (C). What was born
// in another epoch cannot be compared.
func born(birth cdn.Version, f Facts) bool {
	return birth.Epoch == f.Applied.Epoch && (!birth.Before(f.Newest) || mutant.Breaks('P') && f.Newest == f.Floor)
}

// doubted reports whether an object may be from before something that the node has
// forgotten (O): a confirmation clears that.
func doubted(o *cache.Object, f Facts) bool { return f.Doubt.Of(o) && !mutant.Breaks('O') }

// ownAsk reports whether a fetch is as good as the request's own: it began after
// the request arrived, and asked by the plan that the request goes by or a newer
// one (Begin makes no birth newer than the plan). What a tier had may be older
// than that, and was asked for by another of the URIs perhaps.
func ownAsk(order uint64, birth cdn.Version, f Facts) bool {
	return order > f.Arrived && !birth.Before(f.Planned) && !birth.Before(f.Newest)
}

// covers reports whether all of some URIs are among others.
func covers(all, some []string) bool {
	return !slices.ContainsFunc(some, func(u string) bool { return !slices.Contains(all, u) })
}

// Begun says when a fetch began: its place in the order, and the version applied
// then.
type Begun struct {
	Order uint64
	Birth cdn.Version
}

// Begin stamps a fetch that begins with state applied, before the origin is asked:
// if an invalidation arrives while the answer is on its way, the answer is older
// than it, and is stored dead (C, L).
//
// But a birth is never newer than the plan by which the origin is asked, which was
// taken from the state planned. A fetch may have waited for its turn, or its request
// for a processor, while the distribution was given another origin and then
// invalidated: what comes from the old origin is older than that invalidation.
func Begin(order uint64, plan *cdn.Plan, planned cdn.Version, state *cdn.State) Begun {
	b := Begun{Order: order, Birth: planned}
	if p := state.Plans[plan.ID]; p != nil && p.Version == plan.Version {
		b.Birth = state.Version
	}
	return b
}

// Answered says that the fetch has its answer, and what is applied by then: that
// counts for nothing, neither for something new (C) nor for what was confirmed (L).
func (b *Begun) Answered(confirmed bool, applied cdn.Version) {
	if mutant.Breaks('C') && !confirmed || mutant.Breaks('L') && confirmed {
		b.Birth = applied
	}
}

// Need is what a tier must have applied that is to answer a fetch, and the birth
// that its answer must have at least: the newest invalidation of what is asked for,
// and besides it what may concern whatever it has, the plan and the newest
// invalidation of any tag, of the asker's own epoch (D). What else the asker has
// applied changes no answer.
func Need(newest, besides cdn.Version, epoch uint64) (least, birth cdn.Version) {
	if mutant.Breaks('D') {
		return cdn.Version{Epoch: epoch}, cdn.Version{}
	}
	return newest.Max(besides).Max(cdn.Version{Epoch: epoch}), newest
}

// Birth is that of what a fetch brought that began at a version: the version at the
// tier nearest the origin, above, where that is the lower (D). Above is zero where
// the origin itself was asked.
func Birth(begun, above cdn.Version) cdn.Version {
	if above.IsZero() || mutant.Breaks('D') {
		return begun
	}
	return begun.Min(above)
}

// MayJoin reports whether a request may wait for a fetch that has begun already
// or not. One that begins after the request arrived is as good as its own (K).
// One that began before will do for a node that has its lease, and only if it
// began at or after the newest invalidation of what is asked for (J).
func MayJoin(b Begun, f Facts) bool {
	return ownAsk(b.Order, b.Birth, f) || f.Leased && born(b.Birth, f) && !f.Doubt.OfOrder(b.Order) || joinsAny(f)
}

// joinsAny breaks J for a node with a lease, and K for one without.
func joinsAny(f Facts) bool { return f.Leased && mutant.Breaks('J') || !f.Leased && mutant.Breaks('K') }

// MayUse reports whether what a fetch brought, or confirmed, answers a request
// that waited for it.
func MayUse(o *cache.Object, f Facts) bool {
	act, _ := Decide(o, f)
	return act == Serve || act == Refresh || joinsAny(f)
}

// MayServeStale reports whether an object that the origin could not confirm may
// be served in spite of that, as far as invalidations are concerned; for how
// long its age allows it is rfc9111's to say.
func MayServeStale(o *cache.Object, f Facts) bool {
	return f.Leased && born(o.Birth, f) && !doubted(o, f)
}

// SameObject reports whether an answer brings a part of what is stored, and not of
// another version of it, so that the two may be put together (Q); partial says
// that it is the answer to a request for a part of that version or all of any.
func SameObject(o *cache.Object, answer message.Header, partial bool) bool {
	return rfc9111.SameVersion(o.Header, answer, partial) || mutant.Breaks('Q')
}
