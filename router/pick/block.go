package pick

import (
	"net/netip"

	"github.com/warmfront/warmfront/cdn"
)

// The largest blocks of viewers that are told apart where answers depend on more than the
// place: what resolvers tell of a viewer's address in IPv4 (RFC 7871, section 11.1), and the
// network of a site in IPv6 (RFC 6177), which is more than they tell.
const (
	blockBits4 = 24
	blockBits6 = 48
)

// Block returns the block of viewers that an address belongs to, if all of its network of a
// length are at one place: that network, or the part of it that is as large as a block may
// be. Blocks are the same or apart. A block is moved as a whole, never a part of it, so an
// answer holds for all of it.
func Block(a netip.Addr, bits int) netip.Prefix {
	most := blockBits6
	if a.Is4() {
		most = blockBits4
	}
	p, _ := a.Prefix(max(bits, most)) // no longer than the address
	return p
}

// Choice is what a viewer is given.
type Choice struct {
	// Site is nil where there is none to give.
	Site *Site
	// Block is the viewers for whom it was made, the zero Prefix where it was made for all
	// who are nearest to the site.
	Block netip.Prefix
	// From is the nearest site, where that is over its limit of load and this block of
	// viewers is among those that are sent on; nil otherwise.
	From *Site

	hash uint64
}

// particular reports whether a site treats one block of viewers otherwise than another.
func (s *Site) particular() bool { return s.over > 0 || len(s.edges) > 1 }

// sheds reports whether a site sends what has the hash h on to another. The hash says where
// in line a block stands: the larger the part that is sent on, the more, and never others
// instead.
func (s *Site) sheds(h uint64) bool { return weight(h, s.seed)>>32 < s.over }

// choose makes the choice for viewers in a block at a place, of which near is the nearest
// site.
func (p *Pool) choose(near *Site, from Point, block netip.Prefix, distribution string) Choice {
	if !near.particular() {
		return Choice{Site: near}
	}
	c := Choice{Site: near, Block: block, hash: hash(distribution, block)}
	if near.sheds(c.hash) {
		if i := p.withRoom(from, c.hash); i >= 0 {
			c.Site, c.From = &p.sites[i], near
		}
	}
	return c
}

// maxAddresses bounds the addresses of one answer, so that it fits any datagram.
const maxAddresses = 8

// Addresses are those of one answer, the first to be tried first.
type Addresses struct {
	list [maxAddresses]netip.Addr
	n    int
}

// All returns them.
func (a *Addresses) All() []netip.Addr { return a.list[:a.n] }

// Addresses returns those of up to most nodes of the chosen site, at most eight, in the
// order of their weights for the distribution and the block.
func (c *Choice) Addresses(family Family, most int) (out Addresses) {
	var at [maxAddresses]int
	for _, i := range c.first(most, &at) {
		out.list[out.n] = family.Of(c.Site.edges[i].Node)
		out.n++
	}
	return out
}

// Nodes are those of which Addresses returns the addresses.
func (c *Choice) Nodes(most int) (out []cdn.Node) {
	var at [maxAddresses]int
	for _, i := range c.first(most, &at) {
		out = append(out, c.Site.edges[i].Node)
	}
	return out
}

// first puts into at which edges of the site have the greatest weights.
func (c *Choice) first(most int, at *[maxAddresses]int) []int {
	edges := c.Site.edges
	if len(edges) == 1 {
		at[0] = 0
		return at[:1]
	}
	var weights [maxAddresses]uint64
	most = min(max(most, 1), maxAddresses)
	n := 0
	for i := range edges {
		w := weight(c.hash, edges[i].seed)
		j := n
		// Edges are in a fixed order, so that equal weights cannot make two routers
		// differ.
		for ; j > 0 && weights[j-1] < w; j-- {
			if j < most {
				weights[j], at[j] = weights[j-1], at[j-1]
			}
		}
		if j < most {
			weights[j], at[j] = w, i
			n = min(n+1, most)
		}
	}
	return at[:n]
}
