package http2

import "slices"

// leftover is what is still to come of a request whose answer is complete. RFC 9113
// section 8.1 lets a server cut it short with RST_STREAM and NO_ERROR; but curl
// (7.88) then throws away what it has not read of the answer. So it is read and
// thrown away for a while, and cut short only when it is long.
type leftover struct {
	stream     uint32
	left       int64 // how much of it is taken
	unreported int64 // of what was taken, not yet told in a WINDOW_UPDATE
}

const (
	maxLeftover  = 4 << 20
	maxLeftovers = 16 // at once
)

// leave has the rest of a request's body thrown away, of which unreported bytes
// are there already.
func (c *conn) leave(id uint32, unreported int64) {
	if len(c.leftovers) >= maxLeftovers {
		c.cutShort(0)
	}
	c.leftovers = append(c.leftovers, leftover{id, maxLeftover, unreported})
}

func (c *conn) cutShort(i int) {
	c.appendReset(c.leftovers[i].stream, codeNo)
	c.leftovers = slices.Delete(c.leftovers, i, i+1)
}

func (c *conn) leftover(id uint32) int {
	return slices.IndexFunc(c.leftovers, func(l leftover) bool { return l.stream == id })
}

// throwAway takes a frame of n bytes off a leftover, and reports whether it was
// one's. The last one ends it.
func (c *conn) throwAway(id uint32, n int, last bool) bool {
	i := c.leftover(id)
	if i < 0 {
		return false
	}
	l := &c.leftovers[i]
	l.left -= int64(n)
	l.unreported += int64(n)
	switch {
	case last:
		c.leftovers = slices.Delete(c.leftovers, i, i+1)
	case l.left < 0:
		c.cutShort(i)
	case l.unreported >= streamWindow/4:
		out := c.room()
		out.b = appendNumber(out.b, frameWindowUpdate, id, uint32(l.unreported))
		l.unreported = 0
	}
	return true
}
