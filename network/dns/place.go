package dns

import (
	"net/netip"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/geo"
	"github.com/warmfront/warmfront/geo/netmap"
	"github.com/warmfront/warmfront/router"
	"github.com/warmfront/warmfront/router/pick"
	"github.com/warmfront/warmfront/wan"
)

// Locate has a router find viewers and edge locations where a database says, and tell how
// long the way between them is by a model.
func Locate(cfg *router.Config, db *geo.DB, m wan.Model) {
	cfg.Locate, cfg.Home, cfg.Table, cfg.POPs = locate(db), place(db.Home()), table(db), pops(db.Catalogue())
	cfg.RoundTrip = roundTrip(m)
}

func place(p geo.Place) router.Place {
	return router.Place{Lat: p.Lat, Lon: p.Lon, City: p.City, Country: p.Country, Prefix: p.Prefix, Source: p.Source, Precision: p.Precision.String()}
}

// roundTrip is what the model says of a viewer's way to a POP, at full length where it
// is not imposed.
func roundTrip(m wan.Model) func(viewer, pop pick.Point) time.Duration {
	if m.Scale == 0 {
		m.Scale = 1
	}
	return func(viewer, pop pick.Point) time.Duration {
		return m.ViewerRTT(wan.Place{Lat: viewer.Lat, Lon: viewer.Lon}, wan.Place{Lat: pop.Lat, Lon: pop.Lon})
	}
}

func locate(db *geo.DB) func(netip.Addr) (router.Place, bool) {
	return func(a netip.Addr) (router.Place, bool) {
		p, ok := db.Locate(a)
		return place(p), ok
	}
}

func table(db *geo.DB) func() *netmap.Map {
	return func() *netmap.Map {
		m, err := db.Table()
		if err != nil {
			return nil // there is nothing else to do, and whoever opened it has said so
		}
		return m
	}
}

// pops are the catalogue's metropolitan POPs in the router's words. Those of
// a partition apart have no class and are never answered.
func pops(c *geo.Catalogue) []pick.POP {
	var pops []pick.POP
	for _, p := range c.POPs() {
		class, err := cdn.ParsePriceClass(p.PriceClass)
		if err != nil || p.Kind == geo.KindChina {
			class = 0
		}
		pops = append(pops, pick.POP{Code: p.Code, N: p.N, Lat: p.Lat, Lon: p.Lon, Class: class})
	}
	return pops
}
