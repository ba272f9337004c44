package rfc9111

import (
	"testing"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

func TestStrictStorability(t *testing.T) {
	auth := header("Authorization", "Basic eA==")
	for _, c := range []struct {
		name    string
		request message.Header
		status  int
		header  message.Header
		store   bool
		fresh   time.Duration
	}{
		{"max-age", nil, 200, header("Cache-Control", "max-age=60"), true, time.Minute},
		{"the TTLs of the policy do not count", nil, 200, header("Cache-Control", "max-age=5"), true, 5 * time.Second},
		{"nothing known", nil, 200, header(), false, 0},
		{"a validator alone", nil, 200, header("ETag", `"a"`), true, 0},
		{"heuristic", nil, 200, header("Last-Modified", at(-10*time.Hour), "Date", at(0)), true, time.Hour},
		{"no heuristic for 302", nil, 302, header("Last-Modified", at(-10*time.Hour)), false, 0},
		{"heuristic for 302 that is public", nil, 302, header("Last-Modified", at(-10*time.Hour), "Date", at(0), "Cache-Control", "public"), true, time.Hour},
		{"any status with a lifetime", nil, 599, header("Cache-Control", "max-age=60"), true, time.Minute},
		{"404 by heuristic", nil, 404, header("Last-Modified", at(-10*time.Hour), "Date", at(0)), true, time.Hour},
		{"500 has none", nil, 500, header("Last-Modified", at(-10*time.Hour)), false, 0},
		{"no-store", nil, 200, header("Cache-Control", "no-store, max-age=60"), false, time.Minute},
		{"must-understand overrides no-store", nil, 200, header("Cache-Control", "must-understand, no-store, max-age=60"), true, time.Minute},
		{"must-understand of a status unknown", nil, 299, header("Cache-Control", "must-understand, max-age=60"), false, time.Minute},
		{"private", nil, 200, header("Cache-Control", "private, max-age=60"), false, time.Minute},
		{"no-cache is stored and confirmed", nil, 200, header("Cache-Control", "no-cache, max-age=60", "ETag", `"a"`), true, 0},
		{"request says no-store", header("Cache-Control", "no-store"), 200, header("Cache-Control", "max-age=60"), false, time.Minute},
		{"authorized", auth, 200, header("Cache-Control", "max-age=60"), false, time.Minute},
		{"authorized, public", auth, 200, header("Cache-Control", "max-age=60, public"), true, time.Minute},
		{"authorized, s-maxage", auth, 200, header("Cache-Control", "s-maxage=60"), true, time.Minute},
		{"authorized, must-revalidate", auth, 200, header("Cache-Control", "max-age=60, must-revalidate"), true, time.Minute},
		{"Date in the past ages it", nil, 200, header("Cache-Control", "max-age=60", "Date", at(-20*time.Second)), true, 40 * time.Second},
		{"Age beats Date", nil, 200, header("Cache-Control", "max-age=60", "Date", at(-20*time.Second), "Age", "30"), true, 30 * time.Second},
		{"any status with Expires", nil, 303, header("Expires", at(time.Minute), "Date", at(0)), true, time.Minute},
		{"status unknown, must-understand and no-store", nil, 599, header("Cache-Control", "no-store, must-understand, max-age=60"), false, time.Minute},
		{"only for the range", header("Range", "bytes=9-"), 416, header("Cache-Control", "max-age=60"), false, time.Minute},
		{"a lifetime of more than the type holds", nil, 200, header("Expires", "Fri, 31 Dec 9999 23:59:59 GMT", "Date", at(0)), true, maxDelta},
		{"two lines, the first counts", nil, 200, header("Cache-Control", "max-age=60", "Cache-Control", "max-age=5"), true, time.Minute},
		{"a huge Age", nil, 200, header("Cache-Control", "max-age=60", "Age", "2147483648", "ETag", `"a"`), true, time.Minute - maxDelta},
		{"Pragma in a response says nothing", nil, 200, header("Cache-Control", "max-age=60", "Pragma", "no-cache"), true, time.Minute},
		{"part", nil, 206, header("Cache-Control", "max-age=60"), false, time.Minute},
	} {
		l := Judge(Policy{Strict: true, Min: time.Hour, Default: day, Max: year}, Request{"GET", c.request}, Response{c.status, c.header, noon, noon})
		if l.Store != c.store || l.Fresh != c.fresh {
			t.Errorf("%s: store %v fresh %v, want %v %v", c.name, l.Store, l.Fresh, c.store, c.fresh)
		}
	}
}

func TestInitialAge(t *testing.T) {
	for _, c := range []struct {
		name   string
		header message.Header
		delay  time.Duration
		want   time.Duration
	}{
		{"nothing", header(), 0, 0},
		{"the way counts", header(), 3 * time.Second, 3 * time.Second},
		{"Age and the way", header("Age", "10"), 3 * time.Second, 13 * time.Second},
		{"apparent age", header("Date", at(-time.Minute), "Age", "10"), 0, time.Minute},
		{"a Date in the future", header("Date", at(time.Minute)), 0, 0},
		{"an Age that is no number", header("Age", "x"), 0, 0},
		{"the first of two", header("Age", "7", "Age", "9"), 0, 7 * time.Second},
		{"the first of two in a line", header("Age", "7, 9"), 0, 7 * time.Second},
		{"a fraction", header("Age", "7.0"), 0, 0},
		{"a negative one", header("Age", "-7"), 0, 0},
		{"too large", header("Age", "99999999999999999999"), 0, maxDelta},
	} {
		if got := InitialAge(c.header, noon.Add(-c.delay), noon); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if got := Age(5*time.Second, noon, noon.Add(time.Minute)); got != 65*time.Second {
		t.Error(got)
	}
	if got := Age(5*time.Second, noon, noon.Add(-time.Minute)); got != 5*time.Second {
		t.Error("a clock that went back made it younger:", got)
	}
}

func TestReuse(t *testing.T) {
	l := Lifetime{Fresh: time.Minute, WhileRevalidate: 30 * time.Second, OnFailure: time.Hour, Unreachable: time.Hour}
	strict := Lifetime{Fresh: time.Minute}
	immutable := Lifetime{Fresh: time.Minute, Immutable: true}
	for _, c := range []struct {
		cc       string
		lifetime Lifetime
		after    time.Duration
		want     Verdict
	}{
		{"", l, 0, Use},
		{"", l, 59 * time.Second, Use},
		{"", l, 60 * time.Second, UseWhileRevalidating},
		{"", l, 90 * time.Second, UseWhileRevalidating},
		{"", l, 91 * time.Second, Confirm},
		{"", strict, 60 * time.Second, Confirm},
		{"no-cache", l, 0, Confirm},
		{"max-age=10", l, 10 * time.Second, Use},
		{"max-age=10", l, 11 * time.Second, Confirm},
		{"max-age=0", l, 0, Use},
		{"min-fresh=30", l, 30 * time.Second, Use},
		{"min-fresh=30", l, 31 * time.Second, Confirm},
		{"max-stale=100", l, 160 * time.Second, Use},
		{"max-stale=100", l, 161 * time.Second, Confirm},
		{"max-stale", l, time.Hour, Use},
		{"max-stale=100", strict, 70 * time.Second, Confirm},
		{"max-age=10, max-stale=5", l, 15 * time.Second, Use},
		{"max-age=0", immutable, 10 * time.Second, Use},
		{"no-cache", immutable, 10 * time.Second, Confirm},
		{"max-age=0", immutable, time.Minute, Confirm},
		{"", l, 1e6 * time.Hour, Confirm},
	} {
		a := Asked{CacheControl(header("Cache-Control", c.cc))}
		if got := a.Reuse(c.lifetime, 0, noon, noon.Add(c.after)); got != c.want {
			t.Errorf("%q after %v: %v, want %v", c.cc, c.after, got, c.want)
		}
	}
}

func TestOnError(t *testing.T) {
	l := Lifetime{Fresh: time.Minute, OnFailure: time.Minute, Unreachable: Forever}
	for _, c := range []struct {
		lifetime    Lifetime
		unreachable bool
		after       time.Duration
		want        bool
	}{
		{l, false, 2 * time.Minute, true}, {l, false, 2*time.Minute + 1, false}, {l, true, year, true},
		{Lifetime{Fresh: time.Minute}, true, 2 * time.Minute, false},
		{Lifetime{Fresh: time.Minute}, true, time.Minute, false},
	} {
		if got := c.lifetime.OnError(c.unreachable, noon, noon.Add(c.after)); got != c.want {
			t.Errorf("%+v", c)
		}
	}
}

// TestStaleWindowsUnderTheRFC: what the response forbids is not done while
// disconnected either (section 4.2.4).
func TestStaleWindowsUnderTheRFC(t *testing.T) {
	for _, c := range []struct {
		status                              int
		cc                                  string
		revalidate, onFailure, disconnected time.Duration
	}{
		{200, "max-age=1", 0, 0, Forever},
		{200, "max-age=1, stale-while-revalidate=4", 4 * time.Second, 0, Forever},
		{200, "max-age=1, stale-if-error=60", 0, time.Minute, time.Minute},
		{200, "max-age=1, stale-if-error=60, must-revalidate", 0, 0, 0},
		{200, "max-age=1, proxy-revalidate", 0, 0, 0},
		{200, "s-maxage=1, stale-while-revalidate=4", 0, 0, 0},
		{200, "max-age=1, no-cache", 0, 0, 0},
		{404, "max-age=1", 0, 0, 0},
		{404, "max-age=1, stale-while-revalidate=4, stale-if-error=60", 4 * time.Second, time.Minute, time.Minute},
	} {
		l := Judge(Policy{Strict: true}, Request{Method: "GET"}, Response{c.status, header("Cache-Control", c.cc, "ETag", `"a"`), noon, noon})
		if l.WhileRevalidate != c.revalidate || l.OnFailure != c.onFailure || l.Unreachable != c.disconnected {
			t.Errorf("%d %q: %+v", c.status, c.cc, l)
		}
	}
}
