// Package lb is a load balancer as an origin: what an Application Load Balancer is to a
// distribution, as far as an origin's behavior goes. It listens for HTTP/1.1 and hands
// each request to one of its targets, which speak HTTP/1.1 too.
//
// One request goes through it like this. [Balancer.ServeHTTP] takes the target that the
// viewer's cookie names, if stickiness is on and that target may be asked; else the
// algorithm chooses among the healthy ones (choose.go, pure), or among all if none is:
// health checks that fail everywhere say more of the checks (health.go). The request goes
// there over a connection that is kept, with X-Forwarded-For, -Port and -Proto;
// bodies, server-sent events and upgraded connections stream both ways (net/http/httputil
// carries them). The answer comes back with the cookie, and a line is written (log.go).
//
// It promises that a target that is taken away ([Balancer.SetTargets]) gets no new
// request and may finish those that it has, for as long as the drain limit says; and
// that it asks one target for each request, so that nothing is done twice.
package lb
