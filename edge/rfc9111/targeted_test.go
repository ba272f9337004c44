package rfc9111

import (
	"testing"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// TestCDNCacheControl is RFC 9213: the field meant for this cache takes the place
// of Cache-Control and Expires, or counts as absent.
func TestCDNCacheControl(t *testing.T) {
	strict := func(h message.Header) Lifetime {
		return Judge(Policy{Strict: true}, Request{Method: "GET"}, Response{200, h, noon, noon})
	}
	for _, c := range []struct {
		name, targeted string
		others         []string
		store          bool
		fresh          time.Duration
	}{
		{"alone", "max-age=60", nil, true, time.Minute},
		{"longer than the other", "max-age=60", []string{"Cache-Control", "max-age=1"}, true, time.Minute},
		{"shorter than the other", "max-age=1", []string{"Cache-Control", "max-age=60"}, true, time.Second},
		{"over no-store", "max-age=60", []string{"Cache-Control", "no-store"}, true, time.Minute},
		{"over private", "max-age=60", []string{"Cache-Control", "private"}, true, time.Minute},
		{"over Expires in the past", "max-age=60", []string{"Expires", at(-day), "Date", at(0)}, true, time.Minute},
		{"over Expires to come", "max-age=0", []string{"Expires", at(day), "Date", at(0)}, false, 0},
		{"no-store", "no-store", []string{"Cache-Control", "max-age=60"}, false, 0},
		{"private", "private", []string{"Cache-Control", "max-age=60"}, false, 0},
		{"private, with what it is for", `max-age=60, private="a"`, nil, false, time.Minute},
		{"no-cache", "no-cache", []string{"Cache-Control", "max-age=60", "ETag", `"a"`}, true, 0},
		{"no-store that is false", "max-age=60, no-store=?0", nil, true, time.Minute},
		{"s-maxage", "max-age=1, s-maxage=60", nil, true, time.Minute},
		{"unknown members and parameters", "foobar, max-age=60;x=1, y=(1 2)", nil, true, time.Minute},
		{"very long", "max-age=99999999999", nil, true, maxDelta},
		{"negative", "max-age=-60", []string{"Cache-Control", "max-age=60"}, false, 0},
		{"Age counts", "max-age=60", []string{"Age", "50"}, true, 10 * time.Second},
		{"empty", "", []string{"Cache-Control", "max-age=60"}, true, time.Minute},
		{"no structured field", "max-age=9, &&&&&", []string{"Cache-Control", "max-age=60"}, true, time.Minute},
		{"white space", "max-age =9", []string{"Cache-Control", "max-age=60"}, true, time.Minute},
		{"capitals", "Max-Age=9", []string{"Cache-Control", "max-age=60"}, true, time.Minute},
		{"a string for a number", `max-age="9"`, []string{"Cache-Control", "max-age=60"}, true, time.Minute},
		{"a fraction", "max-age=9.5", []string{"Cache-Control", "max-age=60"}, true, time.Minute},
		{"a list for a number", "max-age=(9)", []string{"Cache-Control", "max-age=60"}, true, time.Minute},
		{"no number", "max-age", []string{"Cache-Control", "max-age=60"}, true, time.Minute},
	} {
		h := append(header("CDN-Cache-Control", c.targeted), header(c.others...)...)
		if l := strict(h); l.Store != c.store || l.Fresh != c.fresh {
			t.Errorf("%s: store %v fresh %v, want %v %v", c.name, l.Store, l.Fresh, c.store, c.fresh)
		}
	}
	lines := header("CDN-Cache-Control", "max-age=60", "CDN-Cache-Control", "stale-while-revalidate=5, must-understand")
	if l := strict(lines); l.Fresh != time.Minute || l.WhileRevalidate != 5*time.Second {
		t.Errorf("two lines: %+v", l)
	}
	if l := Judge(Policy{Default: day, Max: year}, Request{}, Response{200, header("CDN-Cache-Control", "no-store"), noon, noon}); !l.Store || l.Fresh != day {
		t.Errorf("CloudFront went by it: %+v", l)
	}
}

// FuzzStrict: whatever an origin says, an answer is never older than its lifetime
// when it is used without being confirmed, no sum overflows, and what either field
// forbids is not stored.
func FuzzStrict(f *testing.F) {
	f.Add("max-age=60", "", "", "", int64(59))
	f.Add("no-store", "max-age=60, stale-while-revalidate=9", "2147483648", "Sun, 01 Mar 2026 12:00:00 GMT", int64(1)<<62)
	f.Add("max-age=9999999999", "no-store;a=1", "-5", "Fri, 31 Dec 9999 23:59:59 GMT", int64(-1))
	f.Fuzz(func(t *testing.T, cc, cdn, age, expires string, seconds int64) {
		h := header("Cache-Control", cc, "CDN-Cache-Control", cdn, "Age", age, "Expires", expires, "ETag", `"a"`)
		l := Judge(Policy{Strict: true}, Request{Method: "GET"}, Response{200, h, noon, noon})
		now := noon.Add(time.Duration(seconds))
		initial := InitialAge(h, noon, noon)
		if a := Age(initial, noon, now); a < 0 || a > maxDelta || l.Fresh > maxDelta || l.Fresh < -maxDelta {
			t.Fatalf("age %v, %+v", a, l)
		}
		elapsed := max(0, now.Sub(noon))
		switch v := (Asked{}).Reuse(l, initial, noon, now); {
		case v == Use && elapsed >= l.Fresh, v == UseWhileRevalidating && elapsed > l.Fresh+l.WhileRevalidate:
			t.Fatalf("%v after %v: %+v", v, elapsed, l)
		}
		d, targeted := governing(h)
		if l.Store && (d.Private || d.NoStore && !d.MustUnderstand) || !targeted && d != CacheControl(h) {
			t.Fatalf("%+v %+v", l, d)
		}
	})
}
