package edge

import (
	"slices"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/rfc9111"
)

// The decisions on which the invalidation guarantee rests are here, and they are
// pure: what was stored or is being fetched, what the request may know, and the
// answer. The letters are the rules of docs/architecture.md, "Invalidation".

// facts are what a request knows when it asks whether something may be served.
type facts struct {
	now time.Time
	// arrived is the request's place in the order of arrivals and of beginnings
	// of fetches at this node.
	arrived uint64
	// leased says whether the node had its lease after the request was read (I).
	leased bool
	// applied is the version the node had applied then, newest that of the newest
	// invalidation of what is asked for, floor the version up to which single
	// invalidations are no longer known.
	applied, newest, floor cdn.Version
	// planned is the version of the plan that the request goes by.
	planned cdn.Version
	// uris are those that an answer stands for.
	uris  []string
	asked rfc9111.Asked
}

// action is what to do with a request.
type action int

const (
	actFetch   action = iota // nothing stored is of use
	actConfirm               // ask the origin whether what is stored still holds
	actServe                 // serve what is stored
	actRefresh               // serve it, and confirm it meanwhile
)

// decide says what to do with a request for which o is stored, and why if that
// is not for its age.
func decide(o *cache.Object, f facts) (action, string) {
	switch {
	case o == nil:
		return actFetch, ""
	case ownAsk(o.Order, o.Birth, f) && (f.leased || covers(o.URIs, f.uris)):
		// Asked for after the request arrived, while it waited for another fetch
		// in vain: as good as its own. Who has no lease does not know all
		// invalidations; that a tier knew those of the URIs it was asked for has
		// to do then.
		return actServe, ""
	case o.Birth.Before(f.newest) && f.newest != f.floor:
		// Invalidated: CloudFront fetches such an object whole, and so do we. A
		// 304 would keep header fields that the invalidation was to renew.
		return actFetch, "invalidated"
	case !born(o.Birth, f):
		return actConfirm, "unknown-invalidations"
	case !f.leased:
		return actConfirm, "fenced"
	}
	switch f.asked.Reuse(o.Lifetime, o.InitialAge, o.Received, f.now) {
	case rfc9111.Use:
		return actServe, ""
	case rfc9111.UseWhileRevalidating:
		return actRefresh, ""
	}
	return actConfirm, ""
}

// newestOf is the version of the newest invalidation of any of some URIs.
func newestOf(inv cdn.Invalidations, uris []string) cdn.Version {
	newest := inv.Floor()
	for _, uri := range uris {
		newest = newest.Max(inv.Newest(uri))
	}
	return newest
}

// born reports whether something whose fetch began at version birth is younger
// than every invalidation of it that the request must know of (C). What was born
// in another epoch cannot be compared.
func born(birth cdn.Version, f facts) bool {
	return birth.Epoch == f.applied.Epoch && !birth.Before(f.newest)
}

// ownAsk reports whether a fetch is as good as the request's own: it began after
// the request arrived, and asked by the plan that the request goes by or a newer
// one (launch makes no birth newer than the plan). What a tier had may be older
// than that, and was asked for by another of the URIs perhaps.
func ownAsk(order uint64, birth cdn.Version, f facts) bool {
	return order > f.arrived && !birth.Before(f.planned) && !birth.Before(f.newest)
}

// covers reports whether all of some URIs are among others.
func covers(all, some []string) bool {
	return !slices.ContainsFunc(some, func(u string) bool { return !slices.Contains(all, u) })
}

// begun says when a fetch began: its place in the order, and the version applied
// then.
type begun struct {
	order uint64
	birth cdn.Version
}

// mayJoin reports whether a request may wait for a fetch that has begun already
// or not. One that begins after the request arrived is as good as its own (K).
// One that began before will do for a node that has its lease, and only if it
// began at or after the newest invalidation of what is asked for (J).
func mayJoin(b begun, f facts) bool {
	return ownAsk(b.order, b.birth, f) || f.leased && born(b.birth, f)
}

// mayUse reports whether what a fetch brought, or confirmed, answers a request
// that waited for it.
func mayUse(o *cache.Object, f facts) bool {
	act, _ := decide(o, f)
	return act == actServe || act == actRefresh
}

// mayServeStale reports whether an object that the origin could not confirm may
// be served in spite of that, as far as invalidations are concerned; for how
// long its age allows it is rfc9111's to say.
func mayServeStale(o *cache.Object, f facts) bool {
	return f.leased && born(o.Birth, f)
}
