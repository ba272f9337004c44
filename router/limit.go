package router

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/router/ratelimit"
)

// limits says which answers are not sent. Nil sends all.
type limits struct {
	limiter *ratelimit.Limiter
	seed    maphash.Seed
}

func newLimits(set ratelimit.Settings) *limits {
	if set.PerSecond <= 0 {
		return nil
	}
	return &limits{limiter: ratelimit.New(set), seed: maphash.MakeSeed()}
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
		kind = l.kind([]byte(name), q.Qtype, t.viewer)
	}
	return l.limiter.Charge(from, kind, now)
}

// judgeCommon is judge for a query of the fast path by UDP, which has no cookie.
func (l *limits) judgeCommon(c *common, from netip.Addr, now time.Time) ratelimit.Verdict {
	return l.limiter.Charge(from, l.kind(c.name[:c.length], c.qtype, c.viewer), now)
}

// kind tells apart the answers that are limited each by itself: by what was asked,
// and for which subnet. Name is canonical, without the final dot.
func (l *limits) kind(name []byte, qtype uint16, viewer netip.Prefix) uint64 {
	var b [8 + 2 + 1 + 16]byte
	binary.LittleEndian.PutUint64(b[:], maphash.Bytes(l.seed, name))
	binary.LittleEndian.PutUint16(b[8:], qtype)
	if !viewer.IsValid() {
		return maphash.Bytes(l.seed, b[:10])
	}
	b[10] = byte(viewer.Bits())
	a := viewer.Addr().As16()
	copy(b[11:], a[:])
	return maphash.Bytes(l.seed, b[:])
}

// truncated is an answer that says only: ask by TCP. It is no larger than the
// question.
func truncated(m *dns.Msg) *dns.Msg {
	out := &dns.Msg{MsgHdr: m.MsgHdr, Compress: true, Question: m.Question}
	out.Truncated = true
	if opt := m.IsEdns0(); opt != nil {
		bare := *opt
		bare.Option = nil
		out.Extra = []dns.RR{&bare}
	}
	return out
}
