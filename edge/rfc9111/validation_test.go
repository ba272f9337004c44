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

func TestUpdateKeepsWhatDescribesTheBytes(t *testing.T) {
	stored := header("ETag", `"a"`, "Content-Type", "text/html", "Content-Length", "5", "Content-MD5", "x", "Cache-Control", "max-age=1", "X-Old", "kept", "Age", "100", "Vary", "a")
	fresh := header("Cache-Control", "max-age=60", "Date", at(0), "Content-Length", "0", "Content-Type", "text/plain", "Content-MD5", "y", "ETag", `"b"`, "Connection", "close", "X-New", "1", "X-New", "2")
	want := header("ETag", `"a"`, "Content-Length", "5", "Content-MD5", "x", "X-Old", "kept", "Vary", "a", "Cache-Control", "max-age=60", "Date", at(0), "Content-Type", "text/plain", "X-New", "1", "X-New", "2")
	if got := Update(stored, fresh); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if got := Update(header("Last-Modified", at(0)), header("ETag", `"a"`)); got.Get("ETag") != `"a"` {
		t.Error("a tag for what had none is lost:", got)
	}
}

func TestConfirms(t *testing.T) {
	for _, c := range []struct {
		stored, notModified message.Header
		want                bool
	}{
		{header("ETag", `"a"`), header("ETag", `"a"`), true},
		{header("ETag", `"a"`), header("ETag", `W/"a"`), true},
		{header("ETag", `"a"`), header(), true},
		{header("Last-Modified", at(0)), header("ETag", `"b"`), true},
		{header("ETag", `"a"`), header("ETag", `"b"`), true}, // asked by the tag alone
		{header("ETag", `"a"`, "Last-Modified", at(0)), header("ETag", `"b"`), false},
	} {
		if Confirms(c.stored, c.notModified) != c.want {
			t.Errorf("%+v", c)
		}
	}
}

func TestHead(t *testing.T) {
	stored := header("ETag", `"a"`, "Last-Modified", at(0), "X", "1")
	for _, c := range []struct {
		status int
		head   message.Header
		size   int64
		want   HeadEffect
	}{
		{200, header(), -1, HeadUpdates},
		{200, header("X", "2"), 5, HeadUpdates},
		{200, header("ETag", `"a"`, "Last-Modified", at(0)), 5, HeadUpdates},
		{200, header("ETag", `"b"`), 5, HeadOutdates},
		{200, header("Last-Modified", at(1e9)), 5, HeadOutdates},
		{200, header(), 6, HeadOutdates},
		{404, header("ETag", `"b"`), 5, HeadSaysNothing},
		{304, header("ETag", `"a"`), 5, HeadSaysNothing},
	} {
		if got := Head(stored, 5, c.status, c.head, c.size); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	if got := Head(header(), -1, 200, header("ETag", `"a"`), 5); got != HeadOutdates {
		t.Error("a tag where there was none:", got)
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
