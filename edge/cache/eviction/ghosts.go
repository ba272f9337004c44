package eviction

// ghosts remembers the keys that were evicted of late, each by 32 bits of its hash
// beside when it left, in a table of buckets that forget their oldest. A key that
// never was there is taken for one about once in a billion for each slot of a
// bucket.
type ghosts struct {
	slots []ghost // in buckets
	clock int64   // bytes evicted so far
}

type ghost struct {
	key  uint32 // 0 where there is none
	left uint32 // by the clock, in KiB. It wraps: only differences count.
}

const bucketSlots = 4

// grow makes room for as many keys as there are entries, in a table half full.
func (g *ghosts) grow(entries int) {
	want := powerOfTwo(max(2*entries, 64))
	if want <= len(g.slots) {
		return
	}
	old := g.slots
	g.slots = make([]ghost, want)
	for _, s := range old {
		if s.key != 0 {
			g.put(s)
		}
	}
}

// bucket is computed from the key alone, so that what is in a table can be put
// into a larger one.
func (g *ghosts) bucket(key uint32) []ghost {
	i := int(key>>1) & (len(g.slots)/bucketSlots - 1) * bucketSlots
	return g.slots[i : i+bucketSlots]
}

func keyOf(hash uint64) uint32 { return uint32(hash>>32) | 1 }

func (g *ghosts) now() uint32 { return uint32(g.clock >> 10) }

// add remembers a key that leaves with size bytes.
func (g *ghosts) add(hash uint64, size int64) {
	g.put(ghost{keyOf(hash), g.now()})
	g.clock += size
}

func (g *ghosts) put(s ghost) {
	b := g.bucket(s.key)
	into := 0
	for i := range b {
		if b[i].key == 0 || b[i].key == s.key {
			into = i
			break
		}
		if g.now()-b[i].left > g.now()-b[into].left {
			into = i
		}
	}
	b[into] = s
}

// take reports whether the key left within the last span bytes evicted, and
// forgets it.
func (g *ghosts) take(hash uint64, span int64) bool {
	key := keyOf(hash)
	b := g.bucket(key)
	for i := range b {
		if b[i].key == key {
			recent := int64(g.now()-b[i].left) <= span>>10
			b[i] = ghost{}
			return recent
		}
	}
	return false
}
