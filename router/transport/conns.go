package transport

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// conns are the open connections. Where there are as many as there may be, one of the client
// that has most of them gives way to a new one: so a flood, from however many addresses,
// keeps out nobody who has fewer connections than each of those, and asks at once.
type conns struct {
	mu       sync.Mutex
	open     map[net.Conn]peer
	clients  map[netip.Addr]*client // by owner
	draining bool
}

// client is one that has connections.
type client struct {
	owner netip.Addr
	conns int
}

// peer is whose a connection is, and since when a query of it is waited for.
type peer struct {
	*client
	since time.Time
}

func newConns() *conns { return &conns{open: map[net.Conn]peer{}, clients: map[netip.Addr]*client{}} }

// owner is what stands for all addresses that one client may have: of IPv6 the /56 that a
// household is given.
func owner(a netip.Addr) netip.Addr {
	if a.Is4() {
		return a
	}
	p, err := a.WithZone("").Prefix(56)
	if err != nil {
		return a
	}
	return p.Addr()
}

// add takes a connection in. Taken is false if there are too many, of this client or in
// all. Out is one that is to be closed for it, which counts no more.
func (c *conns) add(conn net.Conn, from netip.Addr, now time.Time) (out net.Conn, taken bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	from = owner(from)
	whose := c.clients[from]
	if whose == nil {
		whose = &client{owner: from}
	}
	if c.draining || whose.conns >= MaxConnsClient {
		return nil, false
	}
	if len(c.open) >= MaxConns {
		if out = c.greatest(whose.conns+1, now); out == nil {
			return nil, false
		}
		c.forget(out)
	}
	c.open[conn] = peer{whose, now}
	c.clients[from] = whose
	whose.conns++
	return out, true
}

// patience is how long a connection that is one of few is let be without a query.
const patience = 500 * time.Millisecond

// greatest returns the connection that has been waited for longest of the client that has
// most, nil if nobody has more than the newcomer would have. Of those who have as many, one
// that has not asked for a while gives way as well.
func (c *conns) greatest(would int, now time.Time) (found net.Conn) {
	most, since := 0, now
	for conn, p := range c.open {
		n := p.conns
		if n < would || n == would && now.Sub(p.since) < patience {
			continue
		}
		if n > most || n == most && p.since.Before(since) {
			found, most, since = conn, n, p.since
		}
	}
	return found
}

func (c *conns) remove(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(conn)
}

func (c *conns) forget(conn net.Conn) {
	p, ok := c.open[conn]
	if !ok {
		return // it gave way
	}
	delete(c.open, conn)
	if p.conns--; p.conns == 0 {
		delete(c.clients, p.owner)
	}
}

// wait sets how long the next query may take to come, from now on. While draining it leaves
// the deadline alone, which is then the end.
func (c *conns) wait(conn net.Conn, now time.Time, most time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p, ok := c.open[conn]; ok {
		c.open[conn] = peer{p.client, now}
	}
	if !c.draining {
		_ = conn.SetReadDeadline(now.Add(most))
	}
}

// arrives sets until when the query must be there that has begun to come. It counts as
// waited for all the same: so does whoever sends a byte now and then.
func (c *conns) arrives(conn net.Conn, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.draining {
		_ = conn.SetReadDeadline(until)
	}
}

// count returns how many are open.
func (c *conns) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open)
}

// drain makes every connection end at a time, after the queries it has sent.
func (c *conns) drain(end time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draining = true
	for conn := range c.open {
		_ = conn.SetReadDeadline(end)
	}
}

// closeAll ends the connections that did not drain in time.
func (c *conns) closeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.open {
		_ = conn.Close()
	}
}
