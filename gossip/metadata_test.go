package gossip

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/warmfront/warmfront/cdn"
)

func fullNode() cdn.Node {
	return cdn.Node{
		ID: "NRT-3", Role: cdn.RoleEdge, POP: "NRT", K: 3,
		Addr: netip.MustParseAddr("127.120.0.3"), Addr6: netip.MustParseAddr("fd77:120::3"), Endpoint: netip.MustParseAddr("127.0.0.1"),
		HTTPPort: 8080, HTTPSPort: 8443, GossipPort: 7946, PeerPort: 7947, MetricsPort: 9100,
	}
}

func TestMetadata(t *testing.T) {
	for _, tt := range []struct {
		name string
		node cdn.Node
		boot uint32
	}{
		{"an edge", fullNode(), 1<<32 - 1},
		{"nothing but a name", cdn.Node{ID: "control-1"}, 0},
		{"the largest", cdn.Node{ID: "x", Role: cdn.Role(strings.Repeat("r", 200)), POP: strings.Repeat("p", 200), K: 1<<31 - 1, Addr6: netip.MustParseAddr("fd77::1")}, 7},
	} {
		b, err := encodeMetadata(tt.node, tt.boot)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		got, boot, err := decodeMetadata(tt.node.ID, b)
		if err != nil || got != tt.node || boot != tt.boot {
			t.Errorf("%s: %+v, %v, %v", tt.name, got, boot, err)
		}
		// A later version's fields are ignored, a torn message is refused whole.
		if got, _, err := decodeMetadata(tt.node.ID, append(b[:len(b):len(b)], 1, 2, 3)); err != nil || got != tt.node {
			t.Errorf("%s and more: %+v, %v", tt.name, got, err)
		}
		for n := range b {
			if got, _, err := decodeMetadata("x", b[:n]); err == nil || got != (cdn.Node{ID: "x"}) {
				t.Fatalf("%s, %d of %d bytes: %+v, %v", tt.name, n, len(b), got, err)
			}
		}
	}
	b, _ := encodeMetadata(fullNode(), 7)
	if len(b) > 64 {
		t.Errorf("an edge takes %d bytes", len(b))
	}
	b[0] = 2
	if got, _, err := decodeMetadata("NRT-3", b); err != nil || got != (cdn.Node{ID: "NRT-3"}) {
		t.Errorf("another layout: %+v, %v", got, err)
	}
	if _, err := encodeMetadata(cdn.Node{POP: strings.Repeat("p", 256)}, 0); err == nil {
		t.Error("a POP of 256 bytes is taken")
	}
	long := strings.Repeat("x", 255)
	if _, err := encodeMetadata(cdn.Node{Role: cdn.Role(long), POP: long}, 0); err == nil {
		t.Error("more than 512 bytes are taken")
	}
}

func FuzzMetadata(f *testing.F) {
	b, _ := encodeMetadata(fullNode(), 7)
	f.Add(b)
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		n, boot, err := decodeMetadata("x", b)
		if err != nil || len(b) > 0 && b[0] != metadataVersion {
			if n != (cdn.Node{ID: "x"}) || boot != 0 {
				t.Errorf("refused, yet %+v", n)
			}
			return
		}
		again, err := encodeMetadata(n, boot)
		if err != nil {
			return // longer than the limit, which memberlist has checked for b
		}
		if m, b, err := decodeMetadata("x", again); err != nil || b != boot || m != unmapped(n) {
			t.Errorf("%+v became %+v, %v", n, m, err)
		}
	})
}

func unmapped(n cdn.Node) cdn.Node {
	n.Addr, n.Addr6, n.Endpoint = n.Addr.Unmap(), n.Addr6.Unmap(), n.Endpoint.Unmap()
	return n
}

func TestHeadOnTheWire(t *testing.T) {
	v := cdn.Version{Epoch: 3, Number: 1 << 60}
	if got := decodeHead(encodeHead(v)); got != v {
		t.Errorf("%v became %v", v, got)
	}
	for _, bad := range [][]byte{nil, {1}, append(encodeHead(v), 0), append([]byte{9}, encodeHead(v)[1:]...)} {
		if got := decodeHead(bad); !got.IsZero() {
			t.Errorf("%x is taken for %v", bad, got)
		}
	}
}

func TestGoodbyeOnTheWire(t *testing.T) {
	if id, boot, ok := decodeGoodbye(encodeGoodbye("NRT-1", 1<<31)); id != "NRT-1" || boot != 1<<31 || !ok {
		t.Errorf("got %q, %d, %v", id, boot, ok)
	}
	for _, bad := range [][]byte{nil, encodeGoodbye("", 1), encodeGoodbye(strings.Repeat("x", maxID+1), 1), encodeHead(cdn.Version{Epoch: 1})} {
		if id, _, ok := decodeGoodbye(bad); ok {
			t.Errorf("%x is taken for a goodbye of %q", bad, id)
		}
	}
}

func TestDeriveKey(t *testing.T) {
	a, b := DeriveKey([]byte("one")), DeriveKey([]byte("two"))
	if len(a) != 32 || bytes.Equal(a, b) || !bytes.Equal(a, DeriveKey([]byte("one"))) {
		t.Errorf("keys %x, %x", a, b)
	}
	if DeriveKey(nil) != nil {
		t.Error("no secret makes a key")
	}
}
