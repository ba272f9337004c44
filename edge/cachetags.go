package edge

import (
	"slices"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/reuse"
	"github.com/warmfront/warmfront/edge/tier"
)

// tags are an answer's cache tags.
func (f *fetch) tags(h message.Header) []string {
	if f.plan.CacheTagHeader == "" {
		return nil
	}
	return cdn.CacheTags(h.Joined(f.plan.CacheTagHeader))
}

// tagsNow are the tags of an object whose header was brought up to date: it keeps
// those it has where nothing is said of them, under the name that the field has by
// now.
func (f *fetch) tagsNow(o *cache.Object) []string {
	if f.plan.CacheTagHeader == "" || !o.Header.Has(f.plan.CacheTagHeader) {
		return o.Tags
	}
	return f.tags(o.Header)
}

// retag has the disk forget what is stored by other tags than it has by now: who
// found it there after a crash, or once memory has let go of it, would miss an
// invalidation of the new ones.
func (e *Edge) retag(stored, now *cache.Object) {
	if !slices.Equal(stored.Tags, now.Tags) {
		e.store.Forget(stored)
	}
}

// about is what a request knows, now that it sees which tags the object has that a
// fetch has brought. Who waits for a fetch does not know them: if it began before
// an invalidation of one of them it is of no use (J).
func (x *exchange) about(o *cache.Object, known reuse.Facts) reuse.Facts {
	if o != nil && len(o.Tags) > 0 {
		known.Newest = known.Newest.Max(reuse.Newest(x.state.Invalidations(x.Plan.ID), o.Tags))
	}
	return known
}

// outdated reports whether a tier gave what is older than an invalidation of one
// of its tags. It was told to know of all of them, but is not trusted to (D).
func (f *fetch) outdated(inv cdn.Invalidations, resp *message.Response, answer tier.Answer) bool {
	if resp == nil || answer.Birth.IsZero() || !answer.Birth.Before(reuse.Newest(inv, f.tags(resp.Header))) {
		return false
	}
	resp.Close()
	return true
}
