package cache

import (
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
)

// Memory is a store of objects in memory.
type Memory struct {
	limit  int64
	seed   maphash.Seed
	shards [shards]shard

	// eviction guards the policy and the objects' cost, queued and gone. It is
	// taken after a shard's lock was given back, never within.
	eviction sync.Mutex
	policy   Policy
	used     int64

	objects   atomic.Int64
	evictions atomic.Uint64
}

const shards = 32

// maxVariants is how many responses one key may have: an origin that varies by
// what a stranger chooses must not turn a lookup into a scan.
const maxVariants = 32

type shard struct {
	mu sync.RWMutex
	m  map[string][]*Object // in the order they were asked for, newest first; a slice is replaced, never changed
}

// NewMemory makes a store that holds up to limit bytes and evicts as policy says.
func NewMemory(limit int64, policy Policy) *Memory {
	m := &Memory{limit: limit, seed: maphash.MakeSeed(), policy: policy}
	for i := range m.shards {
		m.shards[i].m = map[string][]*Object{}
	}
	return m
}

// MaxObject is how large a body may be to be stored: one object must not push
// out nearly everything else.
func (m *Memory) MaxObject() int64 { return m.limit / 4 }

func (m *Memory) shard(key string) *shard {
	return &m.shards[maphash.String(m.seed, key)%shards]
}

// Get returns the newest object of the key that selects accepts, or nil.
func (m *Memory) Get(key string, selects func(*Object) bool) *Object {
	s := m.shard(key)
	s.mu.RLock()
	variants := s.m[key]
	s.mu.RUnlock()
	for _, o := range variants {
		if selects(o) {
			m.policy.Use(o)
			return o
		}
	}
	return nil
}

// Put stores an object in the place of the one with its key and variant, and
// evicts until there is room. It reports whether the object is stored: one that
// was asked for before the one in its place came late, and says nothing new.
func (m *Memory) Put(o *Object) bool {
	s := m.shard(o.Key)
	dropped := make([]*Object, 0, 1)
	s.mu.Lock()
	variants := make([]*Object, 0, len(s.m[o.Key])+1)
	placed := false
	for _, v := range s.m[o.Key] {
		switch same := v.Variant == o.Variant && slices.Equal(v.Vary, o.Vary); {
		case v == o, same && o.Order < v.Order:
			s.mu.Unlock()
			return v == o
		case same:
			dropped = append(dropped, v)
			continue
		case !placed && v.Order <= o.Order:
			variants, placed = append(variants, o), true
		}
		variants = append(variants, v)
	}
	if !placed {
		variants = append(variants, o)
	}
	if len(variants) > maxVariants {
		dropped = append(dropped, variants[maxVariants:]...)
		variants = variants[:maxVariants]
	}
	s.m[o.Key] = variants
	s.mu.Unlock()
	m.objects.Add(1 - int64(len(dropped)))
	m.account(func() {
		for _, v := range dropped {
			m.forget(v)
		}
		if !o.gone {
			o.cost, o.queued = o.size(), true
			m.used += o.cost
			m.policy.Add(o)
		}
	})
	return true
}

// Resize counts an object anew whose body has grown or ended.
func (m *Memory) Resize(o *Object) {
	m.account(func() {
		if o.queued {
			cost := o.size()
			m.used += cost - o.cost
			o.cost = cost
		}
	})
}

// Remove takes an object out, if it is in.
func (m *Memory) Remove(o *Object) {
	if m.unlink(o) {
		m.account(func() { m.forget(o) })
	}
}

// unlink takes an object out of the index.
func (m *Memory) unlink(o *Object) bool {
	s := m.shard(o.Key)
	s.mu.Lock()
	defer s.mu.Unlock()
	variants := s.m[o.Key]
	i := slices.Index(variants, o)
	if i < 0 {
		return false
	}
	if len(variants) == 1 {
		delete(s.m, o.Key)
	} else {
		s.m[o.Key] = slices.Concat(variants[:i], variants[i+1:])
	}
	m.objects.Add(-1)
	return true
}

// RemoveKey takes every object of a key out.
func (m *Memory) RemoveKey(key string) {
	s := m.shard(key)
	s.mu.RLock()
	variants := s.m[key]
	s.mu.RUnlock()
	for _, o := range variants {
		m.Remove(o)
	}
}

// forget takes an object out of the policy's hands and the count. An object may
// be replaced before the Put that brought it has reached the policy: gone keeps
// it out then.
func (m *Memory) forget(o *Object) {
	o.gone = true
	if o.queued {
		o.queued = false
		m.used -= o.cost
		m.policy.Remove(o)
	}
}

// account runs change under the eviction lock, then evicts down to the limit.
func (m *Memory) account(change func()) {
	m.eviction.Lock()
	change()
	var victims []*Object
	for m.used > m.limit {
		o := m.policy.Victim()
		if o == nil {
			break
		}
		o.queued, o.gone = false, true
		m.used -= o.cost
		victims = append(victims, o)
	}
	m.eviction.Unlock()
	for _, o := range victims {
		if m.unlink(o) {
			m.evictions.Add(1)
		}
	}
}

// Bytes is how many bytes are stored.
func (m *Memory) Bytes() int64 {
	m.eviction.Lock()
	defer m.eviction.Unlock()
	return m.used
}

// Objects is how many objects are stored.
func (m *Memory) Objects() int64 { return m.objects.Load() }

// Evictions is how many objects were evicted to make room.
func (m *Memory) Evictions() uint64 { return m.evictions.Load() }
