package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"

	"github.com/warmfront/warmfront/geo"
)

// A family is an address family and the finest network kept of it, the unit.
// Resolvers send no more than 24 bits of an IPv4 address and 56 of an IPv6 one
// (RFC 7871, section 11.1), and providers give sites of one city whole /48s.
type family struct {
	name   string
	unit   int     // bits of the unit's prefix
	price  float64 // what one more split of the tree must save, in wrong units
	weight func(units float64) float64
}

var families = []family{
	{name: "ipv4", unit: 24, price: 0.6, weight: func(units float64) float64 { return units }},
	// IPv6 networks are allocated by the address plan, not by the number of
	// people behind them: a /32 weighs sixteen times a /48, not 65,536 times.
	{name: "ipv6", unit: 48, price: 0.4, weight: math.Sqrt},
}

// block is a run of units, a power of two of them and aligned to that, with
// one label.
type block struct {
	start, units uint64
	label        int32
}

// readBlocks reads a database as blocks, in the order of addresses. A unit
// that holds several networks gets the label of most of its addresses.
func readBlocks(file string, f family, a *atlas) ([]block, error) {
	networks, err := geo.Networks(file)
	if err != nil {
		return nil, err
	}
	var blocks []block
	var votes vote
	for place, err := range networks {
		if err != nil {
			return nil, err
		}
		bits := place.Prefix.Bits()
		label := a.label(place, addressWeight(place.Prefix))
		start := unitOf(place.Prefix.Addr(), f.unit)
		if votes.cast && (votes.unit != start || bits <= f.unit) {
			blocks = append(blocks, block{votes.unit, 1, votes.winner()})
		}
		if bits <= f.unit {
			blocks = append(blocks, block{start, 1 << (f.unit - bits), label})
			continue
		}
		votes.add(start, label, math.Ldexp(1, f.unit-bits))
	}
	if votes.cast {
		blocks = append(blocks, block{votes.unit, 1, votes.winner()})
	}
	if len(blocks) == 0 {
		return nil, fmt.Errorf("%s: no networks", file)
	}
	return blocks, nil
}

// addressWeight says how much a network counts towards its city: IPv4 by its
// addresses, IPv6 next to nothing, which decides only where there is no IPv4.
func addressWeight(p netip.Prefix) float64 {
	if p.Addr().Is4() {
		return math.Ldexp(1, 32-p.Bits())
	}
	return math.Ldexp(1, -10)
}

func unitOf(a netip.Addr, unit int) uint64 {
	if a.Is4() {
		b := a.As4()
		return uint64(binary.BigEndian.Uint32(b[:]) >> (32 - unit))
	}
	b := a.As16()
	return binary.BigEndian.Uint64(b[:8]) >> (64 - unit)
}

// vote counts the addresses of each label within one unit.
type vote struct {
	unit   uint64
	cast   bool
	labels map[int32]float64
}

func (v *vote) add(unit uint64, label int32, addresses float64) {
	if !v.cast {
		v.unit, v.cast, v.labels = unit, true, map[int32]float64{}
	}
	v.labels[label] += addresses
}

// winner ends the vote; of equals, the lowest label wins.
func (v *vote) winner() int32 {
	best, most := nowhere, 0.0
	for label, addresses := range v.labels {
		if addresses > most || addresses == most && label < best {
			best, most = label, addresses
		}
	}
	v.cast = false
	return best
}
