package report

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestReport(t *testing.T) {
	r := Edge{Node: "NRT-1", Load: 812.5, Capacity: 10000, RoundTrips: []RoundTrip{{"SIN", 68300 * time.Microsecond}, {"SYD", 104 * time.Millisecond}}}
	const text = "NRT-1\nload 812.5 of 10000 requests/s\nrtt SIN 68.3\nrtt SYD 104.0\n"
	if got := r.String(); got != text {
		t.Errorf("written: %q", got)
	}
	if got := Parse(text); !reflect.DeepEqual(got, r) {
		t.Errorf("read: %+v", got)
	}
	for text, want := range map[string]Edge{
		"":        {},
		"NRT-1\n": {Node: "NRT-1"},
		"NRT-1\nnew 1 2 3\nload 1 of 2 requests/s":                               {Node: "NRT-1", Load: 1, Capacity: 2},
		"NRT-1\nload NaN of 2 requests/s":                                        {Node: "NRT-1"},
		"NRT-1\nload 1 of Inf requests/s":                                        {Node: "NRT-1"},
		"NRT-1\nload -1 of 2 requests/s":                                         {Node: "NRT-1"},
		"NRT-1\nload 1 of 0 requests/s":                                          {Node: "NRT-1"},
		"NRT-1\nload 1 of 2 bananas/s":                                           {Node: "NRT-1"},
		"NRT-1\nrtt SIN -1\nrtt SIN 60001\nrtt TOOLONGTOBEACODEATALL 1\nrtt SIN": {Node: "NRT-1"},
	} {
		if got := Parse(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
	many := Parse("X\n" + strings.Repeat("rtt SIN 1\n", 1000))
	if len(many.RoundTrips) != maxRoundTrips || len(many.String()) > MaxBytes {
		t.Errorf("%d round trips, %d bytes", len(many.RoundTrips), len(many.String()))
	}
}

func FuzzReport(f *testing.F) {
	f.Add("NRT-1\nload 812.5 of 10000 requests/s\nrtt SIN 68.3\n")
	f.Fuzz(func(t *testing.T, text string) {
		r := Parse(text)
		if again := Parse(r.String()); again.Capacity != r.Capacity || len(again.RoundTrips) != len(r.RoundTrips) {
			t.Errorf("%q: %+v, then %+v", text, r, again)
		}
	})
}
