package main

import (
	"net/netip"
	"testing"

	"github.com/warmfront/warmfront/geo"
)

// berlin, potsdam and munich are labels of two cells of one catchment and one
// of another.
const (
	berlin int32 = iota + 1
	potsdam
	munich
)

func testPruner(price float64) *pruner {
	cells := []cell{
		{},
		{country: "DE", byCity: true, lat: 52, lon: 13, nearest: [4]int16{79, 79, 79, 79}},
		{country: "DE", byCity: true, lat: 52, lon: 12, nearest: [4]int16{79, 79, 79, 79}},
		{country: "DE", byCity: true, lat: 48, lon: 11, nearest: [4]int16{95, 95, 95, 95}},
	}
	f := family{name: "ipv4", unit: 4, price: price, weight: func(units float64) float64 { return units }}
	return &pruner{family: f, cells: cells}
}

// answers returns the label of each of the sixteen units of a tree.
func answers(t *testing.T, p *pruner, tree int32) [16]int32 {
	var got [16]int32
	err := p.leaves(tree, func(prefix uint64, bits int, label int32) error {
		size := uint64(16) >> bits
		for i := range size {
			got[prefix*size+i] = label
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestPrune(t *testing.T) {
	tests := []struct {
		name   string
		price  float64
		blocks []block
		want   [16]int32
		splits int
	}{
		{"one block", 1, []block{{0, 16, berlin}}, filled(berlin), 0},
		{"equal halves merge", 0.01, []block{{0, 8, berlin}, {8, 4, berlin}, {12, 4, berlin}}, filled(berlin), 0},
		{"unequal halves do not", 1, []block{{0, 8, berlin}, {8, 8, munich}}, [16]int32{1, 1, 1, 1, 1, 1, 1, 1, 3, 3, 3, 3, 3, 3, 3, 3}, 1},
		{"unless the price is high", 9, []block{{0, 8, berlin}, {8, 8, munich}}, filled(berlin), 0},
		{"a lone unit goes", 0.6, []block{{0, 8, berlin}, {8, 4, berlin}, {12, 2, berlin}, {14, 1, munich}, {15, 1, berlin}}, filled(berlin), 0},
		{"a lone unit stays for little", 0.2, []block{{0, 8, berlin}, {8, 4, berlin}, {12, 2, berlin}, {14, 1, munich}, {15, 1, berlin}},
			[16]int32{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 1}, 4},
		{"the same catchment merges", 0.9, []block{{0, 8, berlin}, {8, 8, potsdam}}, filled(berlin), 0},
		{"space that nobody holds joins its neighbour", 1, []block{{0, 8, berlin}}, filled(berlin), 0},
		{"nothing", 1, nil, filled(nowhere), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := testPruner(tt.price)
			tree := p.prune(tt.blocks).tree
			got, splits := answers(t, p, tree), p.kept(tree)
			if got != tt.want || splits != tt.splits {
				t.Errorf("%v with %d splits, want %v with %d", got, splits, tt.want, tt.splits)
			}
		})
	}
}

func filled(label int32) (all [16]int32) {
	for i := range all {
		all[i] = label
	}
	return all
}

// TestCellsKeepTheRanking checks the promise of a cell: what it is shown as
// has the same nearest POPs as each of its places.
func TestCellsKeepTheRanking(t *testing.T) {
	catalogue := geo.BundledCatalogue()
	a := newAtlas(catalogue)
	// One square degree between Newark, New York and Philadelphia.
	labels := map[int32]bool{}
	places := map[int32][]geo.Place{}
	for lat := 40.0; lat < 41; lat += 0.05 {
		for lon := -75.0; lon < -74; lon += 0.05 {
			p := geo.Place{Lat: lat, Lon: lon, City: "x", Country: "US", Precision: geo.CityLevel}
			l := a.label(p, 1+lat-40)
			labels[l] = true
			places[l] = append(places[l], p)
		}
	}
	if len(labels) < 2 {
		t.Fatalf("%d cells in a square that three POPs share", len(labels))
	}
	metro := catalogue.Metro()
	for l := range labels {
		shown := a.shownAs(l)
		want, _ := geo.Nearest(shown.lat, shown.lon, metro)
		for _, p := range places[l] {
			if got, _ := geo.Nearest(p.Lat, p.Lon, metro); got.N != want.N {
				t.Errorf("%v,%v is nearest to %s, its cell to %s", p.Lat, p.Lon, got.Code, want.Code)
			}
		}
	}
}

func TestCountryPoints(t *testing.T) {
	a := newAtlas(geo.BundledCatalogue())
	place := func(city string, lat, lon float64) geo.Place {
		return geo.Place{Lat: lat, Lon: lon, City: city, Country: "DE", Precision: geo.CityLevel}
	}
	// Munich is the largest city, but more live around Düsseldorf.
	a.label(place("Munich", 48.14, 11.58), 100)
	a.label(place("Cologne", 50.94, 6.96), 70)
	a.label(place("Essen", 51.46, 7.01), 60)
	a.label(geo.Place{Country: "DE", Precision: geo.CountryLevel}, 1000)
	if got := a.countryPoints()["DE"]; got.name != "Cologne" {
		t.Errorf("Germany is at %q, want Cologne", got.name)
	}
}

func TestVote(t *testing.T) {
	var v vote
	v.add(7, munich, 3)
	v.add(7, berlin, 2)
	v.add(7, potsdam, 2)
	v.add(7, berlin, 1.5)
	if got := v.winner(); got != berlin {
		t.Errorf("label %d won, want %d", got, berlin)
	}
	v.add(8, munich, 1)
	if got := v.winner(); got != munich {
		t.Errorf("after a new vote label %d, want %d", got, munich)
	}
}

func TestUnitOf(t *testing.T) {
	if got := unitOf(netip.MustParseAddr("1.2.3.4"), 24); got != 0x010203 {
		t.Errorf("%#x", got)
	}
	if got := unitOf(netip.MustParseAddr("2001:db8:7::1"), 48); got != 0x20010db80007 {
		t.Errorf("%#x", got)
	}
}
