package network

import (
	"net/netip"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/geo"
	"github.com/warmfront/warmfront/wan"
)

// elsewhere returns what says which POP a viewer is to be sent on to: the nearest in the price
// class that has edges, where the modelled round trip to it is shorter than to here by more
// than least. Nil where least is 0: nobody is sent on.
func elsewhere(here geo.POP, db *geo.DB, model wan.Model, state func() *cdn.State, least time.Duration) func(netip.Addr, *cdn.Plan) string {
	if least <= 0 {
		return nil
	}
	if model.Scale <= 0 {
		model.Scale = 1 // distances are real, then
	}
	return func(viewer netip.Addr, plan *cdn.Plan) string {
		place, known := db.Locate(viewer)
		if !known {
			return ""
		}
		at := wan.Place{Lat: place.Lat, Lon: place.Lon}
		best, nearest := here, wan.DistanceKm(at, popPoint(here))
		for _, n := range state().Nodes {
			if n.Role != cdn.RoleEdge || n.IsRegional() || n.POP == best.Code {
				continue
			}
			pop, ok := db.Catalogue().ByCode(n.POP)
			if class, err := cdn.ParsePriceClass(pop.PriceClass); !ok || err != nil || !plan.PriceClass.Includes(class) {
				continue
			}
			if d := wan.DistanceKm(at, popPoint(pop)); d < nearest {
				best, nearest = pop, d
			}
		}
		if best.Code == here.Code || model.RTT(at, popPoint(here))-model.RTT(at, popPoint(best)) <= least {
			return ""
		}
		return best.Code
	}
}
