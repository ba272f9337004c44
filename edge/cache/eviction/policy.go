package eviction

import (
	"fmt"
	"math/bits"
	"strings"
)

// Policy decides what leaves when room is needed. Use may be called by any
// number of goroutines at any time, for entries that are in and for entries that
// have just left; every other method is called under one lock of the owner's.
type Policy[V any] interface {
	// Add takes in an entry that is not in. hash is of its key, from a function
	// that a stranger cannot foresee. Call Evict afterwards until nothing comes
	// back; e itself may.
	Add(e *Entry[V], hash uint64, size int64)
	// Use is told of every hit. It neither locks nor allocates.
	Use(e *Entry[V])
	// Resize counts anew an entry that is in. Call Evict afterwards, as after Add.
	Resize(e *Entry[V], size int64)
	// Replace puts e, which is not in, where old is, which then is out: a newer
	// response under the same key is as popular as the one before it. Call Evict
	// afterwards, as after Add.
	Replace(old, e *Entry[V], size int64)
	// Remove takes out an entry that is in.
	Remove(e *Entry[V])
	// Evict takes out and returns the next entry to go, nil once all that is in
	// fits the capacity.
	Evict() *Entry[V]
	// SetCapacity says how many bytes may be in. Call Evict afterwards.
	SetCapacity(bytes int64)
	// Bytes is the size of all that is in.
	Bytes() int64
	// Len is how many entries are in.
	Len() int
}

// Names are the policies that New makes; the first three are here to compare
// with.
func Names() []string {
	return []string{"lru", "sieve", "gdsf-classic", "s3-fifo", "w-tinylfu", "gdsf"}
}

// New makes the policy of that name, one of Names, for capacity bytes.
func New[V any](name string, capacity int64) (Policy[V], error) {
	switch name {
	case "lru":
		return NewLRU[V](capacity), nil
	case "sieve":
		return NewSieve[V](capacity), nil
	case "gdsf-classic":
		return NewClassicGDSF[V](capacity), nil
	case "s3-fifo":
		return NewS3FIFO[V](capacity), nil
	case "w-tinylfu":
		return NewTinyLFU[V](capacity), nil
	case "gdsf":
		return NewGDSF[V](capacity), nil
	}
	return nil, fmt.Errorf("no eviction policy is called %q; choose one of %s", name, strings.Join(Names(), ", "))
}

// account is what all policies count alike.
type account[V any] struct {
	capacity, bytes int64
	entries         int
}

// Bytes implements Policy.
func (a *account[V]) Bytes() int64 { return a.bytes }

// Len implements Policy.
func (a *account[V]) Len() int { return a.entries }

// SetCapacity implements Policy.
func (a *account[V]) SetCapacity(bytes int64) { a.capacity = max(bytes, 0) }

func (a *account[V]) over() bool { return a.bytes > a.capacity }

func (a *account[V]) in(e *Entry[V], hash uint64, size int64) {
	if e.place != out {
		panic("eviction: an entry was added that is in")
	}
	e.hash, e.size = mix(hash), max(size, 0)
	e.hits.Store(0)
	a.bytes += e.size
	a.entries++
}

func (a *account[V]) out(e *Entry[V]) {
	mustBeIn(e)
	e.place = out
	a.bytes -= e.size
	a.entries--
}

// resize returns by how much the entry grew.
func (a *account[V]) resize(e *Entry[V], size int64) int64 {
	mustBeIn(e)
	grown := max(size, 0) - e.size
	e.size += grown
	a.bytes += grown
	return grown
}

// replace gives e all that is known of old but its size, and where it is linked.
func (a *account[V]) replace(old, e *Entry[V]) {
	mustBeIn(old)
	if e.place != out {
		panic("eviction: an entry replaces another that is in itself")
	}
	e.hash, e.size, e.rank, e.place = old.hash, old.size, old.rank, old.place
	e.hits.Store(old.hits.Load())
	e.last.Store(old.last.Load())
	old.place = out
}

func mustBeIn[V any](e *Entry[V]) {
	if e.place == out {
		panic("eviction: an entry was to be changed that is not in")
	}
}

// mix spreads a hash, so that its every bit depends on all of what was given (the
// finalizer of MurmurHash3).
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// powerOfTwo returns the least power of two that is at least n.
func powerOfTwo(n int) int { return 1 << bits.Len(uint(max(n, 1)-1)) }
