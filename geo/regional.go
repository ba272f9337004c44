package geo

import (
	"math"
	"slices"
)

// Regional returns the POPs that have a regional edge cache, by number; Region says of
// each in which AWS region that is.
func (c *Catalogue) Regional() []POP {
	return slices.DeleteFunc(c.POPs(), func(p POP) bool { return p.Region == "" })
}

// NearestRegional returns the one whose regional edge cache a POP asks.
func (c *Catalogue) NearestRegional(of POP) POP {
	p, _ := Nearest(of.Lat, of.Lon, c.Regional())
	return p
}

// Far returns the distance in kilometres between two places, each the code of a POP or
// the AWS region of a regional edge cache; +Inf where one of them is neither.
func (c *Catalogue) Far(a, b string) float64 {
	from, ok := c.place(a)
	to, ok2 := c.place(b)
	if !ok || !ok2 {
		return math.Inf(1)
	}
	return Distance(from.Lat, from.Lon, to.Lat, to.Lon)
}

func (c *Catalogue) place(name string) (*POP, bool) {
	if i, ok := c.byCode[name]; ok {
		return &c.pops[i], true
	}
	for i := range c.pops {
		if name != "" && c.pops[i].Region == name {
			return &c.pops[i], true
		}
	}
	return nil, false
}
