package cache

// Policy decides what to evict when room is needed. A Store calls Add, Remove and
// Victim under one lock; Use is called by any number of requests at once.
type Policy interface {
	// Add takes an object in.
	Add(o *Object)
	// Use is told of every hit. It must not lock.
	Use(o *Object)
	// Remove forgets an object that is in.
	Remove(o *Object)
	// Victim removes and returns the next object to go, nil if none is left.
	Victim() *Object
}

// Sieve is the SIEVE policy (Zhang et al., NSDI 2024): one queue in order of
// arrival and a hand that moves from its old end to the new, sparing once what
// was used since it last passed. A hit only sets a flag, and what is asked for
// once leaves sooner than under LRU.
type Sieve struct {
	newest, oldest, hand *Object
}

// Add implements Policy.
func (s *Sieve) Add(o *Object) {
	o.newer, o.older = nil, s.newest
	if s.newest != nil {
		s.newest.newer = o
	}
	s.newest = o
	if s.oldest == nil {
		s.oldest = o
	}
}

// Use implements Policy. The flag is read first: storing it on every hit would
// pass the cache line from core to core.
func (s *Sieve) Use(o *Object) {
	if !o.used.Load() {
		o.used.Store(true)
	}
}

// Remove implements Policy.
func (s *Sieve) Remove(o *Object) {
	if s.hand == o {
		s.hand = o.newer
	}
	if o.newer != nil {
		o.newer.older = o.older
	} else {
		s.newest = o.older
	}
	if o.older != nil {
		o.older.newer = o.newer
	} else {
		s.oldest = o.newer
	}
	o.newer, o.older = nil, nil
}

// Victim implements Policy.
func (s *Sieve) Victim() *Object {
	o := s.hand
	for {
		if o == nil {
			o = s.oldest
		}
		if o == nil || !o.used.Swap(false) {
			break
		}
		o = o.newer
	}
	if o == nil {
		return nil
	}
	s.hand = o.newer
	s.Remove(o)
	return o
}
