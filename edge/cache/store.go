package cache

import (
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/warmfront/warmfront/edge/cache/eviction"
)

// Memory is a store of objects in memory.
type Memory struct {
	limit  int64
	seed   maphash.Seed
	shards [shards]shard

	// eviction guards the policy, the entries it has, and whether objects are gone.
	// It is taken after a shard's lock or a body's was given back, never within.
	eviction sync.Mutex
	policy   eviction.Policy[tenant]

	// under is the Store that this is the memory tier of; nil: none.
	under *Store

	objects   atomic.Int64
	evictions atomic.Uint64
}

// tenant is what takes room: an object, or one slice of a body.
type tenant interface {
	// evicted is called, without a lock, once the policy has let go of it.
	evicted(*Memory)
}

const shards = 32

// maxVariants is how many responses one key may have: an origin that varies by
// what a stranger chooses must not turn a lookup into a scan.
const maxVariants = 32

type shard struct {
	mu sync.RWMutex
	m  map[string][]*Object // in the order they were asked for, newest first; a slice is replaced, never changed
}

// NewMemory makes a store that holds up to limit bytes.
func NewMemory(limit int64) *Memory {
	m := &Memory{limit: limit, seed: maphash.MakeSeed(), policy: eviction.NewGDSF[tenant](limit)}
	for i := range m.shards {
		m.shards[i].m = map[string][]*Object{}
	}
	return m
}

// MaxObject is how large a body may be to be stored: one object must not push
// out nearly everything else.
func (m *Memory) MaxObject() int64 { return m.limit / 4 }

func (m *Memory) index(key string) int { return int(maphash.String(m.seed, key) % shards) }

func (m *Memory) shard(key string) *shard { return &m.shards[m.index(key)] }

// variants are all objects of a key.
func (m *Memory) variants(key string) []*Object {
	s := m.shard(key)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.m[key]
}

// Get returns the newest object of the key that selects accepts, or nil.
func (m *Memory) Get(key string, selects func(*Object) bool) *Object {
	for _, o := range m.variants(key) {
		if selects(o) {
			if o.counted.Load() {
				m.policy.Use(&o.entry)
			}
			return o
		}
	}
	return nil
}

// Put stores an object in the place of the one with its key and variant, and
// evicts until there is room. It reports whether the object is stored: one that
// was asked for before the one in its place came late, and says nothing new.
func (m *Memory) Put(o *Object) bool { return m.put(o, func() bool { return true }) }

// put is Put if valid says, with the key's lock held, that o may still be stored.
func (m *Memory) put(o *Object, valid func() bool) bool {
	s := m.shard(o.Key)
	header := o.Header.Compact()
	dropped := make([]*Object, 0, 1)
	s.mu.Lock()
	if !valid() {
		s.mu.Unlock()
		return false
	}
	variants := make([]*Object, 0, len(s.m[o.Key])+1)
	placed := false
	for _, v := range s.m[o.Key] {
		switch same := v.Variant == o.Variant && slices.Equal(v.Vary, o.Vary); {
		case v == o, same && o.Order < v.Order:
			s.mu.Unlock()
			if v != o {
				o.dead.Store(true)
			}
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
	o.Header = header // nobody knows it yet
	if len(variants) > maxVariants {
		dropped = append(dropped, variants[maxVariants:]...)
		variants = variants[:maxVariants]
	}
	s.m[o.Key] = variants
	s.mu.Unlock()
	if o.Body != nil && o.Body.sliced != nil {
		o.Body.sliced.join(m)
	}
	m.objects.Add(1 - int64(len(dropped)))
	m.account(func() {
		o.entry.Value = o
		for _, v := range dropped {
			v.dead.Store(true)
			if same := v.Variant == o.Variant; same && v.entry.In() && !o.entry.In() && !o.gone {
				v.gone = true
				m.policy.Replace(&v.entry, &o.entry, o.size())
				continue
			}
			m.forget(v)
		}
		if !o.gone && !o.entry.In() {
			m.policy.Add(&o.entry, maphash.String(m.seed, o.Key), o.size())
		}
		o.counted.Store(true)
	})
	for _, v := range dropped {
		v.release(m)
	}
	return true
}

// release gives up the slices of an object that is no longer stored.
func (o *Object) release(m *Memory) {
	if o.Body != nil && o.Body.sliced != nil {
		o.Body.sliced.leave(m)
	}
}

// Resize counts an object anew whose body has grown or ended.
func (m *Memory) Resize(o *Object) {
	m.account(func() {
		if o.entry.In() {
			m.policy.Resize(&o.entry, o.size())
		}
	})
}

// Remove takes an object out, if it is in.
func (m *Memory) Remove(o *Object) {
	if m.unlink(o) {
		m.account(func() { m.forget(o) })
		o.release(m)
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
	for _, o := range m.variants(key) {
		m.Remove(o)
	}
}

// forget takes an object out of the policy's hands and the count. An object may
// be replaced before the Put that brought it has reached the policy: gone keeps
// it out then.
func (m *Memory) forget(o *Object) {
	o.gone = true
	if o.entry.In() {
		m.policy.Remove(&o.entry)
	}
}

// account runs change under the eviction lock, then evicts down to the limit.
func (m *Memory) account(change func()) {
	m.eviction.Lock()
	change()
	var victims []tenant
	for e := m.policy.Evict(); e != nil; e = m.policy.Evict() {
		if o, ok := e.Value.(*Object); ok {
			o.gone = true
		}
		victims = append(victims, e.Value)
	}
	m.eviction.Unlock()
	for _, v := range victims {
		v.evicted(m)
	}
}

// Bytes is how many bytes are stored.
func (m *Memory) Bytes() int64 {
	m.eviction.Lock()
	defer m.eviction.Unlock()
	return m.policy.Bytes()
}

// Objects is how many objects are stored.
func (m *Memory) Objects() int64 { return m.objects.Load() }

// Evictions is how many objects were evicted to make room.
func (m *Memory) Evictions() uint64 { return m.evictions.Load() }

// hashSlice is the hash of a slice for the policy.
func (m *Memory) hashSlice(p *slice) uint64 {
	return maphash.Comparable(m.seed, struct {
		of    *sliced
		index int
	}{p.of, p.index})
}
