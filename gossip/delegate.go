package gossip

import (
	"net/netip"
	"time"

	"github.com/hashicorp/memberlist"
)

// delegate is what memberlist calls. It calls under its own locks and from its
// receive loop, so nothing here waits for anything but g.mu.
type delegate struct{ g *Gossip }

func (d delegate) NodeMeta(int) []byte {
	d.g.mu.Lock()
	defer d.g.mu.Unlock()
	b, err := encodeMetadata(d.g.node, d.g.boot)
	if err != nil {
		// New and Update have encoded it before they took it.
		d.g.log.Error("gossip: metadata", "error", err)
	}
	return b
}

// NotifyMsg takes a hint or a goodbye. What is news is passed on; memberlist
// does not do that for messages that are not its own.
func (d delegate) NotifyMsg(b []byte) {
	if id, boot, ok := decodeGoodbye(b); ok {
		news := false
		d.change(func(t *table, now time.Time) { news = t.goodbye(id, boot, now) })
		if news {
			d.g.queue.QueueBroadcast(broadcast{"goodbye " + id, encodeGoodbye(id, boot)})
		}
		return
	}
	if d.g.head.raise(decodeHead(b), false) {
		d.g.kick()
	}
}

func (d delegate) GetBroadcasts(overhead, limit int) [][]byte {
	return d.g.queue.GetBroadcasts(overhead, limit)
}

// LocalState adds the head to every full exchange: broadcasts miss a node now
// and then, and one that was cut off has missed them all.
func (d delegate) LocalState(bool) []byte { return encodeHead(d.g.head.get()) }

func (d delegate) MergeRemoteState(b []byte, _ bool) { d.NotifyMsg(b) }

func (d delegate) NotifyJoin(n *memberlist.Node)   { d.seen(n) }
func (d delegate) NotifyUpdate(n *memberlist.Node) { d.seen(n) }

func (d delegate) NotifyLeave(n *memberlist.Node) {
	d.change(func(t *table, now time.Time) { t.gone(n.Name, now) })
}

// NotifyConflict hears of two members with one name, every time either speaks;
// memberlist keeps the one it knew first.
func (d delegate) NotifyConflict(known, other *memberlist.Node) {
	d.g.mu.Lock()
	quiet := time.Since(d.g.warned) < time.Minute
	if !quiet {
		d.g.warned = time.Now()
	}
	d.g.mu.Unlock()
	if quiet {
		return
	}
	d.g.log.Warn("gossip: two nodes have the same ID; the second is not listened to",
		"id", known.Name, "first", known.Address(), "second", other.Address())
}

func (d delegate) seen(n *memberlist.Node) {
	node, boot, err := decodeMetadata(n.Name, n.Meta)
	if err != nil {
		d.g.log.Warn("gossip: member with unreadable metadata", "id", n.Name, "error", err)
	}
	ip, _ := netip.AddrFromSlice(n.Addr)
	at := netip.AddrPortFrom(ip.Unmap(), n.Port)
	d.change(func(t *table, now time.Time) { t.seen(node, at, boot, now) })
}

func (d delegate) change(f func(t *table, now time.Time)) {
	d.g.mu.Lock()
	f(d.g.table, time.Now())
	d.g.size.Store(int32(d.g.table.alive()))
	d.g.mu.Unlock()
	d.g.kick()
}
