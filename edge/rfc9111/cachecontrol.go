package rfc9111

import (
	"math"
	"strings"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// Directives is a Cache-Control field, of a request or of a response, parsed
// (section 5.2). Names compare without case; unknown ones are ignored.
type Directives struct {
	NoStore, NoCache, Private, Public               bool
	MustRevalidate, ProxyRevalidate, MustUnderstand bool
	OnlyIfCached, Immutable                         bool
	MaxAge, SMaxAge, MinFresh, MaxStale             Seconds
	StaleWhileRevalidate, StaleIfError              Seconds
}

// Seconds is the argument of a directive.
type Seconds struct {
	Set bool
	D   time.Duration
}

// maxDelta stands for every longer time (section 1.2.2).
const maxDelta = math.MaxInt32 * time.Second

// CacheControl parses the Cache-Control fields of h.
//
// Of a directive that occurs more than once the first counts (section 4.2.1). A
// number that is none makes what it measures stale at once, as the section
// encourages. The forms private="field" and no-cache="field" are read as if they
// had no argument, which is the careful reading.
func CacheControl(h message.Header) Directives {
	var d Directives
	value := h.Joined("Cache-Control")
	if value == "" {
		return d
	}
	for item := range message.Members(value) {
		name, arg, hasArg := strings.Cut(item, "=")
		d.add(strings.ToLower(strings.TrimRight(name, " \t")), strings.Trim(arg, " \t"), hasArg)
	}
	return d
}

func (d *Directives) add(name, arg string, hasArg bool) {
	switch name {
	case "no-store":
		d.NoStore = true
	case "no-cache":
		d.NoCache = true
	case "private":
		d.Private = true
	case "public":
		d.Public = true
	case "must-revalidate":
		d.MustRevalidate = true
	case "proxy-revalidate":
		d.ProxyRevalidate = true
	case "must-understand":
		d.MustUnderstand = true
	case "only-if-cached":
		d.OnlyIfCached = true
	case "immutable":
		d.Immutable = true
	case "max-stale":
		if !hasArg {
			arg = "2147483647" // any age will do (section 5.2.1.2)
		}
		d.MaxStale.set(parseDelta(arg))
	default:
		if s := d.seconds(name); s != nil {
			s.set(parseDelta(arg))
		}
	}
}

// seconds is the directive of that name, if it is one whose argument is a number.
func (d *Directives) seconds(name string) *Seconds {
	switch name {
	case "max-age":
		return &d.MaxAge
	case "s-maxage":
		return &d.SMaxAge
	case "min-fresh":
		return &d.MinFresh
	case "stale-while-revalidate":
		return &d.StaleWhileRevalidate
	case "stale-if-error":
		return &d.StaleIfError
	}
	return nil
}

func (s *Seconds) set(d time.Duration) {
	if !s.Set {
		*s = Seconds{Set: true, D: d}
	}
}

// parseDelta reads delta-seconds, or 0 where it is none. Recipients take the
// quoted form too (section 5.2).
func parseDelta(arg string) time.Duration {
	if n := len(arg); n >= 2 && arg[0] == '"' && arg[n-1] == '"' {
		arg = arg[1 : n-1]
	}
	var n int64
	if arg == "" {
		return 0
	}
	for i := range len(arg) {
		if arg[i] < '0' || arg[i] > '9' {
			return 0
		}
		n = min(n*10+int64(arg[i]-'0'), math.MaxInt32)
	}
	return time.Duration(n) * time.Second
}
