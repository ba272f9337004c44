package collapse

import (
	"hash/maphash"
	"sync"
	"time"
)

// LoneTime is for how long a key is remembered whose answer could not be shared.
const LoneTime = 5 * time.Second

// Lone remembers the keys whose last answer was for one viewer alone: private, or
// too large to store. Who asks for them does not wait for another's fetch, of
// which nothing would come. The fetch is still one that may store what it brings,
// so an origin that changes its mind is believed at once.
//
// Two keys may share a slot: then one is forgotten early.
type Lone struct {
	seed  maphash.Seed
	mu    sync.Mutex
	slots [1024]struct {
		key   uint64
		until time.Time
	}
}

// Add remembers a key from now on.
func (l *Lone) Add(key string, now time.Time) {
	h := maphash.String(l.seed, key)
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &l.slots[h%uint64(len(l.slots))]
	s.key, s.until = h, now.Add(LoneTime)
}

// Remove forgets a key: its last answer was for all.
func (l *Lone) Remove(key string) {
	h := maphash.String(l.seed, key)
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := &l.slots[h%uint64(len(l.slots))]; s.key == h {
		s.until = time.Time{}
	}
}

// Has reports whether a key is remembered.
func (l *Lone) Has(key string, now time.Time) bool {
	h := maphash.String(l.seed, key)
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &l.slots[h%uint64(len(l.slots))]
	return s.key == h && now.Before(s.until)
}

// NewLone makes one that remembers nothing.
func NewLone() *Lone { return &Lone{seed: maphash.MakeSeed()} }
