package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"path/filepath"

	"github.com/warmfront/warmfront/geo"
)

// tally is how well the places of one database agree with another's.
type tally struct {
	asked   int // addresses whose truth names a city
	located int
	right   int // sent to the POP nearest to the truth
	country int // placed in the country of the truth
	detour  float64
}

func (t *tally) add(truth, place geo.Place, located bool, pops []geo.POP) {
	t.asked++
	if !located {
		place = geo.Place{Lat: truth.Lat, Lon: truth.Lon + 180} // counts as wrong, and by a lot
	} else {
		t.located++
	}
	if place.Country == truth.Country {
		t.country++
	}
	best, least := geo.Nearest(truth.Lat, truth.Lon, pops)
	given, _ := geo.Nearest(place.Lat, place.Lon, pops)
	if given.N == best.N {
		t.right++
	}
	t.detour += geo.Distance(truth.Lat, truth.Lon, given.Lat, given.Lon) - least
}

func (t *tally) report(w io.Writer, what string) {
	n := float64(t.asked)
	fmt.Fprintf(w, "%-34s %9d  located %6.2f %%  country %6.2f %%  right POP %6.2f %%  mean detour %4.0f km\n",
		what, t.asked, 100*float64(t.located)/n, 100*float64(t.country)/n, 100*float64(t.right)/n, t.detour/n)
}

// evaluate measures databases against the truth pack in dir and writes what it
// finds. Addresses whose truth record names no city tell nothing about cities;
// they serve to judge the points that stand for countries.
func evaluate(w io.Writer, dir string, files []string, n int, seed uint64) error {
	db, err := geo.Open(geo.Config{Files: files})
	if err != nil {
		return err
	}
	pops := db.Catalogue().Metro()
	file, err := packFile(dir, "ipv4")
	if err != nil {
		return err
	}
	truth, err := geo.Open(geo.Config{Files: []string{file}})
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(seed, 0))
	var all, countries tally
	continents := map[string]*tally{}
	for range n {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], random.Uint32())
		a := netip.AddrFrom4(b)
		want, ok := truth.Locate(a)
		if !ok || want.Source != filepath.Base(file) {
			continue
		}
		place, located := db.Locate(a)
		if want.Precision == geo.CountryLevel {
			// The other way round: how good is the point that stands for a
			// country, judged by the database that names a city there?
			if located && place.Precision == geo.CityLevel {
				countries.add(place, want, true, pops)
			}
			continue
		}
		all.add(want, place, located, pops)
		if continents[want.Continent] == nil {
			continents[want.Continent] = &tally{}
		}
		continents[want.Continent].add(want, place, located, pops)
	}
	all.report(w, fmt.Sprintf("IPv4, %d random addresses", n))
	for _, code := range []string{"AF", "AS", "EU", "NA", "OC", "SA"} {
		if t := continents[code]; t != nil {
			t.report(w, "  "+geo.Continents()[code])
		}
	}
	countries.report(w, "  by the point of the country")
	return evaluateIPv6(w, dir, db, random)
}

// evaluateIPv6 measures one random address in each of every hundredth network
// of the truth: random addresses of IPv6 would be nobody's.
func evaluateIPv6(w io.Writer, dir string, db *geo.DB, random *rand.Rand) error {
	file, err := packFile(dir, "ipv6")
	if err != nil {
		return err
	}
	networks, err := geo.Networks(file)
	if err != nil {
		return err
	}
	pops := db.Catalogue().Metro()
	var all tally
	for want, err := range networks {
		if err != nil {
			return err
		}
		if want.Precision != geo.CityLevel || random.IntN(100) != 0 {
			continue
		}
		place, located := db.Locate(randomIn(want.Prefix, random))
		all.add(want, place, located, pops)
	}
	all.report(w, "IPv6, every hundredth network")
	return nil
}

func randomIn(p netip.Prefix, random *rand.Rand) netip.Addr {
	b := p.Addr().As16()
	for bit := p.Bits(); bit < 128; bit++ {
		b[bit/8] |= byte(random.IntN(2)) << (7 - bit%8)
	}
	return netip.AddrFrom16(b)
}
