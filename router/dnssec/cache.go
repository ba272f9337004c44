package dnssec

import "sync"

// cache keeps signatures by the hash of what they sign, up to a number. It has two
// generations: what is asked for moves to the new one, and when that is half of
// the number, the old one is dropped. So what is asked for often stays, at the cost
// of a map lookup.
type cache struct {
	shards [16]shard
}

type shard struct {
	mu       sync.Mutex
	most     int // of each generation
	new, old map[[32]byte]kept
}

// kept are the signatures of an RRset for one of its windows.
type kept struct {
	window     int64
	signatures []Signature
}

func newCache(most int) *cache {
	c := &cache{}
	for i := range c.shards {
		c.shards[i] = shard{most: max(most/len(c.shards)/2, 1), new: map[[32]byte]kept{}}
	}
	return c
}

func (c *cache) shard(id [32]byte) *shard { return &c.shards[int(id[31])%len(c.shards)] }

// get returns what is kept for a window, nil for nothing. It must not be changed.
func (c *cache) get(id [32]byte, window int64) []Signature {
	s := c.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.new[id]
	if !ok {
		if k, ok = s.old[id]; ok && k.window == window {
			s.put(id, k)
		}
	}
	if !ok || k.window != window {
		return nil
	}
	return k.signatures
}

func (c *cache) put(id [32]byte, window int64, signatures []Signature) {
	s := c.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(id, kept{window, signatures})
}

func (s *shard) put(id [32]byte, k kept) {
	if len(s.new) >= s.most {
		s.old, s.new = s.new, make(map[[32]byte]kept, s.most)
	}
	s.new[id] = k
}

// count returns how many are kept.
func (c *cache) count() (n int) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		n += len(s.new) + len(s.old)
		s.mu.Unlock()
	}
	return n
}
