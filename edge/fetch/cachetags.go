package fetch

import (
	"slices"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/reuse"
	"github.com/warmfront/warmfront/edge/tier"
)

// tags are an answer's cache tags.
func (f *Fetch) tags(h message.Header) []string {
	if f.Plan.CacheTagHeader == "" {
		return nil
	}
	return cdn.CacheTags(h.Joined(f.Plan.CacheTagHeader))
}

// tagsNow are the tags of an object whose header was brought up to date: it keeps
// those it has where nothing is said of them, under the name that the field has by
// now.
func (f *Fetch) tagsNow(o *cache.Object) []string {
	if f.Plan.CacheTagHeader == "" || !o.Header.Has(f.Plan.CacheTagHeader) {
		return o.Tags
	}
	return f.tags(o.Header)
}

// retag has the disk forget what is stored by other tags than it has by now: who
// found it there after a crash, or once memory has let go of it, would miss an
// invalidation of the new ones.
func (ft *Fetcher) retag(stored, now *cache.Object) {
	if !slices.Equal(stored.Tags, now.Tags) {
		ft.Store.Forget(stored)
	}
}

// outdated reports whether a tier gave what is older than an invalidation of one
// of its tags. It was told to know of all of them, but is not trusted to (D).
func (f *Fetch) outdated(inv cdn.Invalidations, resp *message.Response, answer tier.Answer) bool {
	if resp == nil || answer.Birth.IsZero() || !answer.Birth.Before(reuse.Newest(inv, f.tags(resp.Header))) {
		return false
	}
	resp.Close()
	return true
}
