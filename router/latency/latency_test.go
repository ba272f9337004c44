package latency

import (
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn/report"
)

func TestSum(t *testing.T) {
	const ms = time.Millisecond
	got := Sum([]Report{
		{"NRT", []report.RoundTrip{{POP: "SIN", Time: 70 * ms}, {POP: "SYD", Time: 100 * ms}}},
		{"NRT", []report.RoundTrip{{POP: "SIN", Time: 65 * ms}}},
		{"SIN", []report.RoundTrip{{POP: "NRT", Time: 80 * ms}}},
		{"FRA", nil},
	})
	if len(got) != 2 || got["NRT"]["SIN"] != 65*ms || got["NRT"]["SYD"] != 100*ms || got["SIN"]["NRT"] != 80*ms {
		t.Errorf("%v", got)
	}
}

func TestBoard(t *testing.T) {
	now, b := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), NewBoard(Default())
	of := func(ms ...int) Times {
		out := Times{"NRT": {}}
		for i, n := range ms {
			if n > 0 {
				out["NRT"][[]string{"SIN", "SYD", "FRA"}[i]] = time.Duration(n) * time.Millisecond
			}
		}
		return out
	}
	for _, c := range []struct {
		what  string
		after time.Duration
		times Times
		want  bool
	}{
		{"nothing is measured", 0, Times{}, false},
		{"the first", time.Second, of(70), true},
		{"another, too soon", 20 * time.Second, of(70, 100), false},
		{"another", 11 * time.Second, of(70, 100), true},
		{"the same", time.Minute, of(70, 100), false},
		{"a little longer", time.Minute, of(80, 110), false},
		{"much longer", time.Minute, of(90, 100), true},
		{"much shorter, too soon", time.Second, of(60, 100), false},
		{"much shorter", time.Minute, of(60, 100), true},
		{"one is lost", time.Minute, of(0, 100), true},
		{"all are lost", time.Minute, Times{}, true},
		{"of little a part", time.Minute, of(2), true},
		{"of little a large part", time.Minute, of(4), false},
	} {
		now = now.Add(c.after)
		if got := b.Step(now, c.times); got != c.want {
			t.Errorf("%s: %v", c.what, got)
		}
	}
	if b.Times()["NRT"]["SIN"] != 2*time.Millisecond {
		t.Errorf("%v", b.Times())
	}
}
