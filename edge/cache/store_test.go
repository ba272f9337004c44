package cache

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/warmfront/warmfront/cdn"
)

func object(key, variant string, size int) *Object {
	b := NewBody(int64(size))
	for b.Size() < int64(size) {
		buf, err := b.Buffer(context.Background())
		if err != nil {
			panic(err)
		}
		b.Commit(len(buf))
	}
	b.Finish(nil)
	return &Object{Key: key, Variant: variant, Vary: []string{"a"}[:min(len(variant), 1)], Status: 200, Body: b, Length: int64(size)}
}

func anyVariant(*Object) bool { return true }

func TestMemoryKeepsItsLimit(t *testing.T) {
	const limit = 1 << 20
	m := NewMemory(limit)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range 2000 {
		m.Put(object(fmt.Sprint(r.IntN(500)), "", r.IntN(20_000)))
		if m.Bytes() > limit {
			t.Fatalf("%d bytes after %d objects", m.Bytes(), i)
		}
	}
	var bytes, objects int64
	for i := range m.shards {
		for _, variants := range m.shards[i].m {
			for _, o := range variants {
				bytes += o.size()
				objects++
			}
		}
	}
	if bytes != m.Bytes() || objects != m.Objects() || objects == 0 || m.Evictions() == 0 {
		t.Errorf("counted %d bytes in %d objects, the store says %d in %d, %d evictions", bytes, objects, m.Bytes(), m.Objects(), m.Evictions())
	}
}

func TestVariantsAreReplacedEachForItself(t *testing.T) {
	m := NewMemory(1 << 20)
	de, en, en2 := object("k", "de", 1), object("k", "en", 1), object("k", "en", 2)
	m.Put(de)
	m.Put(en)
	m.Put(en2)
	if got := m.Get("k", anyVariant); got != en2 {
		t.Errorf("the newest is %v", got.Variant)
	}
	if got := m.Get("k", func(o *Object) bool { return o.Variant == "de" }); got != de {
		t.Error("the other variant is gone")
	}
	if m.Objects() != 2 {
		t.Error(m.Objects())
	}
	m.Remove(en) // replaced before: nothing happens
	m.Remove(de)
	m.Remove(de)
	if m.Objects() != 1 || m.Get("k", anyVariant) != en2 {
		t.Error("removal")
	}
	m.RemoveKey("k")
	if m.Objects() != 0 || m.Bytes() != 0 || m.Get("k", anyVariant) != nil {
		t.Error("RemoveKey")
	}
	for i := range 3 * maxVariants {
		m.Put(object("k", fmt.Sprint("v", i), 1))
	}
	if m.Objects() != maxVariants {
		t.Errorf("%d variants", m.Objects())
	}
}

func TestResizeCountsAGrowingBody(t *testing.T) {
	m := NewMemory(1 << 20)
	o := &Object{Key: "k", Body: NewBody(-1), Length: -1}
	m.Put(o)
	before := m.Bytes()
	write(t, o.Body, make([]byte, 10*unknownChunk))
	m.Resize(o)
	if got := m.Bytes() - before; got != 10*unknownChunk {
		t.Errorf("grown by %d", got)
	}
	m.Remove(o)
	m.Resize(o)
	if m.Bytes() != 0 {
		t.Errorf("%d bytes of nothing", m.Bytes())
	}
}

func TestMemoryUnderConcurrentUse(t *testing.T) {
	m := NewMemory(200_000)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 0))
			for range 2000 {
				key := fmt.Sprint(r.IntN(50))
				switch r.IntN(4) {
				case 0:
					m.Put(object(key, []string{"", "a", "b"}[r.IntN(3)], r.IntN(10_000)))
				case 1:
					if o := m.Get(key, anyVariant); o != nil {
						m.Remove(o)
					}
				case 2:
					if o := m.Get(key, anyVariant); o != nil {
						m.Resize(o)
					}
				default:
					m.Get(key, anyVariant)
				}
			}
		})
	}
	wg.Wait()
	if m.Bytes() > 200_000 || m.Bytes() < 0 {
		t.Error(m.Bytes())
	}
	for i := range 50 {
		m.RemoveKey(fmt.Sprint(i))
	}
	if m.Bytes() != 0 || m.Objects() != 0 {
		t.Errorf("emptied, it holds %d bytes, %d objects", m.Bytes(), m.Objects())
	}
}

func TestObjectIsComparedOncePerVersion(t *testing.T) {
	v := func(n uint64) cdn.Version { return cdn.Version{Epoch: 1, Number: n} }
	o := &Object{URIs: []string{"/", "/index.html"}}
	var inv cdn.Invalidations
	if !o.NewestInvalidation(v(1), inv).IsZero() {
		t.Error("something matches nothing")
	}
	inv = inv.With([]string{"/index.html"}, v(2))
	if got := o.NewestInvalidation(v(2), inv); got != v(2) {
		t.Errorf("the second URI: %v", got)
	}
	if got := o.NewestInvalidation(v(2), cdn.Invalidations{}); got != v(2) {
		t.Error("compared again at the same version")
	}
	if got := o.NewestInvalidation(v(9), inv.WithFloor(v(7))); got != v(7) {
		t.Errorf("the floor: %v", got)
	}
}

func TestWhatWasAskedForEarlierDoesNotReplaceWhatIsNewer(t *testing.T) {
	m := NewMemory(1 << 20)
	object := func(order uint64, vary ...string) *Object { return &Object{Key: "k", Order: order, Vary: vary} }
	any := func(*Object) bool { return true }
	newer, older, otherwise := object(2), object(1), object(1, "x")
	if !m.Put(newer) || m.Put(older) || !m.Put(newer) {
		t.Error("Put says otherwise of what it stored")
	}
	if !m.Put(otherwise) || m.Get("k", any) != newer {
		t.Error("an older variant is found first")
	}
	if same := object(2); !m.Put(same) || m.Get("k", any) != same || m.Objects() != 2 {
		t.Errorf("the same, brought up to date, is not stored; %d objects", m.Objects())
	}
}
