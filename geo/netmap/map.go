package netmap

import (
	"errors"
	"math"
	"net/netip"
	"slices"
	"sync"
	"weak"
)

// MaxBytes is the most that a Map may take of memory.
const MaxBytes = 64 << 20

// ErrTooLarge is returned for layers that MaxBytes cannot hold.
var ErrTooLarge = errors.New("the location table would take more than 64 MB")

// Point is a place on the globe, in degrees.
type Point struct{ Lat, Lon float64 }

// A Layer is what one source says of addresses.
type Layer struct {
	v4 runs[uint32]
	v6 runs[uint64]
}

// Add says of all addresses of a network that they are at the point with an id of the
// Builder, or nowhere: 0. Networks of a family come in the order of their addresses and
// do not overlap. Of IPv6 networks longer than /64 none may be added.
func (l *Layer) Add(prefix netip.Prefix, id uint32) {
	if a := prefix.Addr(); a.Is4() {
		l.Add4(value4(a), prefix.Bits(), id)
	} else {
		l.Add6(value6(a), prefix.Bits(), id)
	}
}

// Add4 is Add for the IPv4 network that starts at an address.
func (l *Layer) Add4(first uint32, bits int, id uint32) {
	l.v4.add(first, first|uint32(uint64(1)<<(32-bits)-1), id)
}

// Add6 is Add for the IPv6 network that starts at the address with these upper 64 bits.
func (l *Layer) Add6(first uint64, bits int, id uint32) {
	l.v6.add(first, first|(math.MaxUint64>>bits), id)
}

// Grow makes room for intervals that are expected. Lists of millions spend most of
// their time moving house otherwise.
func (l *Layer) Grow(v4, v6 int) {
	l.v4.starts, l.v4.ids = slices.Grow(l.v4.starts, v4), slices.Grow(l.v4.ids, v4)
	l.v6.starts, l.v6.ids = slices.Grow(l.v6.starts, v6), slices.Grow(l.v6.ids, v6)
}

// Intervals is how many a layer has so far.
func (l *Layer) Intervals() int { return len(l.v4.starts) + len(l.v6.starts) }

// Builder numbers points. Its zero value is ready.
type Builder struct {
	points []Point
	ids    map[Point]uint32
}

// Point returns the id of a point, from 1.
func (b *Builder) Point(p Point) uint32 {
	id, ok := b.ids[p]
	if !ok {
		if b.ids == nil {
			b.ids, b.points = map[Point]uint32{}, []Point{{}}
		}
		id = uint32(len(b.points))
		b.points, b.ids[p] = append(b.points, p), id
	}
	return id
}

// Map lays the layers over one another, the first on top. It takes them over: they
// must not be used any more.
func (b *Builder) Map(layers ...*Layer) (*Map, error) {
	var all Layer
	for i := len(layers) - 1; i >= 0; i-- {
		all.v4, all.v6 = layers[i].v4.over(&all.v4), layers[i].v6.over(&all.v6)
	}
	m := &Map{points: b.points, v4: all.v4.settled(), v6: all.v6.settled(), shared: map[string]weak.Pointer[Partition]{}}
	if len(m.points) == 0 {
		m.points = []Point{{}}
	}
	if m.Bytes() > MaxBytes {
		return nil, ErrTooLarge
	}
	m.find4, m.find6 = newIndex(m.v4.starts), newIndex(m.v6.starts)
	return m, nil
}

// Map is where every address is. It is immutable.
type Map struct {
	points []Point // by id; [0] is nobody's
	v4     runs[uint32]
	v6     runs[uint64]
	find4  index[uint32]
	find6  index[uint64]

	mu     sync.Mutex
	shared map[string]weak.Pointer[Partition] // by their keys
}

// Bytes is how much memory the map takes, all but a few hundred bytes.
func (m *Map) Bytes() int {
	const perV4, perV6, point, indexes = 4 + 4, 8 + 4, 16, 2 * 4 << indexBits
	return cap(m.v4.starts)*perV4 + cap(m.v6.starts)*perV6 + len(m.points)*point + indexes
}

// Lookup returns where an address is, and false if nobody knows. IPv4-mapped addresses
// count as IPv4.
func (m *Map) Lookup(a netip.Addr) (Point, bool) {
	var id uint32
	if a = a.Unmap(); a.Is4() {
		id = m.v4.ids[m.find4.find(value4(a))]
	} else {
		id = m.v6.ids[m.find6.find(value6(a))]
	}
	return m.points[id], id != 0
}

// Place returns where an address is, and the length of the shortest prefix that holds it
// and within which everybody is there; known is false, and at of no meaning, where nobody
// knows. IPv4-mapped addresses count as IPv6, as in [Partition.Find].
func (m *Map) Place(a netip.Addr) (at Point, known bool, bits int) {
	var id uint32
	if a.Is4() {
		v := value4(a)
		i := m.find4.find(v)
		id, bits = m.v4.ids[i], alone(m.v4.starts, i, v, 32)
	} else {
		v := value6(a)
		i := m.find6.find(v)
		id, bits = m.v6.ids[i], alone(m.v6.starts, i, v, 64)
	}
	return m.points[id], id != 0, bits
}

func value4(a netip.Addr) uint32 {
	b := a.As4()
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

func value6(a netip.Addr) (v uint64) {
	b := a.As16()
	for _, o := range b[:8] {
		v = v<<8 | uint64(o)
	}
	return v
}
