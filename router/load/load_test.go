package load

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
)

func start() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// TestStep tells one story after another: what a POP reports for some seconds, and what is
// sent on after them.
func TestStep(t *testing.T) {
	type act struct {
		seconds  int
		use      float64 // -1: nothing is reported
		full     bool    // nobody else has room
		from, to float64 // of what is sent on in the end
	}
	for name, story := range map[string][]act{
		"below the limit nothing is done":         {{600, 0.79, false, 0, 0}},
		"a moment above it is none":               {{2, 3, false, 0, 0}, {1, 0.5, false, 0, 0}, {2, 3, false, 0, 0}},
		"one step soon, and then a minute's rest": {{3, 1.4, false, 0, 0}, {1, 1.4, false, 0.5, 0.52}, {55, 1.4, false, 0.5, 0.52}, {6, 1.4, false, 0.75, 0.77}},
		"between the two all stays":               {{5, 1.4, false, 0.5, 0.52}, {600, 0.7, false, 0.5, 0.52}, {600, 0.61, false, 0.5, 0.52}, {600, 0.79, false, 0.5, 0.52}},
		"called back half at a time": {{5, 1.4, false, 0.5, 0.52}, {55, 0.7, false, 0.5, 0.52}, {10, 0.01, false, 0.25, 0.25}, {50, 0.01, false, 0.25, 0.25},
			{11, 0.01, false, 0.125, 0.125}, {600, 0.01, false, 0, 0}},
		"called back as much as fits":   {{5, 1.4, false, 0.5, 0.52}, {70, 0.5, false, 0.29, 0.32}},
		"never all":                     {{3600, 50, false, 63.0 / 64, 63.0 / 64}},
		"nobody has room":               {{600, 2, true, 0, 0}},
		"nobody has room any more":      {{5, 1.4, false, 0.5, 0.52}, {70, 0.9, true, 0.25, 0.25}, {600, 0.9, true, 0, 0}},
		"nothing is reported":           {{600, -1, false, 0, 0}},
		"nothing is reported any more":  {{5, 1.4, false, 0.5, 0.52}, {55, -1, false, 0.5, 0.52}, {10, -1, false, 0, 0}},
		"infinitely more than it is to": {{5, math.Inf(1), false, 63.0 / 64, 63.0 / 64}},
	} {
		t.Run(name, func(t *testing.T) {
			now, s := start(), State{}
			for i, a := range story {
				for range a.seconds {
					now = now.Add(time.Second)
					r := Report{a.use * 100, 100}
					if a.use < 0 {
						r = Report{}
					}
					s = s.Step(r, !a.full, now, Default())
				}
				if s.Spill < a.from-1e-9 || s.Spill > a.to+1e-9 {
					t.Fatalf("act %d: %v is sent on, want %v to %v", i, s.Spill, a.from, a.to)
				}
			}
		})
	}
}

// crowd is viewers of some POPs in a row: each POP's next is the one after it. What
// is answered changes as the answers given before expire.
type crowd struct {
	board    *Board
	now      time.Time
	offered  []float64   // by POP, a second
	capacity float64     // of each
	given    [][]float64 // parts of the viewers of a POP, by which POP they go to now
}

func newCrowd(n int, capacity float64) *crowd {
	c := &crowd{board: NewBoard(Default()), now: start(), offered: make([]float64, n), capacity: capacity}
	for i := range n {
		c.given = append(c.given, make([]float64, n))
		c.given[i][i] = 1
	}
	return c
}

func code(i int) string { return fmt.Sprintf("P%02d", i) }

// load is what comes to each POP.
func (c *crowd) load() []float64 {
	out := make([]float64, len(c.offered))
	for i, parts := range c.given {
		for j, part := range parts {
			out[j] += part * c.offered[i]
		}
	}
	return out
}

// second lets one pass, in which a sixtieth of the viewers ask anew.
func (c *crowd) second() {
	c.now = c.now.Add(time.Second)
	var pops []POP
	for i, l := range c.load() {
		pops = append(pops, POP{code(i), cdn.PriceClass100, Report{l, c.capacity}})
	}
	c.board.Step(pops, c.now)
	spill := c.board.Spill()
	for i := range c.given {
		rest := 1.0
		for k := range c.given {
			j := (i + k) % len(c.given)
			part := rest * (1 - spill[code(j)])
			c.given[i][j] += (part - c.given[i][j]) / 60
			rest -= part
		}
	}
}

// TestOverloadSettles: one POP of three gets up to twice what it is to answer; within ten minutes all are
// within their capacity, nothing changes any more, and when the crowd goes all return.
func TestOverloadSettles(t *testing.T) {
	for _, times := range []float64{0.9, 1, 1.3, 1.7, 2} {
		t.Run(fmt.Sprint(times), func(t *testing.T) {
			c := newCrowd(3, 1000)
			c.offered = []float64{times * 1000, 100, 100}
			for range 600 {
				c.second()
			}
			turns, last, up := 0, c.board.Spill()[code(0)], false
			for range 1800 {
				c.second()
				if s := c.board.Spill()[code(0)]; s != last {
					if turns++; s > last != up {
						up = s > last
					}
					last = s
				}
				for i, l := range c.load() {
					if l > 1000 {
						t.Fatalf("%v a second come to POP %d", l, i)
					}
				}
			}
			if last == 0 || turns > 4 {
				t.Errorf("%v is sent on, changed %d times in half an hour", last, turns)
			}
			c.offered[0] = 100
			for range 1200 {
				c.second()
			}
			if s := c.board.Spill(); len(s) != 0 {
				t.Errorf("twenty minutes after the crowd has gone %v is sent on", s)
			}
		})
	}
}

// TestOverloadOfAll: nobody is sent anywhere.
func TestOverloadOfAll(t *testing.T) {
	c := newCrowd(3, 1000)
	c.offered = []float64{1500, 1500, 1500}
	for range 600 {
		c.second()
		if s := c.board.Spill(); len(s) != 0 {
			t.Fatalf("%v is sent on", s)
		}
	}
}

// TestRoomIsInTheClass: a POP outside a class is no room for viewers in it.
func TestRoomIsInTheClass(t *testing.T) {
	for _, c := range []struct {
		name string
		pops []POP
		want bool
	}{
		{"another of the class", []POP{{"FRA", cdn.PriceClass100, Report{90, 100}}, {"IAD", cdn.PriceClass100, Report{10, 100}}}, true},
		{"it is as full", []POP{{"FRA", cdn.PriceClass100, Report{90, 100}}, {"IAD", cdn.PriceClass100, Report{85, 100}}}, false},
		{"it does not say", []POP{{"FRA", cdn.PriceClass100, Report{90, 100}}, {"IAD", cdn.PriceClass100, Report{}}}, true},
		{"it is dearer", []POP{{"FRA", cdn.PriceClass100, Report{90, 100}}, {"SYD", cdn.PriceClassAll, Report{10, 100}}}, false},
		{"it is cheaper", []POP{{"SYD", cdn.PriceClassAll, Report{90, 100}}, {"FRA", cdn.PriceClass100, Report{10, 100}}}, true},
		{"it is in no class", []POP{{"SYD", cdn.PriceClassAll, Report{90, 100}}, {"PEK", 0, Report{10, 100}}}, false},
		{"there is none", []POP{{"FRA", cdn.PriceClass100, Report{90, 100}}}, false},
	} {
		b, now := NewBoard(Default()), start()
		changed := false
		for range 10 {
			now = now.Add(time.Second)
			changed = b.Step(c.pops, now) || changed
		}
		if got := b.Spill()[c.pops[0].Code] > 0; got != c.want || changed != c.want {
			t.Errorf("%s: %v is sent on, changed %v", c.name, b.Spill(), changed)
		}
	}
}

func TestBoardForgets(t *testing.T) {
	b, now := NewBoard(Default()), start()
	crowded := []POP{{"FRA", cdn.PriceClass100, Report{90, 100}}, {"IAD", cdn.PriceClass100, Report{1, 100}}}
	for range 10 {
		now = now.Add(time.Second)
		b.Step(crowded, now)
	}
	before := b.Spill()["FRA"]
	if before == 0 || b.States()["FRA"].Use != 0.9 {
		t.Fatalf("%+v", b.States())
	}
	// Down for a moment: its viewers go elsewhere anyway.
	if b.Step(crowded[1:], now.Add(30*time.Second)) || b.Spill()["FRA"] != before {
		t.Errorf("%v", b.Spill())
	}
	if !b.Step(crowded[1:], now.Add(2*time.Minute)) || len(b.States()) != 1 {
		t.Errorf("%+v", b.States())
	}
}

func TestSettings(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
	for _, s := range []Settings{{}, {0.6, 0.8, 0, 1}, {1.2, 0.5, 0, 1}, {0.8, 0.6, 0, 0}, {0.8, 0.6, -1, 1}, {0.8, math.NaN(), 0, 1}} {
		if s.Validate() == nil {
			t.Errorf("%+v is taken", s)
		}
	}
}
