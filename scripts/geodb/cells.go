package main

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/warmfront/warmfront/geo"
)

// A cell is a set of places that are told apart no further: those of one
// country in one square degree to which the same POPs are nearest. Each price
// class has its own nearest POP, and so has the catalogue with the embedded
// ones. Because the cell is shown as the one of its cities that holds most
// addresses, a viewer is sent where the full database would have sent them.
type cell struct {
	country  string
	byCity   bool  // false: only the country is known
	lat, lon int16 // whole grid steps
	nearest  [4]int16
}

// gridDegrees is the side of a cell. A degree is 111 km, which the delay model
// turns into about a millisecond.
const gridDegrees = 1

// nowhere is the label of space in no country; the labels of cells follow.
const nowhere int32 = 0

// atlas numbers the cells and keeps what each is shown as.
type atlas struct {
	rankings [4][]geo.POP
	labels   map[cell]int32
	cells    []cell
	cities   []map[city]float64 // by label: addresses in each city
	known    map[city]int32
}

type city struct {
	country, region, name string
	lat, lon              float64 // rounded, so that what is ranked is what is written
	byCity                bool
}

func newAtlas(catalogue *geo.Catalogue) *atlas {
	a := &atlas{
		labels: map[cell]int32{}, known: map[city]int32{},
		cells: make([]cell, 1), cities: make([]map[city]float64, 1),
	}
	for _, p := range catalogue.POPs() {
		if p.Kind == geo.KindChina {
			continue
		}
		a.rankings[3] = append(a.rankings[3], p)
		if p.Kind != geo.KindPOP {
			continue
		}
		a.rankings[2] = append(a.rankings[2], p)
		if p.PriceClass != geo.PriceClassAll {
			a.rankings[1] = append(a.rankings[1], p)
		}
		if p.PriceClass == geo.PriceClass100 {
			a.rankings[0] = append(a.rankings[0], p)
		}
	}
	return a
}

// label returns the label of a place and counts addresses for its city.
func (a *atlas) label(p geo.Place, addresses float64) int32 {
	c := city{country: p.Country, byCity: p.Precision == geo.CityLevel}
	if c.byCity {
		// "Fort Lauderdale (Central Fort Lauderdale)": the quarter is cut.
		c.name, _, _ = strings.Cut(p.City, " (")
		c.region = p.Region
		c.lat, c.lon = math.Round(p.Lat*100)/100, math.Round(p.Lon*100)/100
	}
	label, ok := a.known[c]
	if !ok {
		label = a.labelOf(a.cellOf(c))
		a.known[c] = label
	}
	a.cities[label][c] += addresses
	return label
}

func (a *atlas) cellOf(c city) cell {
	if !c.byCity {
		return cell{country: c.country}
	}
	where := cell{
		country: c.country, byCity: true,
		lat: int16(math.Floor(c.lat / gridDegrees)), lon: int16(math.Floor(c.lon / gridDegrees)),
	}
	for i, pops := range a.rankings {
		p, _ := geo.Nearest(c.lat, c.lon, pops)
		where.nearest[i] = int16(p.N)
	}
	return where
}

func (a *atlas) labelOf(c cell) int32 {
	label, ok := a.labels[c]
	if !ok {
		label = int32(len(a.cells))
		a.labels[c] = label
		a.cells = append(a.cells, c)
		a.cities = append(a.cities, map[city]float64{})
	}
	return label
}

// shownAs returns the city of a cell that holds most addresses.
func (a *atlas) shownAs(label int32) city { return heaviest(a.cities[label]) }

// countryPoints returns for each country the point that stands for an address
// of which only the country is known: the largest city of the metropolitan
// catchment with most addresses.
func (a *atlas) countryPoints() map[string]city {
	catchments := map[string]map[int16]float64{}
	members := map[string]map[int16]map[city]float64{}
	for label, cities := range a.cities {
		where := a.cells[label]
		if !where.byCity {
			continue
		}
		if catchments[where.country] == nil {
			catchments[where.country] = map[int16]float64{}
			members[where.country] = map[int16]map[city]float64{}
		}
		pop := where.nearest[2]
		if members[where.country][pop] == nil {
			members[where.country][pop] = map[city]float64{}
		}
		for c, addresses := range cities {
			catchments[where.country][pop] += addresses
			members[where.country][pop][c] += addresses
		}
	}
	points := map[string]city{}
	for country, weights := range catchments {
		best := int16(-1)
		for pop, weight := range weights {
			if best < 0 || weight > weights[best] || weight == weights[best] && pop < best {
				best = pop
			}
		}
		points[country] = heaviest(members[country][best])
	}
	return points
}

// heaviest returns the key with the greatest weight; of equals, the first by
// name, so that the same input makes the same file.
func heaviest(weights map[city]float64) city {
	keys := make([]city, 0, len(weights))
	for c := range weights {
		keys = append(keys, c)
	}
	return slices.MinFunc(keys, func(x, y city) int {
		return cmp.Or(
			cmp.Compare(weights[y], weights[x]),
			cmp.Compare(x.name, y.name), cmp.Compare(x.region, y.region),
			cmp.Compare(x.lat, y.lat), cmp.Compare(x.lon, y.lon),
		)
	})
}
