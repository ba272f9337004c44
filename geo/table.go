package geo

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/warmfront/warmfront/geo/netmap"
)

// content is what the databases say at one moment.
type content struct {
	sources []*source // files, then bundled

	// table makes the location table when it is first asked for: of the roles,
	// only routers need one.
	table  func() (*netmap.Map, error)
	mapped atomic.Bool // the table was asked for
}

func (db *DB) newContent(sources []*source) *content {
	c := &content{sources: sources}
	c.table = sync.OnceValues(func() (*netmap.Map, error) {
		c.mapped.Store(true)
		return buildTable(db, sources)
	})
	return c
}

// Table returns the location table: for every address the point at which Locate places
// it. It is made by the first call, which takes some hundred milliseconds, and by
// Reload; until it is replaced all callers are given the same one. The error is
// netmap.ErrTooLarge if the databases have more networks than it may hold.
func (db *DB) Table() (*netmap.Map, error) {
	return db.content.Load().table()
}

// buildTable lays the lab ranges over the databases.
func buildTable(db *DB, sources []*source) (*netmap.Map, error) {
	var b netmap.Builder
	layers := []*netmap.Layer{db.labLayer(&b)}
	for _, s := range sources {
		l, err := s.layer(&b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		layers = append(layers, l)
	}
	return b.Map(layers...)
}

// labLayer says where the lab addresses are.
func (db *DB) labLayer(b *netmap.Builder) *netmap.Layer {
	l := &netmap.Layer{}
	for _, parent := range labParents() {
		for a := parent.Addr(); parent.Contains(a); {
			n, prefix, _ := labRange(a)
			at, known := db.home, n == 0
			if !known {
				at, known = db.catalogue.ByNumber(n)
			}
			id := uint32(0)
			if known {
				id = b.Point(netmap.Point{Lat: at.Lat, Lon: at.Lon})
			}
			l.Add(prefix, id)
			if a = after(prefix); !a.IsValid() {
				break
			}
		}
	}
	return l
}

// after is the first address behind a network, not valid if there is none.
func after(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	last, _ := netip.AddrFromSlice(b)
	return last.Next()
}

// maxIntervals bounds what is read of one database; more do not fit a table.
const maxIntervals = netmap.MaxBytes / 8

var errDamagedTree = errors.New("the search tree is damaged")

// layer reads the search tree of the database as a whole. The library's iterator
// does it ten times slower.
func (s *source) layer(b *netmap.Builder) (*netmap.Layer, error) {
	m := &s.db.Metadata
	t := tree{
		source: s, builder: b, layer: &netmap.Layer{}, ids: map[uint]uint32{},
		count: m.NodeCount, size: m.RecordSize / 4,
	}
	if t.size < 6 || t.size > 8 || uint(len(s.file))/t.size < t.count {
		return nil, errDamagedTree
	}
	// A tree has about as many networks as nodes, some next to their like.
	t.layer.Grow(int(m.NodeCount/3), int(m.NodeCount/2))
	root, depth := uint(0), 0
	if m.IPVersion == 6 {
		for ; depth < 96 && root < t.count; depth++ {
			root, _ = t.children(root)
		}
	}
	if err := t.walk(root, 0, 0, 32, t.add4); err != nil {
		return nil, err
	}
	if m.IPVersion == 6 {
		if err := t.walk(0, 0, 0, longestIPv6, t.add6); err != nil {
			return nil, err
		}
	}
	return t.layer, nil
}

// tree is a search tree while it is read.
type tree struct {
	*source
	builder *netmap.Builder
	layer   *netmap.Layer
	ids     map[uint]uint32 // of the points, by the pointer to the record; 0 for none
	count   uint            // of nodes
	size    uint            // of a node, in bytes
}

// walk goes through the networks below a node, which begin at an address whose
// first depth bits have been read.
func (t *tree) walk(node uint, first uint64, depth, width int, add func(node uint, first uint64, bits int)) error {
	for node < t.count && depth == width {
		if width == 32 {
			return errDamagedTree
		}
		// Of longer networks the one where the /64 begins counts, as in locate. Its
		// tree is no deeper than another 64.
		for range 64 {
			if node < t.count {
				node, _ = t.children(node)
			}
		}
		if node < t.count {
			return errDamagedTree
		}
	}
	switch {
	case node == t.count || width == longestIPv6 && isLab(first, depth):
		return nil
	case node > t.count:
		add(node, first, depth)
		if t.layer.Intervals() > maxIntervals {
			return netmap.ErrTooLarge
		}
		return nil
	}
	left, right := t.children(node)
	if err := t.walk(left, first, depth+1, width, add); err != nil {
		return err
	}
	return t.walk(right, first|1<<(width-depth-1), depth+1, width, add)
}

// isLab reports whether an IPv6 network is one that labRange speaks for whatever a
// database says. Below them lies the tree of IPv4 again.
func isLab(first uint64, bits int) bool {
	return bits == 64 && first == 0 || bits == 32 && first == 0x2001<<48 || bits == 16 && first == 0x2002<<48
}

// children returns the two records of a node.
func (t *tree) children(node uint) (left, right uint) {
	b := t.file[node*t.size:][:t.size]
	switch t.size {
	case 6:
		return uint(b[0])<<16 | uint(b[1])<<8 | uint(b[2]), uint(b[3])<<16 | uint(b[4])<<8 | uint(b[5])
	case 7:
		return uint(b[3]>>4)<<24 | uint(b[0])<<16 | uint(b[1])<<8 | uint(b[2]),
			uint(b[3]&15)<<24 | uint(b[4])<<16 | uint(b[5])<<8 | uint(b[6])
	}
	return uint(b[0])<<24 | uint(b[1])<<16 | uint(b[2])<<8 | uint(b[3]),
		uint(b[4])<<24 | uint(b[5])<<16 | uint(b[6])<<8 | uint(b[7])
}

func (t *tree) add4(node uint, first uint64, bits int) {
	if id := t.point(node); id != 0 {
		t.layer.Add4(uint32(first), bits, id)
	}
}

func (t *tree) add6(node uint, first uint64, bits int) {
	if id := t.point(node); id != 0 {
		t.layer.Add6(first, bits, id)
	}
}

// point returns the id of the point of a record, 0 if it has none.
func (t *tree) point(pointer uint) uint32 {
	id, ok := t.ids[pointer]
	if !ok {
		const separator = 16 // bytes between the tree and the records
		r := t.record(t.db.LookupOffset(uintptr(pointer - t.count - separator)))
		if r.place.Precision != 0 {
			id = t.builder.Point(netmap.Point{Lat: r.place.Lat, Lon: r.place.Lon})
		}
		t.ids[pointer] = id
	}
	return id
}
