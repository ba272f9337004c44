package cache

import (
	"slices"

	"github.com/warmfront/warmfront/cdn"
)

// sweepStep is how many keys are looked at, or collected, while a lock is held.
const sweepStep = 64

// Sweep removes what is outdated by a state, from memory and then from the disk. It
// calls pause often, without a lock, and ends when that returns false. What is put in
// meanwhile it may or may not come by.
func (s *Store) Sweep(state *cdn.State, pause func() bool) {
	s.each(pause, func(o *Object) {
		if !o.Outdated(state) {
			return
		}
		size := o.size() + o.sliceBytes()
		o.dead.Store(true) // what waits to be written is not
		s.Memory.Remove(o)
		s.reclaimed.Add(size)
	})
	if s.disk == nil {
		return
	}
	s.disk.Sweep(func(key string, head []byte, birth cdn.Version) bool { return Outdated(state, key, head, birth) }, pause)
}

// Reclaimed is how many bytes of memory a sweep gave back.
func (s *Store) Reclaimed() int64 { return s.reclaimed.Load() }

// each calls do with all objects. The lock of a shard is given up every few keys: a
// map may be changed while it is gone through, as long as not at the same time.
func (m *Memory) each(pause func() bool, do func(*Object)) {
	var some []*Object
	work := func() bool {
		for _, o := range some {
			do(o)
			if !pause() {
				return false
			}
		}
		some = some[:0]
		return true
	}
	for i := range m.shards {
		if !m.shards[i].steps(func(variants []*Object) { some = append(some, variants...) }, work) {
			return
		}
	}
}

// steps has every key's objects collected, and work called after every few keys and at
// the end, without the lock.
func (s *shard) steps(collect func([]*Object), work func() bool) bool {
	s.mu.RLock()
	n := 0
	for _, variants := range s.m {
		collect(variants)
		if n++; n%sweepStep > 0 {
			continue
		}
		s.mu.RUnlock()
		if !work() {
			return false
		}
		s.mu.RLock()
	}
	s.mu.RUnlock()
	return work()
}

// sliceBytes is how many bytes of an object's slices are in memory, and go with it.
func (o *Object) sliceBytes() int64 {
	if o.Body == nil || o.Body.sliced == nil {
		return 0
	}
	s := o.Body.sliced
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stored > 1 || !slices.ContainsFunc(s.slices, func(p *slice) bool { return p != nil }) {
		return 0
	}
	n := int64(0)
	for _, p := range s.slices {
		if p != nil {
			n += int64(p.size)
		}
	}
	return n
}
