package pick

import (
	"cmp"
	"hash/fnv"
	"math"
	"slices"
	"time"
)

// Ways is how long the ways between POPs take, as far as edges have measured them: the
// round trips by the codes of the POPs they lead from and to. The way back takes as
// long. It is immutable.
type Ways struct {
	times map[string]map[string]time.Duration
	key   string
}

// NewWays makes Ways of round trips, by the codes of the POPs they lead from and to.
func NewWays(times map[string]map[string]time.Duration) *Ways {
	type way struct {
		from, to string
		time     time.Duration
	}
	var all []way
	for from, row := range times {
		for to, t := range row {
			all = append(all, way{from, to, t})
		}
	}
	slices.SortFunc(all, func(a, b way) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	h := fnv.New128a()
	for _, w := range all {
		_, _ = h.Write([]byte(w.from + "\x00" + w.to + "\x00" + w.time.String() + "\x00"))
	}
	return &Ways{times, string(h.Sum(nil))}
}

// Len returns how many ways are measured.
func (w *Ways) Len() (n int) {
	if w != nil {
		for _, row := range w.times {
			n += len(row)
		}
	}
	return n
}

// measured returns the round trip between two POPs, false where nobody measured it.
func (w *Ways) measured(from, to string) (time.Duration, bool) {
	t, ok := w.times[from][to]
	if !ok {
		t, ok = w.times[to][from]
	}
	return t, ok
}

// covers reports whether any way from or to a POP is measured.
func (w *Ways) covers(code string) bool {
	if len(w.times[code]) > 0 {
		return true
	}
	for _, row := range w.times {
		if _, ok := row[code]; ok {
			return true
		}
	}
	return false
}

// The distance model without its spread: what stands in for a way that is not measured.
const (
	modelBase  = 3 * time.Millisecond
	modelPerKm = 16 * time.Microsecond
)

// leastWay is what every way to another POP takes at least: reports round a shorter one to
// nothing, and a POP's own viewers are nearer to it than to any other.
const leastWay = time.Microsecond

// between returns the round trip between two POPs, and whether it is measured.
func (w *Ways) between(a, b *Site) (time.Duration, bool) {
	if a.N == b.N {
		return 0, true
	}
	if t, ok := w.measured(a.Code, b.Code); ok {
		return max(t, leastWay), true
	}
	return modelBase + time.Duration(kilometres(a.at.chord2(b.at))*float64(modelPerKm)), false
}

// row is how long the ways from a POP take to the sites of a pool.
type row struct {
	at    vector
	times []time.Duration
	best  int
}

// measure gives a pool the rows of those POPs that have measured anything, and notes which of
// its own have not.
func (p *Pool) measure(w *Ways, all []Site) {
	if w.Len() == 0 || len(p.sites) == 0 {
		return
	}
	p.ways = w
	for i := range all {
		a := &all[i]
		if len(a.edges) == 0 {
			continue
		}
		if !w.covers(a.Code) {
			p.unmeasured = append(p.unmeasured, a.at)
			continue
		}
		r := row{at: a.at, times: make([]time.Duration, len(p.sites))}
		for j := range p.sites {
			r.times[j], _ = w.between(a, &p.sites[j])
			if r.times[j] < r.times[r.best] {
				r.best = j
			}
		}
		p.rows = append(p.rows, r)
	}
}

// row returns the row that viewers at a place are ranked by: that of the nearest POP, where it
// has measured anything. Nil is a viewer who is ranked by distance.
func (p *Pool) row(at vector) *row {
	best, least := -1, math.Inf(1)
	for i := range p.rows {
		if d := p.rows[i].at.chord2(at); d < least {
			best, least = i, d
		}
	}
	for _, u := range p.unmeasured {
		if u.chord2(at) < least {
			return nil
		}
	}
	if best < 0 {
		return nil
	}
	return &p.rows[best]
}
