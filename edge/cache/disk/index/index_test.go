package index

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/warmfront/warmfront/edge/cache/disk/s3fifo"
)

func made(key, variant, seq uint64) Entry {
	return Entry{Key: key, Variant: key ^ variant<<40, Seq: seq, Segment: uint32(seq), At: uint32(seq), Length: 3}
}

// TestIndexAgainstAMap drives the table with keys that often meet in one slot.
func TestIndexAgainstAMap(t *testing.T) {
	x := New(s3fifo.New(1 << 30))
	r := rand.New(rand.NewPCG(3, 4))
	type place struct{ key, variant uint64 }
	model := map[place]Entry{}
	for seq := uint64(1); seq < 40_000; seq++ {
		key := uint64(r.IntN(4))<<58 | uint64(r.IntN(1000))<<20 | uint64(r.IntN(2))
		e := made(key, uint64(r.IntN(3)), seq)
		at := place{e.Key, e.Variant}
		switch r.IntN(3) {
		case 0, 1:
			lost, replaced := x.Put(e, 0)
			if old, had := model[at]; replaced != had || had && lost != old {
				t.Fatalf("%d: replaced %v %v, want %v %v", seq, lost, replaced, old, had)
			}
			model[at] = e
		case 2:
			removed, ok := x.Remove(key, func(o *Entry) bool { return o.Variant == e.Variant })
			if old, had := model[at]; ok != had || had && removed != old {
				t.Fatalf("%d: removed %v %v, want %v %v", seq, removed, ok, old, had)
			}
			delete(model, at)
		}
		if seq%1000 == 0 && seq%3000 == 0 {
			evicted, ok := x.Evict()
			if old := model[place{evicted.Key, evicted.Variant}]; !ok || old != evicted {
				t.Fatalf("evicted %v, want %v", evicted, old)
			}
			delete(model, place{evicted.Key, evicted.Variant})
		}
	}
	if x.Len() != int64(len(model)) {
		t.Fatalf("%d entries, want %d", x.Len(), len(model))
	}
	var found [MaxVariants]Located
	for at, want := range model {
		got, ok := x.Lookup(at.key, func(e *Entry) bool { return e.Variant == at.variant })
		if !ok || got != want {
			t.Fatalf("found %v %v, want %v", got, ok, want)
		}
		list := found[:x.Get(at.key, &found)]
		if !slices.IsSortedFunc(list, func(a, b Located) int { return int(b.Seq) - int(a.Seq) }) {
			t.Fatal("not the newest first")
		}
	}
	n := 0
	for i := range Shards {
		n += len(x.Snapshot(i, nil))
	}
	if n != len(model) {
		t.Errorf("a snapshot of %d, want %d", n, len(model))
	}
}

func TestOlderDoesNotReplaceNewer(t *testing.T) {
	x := New(s3fifo.New(1 << 30))
	x.Put(made(1, 1, 10), 0)
	if lost, ok := x.Put(made(1, 1, 9), 0); !ok || lost.Seq != 9 {
		t.Errorf("lost %v %v", lost, ok)
	}
	for i := range uint64(MaxVariants - 1) {
		x.Put(made(1, 2+i, 20+i), 0)
	}
	if lost, ok := x.Put(made(1, 99, 5), 0); !ok || lost.Seq != 5 {
		t.Errorf("of too many variants, the oldest of all: lost %v %v", lost, ok)
	}
	if lost, ok := x.Put(made(1, 99, 99), 0); !ok || lost.Seq != 10 || x.Len() != MaxVariants {
		t.Errorf("of too many variants: lost %v %v, %d left", lost, ok, x.Len())
	}
}

func TestIndexUnderConcurrentUse(t *testing.T) {
	x := New(s3fifo.New(1 << 20))
	var wg sync.WaitGroup
	for g := range uint64(6) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(g, 0))
			var found [MaxVariants]Located
			for i := range uint64(5000) {
				key := r.Uint64N(200) * 0x9e3779b97f4a7c15
				switch r.IntN(5) {
				case 0, 1:
					x.Put(made(key, r.Uint64N(2), i*8+g+1), 0)
				case 2:
					if n := x.Get(key, &found); n > 0 {
						x.Use(found[0].ID)
					}
				case 3:
					x.Evict()
				case 4:
					x.Change(key, func(*Entry) bool { return true }, func(e *Entry) { e.Body++ })
				}
			}
		})
	}
	wg.Wait()
	for _, ok := x.Evict(); ok; _, ok = x.Evict() {
	}
	if x.Len() != 0 {
		t.Errorf("%d entries are left", x.Len())
	}
}

// TestMemoryOfAMillion holds the index, its policy and the ghosts to what is said of them.
func TestMemoryOfAMillion(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 100 MB")
	}
	for _, records := range []int{250_000, 1_000_000, 1_500_000} {
		before := heap()
		x := New(s3fifo.New(1 << 40))
		for i := range 2 * records { // half go again, and leave as many ghosts as there can be
			x.Put(made(rand.Uint64(), 0, uint64(i+1)), 0)
			if x.Len() > int64(records) {
				x.Evict()
			}
		}
		each := float64(heap()-before) / float64(records)
		t.Logf("%d records: %.1f bytes each", records, each)
		if each > 110 {
			t.Errorf("%d records take %.1f bytes each", records, each)
		}
		runtime.KeepAlive(x)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkGet(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			x := New(s3fifo.New(1 << 40))
			for i := range n {
				x.Put(made(uint64(i)*0x9e3779b97f4a7c15, 0, uint64(i+1)), 0)
			}
			var found [MaxVariants]Located
			for i := 0; b.Loop(); i++ {
				if x.Get(uint64(i%n)*0x9e3779b97f4a7c15, &found) != 1 {
					b.Fatal("not found")
				}
			}
		})
	}
}
