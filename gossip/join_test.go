package gossip

import (
	"net/netip"
	"slices"
	"testing"
)

func addresses(last ...byte) (out []netip.AddrPort) {
	for _, l := range last {
		out = append(out, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, l}), 7946))
	}
	return out
}

func TestHubOrder(t *testing.T) {
	for _, tt := range []struct {
		name          string
		seeds         []netip.AddrPort
		self          byte
		offset, round int
		want          []netip.AddrPort
	}{
		{"no seeds", nil, 9, 0, 0, nil},
		{"only itself", addresses(9), 9, 0, 0, nil},
		{"one", addresses(1), 9, 5, 3, addresses(1)},
		{"a hub joins the others", addresses(1, 2), 1, 0, 0, addresses(2)},
		{"the first three in turn", addresses(1, 2, 3), 9, 1, 0, addresses(2, 3, 1)},
		{"the next round reaches the next", addresses(1, 2, 3), 9, 1, 1, addresses(3, 1, 2)},
		{"the rest when the hubs are down", addresses(1, 2, 3, 4, 5), 9, 2, 0, addresses(3, 1, 2, 4, 5)},
		{"not all of a hundred", addresses(1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12), 9, 0, 0, addresses(1, 2, 3, 4, 5, 6, 7, 8)},
	} {
		if got := hubOrder(tt.seeds, addresses(tt.self)[0], tt.offset, tt.round); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestLost(t *testing.T) {
	members := []Member{
		{Gossip: addresses(1)[0], State: Alive},
		{Gossip: addresses(2)[0], State: Suspect},
		{Gossip: addresses(3)[0], State: Dead},
		{Gossip: addresses(4)[0], State: Left},
	}
	known := append(addresses(1, 3, 4, 5, 9, 5), netip.AddrPort{})
	want := addresses(3, 4, 5, 2) // registered or remembered, each once, neither alive nor itself
	if got := lost(known, members, addresses(9)[0]); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
