package router

import (
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/router/ratelimit"
)

// limits says which answers are not sent. Nil sends all.
type limits struct{ *ratelimit.Limiter }

func newLimits(set ratelimit.Settings) *limits {
	if set.PerSecond <= 0 {
		return nil
	}
	return &limits{ratelimit.New(set)}
}

// judge says what is to be done with the answer m. Whoever proved that he receives
// what is sent to his address, by TCP or by a cookie (RFC 7873, section 5.2.5), is
// never limited.
func (l *limits) judge(m *dns.Msg, t trace, from netip.Addr, proto Proto, now time.Time) ratelimit.Verdict {
	if l == nil || proto == TCP || t.proven {
		return ratelimit.Send
	}
	// Errors and names that do not exist are all one for each code: an attacker can make
	// up any number of them.
	kind := uint64(m.Rcode)
	if m.Rcode == dns.RcodeSuccess && len(m.Question) == 1 {
		q := m.Question[0]
		name := strings.TrimSuffix(dns.CanonicalName(q.Name), ".")
		kind = l.Kind([]byte(name), q.Qtype, t.viewer)
	}
	return l.Charge(from, kind, now)
}

// judgeCommon is judge for a query of the fast path by UDP, which has no cookie.
func (l *limits) judgeCommon(c *common, from netip.Addr, now time.Time) ratelimit.Verdict {
	return l.Charge(from, l.Kind(c.Name(), c.Type, c.Viewer), now)
}
