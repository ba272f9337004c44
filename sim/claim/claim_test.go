package claim

import (
	"testing"
	"time"
)

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, uri string
		want         bool
	}{
		{"/a/1", "/a/1", true},
		{"/a/1", "/a/10", false},
		{"/a/1*", "/a/10", true},
		{"/a/*", "/a/1", true},
		{"/a/*", "/b/1", false},
		{"/*", "/b/1?q=2", true},
		{"/b/1", "/b/1?q=2", false},
		{"/b/1?q=2", "/b/1?q=2", true},
		{"/b/1?q=2", "/b/1?q=3", false},
		{"/b/1*", "/b/1?q=3", true},
	} {
		if got := Matches(c.pattern, c.uri); got != c.want {
			t.Errorf("Matches(%q, %q) = %v", c.pattern, c.uri, got)
		}
	}
}

func TestDemand(t *testing.T) {
	start := time.Unix(1000, 0)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	h := New([]string{"/a", "/b"}, start)
	make := func(id string, paths ...string) *Invalidation {
		return &Invalidation{ID: id, Paths: paths, Floor: h.Floor(paths)}
	}
	complete := func(inv *Invalidation, s int) { h.Complete(inv, func() time.Time { return at(s) }) }

	h.Raise("/a", at(1)) // 2
	exact := make("exact", "/a")
	h.Raise("/a", at(2)) // 3
	query := make("query", "/a?q=1")
	h.Raise("/b", at(2)) // 2
	all := make("all", "/*")
	h.Raise("/a", at(3)) // 4, nobody is told

	complete(exact, 10)
	complete(all, 20)
	complete(query, 30)
	for _, c := range []struct {
		uri     string
		started int
		version int
		by      string
	}{
		{"/a", 9, 0, ""},
		{"/a", 10, 2, "exact"},
		{"/a", 19, 2, "exact"},
		{"/a?q=1", 19, 0, ""},
		{"/a?q=1", 20, 3, "all"},
		{"/a", 20, 3, "all"},
		{"/b", 19, 0, ""},
		{"/b?x", 20, 2, "all"},
		{"/c", 20, 0, ""},
	} {
		version, by := h.Demand(c.uri, at(c.started))
		id := ""
		if by != nil {
			id = by.ID
		}
		if version != c.version || id != c.by {
			t.Errorf("Demand(%q, +%d s) = %d by %q, want %d by %q", c.uri, c.started, version, id, c.version, c.by)
		}
	}
}

// An invalidation that was made first may complete last: what it demands is less than what holds already.
func TestDemandOfOneThatCompletesLate(t *testing.T) {
	now := time.Unix(1000, 0)
	h := New([]string{"/a"}, now)
	first := &Invalidation{ID: "first", Paths: []string{"/a"}, Floor: h.Floor([]string{"/a"})}
	h.Raise("/a", now)
	second := &Invalidation{ID: "second", Paths: []string{"/a"}, Floor: h.Floor([]string{"/a"})}
	clock := func() time.Time { now = now.Add(time.Second); return now }
	h.Complete(second, clock)
	h.Complete(first, clock)
	if v, by := h.Demand("/a", now.Add(time.Hour)); v != 2 || by != second {
		t.Errorf("demands version %d by %v", v, by)
	}
}
