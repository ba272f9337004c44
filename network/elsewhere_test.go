package network

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/geo"
	"github.com/warmfront/warmfront/wan"
)

func TestElsewhere(t *testing.T) {
	db, err := geo.Open(geo.Config{})
	if err != nil {
		t.Fatal(err)
	}
	fra, _ := db.Catalogue().ByCode("FRA")
	state := cdn.NewState(1)
	for i, n := range []cdn.Node{{ID: "FRA-1", POP: "FRA"}, {ID: "SYD-1", POP: "SYD"}, {ID: "NRT-1", POP: "NRT"}, {ID: "IAD-R1", POP: "IAD", Regional: "us-east-1"}} {
		n.Role = cdn.RoleEdge
		c, err := cdn.NewChange(cdn.KindNodeRegister, n, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		c.Version = cdn.Version{Epoch: 1, Number: uint64(i + 1)}
		if state, err = state.Apply(c); err != nil {
			t.Fatal(err)
		}
	}
	if elsewhere(fra, db, wan.Model{}, nil, 0) != nil {
		t.Error("without a least difference somebody is sent on")
	}
	all, within := &cdn.Plan{PriceClass: cdn.PriceClassAll}, &cdn.Plan{PriceClass: cdn.PriceClass100}
	sydney, _ := db.Catalogue().ByCode("SYD")
	viewer := netip.AddrFrom4([4]byte{127, byte(sydney.N), 9, 9})
	for _, c := range []struct {
		viewer string
		plan   *cdn.Plan
		least  time.Duration
		want   string
	}{
		{viewer.String(), all, 80 * time.Millisecond, "SYD"},
		{viewer.String(), all, 2 * time.Second, ""},
		{viewer.String(), within, 80 * time.Millisecond, ""},
		{fmt.Sprintf("127.%d.9.9", fra.N), all, 80 * time.Millisecond, ""},
	} {
		find := elsewhere(fra, db, wan.Model{}, func() *cdn.State { return state }, c.least)
		if got := find(netip.MustParseAddr(c.viewer), c.plan); got != c.want {
			t.Errorf("%s, %v: %q, want %q", c.viewer, c.least, got, c.want)
		}
	}
}
