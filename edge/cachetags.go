package edge

import (
	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/reuse"
)

// about is what a request knows, now that it sees which tags the object has that a
// fetch has brought. Who waits for a fetch does not know them: if it began before
// an invalidation of one of them it is of no use (J).
func (x *exchange) about(o *cache.Object, known reuse.Facts) reuse.Facts {
	if o != nil && len(o.Tags) > 0 {
		known.Newest = known.Newest.Max(reuse.Newest(x.state.Invalidations(x.Plan.ID), o.Tags))
	}
	return known
}
