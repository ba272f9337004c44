package rfc9111

import (
	"testing"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func header(pairs ...string) message.Header {
	h := message.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

func at(d time.Duration) string { return FormatDate(noon.Add(d)) }

const day, year = 24 * time.Hour, 365 * 24 * time.Hour

// TestTTL is CloudFront's table of minimum, default and maximum TTL, cell by
// cell: rows are what the origin says, columns whether the minimum is 0.
func TestTTL(t *testing.T) {
	zero := Policy{Min: 0, Default: day, Max: year}
	minute := Policy{Min: time.Minute, Default: day, Max: time.Hour}
	etag := []string{"ETag", `"a"`}
	for _, c := range []struct {
		name   string
		header message.Header
		zero   time.Duration
		minute time.Duration
	}{
		{"nothing", header(), day, day},
		{"max-age", header("Cache-Control", "max-age=600"), 600 * time.Second, 600 * time.Second},
		{"max-age below the minimum", header("Cache-Control", "max-age=5"), 5 * time.Second, time.Minute},
		{"max-age above the maximum", header("Cache-Control", "max-age=999999999"), year, time.Hour},
		{"s-maxage wins over max-age", header("Cache-Control", "max-age=600, s-maxage=300"), 300 * time.Second, 300 * time.Second},
		{"s-maxage=0", header("Cache-Control", "s-maxage=0", etag[0], etag[1]), 0, time.Minute},
		{"expires", header("Expires", at(10*time.Minute), "Date", at(0)), 10 * time.Minute, 10 * time.Minute},
		{"expires above the maximum", header("Expires", at(2*year), "Date", at(0)), year, time.Hour},
		{"expires in the past", header("Expires", at(-time.Hour), "Date", at(0), etag[0], etag[1]), 0, time.Minute},
		{"expires that is no date", header("Expires", "0", etag[0], etag[1]), 0, time.Minute},
		{"max-age beats expires", header("Expires", at(time.Hour), "Cache-Control", "max-age=120"), 2 * time.Minute, 2 * time.Minute},
		{"Age counts", header("Cache-Control", "max-age=600", "Age", "500"), 100 * time.Second, 100 * time.Second},
		{"the minimum is kept whatever the Age", header("Cache-Control", "max-age=600", "Age", "5000", etag[0], etag[1]), 0, time.Minute},
		{"no-cache", header("Cache-Control", "no-cache"), 0, time.Minute},
		{"no-store", header("Cache-Control", "no-store, max-age=600"), 0, time.Minute},
		{"private", header("Cache-Control", "private"), 0, time.Minute},
	} {
		for _, col := range []struct {
			policy Policy
			want   time.Duration
		}{{zero, c.zero}, {minute, c.minute}} {
			l := Judge(col.policy, Request{Method: "GET"}, Response{200, c.header, noon, noon})
			if l.Fresh != col.want {
				t.Errorf("%s, minimum %v: fresh for %v, want %v (%s)", c.name, col.policy.Min, l.Fresh, col.want, l.Source)
			}
			if store := l.Source != SourceForbidden || col.policy.Min > 0; l.Store != store {
				t.Errorf("%s, minimum %v: store %v, want %v", c.name, col.policy.Min, l.Store, store)
			}
		}
	}
}

func TestMinimumAboveDefaultWins(t *testing.T) {
	l := Judge(Policy{Min: 2 * day, Default: day, Max: year}, Request{}, Response{200, nil, noon, noon})
	if l.Fresh != 2*day || l.Source != SourceDefault {
		t.Errorf("%+v", l)
	}
}

func TestCachingDisabledStoresNothing(t *testing.T) {
	for _, status := range []int{200, 404, 503} {
		if l := Judge(Policy{ErrorMin: 10 * time.Second}, Request{}, Response{status, header("Cache-Control", "max-age=60", "ETag", `"a"`), noon, noon}); l.Store {
			t.Errorf("%d: %+v", status, l)
		}
	}
}

func TestVaryStar(t *testing.T) {
	h := header("Vary", "*", "Cache-Control", "max-age=60")
	if Judge(Policy{Max: year}, Request{}, Response{200, h, noon, noon}).Store {
		t.Error("stored with a minimum of 0")
	}
	if !Judge(Policy{Min: time.Second, Max: year}, Request{}, Response{200, h, noon, noon}).Store {
		t.Error("not stored with a minimum of 1 s")
	}
	if Judge(Policy{Strict: true, Min: time.Second, Max: year}, Request{}, Response{200, h, noon, noon}).Store {
		t.Error("stored under RFC 9111")
	}
}

// TestErrorTTL is CloudFront's table of errors.
func TestErrorTTL(t *testing.T) {
	const ten = 10 * time.Second
	for _, c := range []struct {
		statuses []int
		cc       string
		want     time.Duration // 0: not stored
	}{
		{[]int{404, 414, 500, 501, 502, 503, 504}, "", ten},
		{[]int{404, 414, 500, 501, 502, 503, 504}, "max-age=5", ten},
		{[]int{404, 414, 500, 501, 502, 503, 504}, "max-age=60", time.Minute},
		{[]int{404, 414, 500, 501, 502, 503, 504}, "max-age=600, s-maxage=60", time.Minute},
		{[]int{404, 503}, "no-store", ten},
		{[]int{400, 403, 405, 412, 415}, "", 0},
		{[]int{400, 403, 405, 412, 415}, "max-age=60", time.Minute},
		{[]int{400, 403, 405, 412, 415}, "s-maxage=1", ten},
		{[]int{416, 401, 410, 429}, "max-age=60", 0},
	} {
		for _, status := range c.statuses {
			l := Judge(Policy{Default: day, Max: year, ErrorMin: ten}, Request{}, Response{status, header("Cache-Control", c.cc), noon, noon})
			if l.Store != (c.want > 0) || l.Store && l.Fresh != c.want {
				t.Errorf("%d with %q: %+v, want %v", status, c.cc, l, c.want)
			}
			if l.OnFailure != 0 || l.WhileRevalidate != 0 {
				t.Errorf("%d: an error may be used stale: %+v", status, l)
			}
		}
	}
	if l := Judge(Policy{Max: year, ErrorMin: 0}, Request{}, Response{404, nil, noon, noon}); l.Store {
		t.Error("an ErrorCachingMinTTL of 0 still stores")
	}
}

func TestStaleWindowsAreBoundedByTheMaximum(t *testing.T) {
	p := Policy{Default: time.Minute, Max: time.Hour}
	for _, c := range []struct {
		cc                   string
		revalidate, onErrors time.Duration
	}{
		{"max-age=1", 0, Forever},
		{"max-age=1, stale-while-revalidate=60", time.Minute, Forever},
		{"max-age=1, stale-while-revalidate=99999", time.Hour, Forever},
		{"max-age=1, stale-if-error=60", 0, time.Minute},
		{"max-age=1, stale-if-error=0", 0, 0},
		{"max-age=1, stale-if-error=99999", 0, time.Hour},
		{"max-age=1, stale-while-revalidate=60, must-revalidate", 0, 0},
		{"max-age=1, stale-if-error=60, proxy-revalidate", 0, 0},
	} {
		l := Judge(p, Request{}, Response{200, header("Cache-Control", c.cc), noon, noon})
		if l.WhileRevalidate != c.revalidate || l.OnFailure != c.onErrors || l.Unreachable != c.onErrors {
			t.Errorf("%q: %+v", c.cc, l)
		}
	}
}

func TestStatusesThatAreNoObject(t *testing.T) {
	for status, want := range map[int]bool{200: true, 204: true, 206: false, 301: true, 302: true, 304: false, 307: true, 101: false} {
		if got := Judge(Policy{Default: day, Max: year}, Request{}, Response{status, nil, noon, noon}).Store; got != want {
			t.Errorf("%d: store %v", status, got)
		}
	}
}

// TestTerms: whatever a lifetime is summed from comes to the lifetime.
func TestTerms(t *testing.T) {
	p := Policy{Min: time.Minute, Default: day, Max: time.Hour, ErrorMin: 10 * time.Second}
	strict := Policy{Strict: true}
	for _, c := range []struct {
		name   string
		policy Policy
		status int
		header message.Header
		want   Terms
	}{
		{"the default", p, 200, header(), Terms{Source: SourceDefault, Stated: day, Least: time.Minute, Most: time.Hour, Fresh: day}},
		{"the minimum", p, 200, header("Cache-Control", "max-age=5"), Terms{Source: SourceMaxAge, Stated: 5 * time.Second, Least: time.Minute, Most: time.Hour, Fresh: time.Minute}},
		{"less the Age", p, 200, header("Cache-Control", "s-maxage=600", "Age", "100"), Terms{Source: SourceSMaxAge, Stated: 10 * time.Minute, Aged: 100 * time.Second, Least: time.Minute, Most: time.Hour, Fresh: 500 * time.Second}},
		{"forbidden", p, 200, header("Cache-Control", "private"), Terms{Source: SourceForbidden, Least: time.Minute, Most: time.Hour, Fresh: time.Minute}},
		{"an error", p, 404, header("Cache-Control", "max-age=60"), Terms{Source: SourceError, Stated: time.Minute, Least: 10 * time.Second, Most: Forever, Fresh: time.Minute}},
		{"not kept", p, 206, header("Cache-Control", "max-age=60"), Terms{Source: SourceNone}},
		{"by the standard", strict, 200, header("Cache-Control", "max-age=60", "Age", "20"), Terms{Source: SourceMaxAge, Stated: time.Minute, Aged: 20 * time.Second, Least: -Forever, Most: Forever, Fresh: 40 * time.Second}},
	} {
		l, terms := JudgeTerms(c.policy, Request{Method: "GET"}, Response{c.status, c.header, noon, noon})
		if terms != c.want || l.Fresh != terms.Fresh || l.Source != terms.Source {
			t.Errorf("%s: %+v, a lifetime of %v by %s; want %+v", c.name, terms, l.Fresh, l.Source, c.want)
		}
	}
}
