package rfc9111

import (
	"math"
	"testing"
	"time"
)

func TestCacheControl(t *testing.T) {
	sec := func(n int) Seconds { return Seconds{true, time.Duration(n) * time.Second} }
	for in, want := range map[string]Directives{
		"":                                   {},
		"max-age=60":                         {MaxAge: sec(60)},
		"MAX-AGE=60":                         {MaxAge: sec(60)},
		`max-age="60"`:                       {MaxAge: sec(60)},
		"max-age = 60":                       {MaxAge: sec(60)},
		"max-age='60'":                       {MaxAge: sec(0)},
		"max-age=1.5":                        {MaxAge: sec(0)},
		"max-age=-1":                         {MaxAge: sec(0)},
		"max-age":                            {MaxAge: sec(0)},
		"max-age=1, max-age=2":               {MaxAge: sec(1)},
		"max-age=99999999999999999999":       {MaxAge: sec(math.MaxInt32)},
		"no-store,no-cache , private,public": {NoStore: true, NoCache: true, Private: true, Public: true},
		`private="a, no-store", s-maxage=1`:  {Private: true, SMaxAge: sec(1)},
		"must-revalidate, proxy-revalidate":  {MustRevalidate: true, ProxyRevalidate: true},
		"must-understand, only-if-cached":    {MustUnderstand: true, OnlyIfCached: true},
		"Immutable":                          {Immutable: true},
		"max-stale":                          {MaxStale: sec(math.MaxInt32)},
		"max-stale=3, min-fresh=4":           {MaxStale: sec(3), MinFresh: sec(4)},
		"stale-while-revalidate=5, x=y, a":   {StaleWhileRevalidate: sec(5)},
		"stale-if-error=6;max-age=3":         {StaleIfError: sec(0)},
		",,, ,":                              {},
	} {
		if got := CacheControl(header("Cache-Control", in)); got != want {
			t.Errorf("%q: %+v, want %+v", in, got, want)
		}
	}
	if got := CacheControl(header("cache-control", "public", "Cache-Control", "max-age=1")); !got.Public || !got.MaxAge.Set {
		t.Error("lines are not joined")
	}
}

// FuzzCacheControl: whatever is sent, nothing is negative, and a directive that
// forbids storing is seen wherever it stands in the list.
func FuzzCacheControl(f *testing.F) {
	for _, s := range []string{"max-age=60", `private="a,b`, "no-store", "s-maxage=9999999999999999999999", "\\,\"", `"x", no-cache`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d := CacheControl(header("Cache-Control", s))
		for _, v := range []Seconds{d.MaxAge, d.SMaxAge, d.MinFresh, d.MaxStale, d.StaleIfError, d.StaleWhileRevalidate} {
			if v.D < 0 || v.D > maxDelta || !v.Set && v.D != 0 {
				t.Fatalf("%q: %+v", s, d)
			}
		}
		if !CacheControl(header("Cache-Control", "no-store, "+s)).NoStore {
			t.Fatalf("%q hides a no-store before it", s)
		}
	})
}

// FuzzJudge: what either set of rules stores is never fresh beyond what the
// policy allows, and the time it may be used stale is never negative.
func FuzzJudge(f *testing.F) {
	f.Add("max-age=60", "Sun, 01 Mar 2026 12:00:00 GMT", "5", 200, int64(0), int64(86400), int64(31536000))
	f.Add("no-cache", "0", "", 404, int64(60), int64(60), int64(60))
	f.Fuzz(func(t *testing.T, cc, expires, age string, status int, least, def, most int64) {
		const century = 100 * 31536000
		if least < 0 || least > def || def > most || most > century {
			return
		}
		s := func(n int64) time.Duration { return time.Duration(n) * time.Second }
		r := Response{status, header("Cache-Control", cc, "Expires", expires, "Age", age), noon, noon}
		p := Policy{Min: s(least), Default: s(def), Max: s(most), ErrorMin: s(10)}
		l := Judge(p, Request{Method: "GET"}, r)
		if l.Store && status < 400 && (l.Fresh > p.Max || l.Fresh < p.Min && p.Min > 0) {
			t.Fatalf("%+v of %+v", l, p)
		}
		p.Strict = true
		for _, l := range []Lifetime{l, Judge(p, Request{Method: "GET"}, r)} {
			if l.WhileRevalidate < 0 || l.OnFailure < 0 || l.Unreachable < 0 {
				t.Fatalf("%+v", l)
			}
		}
	})
}
