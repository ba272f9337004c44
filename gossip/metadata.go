package gossip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/warmfront/warmfront/cdn"
)

const (
	maxID       = 64
	maxMetadata = 512 // memberlist.MetaMaxSize

	// metadataVersion names the layout. Fields are only ever added at the end,
	// which older nodes ignore; another layout takes another number, and older
	// nodes then list the member by its name alone.
	metadataVersion = 1
)

var errMetadata = errors.New("gossip: metadata ends early")

// encodeMetadata packs what others learn about a node. The ID is not in it: it
// is the member's name. boot tells one run of the process from the next: a
// member that is back before anybody missed it is seen to be another by it.
func encodeMetadata(n cdn.Node, boot uint32) ([]byte, error) {
	b := binary.BigEndian.AppendUint32([]byte{metadataVersion}, boot)
	for _, s := range []string{string(n.Role), n.POP} {
		if len(s) > 255 {
			return nil, fmt.Errorf("gossip: %q is too long for metadata", s)
		}
		b = append(append(b, byte(len(s))), s...)
	}
	b = binary.AppendUvarint(b, uint64(max(0, n.K)))
	for _, a := range []netip.Addr{n.Addr, n.Addr6, n.Endpoint} {
		raw := a.Unmap().AsSlice()
		b = append(append(b, byte(len(raw))), raw...)
	}
	for _, p := range []uint16{n.HTTPPort, n.HTTPSPort, n.GossipPort, n.PeerPort, n.MetricsPort} {
		b = binary.BigEndian.AppendUint16(b, p)
	}
	if len(b) > maxMetadata {
		return nil, fmt.Errorf("gossip: %d bytes of metadata, at most %d fit", len(b), maxMetadata)
	}
	return b, nil
}

// decodeMetadata reads what encodeMetadata wrote, under the given name. Of a
// layout it does not know it returns the name alone.
func decodeMetadata(id string, b []byte) (n cdn.Node, boot uint32, err error) {
	if len(b) > 0 && b[0] != metadataVersion {
		return cdn.Node{ID: id}, 0, nil
	}
	r := reader{rest: b}
	r.next(1)
	if raw := r.next(4); raw != nil {
		boot = binary.BigEndian.Uint32(raw)
	}
	n = cdn.Node{ID: id, Role: cdn.Role(r.counted()), POP: string(r.counted()), K: r.uvarint()}
	n.Addr, n.Addr6, n.Endpoint = r.addr(), r.addr(), r.addr()
	for _, p := range []*uint16{&n.HTTPPort, &n.HTTPSPort, &n.GossipPort, &n.PeerPort, &n.MetricsPort} {
		if raw := r.next(2); raw != nil {
			*p = binary.BigEndian.Uint16(raw)
		}
	}
	if r.failed {
		return cdn.Node{ID: id}, 0, errMetadata
	}
	return n, boot, nil
}

// reader takes fields off a buffer; once failed, it stays so.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) next(n int) []byte {
	if r.failed || len(r.rest) < n {
		r.failed = true
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) counted() []byte {
	if n := r.next(1); n != nil {
		return r.next(int(n[0]))
	}
	return nil
}

func (r *reader) uvarint() int {
	v, n := binary.Uvarint(r.rest)
	if r.failed || n <= 0 || v > 1<<31-1 {
		r.failed = true
		return 0
	}
	r.rest = r.rest[n:]
	return int(v)
}

func (r *reader) addr() netip.Addr {
	raw := r.counted()
	if len(raw) == 0 {
		return netip.Addr{}
	}
	a, ok := netip.AddrFromSlice(raw)
	if !ok {
		r.failed = true
	}
	return a
}
