package wan

import (
	"testing"
	"time"
)

const ms = time.Millisecond

func TestPacer(t *testing.T) {
	type entry struct {
		now   time.Duration
		n     int
		delay time.Duration
		want  time.Duration
	}
	for _, tt := range []struct {
		name string
		rate int64
		in   []entry
	}{
		{"no delay is now", 0, []entry{{5 * ms, 10, 0, 5 * ms}}},
		{"chunks wait side by side, not behind each other", 0,
			[]entry{{0, 1e6, 50 * ms, 50 * ms}, {1 * ms, 1e6, 50 * ms, 51 * ms}}},
		{"writes of one instant travel together", 0,
			[]entry{{0, 1, 50 * ms, 50 * ms}, {10 * time.Microsecond, 1, 50 * ms, 50*ms + quantum}, {20 * time.Microsecond, 1, 50 * ms, 50*ms + quantum}}},
		{"a delay that shrinks lets nothing overtake", 0,
			[]entry{{0, 1, 100 * ms, 100 * ms}, {1 * ms, 1, 10 * ms, 100 * ms}, {2 * ms, 1, 0, 100 * ms}, {150 * ms, 1, 10 * ms, 160 * ms}}},
		{"a delay that grows counts from now", 0,
			[]entry{{0, 1, 10 * ms, 10 * ms}, {1 * ms, 1, 100 * ms, 101 * ms}}},
		{"bandwidth comes before distance", 1000,
			[]entry{{0, 100, 50 * ms, 150 * ms}, {0, 100, 50 * ms, 250 * ms}, {900 * ms, 100, 50 * ms, 1050 * ms}}},
		{"bandwidth alone", 1000, []entry{{0, 10, 0, 10 * ms}, {0, 10, 0, 20 * ms}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := pacer{rate: tt.rate}
			for i, e := range tt.in {
				if got := p.due(e.now, e.n, e.delay); got != e.want {
					t.Errorf("chunk %d: due %v, want %v", i, got, e.want)
				}
			}
		})
	}
}
