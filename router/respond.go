package router

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/router/dnssec"
	"github.com/warmfront/warmfront/router/ratelimit"
	"github.com/warmfront/warmfront/router/wire"
)

// respondTraced answers a packet, in buf where it is large enough, and says in t what the
// answer followed from; nil is no answer.
func (r *Router) respondTraced(packet []byte, from netip.Addr, proto Proto, buf []byte, now time.Time, t *trace) (out []byte) {
	// A message from a stranger must not end the process, which may be a whole
	// network: should the library or we panic, this answer fails and no other.
	defer func() {
		if p := recover(); p != nil {
			r.cfg.Logger.Error("a DNS query made the server panic", "panic", p, "packet", hex.EncodeToString(packet))
			r.metrics.dropped.WithLabelValues("panic").Inc()
			out = nil
		}
	}()
	s := r.current()
	c := common{now: now}
	if out = r.respondCommon(s, &c, packet, from, proto, buf); out != nil {
		*t = c.trace
		return out
	}
	if c.judged && c.verdict == ratelimit.Drop {
		r.metrics.dropped.WithLabelValues("rate limit").Inc()
		return nil // the answer need not be made
	}
	return r.respondLimited(s, packet, from, proto, buf, now, c.judged, c.verdict, t)
}

// complete makes an answer ready to be sent, and says it if that cannot be done.
func (r *Router) complete(s *snapshot, p *reply, proto Proto, now time.Time) {
	switch err := s.complete(p, proto, now); {
	case errors.Is(err, dnssec.ErrTooMany):
		r.dropped("too many signatures, told to use TCP")
	case err != nil:
		r.cfg.Logger.Error("a DNS answer cannot be signed", "err", err)
	}
}

// respondLimited answers a packet of whatever kind by way of the library. The limits may
// have been asked about it: once for each.
func (r *Router) respondLimited(
	s *snapshot, packet []byte, from netip.Addr, proto Proto, buf []byte, now time.Time, judged bool, verdict ratelimit.Verdict, t *trace,
) (out []byte) {
	q := wire.Decode(packet)
	if q == nil {
		r.metrics.dropped.WithLabelValues("not a query").Inc()
		return nil
	}
	p := s.compose(q, len(packet), from, proto, now)
	*t = p.trace
	if !judged {
		verdict = r.limits.judge(p.msg, p.trace, from, proto, now)
	}
	switch verdict {
	case ratelimit.Drop:
		r.metrics.dropped.WithLabelValues("rate limit").Inc()
		return nil
	case ratelimit.Truncate:
		r.metrics.dropped.WithLabelValues("rate limit, told to use TCP").Inc()
		p.edns.Finish(p.msg, proto)
		p.msg = wire.Truncated(p.msg)
	case ratelimit.Send:
		r.complete(s, p, proto, now)
	}
	m := p.msg
	out, err := m.PackBuffer(buf)
	if err != nil {
		r.cfg.Logger.Error("a DNS answer cannot be packed", "err", err, "packet", hex.EncodeToString(packet))
		m = &dns.Msg{MsgHdr: m.MsgHdr}
		m.Rcode = dns.RcodeServerFailure
		if out, err = m.PackBuffer(buf); err != nil {
			return nil
		}
	}
	r.metrics.observe(q, p.trace, proto, m.Truncated && verdict == ratelimit.Send)
	return out
}
