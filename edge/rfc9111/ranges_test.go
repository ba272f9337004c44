package rfc9111

import (
	"slices"
	"testing"
)

func TestParseRange(t *testing.T) {
	stored := header("ETag", `"a"`, "Last-Modified", at(0))
	for _, c := range []struct {
		rng, ifRange string
		size         int64
		want         Range
		status       int
	}{
		{"", "", 100, Range{}, 0},
		{"bytes=0-9", "", 100, Range{0, 10}, 206},
		{"bytes=90-", "", 100, Range{90, 10}, 206},
		{"bytes=90-1000", "", 100, Range{90, 10}, 206},
		{"bytes=-10", "", 100, Range{90, 10}, 206},
		{"bytes=-1000", "", 100, Range{0, 100}, 206},
		{"bytes=-0", "", 100, Range{}, 416},
		{"bytes=100-", "", 100, Range{}, 416},
		{"bytes=0-", "", 0, Range{}, 416},
		{"bytes=-5", "", 0, Range{}, 416},
		{"bytes=9-8", "", 100, Range{}, 0},
		{"bytes=0-1,5-6", "", 100, Range{}, 0},
		{"bytes=-", "", 100, Range{}, 0},
		{"bytes=a-b", "", 100, Range{}, 0},
		{"bytes=+1-2", "", 100, Range{}, 0},
		{"lines=0-9", "", 100, Range{}, 0},
		{"Bytes=0-9", "", 100, Range{0, 10}, 206},
		{"bytes=99999999999999999999-", "", 100, Range{}, 416},
		{"bytes=0-99999999999999999999", "", 100, Range{0, 100}, 206},
		{"bytes=-99999999999999999999", "", 100, Range{0, 100}, 206},
		{"bytes=0-9", `"a"`, 100, Range{0, 10}, 206},
		{"bytes=0-9", `"b"`, 100, Range{}, 0},
		{"bytes=0-9", `W/"a"`, 100, Range{}, 0},
		{"bytes=0-9", at(0), 100, Range{0, 10}, 206},
		{"bytes=0-9", at(1e9), 100, Range{}, 0},
	} {
		req := header("Range", c.rng)
		if c.ifRange != "" {
			req.Add("If-Range", c.ifRange)
		}
		if got, status := ParseRange(req, stored, c.size); got != c.want || status != c.status {
			t.Errorf("%q if %q of %d: %v %d, want %v %d", c.rng, c.ifRange, c.size, got, status, c.want, c.status)
		}
	}
	if got := (Range{90, 10}).ContentRange(100); got != "bytes 90-99/100" {
		t.Error(got)
	}
}

func TestParseRanges(t *testing.T) {
	for _, c := range []struct {
		rng    string
		want   []Range
		status int
	}{
		{"bytes=0-1,5-6", []Range{{0, 2}, {5, 2}}, 206},
		{"bytes=0-1, 5-6 ,-3", []Range{{0, 2}, {5, 2}, {97, 3}}, 206},
		{"bytes=0-4,5-9", []Range{{0, 5}, {5, 5}}, 206},
		{"bytes=0-0,100-,200-300", []Range{{0, 1}}, 206},
		{"bytes=100-,200-300", nil, 416},
		{"bytes=0-5,5-9", nil, 0},  // overlap
		{"bytes=5-9,0-1", nil, 0},  // out of order
		{"bytes=-200,0-1", nil, 0}, // overlap too
		{"bytes=0-1,9-8", nil, 0},
		{"bytes=0-1,x", nil, 0},
		{"bytes=,", nil, 0},
		{"bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,24-24,26-26,28-28,30-30,32-32", nil, 0},
	} {
		got, status := ParseRanges(nil, header("Range", c.rng), header(), 100)
		if !slices.Equal(got, c.want) || status != c.status {
			t.Errorf("%q: %v %d, want %v %d", c.rng, got, status, c.want, c.status)
		}
	}
}

// FuzzParseRanges: whatever is asked, what is sent lies within the object, in
// order, no byte twice.
func FuzzParseRanges(f *testing.F) {
	for _, s := range []string{"bytes=0-1,5-6", "bytes=-5", "bytes=5-", "bytes=9223372036854775807-", "bytes=-9223372036854775807,0-0", "bytes=,,1-1"} {
		f.Add(s, int64(10))
	}
	f.Fuzz(func(t *testing.T, value string, size int64) {
		if size < 0 {
			return
		}
		ranges, status := ParseRanges(nil, header("Range", value), nil, size)
		if (status == 206) != (len(ranges) > 0) || len(ranges) > MaxRanges {
			t.Fatal(ranges, status)
		}
		end := int64(0)
		for _, r := range ranges {
			if r.Length <= 0 || r.Offset < end || r.Length > size-r.Offset {
				t.Fatal(ranges, size)
			}
			end = r.Offset + r.Length
		}
	})
}

func TestParts(t *testing.T) {
	for _, c := range []struct {
		value  string
		length int64
		want   Part
		ok     bool
	}{
		{"bytes 5-9/10", 5, Part{5, 5, 10}, true},
		{"Bytes 5-9/10", -1, Part{5, 5, 10}, true},
		{"bytes 4-9/10", 5, Part{4, 5, 10}, true}, // what came is what there is
		{"bytes 0-4/*", 5, Part{0, 5, -1}, true},
		{"bytes 5-9/10", 6, Part{}, false},
		{"bytes 5-9/10", 0, Part{}, false},
		{"bytes 5-4/10", 5, Part{}, false},
		{"bytes 5-10/10", 6, Part{}, false},
		{"bytes 5-9/", 5, Part{}, false},
		{"bytes */10", 5, Part{}, false},
		{"bytes -9/10", 5, Part{}, false},
		{"lines 5-9/10", 5, Part{}, false},
		{"bytes 0-99999999999999999999/*", 5, Part{}, false},
		{"", 5, Part{}, false},
	} {
		if got, ok := PartOf(header("Content-Range", c.value), c.length); ok != c.ok || ok && got != c.want {
			t.Errorf("%q of %d: %v %v", c.value, c.length, got, ok)
		}
	}
	stored := header("ETag", `"a"`)
	p := Part{4, 5, 10}
	for rng, want := range map[string]bool{
		"bytes=4-8": true, "bytes=6-8": true, "bytes=6-": false, "bytes=-5": false, "bytes=3-4": false, "bytes=20-": false, "bytes=5-5,7-7": false, "": false,
	} {
		if r, ok := p.Answers(header("Range", rng), stored); ok != want || ok && rng == "bytes=6-8" && r != (Range{6, 3}) {
			t.Errorf("%q: %v %v", rng, r, ok)
		}
	}
	if _, ok := p.Answers(header("Range", "bytes=4-8", "If-Range", `"b"`), stored); ok {
		t.Error("a part of something else answers")
	}
}
