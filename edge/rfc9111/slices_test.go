package rfc9111

import (
	"testing"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

func TestFirstRange(t *testing.T) {
	for _, c := range []struct {
		value       string
		first, last int64
		ok          bool
	}{
		{"bytes=5-9", 5, 9, true},
		{"Bytes=5-9, 20-29", 5, 9, true},
		{"bytes=5-", 5, -1, true},
		{"bytes=-5", -1, 5, true},
		{"bytes=0-99999999999999999999", 0, farthest, true},
		{"bytes=9223372036854775807-", farthest, -1, true},
		{"bytes=9-5", 0, 0, false},
		{"bytes=-", 0, 0, false},
		{"bytes=x-5", 0, 0, false},
		{"lines=5-9", 0, 0, false},
		{"", 0, 0, false},
	} {
		if first, last, ok := FirstRange(c.value); first != c.first || last != c.last || ok != c.ok {
			t.Errorf("%q: %d %d %v", c.value, first, last, ok)
		}
	}
}

func TestStrongValidator(t *testing.T) {
	minute := at(-time.Minute)
	for _, c := range []struct {
		header message.Header
		want   string
	}{
		{header("ETag", `"a"`, "Last-Modified", minute, "Date", at(0)), `"a"`},
		{header("ETag", `W/"a"`, "Last-Modified", minute, "Date", at(0)), ""},
		{header("Last-Modified", minute, "Date", at(0)), minute},
		{header("Last-Modified", at(-59*time.Second), "Date", at(0)), ""},
		{header("Last-Modified", minute), ""},
		{header("Last-Modified", "Sunday, 01-Mar-26 11:59:30 GMT", "Date", at(0)), ""},
		{header("Date", at(0)), ""},
	} {
		if got := StrongValidator(c.header); got != c.want {
			t.Errorf("%v: %q", c.header, got)
		}
	}
}

func TestSameVersion(t *testing.T) {
	for _, c := range []struct {
		stored, answer message.Header
		partial, want  bool
	}{
		{header("ETag", `"a"`), header("ETag", `"a"`), false, true},
		{header("ETag", `"a"`), header("ETag", `"b"`), true, false},
		{header("ETag", `"a"`), header(), true, true},
		{header("ETag", `"a"`), header(), false, false},
		{header("Last-Modified", "x"), header("Last-Modified", "y"), true, false},
		{header("ETag", `"a"`, "Last-Modified", "x"), header("ETag", `"a"`, "Last-Modified", "y"), true, false},
		{header("ETag", `"a"`, "Last-Modified", "x"), header("Last-Modified", "x"), false, true},
	} {
		if got := SameVersion(c.stored, c.answer, c.partial); got != c.want {
			t.Errorf("%v, %v, partial %v: %v", c.stored, c.answer, c.partial, got)
		}
	}
}
