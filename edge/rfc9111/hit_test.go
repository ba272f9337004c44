package rfc9111

import (
	"testing"
	"time"
)

// TestHitAllocatesNothing: what the rules are asked for each hit.
func TestHitAllocatesNothing(t *testing.T) {
	stored := header("ETag", `"a"`, "Last-Modified", at(-day), "Content-Language", "de", "Date", at(0))
	request := header("If-None-Match", `"b", "a"`, "Cache-Control", "max-age=100, min-fresh=1", "Accept-Language", "de;q=0.5, en", "Accept-Encoding", "gzip, br")
	since := header("If-Modified-Since", at(-day), "Range", "bytes=5-9, 20-29")
	names := []string{"accept-encoding", "accept-language"}
	variant := Variant(names, request.Joined)
	l := Lifetime{Fresh: time.Hour}
	var room [MaxRanges]Range
	if n := testing.AllocsPerRun(100, func() {
		asked := Asked{CacheControl(request)}
		ranges, status := ParseRanges(room[:0], since, stored, 100)
		if asked.Reuse(l, time.Second, noon, noon.Add(time.Minute)) != Use ||
			Age(time.Second, noon, noon.Add(time.Minute)) != 61*time.Second ||
			Evaluate(request, stored, noon) != 304 || Evaluate(since, stored, noon) != 304 ||
			status != 206 || len(ranges) != 2 ||
			!Selects(names, variant, stored, request.Joined) {
			t.Error("not a hit")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
