package message

import (
	"strings"
	"testing"
)

func TestTextKeepsWhatWasCut(t *testing.T) {
	var text Text
	for range 3 {
		text.Reset()
		var got, want []string
		for i := range 200 {
			part := strings.Repeat(string(rune('a'+i%26)), i)
			got = append(got, text.Concat(part, "/", part))
			want = append(want, part+"/"+part)
		}
		if g, w := strings.Join(got, " "), strings.Join(want, " "); g != w {
			t.Fatalf("a string changed after it was cut:\n%.200s\n%.200s", g, w)
		}
	}
	if text.Concat() != "" {
		t.Error("nothing joined is not empty")
	}
}

func TestTextAllocatesNothingOnceItHasGrown(t *testing.T) {
	var text Text
	if n := testing.AllocsPerRun(100, func() {
		text.Reset()
		_ = text.Concat("/index.html", "?", "a=b")
		_ = text.Concat("Hit", " from cloudfront")
	}); n != 0 {
		t.Errorf("%v allocations a request", n)
	}
}
