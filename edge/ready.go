package edge

import (
	"context"

	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/reuse"
)

// ready is what an exchange has found out about a request ahead of Handle.
type ready struct {
	request *message.Request
	object  *cache.Object
}

// Ready reports whether Handle would answer req without waiting for anyone: from
// memory, and not with an error, for which another page may have to be fetched.
// Handle with the same request is to follow at once.
func (x *exchange) Ready(req *message.Request) bool {
	x.receive(req)
	if x.edge.cfg.Tracer != nil {
		x.trace(context.Background()) // Handle's own has it
	}
	if req.Method != "GET" || x.isHealth() || x.explains != "" || x.refused() != nil || x.mustRedirect() || x.edge.cfg.Elsewhere != nil || x.Behavior.HasViewerEvents() || !x.Cacheable() {
		return false
	}
	if len(x.Plan.ErrorResponses) > 0 && req.Header.Has("Range") {
		return false // 416 may have a page of its own; 412 can have none
	}
	o, act := x.recall()
	if act != reuse.Serve || o.Status >= 400 || o.Body == nil || !o.Body.Complete() {
		return false
	}
	x.ready = ready{req, o}
	return true
}

// respondReady answers the request that Ready has looked at, nil if it has not.
func (x *exchange) respondReady(ctx context.Context, req *message.Request) *message.Response {
	o := x.ready.object
	if x.ready.request != req || o == nil {
		return nil
	}
	x.ready = ready{}
	resp := x.hit(ctx, o)
	if resp != nil {
		x.finish(resp)
	}
	return resp
}
