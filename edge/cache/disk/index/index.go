// Package index finds what lies on a disk by the hash of its key, in memory. It promises to take 48 bytes a record and 5
// to 10 for the table that finds it, to lock no more than a thirty-second part of itself at once, and nothing while
// anybody waits for a disk.
//
// A record is put in once it is on the disk, and what it replaces comes back; a lookup gets the entries of a key, newest
// first, and reads what they point at; when room is wanted, Evict takes out what the Policy gives up.
package index

import (
	"cmp"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
)

// Entry is what memory holds of a record: where it lies, and hashes of what it is called. It is a hint. What it points
// at says itself, checked, which record it is and whether it still counts.
type Entry struct {
	Key     uint64 // hash of the key
	Variant uint64 // hash of key and variant
	Seq     uint64 // the order in which records were stored; never 0
	File    uint64 // the file the body is in; 0: it is in the record
	Segment uint32 // where the record lies
	At      uint32 // in Align
	Body    uint32 // how much the file takes, in BodyUnit
	Length  uint16 // of the record, in Align
	Flags   uint8
}

const (
	// Verified: every block of the body on disk was found right, or written, since the store was opened.
	Verified = 1 << iota

	// Align is what records on disk are aligned to, and BodyUnit the unit that bodies in files of their own are counted in.
	Align    = 64
	BodyUnit = 64 << 10
)

// Size is how many bytes of disk the record takes, its body's file included.
func (e *Entry) Size() int64 { return e.RecordSize() + e.BodySize() }

// RecordSize is how many bytes the record itself takes.
func (e *Entry) RecordSize() int64 { return int64(e.Length) * Align }

// BodySize is how many bytes the body's file takes.
func (e *Entry) BodySize() int64 { return int64(e.Body) * BodyUnit }

// Offset is where the record begins in its segment.
func (e *Entry) Offset() int64 { return int64(e.At) * Align }

// Same reports whether e and f are one record, wherever it lies by now.
func (e *Entry) Same(f *Entry) bool { return e.Seq == f.Seq && e.Variant == f.Variant }

// Located is an entry as it was found, with its id for the policy.
type Located struct {
	Entry
	ID uint32
}

const (
	// Shards are locked each for itself.
	Shards     = 32
	entryChunk = 256
	// MaxVariants is how many records one key may have: an origin that varies by what a stranger chooses must not turn
	// a lookup into a scan of the disk.
	MaxVariants = 32
)

// Index finds entries by the hash of their key. It holds no pointer per record and copies nothing as it grows but the
// table of a shard, four bytes a place.
type Index struct {
	shards [Shards]shard
	count  atomic.Int64

	// eviction guards the policy. It may be taken with a shard's lock held, never the other way round.
	eviction sync.Mutex
	policy   Policy
}

// New makes an empty index that evicts as policy says.
func New(policy Policy) *Index { return &Index{policy: policy} }

// Len is how many entries there are.
func (x *Index) Len() int64 { return x.count.Load() }

// Use tells the policy of a hit.
func (x *Index) Use(id uint32) { x.policy.Use(id) }

// shard is an open-addressed table (linear probing) of places in chunks.
type shard struct {
	mu     sync.RWMutex
	table  []uint32 // place+1; 0: empty
	chunks []*[entryChunk]Entry
	free   uint32 // place+1 of an unused entry, whose At is the next one's; 0: none
	used   uint32 // places ever used
	count  int
}

func (x *Index) shard(key uint64) (*shard, uint32) {
	n := uint32(key % Shards)
	return &x.shards[n], n
}

func (s *shard) entry(place uint32) *Entry { return &s.chunks[place/entryChunk][place%entryChunk] }

// slot is where the search for key begins. The shard was chosen by the lowest bits.
func (s *shard) slot(key uint64) int { return int(key>>16) & (len(s.table) - 1) }

// places calls yield with each place of the key until it returns false.
func (s *shard) places(key uint64, yield func(place uint32, e *Entry) bool) {
	if len(s.table) == 0 {
		return
	}
	for i := s.slot(key); s.table[i] != 0; i = (i + 1) & (len(s.table) - 1) {
		place := s.table[i] - 1
		if e := s.entry(place); e.Key == key && !yield(place, e) {
			return
		}
	}
}

// find returns the place of the entry that match takes, -1 if none.
func (s *shard) find(key uint64, match func(*Entry) bool) int {
	found := -1
	s.places(key, func(place uint32, e *Entry) bool {
		if match(e) {
			found = int(place)
		}
		return found < 0
	})
	return found
}

// insert adds an entry and returns its place.
func (s *shard) insert(e Entry) uint32 {
	if (s.count+1)*8 > len(s.table)*7 {
		s.grow()
	}
	place := s.free - 1
	if s.free != 0 {
		s.free = s.entry(place).At
	} else {
		place = s.used
		s.used++
		if int(place/entryChunk) == len(s.chunks) {
			s.chunks = append(s.chunks, new([entryChunk]Entry))
		}
	}
	*s.entry(place) = e
	s.occupy(place)
	s.count++
	return place
}

func (s *shard) occupy(place uint32) {
	i := s.slot(s.entry(place).Key)
	for s.table[i] != 0 {
		i = (i + 1) & (len(s.table) - 1)
	}
	s.table[i] = place + 1
}

func (s *shard) grow() {
	s.table = make([]uint32, max(2*len(s.table), 64))
	for place := range s.used {
		if s.entry(place).Seq != 0 {
			s.occupy(place)
		}
	}
}

// delete empties a place, and closes the gap in the table: what follows and could not lie nearer to where its search
// begins moves up.
func (s *shard) delete(place uint32) {
	mask := len(s.table) - 1
	gap := s.slot(s.entry(place).Key)
	for s.table[gap] != place+1 {
		gap = (gap + 1) & mask
	}
	for i := (gap + 1) & mask; s.table[i] != 0; i = (i + 1) & mask {
		if home := s.slot(s.entry(s.table[i] - 1).Key); (i-home)&mask >= (i-gap)&mask {
			s.table[gap], gap = s.table[i], i
		}
	}
	s.table[gap] = 0
	*s.entry(place) = Entry{At: s.free}
	s.free = place + 1
	s.count--
}

// Get fills found with the entries of a key, newest first, and returns how many there are.
func (x *Index) Get(key uint64, found *[MaxVariants]Located) int {
	s, n := x.shard(key)
	count := 0
	s.mu.RLock()
	s.places(key, func(place uint32, e *Entry) bool {
		found[count] = Located{*e, place*Shards + n}
		count++
		return count < MaxVariants
	})
	s.mu.RUnlock()
	if count > 1 {
		slices.SortFunc(found[:count], func(a, b Located) int { return cmp.Compare(b.Seq, a.Seq) })
	}
	return count
}

// Lookup returns the Entry that match takes.
func (x *Index) Lookup(key uint64, match func(*Entry) bool) (found Entry, ok bool) {
	s, _ := x.shard(key)
	s.mu.RLock()
	defer s.mu.RUnlock()
	place := s.find(key, match)
	if place < 0 {
		return Entry{}, false
	}
	return *s.entry(uint32(place)), true
}

// Put adds an Entry, in the place of the one with its key and variant, or of the oldest of the key where there are too
// many. It returns what lost: the Entry replaced, or e itself where what is in is newer; ok is false if nothing did.
func (x *Index) Put(e Entry, mark uint8) (lost Entry, ok bool) {
	s, n := x.shard(e.Key)
	s.mu.Lock()
	defer s.mu.Unlock()
	variants := 0
	var target *Entry // what e replaces: its own variant, or else the oldest
	var at uint32
	s.places(e.Key, func(place uint32, o *Entry) bool {
		if variants++; o.Variant == e.Variant {
			target, at, variants = o, place, MaxVariants
			return false
		}
		if target == nil || o.Seq < target.Seq {
			target, at = o, place
		}
		return true
	})
	if variants < MaxVariants {
		place := s.insert(e)
		x.count.Add(1)
		x.eviction.Lock()
		x.policy.Add(place*Shards+n, e.Variant, e.Size(), mark)
		x.eviction.Unlock()
		return Entry{}, false
	}
	if e.Seq < target.Seq {
		return e, true
	}
	lost, *target = *target, e
	x.resized(at*Shards+n, e.Size())
	return lost, true
}

func (x *Index) resized(id uint32, size int64) {
	x.eviction.Lock()
	x.policy.Resize(id, size)
	x.eviction.Unlock()
}

// Change calls with for the Entry that match takes, and reports whether there is one.
func (x *Index) Change(key uint64, match func(*Entry) bool, with func(*Entry)) bool {
	s, n := x.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	place := s.find(key, match)
	if place < 0 {
		return false
	}
	e := s.entry(uint32(place))
	size := e.Size()
	with(e)
	if e.Size() != size {
		x.resized(uint32(place)*Shards+n, e.Size())
	}
	return true
}

// Remove takes the Entry that match takes out of the index.
func (x *Index) Remove(key uint64, match func(*Entry) bool) (removed Entry, ok bool) {
	s, n := x.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	place := s.find(key, match)
	if place < 0 {
		return Entry{}, false
	}
	removed = *s.entry(uint32(place))
	x.eviction.Lock()
	x.policy.Remove(uint32(place)*Shards + n)
	x.eviction.Unlock()
	s.delete(uint32(place))
	x.count.Add(-1)
	return removed, true
}

// Evict takes out what the policy gives up. The victim may be replaced or removed before its shard is locked: then
// what has its id now, a record just stored, goes in its stead. That is rare, and costs a miss.
func (x *Index) Evict() (evicted Entry, ok bool) {
	for {
		x.eviction.Lock()
		id, ok := x.policy.Victim()
		x.eviction.Unlock()
		if !ok {
			return Entry{}, false
		}
		s := &x.shards[id%Shards]
		s.mu.Lock()
		place := id / Shards
		if evicted = *s.entry(place); evicted.Seq != 0 {
			x.eviction.Lock()
			x.policy.Remove(id)
			x.eviction.Unlock()
			s.delete(place)
			x.count.Add(-1)
		}
		s.mu.Unlock()
		if evicted.Seq != 0 {
			return evicted, true
		}
	}
}

// Entries yields all entries. It holds the lock of a shard for a few of them at a
// time; what is put in meanwhile it may or may not come by.
func (x *Index) Entries() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		var room [64]Entry
		for shard := range x.shards {
			for from, more := uint32(0), true; more; {
				var list []Entry
				list, from, more = x.shards[shard].part(from, room[:0])
				for _, e := range list {
					if !yield(e) {
						return
					}
				}
			}
		}
	}
}

// part fills list up to its capacity with entries from a place on, and returns where
// to go on, if there is more.
func (s *shard) part(from uint32, list []Entry) (part []Entry, next uint32, more bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for ; from < s.used && len(list) < cap(list); from++ {
		if e := s.entry(from); e.Seq != 0 {
			list = append(list, *e)
		}
	}
	return list, from, from < s.used
}

// Snapshot appends the entries of a shard, each with the policy's mark, to list.
func (x *Index) Snapshot(shard int, list []Marked) []Marked {
	s := &x.shards[shard]
	s.mu.RLock()
	defer s.mu.RUnlock()
	x.eviction.Lock()
	defer x.eviction.Unlock()
	for place := range s.used {
		if e := s.entry(place); e.Seq != 0 {
			list = append(list, Marked{*e, x.policy.Mark(place*Shards + uint32(shard))})
		}
	}
	return list
}

// Marked is an entry with what the policy knows of it.
type Marked struct {
	Entry
	Mark uint8
}
