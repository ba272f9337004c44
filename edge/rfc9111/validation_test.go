package rfc9111

import (
	"reflect"
	"testing"

	"github.com/warmfront/warmfront/edge/message"
)

func TestEvaluate(t *testing.T) {
	stored := header("ETag", `"a"`, "Last-Modified", at(0))
	weak := header("ETag", `W/"a"`)
	none := header("Date", at(0))
	for _, c := range []struct {
		request, stored message.Header
		want            int
	}{
		{nil, stored, 0},
		{header("If-None-Match", `"a"`), stored, 304},
		{header("If-None-Match", `"b", W/"a"`), stored, 304},
		{header("If-None-Match", `"b"`), stored, 0},
		{header("If-None-Match", `"b"`, "If-None-Match", `"a"`), stored, 304},
		{header("If-None-Match", `*`), none, 304},
		{header("If-None-Match", `""`), none, 0},
		{header("If-None-Match", `"a"`), weak, 304},
		{header("If-None-Match", `"b"`, "If-Modified-Since", at(day)), stored, 0}, // the former decides
		{header("If-Modified-Since", at(0)), stored, 304},
		{header("If-Modified-Since", at(-1e9)), stored, 0},
		{header("If-Modified-Since", "yesterday"), stored, 0},
		{header("If-Modified-Since", at(0)), none, 304}, // its Date stands in
		{header("If-Match", `"a"`), stored, 0},
		{header("If-Match", `"b"`), stored, 412},
		{header("If-Match", `W/"a"`), weak, 412}, // compared strongly
		{header("If-Match", `*`), stored, 0},
		{header("If-Unmodified-Since", at(0)), stored, 0},
		{header("If-Unmodified-Since", at(-1e9)), stored, 412},
		{header("If-Unmodified-Since", at(-1e9)), none, 0},
		{header("If-Match", `"a"`, "If-None-Match", `"a"`), stored, 304},
	} {
		if got := Evaluate(c.request, c.stored, noon); got != c.want {
			t.Errorf("%v of %v: %d, want %d", c.request, c.stored, got, c.want)
		}
	}
}

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

func TestUpdateKeepsWhatDescribesTheBytes(t *testing.T) {
	stored := header("ETag", `"a"`, "Content-Type", "text/html", "Content-Length", "5", "Cache-Control", "max-age=1", "X-Old", "kept", "Age", "100", "Vary", "a")
	fresh := header("Cache-Control", "max-age=60", "Date", at(0), "Content-Length", "0", "Content-Type", "text/plain", "Connection", "close", "X-New", "1", "X-New", "2")
	want := header("ETag", `"a"`, "Content-Type", "text/html", "Content-Length", "5", "X-Old", "kept", "Vary", "a", "Cache-Control", "max-age=60", "Date", at(0), "X-New", "1", "X-New", "2")
	if got := Update(stored, fresh); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestConfirms(t *testing.T) {
	for _, c := range []struct {
		stored, notModified string
		want                bool
	}{{`"a"`, `"a"`, true}, {`"a"`, `W/"a"`, true}, {`"a"`, `"b"`, false}, {`"a"`, "", true}, {"", `"b"`, true}} {
		if Confirms(header("ETag", c.stored), header("ETag", c.notModified)) != c.want {
			t.Errorf("%+v", c)
		}
	}
}

func TestConditional(t *testing.T) {
	h := header("If-None-Match", `"viewer's"`)
	Conditional(&h, header("ETag", `"a"`, "Last-Modified", at(0)))
	if want := header("If-None-Match", `"a"`, "If-Modified-Since", at(0)); !reflect.DeepEqual(h, want) {
		t.Error(h)
	}
	if HasValidator(header("Date", at(0))) || !HasValidator(header("Last-Modified", at(0))) {
		t.Error("HasValidator")
	}
}

func TestVariant(t *testing.T) {
	names := VaryNames(header("Vary", "B, a", "Vary", "b"))
	if !reflect.DeepEqual(names, []string{"a", "b"}) {
		t.Fatal(names)
	}
	of := func(h message.Header) string { return Variant(names, h.Joined) }
	same := of(header("A", "x,  y", "B", "1"))
	if same != of(header("a", "x", "a", "y", "b", " 1 ")) {
		t.Error("white space and lines make a difference")
	}
	for _, other := range []message.Header{header("A", "y,x", "B", "1"), header("A", "x,y"), header("A", "x,y,1")} {
		if of(other) == same {
			t.Errorf("%v is the same variant", other)
		}
	}
	if Variant(nil, nil) != "" {
		t.Error("a response that does not vary has a variant")
	}
}

func TestParseDate(t *testing.T) {
	for _, s := range []string{"Sun, 01 Mar 2026 12:00:00 GMT", "Sunday, 01-Mar-26 12:00:00 GMT", "Sun Mar  1 12:00:00 2026"} {
		if got, ok := ParseDate(s); !ok || !got.Equal(noon) {
			t.Errorf("%q: %v %v", s, got, ok)
		}
	}
	for _, s := range []string{"", "0", "Sun, 01 Mar 2026 12:00:00 +0100", "2026-03-01T12:00:00Z"} {
		if _, ok := ParseDate(s); ok {
			t.Errorf("%q was read", s)
		}
	}
}
