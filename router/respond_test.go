package router

import (
	"net/netip"
	"time"

	"github.com/warmfront/warmfront/router/ratelimit"
)

// respond answers a packet, in buf where it is large enough; nil is no answer.
func (r *Router) respond(packet []byte, from netip.Addr, proto Proto, buf []byte, now time.Time) []byte {
	var t trace
	return r.respondTraced(packet, from, proto, buf, now, &t)
}

// respondAny answers a packet of whatever kind by way of the library.
func (r *Router) respondAny(s *snapshot, packet []byte, from netip.Addr, proto Proto, buf []byte, now time.Time) []byte {
	var t trace
	return r.respondLimited(s, packet, from, proto, buf, now, false, ratelimit.Send, &t)
}
