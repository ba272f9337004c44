package eviction

import "testing"

func TestSketchCounts(t *testing.T) {
	var s sketch
	s.grow(4096)
	wrong := 0
	for key := range uint64(200) {
		s.raise(mix(key), uint32(key%20))
	}
	// 1,900 additions, of 12,288 in which every count is halved once.
	for key := range uint64(200) {
		if s.estimate(mix(key)) != min(uint32(key%20), maxCount) {
			wrong++
		}
	}
	if wrong > 60 {
		t.Errorf("%d of 200 counts are wrong, in a sketch for 4,096 keys of which a sixth was halved", wrong)
	}
}

func TestSketchGrows(t *testing.T) {
	var s sketch
	s.grow(64)
	s.raise(mix(1), 9)
	s.grow(5000)
	if got := s.estimate(mix(1)); got != 9 || len(s.blocks) != 1024 {
		t.Errorf("after growing to %d blocks the estimate is %d, want 9 in 1024", len(s.blocks), got)
	}
}

// TestSketchFades: a key that is used no more is forgotten after four halvings,
// but for what others with the same counters add.
func TestSketchFades(t *testing.T) {
	var s sketch
	s.grow(1024)
	s.raise(mix(1), 15)
	for key := uint64(100); s.estimate(mix(1)) > 2; key++ {
		s.raise(mix(key), s.estimate(mix(key))+1)
		if key > 100+4*ageEvery*1024 {
			t.Fatalf("the estimate is still %d", s.estimate(mix(1)))
		}
	}
}

func TestGhosts(t *testing.T) {
	var g ghosts
	g.grow(100)
	const kib = 1 << 10
	for key := range uint64(50) {
		g.add(mix(key), 10*kib)
	}
	// Key 40 left when 400 KiB had, 100 KiB ago.
	if g.take(mix(40), 90*kib) {
		t.Error("a key is remembered longer than the span")
	}
	if !g.take(mix(41), 90*kib) {
		t.Error("a key within the span is not remembered")
	}
	if g.take(mix(41), 90*kib) {
		t.Error("a key is remembered after it came back")
	}
	if g.take(mix(1000), 1<<40) {
		t.Error("a key is remembered that was never there")
	}
	g.grow(1000)
	if !g.take(mix(42), 90*kib) {
		t.Error("a key is forgotten when the table grows")
	}
}

func TestGhostsForgetTheOldest(t *testing.T) {
	var g ghosts
	g.grow(1) // 64 slots
	for key := range uint64(1000) {
		g.add(mix(key), 1<<10)
	}
	recent := 0
	for key := range uint64(1000) {
		if g.take(mix(key), 1<<40) {
			if key < 800 {
				t.Errorf("key %d is remembered, of 1,000 that came into 64 slots", key)
			}
			recent++
		}
	}
	if recent < 48 {
		t.Errorf("%d of the last keys are remembered, want most of 64", recent)
	}
}
