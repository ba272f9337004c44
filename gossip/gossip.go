package gossip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/warmfront/warmfront/cdn"
)

// Gossip is one member. New makes it answer others, Run makes it look for them.
type Gossip struct {
	cfg   Config
	log   *slog.Logger
	addr  netip.AddrPort
	list  *memberlist.Memberlist
	boot  uint32
	queue *memberlist.TransmitLimitedQueue // of hints and goodbyes
	head  head
	size  atomic.Int32 // members alive, for the number of retransmissions
	wake  chan struct{}

	mu     sync.Mutex // never held while memberlist is called: it calls back under its own lock
	node   cdn.Node
	table  *table
	warned time.Time // of two nodes with one name

	leave  sync.Once
	close  sync.Once
	closed chan struct{}
	ending sync.Mutex // memberlist panics when it is to leave after it has shut down
}

// New listens; Addr tells where. Seeds that are malformed, keys and timings
// that are missing are errors here.
func New(cfg Config) (*Gossip, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	t, err := listen(&cfg)
	if err != nil {
		return nil, err
	}
	cfg.Node.GossipPort = t.advertise.Port()
	g := &Gossip{
		cfg:    cfg,
		log:    cfg.Logger,
		addr:   t.advertise,
		boot:   rand.Uint32(),
		node:   cfg.Node,
		table:  newTable(cfg.Timing.Damp),
		wake:   make(chan struct{}, 1),
		closed: make(chan struct{}),
	}
	g.queue = &memberlist.TransmitLimitedQueue{
		RetransmitMult: cfg.Timing.Retransmit,
		NumNodes:       func() int { return int(g.size.Load()) },
	}
	g.head.queue = g.queue
	if _, err := encodeMetadata(g.node, g.boot); err != nil {
		return nil, errors.Join(err, t.Shutdown())
	}
	if g.list, err = memberlist.Create(g.memberlistConfig(t)); err != nil {
		return nil, errors.Join(fmt.Errorf("gossip: %w", err), t.Shutdown())
	}
	return g, nil
}

func (g *Gossip) memberlistConfig(t *transport) *memberlist.Config {
	tm := g.cfg.Timing
	c := memberlist.DefaultLANConfig()
	c.Name = g.node.ID
	c.Transport = t
	c.BindAddr, c.BindPort = g.addr.Addr().String(), int(g.addr.Port())
	c.SecretKey = g.cfg.Key
	c.GossipVerifyIncoming, c.GossipVerifyOutgoing = true, true
	c.EnableCompression = false // LZW costs more than loopback and most links do
	c.GossipInterval, c.GossipNodes, c.RetransmitMult = tm.Gossip, tm.Fanout, tm.Retransmit
	c.ProbeInterval, c.ProbeTimeout, c.SuspicionMult = tm.Probe, tm.ProbeTimeout, tm.Suspicion
	c.TCPTimeout, c.PushPullInterval = tm.Stream, tm.PushPull
	c.DeadNodeReclaimTime = time.Second // a container comes back under another address
	c.Delegate, c.Events, c.Conflict = delegate{g}, delegate{g}, delegate{g}
	c.Logger = chatter(g.log)
	return c
}

// Addr is the address others reach this member at.
func (g *Gossip) Addr() netip.AddrPort { return g.addr }

// Members returns all that are known, this one included, by ID.
func (g *Gossip) Members() []Member {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.table.step(time.Now())
	return g.table.list()
}

// Head is the newest version announced here or heard of.
func (g *Gossip) Head() cdn.Version { return g.head.get() }

// AnnounceHead spreads the hint that the head of the journal is v. It never
// waits; a newer version takes the place of one still being spread.
func (g *Gossip) AnnounceHead(v cdn.Version) { g.head.raise(v, true) }

// Update changes what the others know of this node, all but its ID. It returns
// when the change is on its way, or ctx ends.
func (g *Gossip) Update(ctx context.Context, n cdn.Node) error {
	g.mu.Lock()
	n.ID, n.GossipPort = g.node.ID, g.node.GossipPort
	_, err := encodeMetadata(n, g.boot)
	if err == nil {
		g.node = n
	}
	g.mu.Unlock()
	if err != nil {
		return err
	}
	return g.list.UpdateNode(timeLeft(ctx, g.cfg.Timing.Leave))
}

// Run joins the others, calls OnMember and OnHead, and when ctx ends leaves and
// closes. It returns nil then.
func (g *Gossip) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	joining, stop := context.WithCancel(ctx)
	wg.Go(func() { g.join(joining) })
	wg.Go(func() { g.notify(joining) })
	select {
	case <-ctx.Done():
	case <-g.closed:
	}
	stop()
	bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), g.cfg.Timing.Leave)
	defer cancel()
	if err := g.Leave(bye); err != nil {
		g.log.Debug("gossip: left without a goodbye", "error", err)
	}
	err := g.Close()
	wg.Wait()
	return err
}

// Leave tells the others that this member goes on purpose. It returns when that
// is on its way, or ctx ends; the member goes on answering until Close.
func (g *Gossip) Leave(ctx context.Context) (err error) {
	g.leave.Do(func() {
		g.ending.Lock()
		defer g.ending.Unlock()
		select {
		case <-g.closed:
			return
		default:
		}
		// To each directly, so that it is known at once, and round by gossip for
		// those whom the packet misses.
		bye := encodeGoodbye(g.cfg.Node.ID, g.boot)
		g.queue.QueueBroadcast(broadcast{"goodbye", bye})
		for _, m := range g.Members() {
			if m.State == Alive && m.Gossip != g.addr {
				_ = g.list.SendToAddress(memberlist.Address{Addr: m.Gossip.String(), Name: m.Node.ID}, bye)
			}
		}
		err = g.list.Leave(timeLeft(ctx, g.cfg.Timing.Leave))
	})
	return err
}

// Close stops; without a Leave before it the others take it for a crash.
func (g *Gossip) Close() (err error) {
	g.close.Do(func() {
		g.ending.Lock()
		defer g.ending.Unlock()
		close(g.closed)
		err = g.list.Shutdown()
	})
	return err
}

// timeLeft returns the time until ctx ends, at most limit and never zero, which
// memberlist takes for no limit.
func timeLeft(ctx context.Context, limit time.Duration) time.Duration {
	if end, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(end))
	}
	return max(limit, time.Millisecond)
}

// notify makes damped changes when they are due and tells the consumer.
func (g *Gossip) notify(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-g.wake:
		case <-ctx.Done():
			return
		}
		now := time.Now()
		g.mu.Lock()
		g.table.step(now)
		changed := g.table.takeChanged()
		due, some := g.table.due()
		g.mu.Unlock()
		if some {
			timer.Reset(due.Sub(now))
		}
		for _, m := range changed {
			g.log.Debug("gossip: member", "id", m.Node.ID, "state", m.State)
			if g.cfg.OnMember != nil {
				g.cfg.OnMember(m)
			}
		}
		if v, ok := g.head.untold(); ok && g.cfg.OnHead != nil {
			g.cfg.OnHead(v)
		}
	}
}

// kick lets notify look; one kick stands for any number.
func (g *Gossip) kick() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}
