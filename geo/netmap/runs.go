package netmap

import (
	"math/bits"
	"slices"
)

// key is an address: of IPv4 all of it, of IPv6 the upper half.
type key interface{ uint32 | uint64 }

// absent marks what a layer says nothing of, so that the layers below it decide.
const absent = ^uint32(0)

// runs divides all addresses of a family into intervals. The first starts at
// zero; each ends before the next starts.
type runs[K key] struct {
	starts []K
	ids    []uint32 // of the point: 0 is nowhere
}

// add appends an interval. Intervals come in the order of addresses; what
// lies between them is absent.
func (r *runs[K]) add(first, last K, id uint32) {
	// The last start is where the gap after the latest interval begins.
	if n := len(r.starts); n > 0 && r.starts[n-1] == first && r.ids[n-1] == absent {
		r.starts, r.ids = r.starts[:n-1], r.ids[:n-1]
	} else if n == 0 && first != 0 {
		r.push(0, absent)
	}
	r.push(first, id)
	if next := last + 1; next != 0 {
		r.push(next, absent)
	}
}

// push appends a start, unless the interval before has the same id.
func (r *runs[K]) push(start K, id uint32) {
	if n := len(r.ids); n == 0 || r.ids[n-1] != id {
		r.starts, r.ids = append(r.starts, start), append(r.ids, id)
	}
}

// over lays r over below.
func (r *runs[K]) over(below *runs[K]) runs[K] {
	if len(r.starts) == 0 {
		return *below
	}
	if len(below.starts) == 0 {
		return *r
	}
	room := len(r.starts) + len(below.starts)
	out := runs[K]{starts: make([]K, 0, room), ids: make([]uint32, 0, room)}
	for i, j := 0, 0; ; {
		id := r.ids[i]
		if id == absent {
			id = below.ids[j]
		}
		out.push(max(r.starts[i], below.starts[j]), id)
		moreAbove, moreBelow := i+1 < len(r.starts), j+1 < len(below.starts)
		switch {
		case !moreAbove && !moreBelow:
			return out
		case moreAbove && (!moreBelow || r.starts[i+1] < below.starts[j+1]):
			i++
		case moreAbove && r.starts[i+1] == below.starts[j+1]:
			i, j = i+1, j+1
		default:
			j++
		}
	}
}

// settled returns the runs with nowhere in place of absent.
func (r *runs[K]) settled() runs[K] {
	if len(r.starts) == 0 {
		return runs[K]{starts: []K{0}, ids: []uint32{0}}
	}
	out := runs[K]{starts: r.starts[:0], ids: r.ids[:0]}
	for i, id := range r.ids {
		if id == absent {
			id = 0
		}
		out.push(r.starts[i], id)
	}
	return runs[K]{starts: slices.Clip(out.starts), ids: slices.Clip(out.ids)}
}

// index finds the interval of an address.
type index[K key] struct {
	starts []K
	// first holds for each value of the upper sixteen bits how many starts are
	// below it.
	first []uint32
	shift int
}

const indexBits = 16

func newIndex[K key](starts []K) index[K] {
	x := index[K]{starts: starts, first: make([]uint32, 1<<indexBits+1), shift: bits.Len64(uint64(^K(0))) - indexBits}
	for _, s := range starts {
		x.first[uint32(s>>x.shift)+1]++
	}
	for i := range 1 << indexBits {
		x.first[i+1] += x.first[i]
	}
	return x
}

// find returns the number of the interval that holds a.
func (x *index[K]) find(a K) int {
	b := uint32(a >> x.shift)
	low, high := int(x.first[b]), int(x.first[b+1])
	for low < high { // the first start above a
		if mid := int(uint(low+high) >> 1); x.starts[mid] <= a {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low - 1
}
