package main

import (
	"flag"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
)

func TestSpread(t *testing.T) {
	var list []time.Duration
	for i := range 1000 {
		list = append(list, time.Duration(1000-i)) // 1 to 1000, the largest first
	}
	if got, want := spreadOf(list), (spread{1000, 501, 991, 1000, 1000}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if list[0] != 1000 {
		t.Error("the list was sorted")
	}
	if got := spreadOf(nil); got != (spread{}) {
		t.Errorf("of nothing: %+v", got)
	}
	if got, want := spreadOf(list[:1]), (spread{1, 1000, 1000, 1000, 1000}); got != want {
		t.Errorf("of one: %+v, want %+v", got, want)
	}
}

func TestMedian(t *testing.T) {
	middle, least, most := median([]spread{{P50: 5}, {P50: 1}, {P50: 3}}, p50)
	if middle != 3 || least != 1 || most != 5 {
		t.Errorf("%d, from %d to %d", middle, least, most)
	}
}

// What a node is told in one state counts for each invalidation in it, once.
func TestArrivals(t *testing.T) {
	a := newArrivals(2)
	a.of("E1")
	state := cdn.NewState(1)
	apply := func(kind cdn.Kind, body any) {
		c, err := cdn.NewChange(kind, body, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		c.Version = state.Version.Next()
		if state, err = state.Apply(c); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []cdn.Node{{ID: "A-1", Role: cdn.RoleEdge}, {ID: "B-1", Role: cdn.RoleEdge}, {ID: "router-1", Role: cdn.RoleRouter}} {
		apply(cdn.KindNodeRegister, n)
	}
	for _, id := range []string{"I1", "I2"} {
		apply(cdn.KindInvalidation, cdn.Invalidation{ID: id, Distribution: "E1", Paths: []string{"/*"}})
		a.note("A-1", state)
	}
	a.note("A-1", state) // again
	a.note("router-1", state)
	if a.arrival("I1").edges != 1 || a.arrival("I2").edges != 1 {
		t.Fatalf("%d and %d edges have them, want 1", a.arrival("I1").edges, a.arrival("I2").edges)
	}
	a.note("B-1", state) // both at once
	for _, id := range []string{"I1", "I2"} {
		if last, err := a.wait(t.Context(), id); err != nil || last.IsZero() {
			t.Errorf("%s: %v, %v", id, last, err)
		}
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		args []string
		good bool
	}{
		{nil, true},
		{[]string{"-part", "fleet", "-fleet", "10,20"}, true},
		{[]string{"-part", "fast"}, false},
		{[]string{"-nodes", "12,104"}, false},
		{[]string{"-nodes", "many"}, false},
		{[]string{"-windows", "0"}, false},
		{[]string{"-o", "xml"}, false},
		{[]string{"more"}, false},
	} {
		f := flag.NewFlagSet("invalidate", flag.ContinueOnError)
		f.SetOutput(io.Discard)
		cfg, err := parse(f, c.args)
		if (err == nil) != c.good {
			t.Errorf("%q: %v", c.args, err)
		}
		if c.good && c.args != nil && !slices.Equal(cfg.fleet, []int{10, 20}) {
			t.Errorf("%q: a fleet of %d", c.args, cfg.fleet)
		}
	}
}
