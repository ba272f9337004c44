package geo

import (
	"fmt"
	"net/netip"
	"strings"
)

// ParseFrom returns the viewer that `--from` names: for a city or a POP code a
// lab address there, for an IP address that address. An address that nobody
// knows is at home ([DB.Home]). The error suggests names.
func (db *DB) ParseFrom(s string) (netip.Addr, Place, error) {
	s = strings.TrimSpace(s)
	if len(s) > 255 {
		return netip.Addr{}, Place{}, fmt.Errorf("a place of %d bytes; name a city, an IATA code such as FRA, or an IP address", len(s))
	}
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.Unmap()
		place, ok := db.Locate(a)
		if !ok {
			prefix := place.Prefix
			place = db.Home()
			place.Prefix = prefix
		}
		return a, place, nil
	}
	pop, err := db.catalogue.ByName(s)
	if err != nil {
		return netip.Addr{}, Place{}, err
	}
	a := ViewerAddr(pop.N)
	place, _ := db.Locate(a)
	return a, place, nil
}
