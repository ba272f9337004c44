// Package client is the node's side of the journal: edges, routers and origins
// use it to know what the network is to do and whether they may serve.
//
// What it promises: [Client.State] only ever goes forward, one change after the
// other; [Client.Lease] is valid only while control waits for this node before it
// reports anything as Deployed or Completed (package journal has the rules). A
// request reads both once, the lease after the request has been read.
//
// A node joins with the cluster secret and is known by its certificate from then
// on. Then two connections are kept: one on which changes arrive, and one for
// lease calls alone, so that a slow stream never delays a renewal. Each change is
// applied, shown to OnApply, published, and acknowledged at once. What was
// applied last is kept on disk, so that a node starts without control: fenced,
// with the configuration it had.
//
// While control is out of reach, changes come from a neighbour that is asked for
// them, and go on from here to whom this node is a neighbour of (package relay).
// The node is up to date so; its lease ends all the same.
package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/ca"
	"github.com/warmfront/warmfront/control/feed"
	"github.com/warmfront/warmfront/control/wire"
	"github.com/warmfront/warmfront/journal"
)

// Config is what a node is started with.
type Config struct {
	// Node is the node as it is registered.
	Node cdn.Node
	// Control are the peer addresses of control, host:port; one that answers is
	// used.
	Control []string
	// Secret is the cluster secret.
	Secret []byte
	// DataDir keeps the last state, the node's identity and its certificates; ""
	// keeps nothing, and the node cannot start without control.
	DataDir string
	// Disk is where the node keeps what it stores; nil for nodes that store nothing.
	Disk Disk
	// OnApply is called with each state before it is acknowledged, in order and
	// never twice at once; State returns it already. It must not call the Client's
	// methods that take an event (Hint) or end it. May be nil.
	OnApply func(*cdn.State)
	// Neighbours returns nodes that may serve the journal while control is out of
	// reach; a few are asked at random. Nil: nobody is asked. It must not call the
	// Client's methods that take an event.
	Neighbours func() []cdn.Node
	// Adopt is a journal to follow from now on, if control has it and the disk another
	// (--adopt-journal). "" for none: the node then goes on with what it has.
	Adopt string
	// Dial opens connections to control and to neighbours; a net.Dialer's when nil.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Clock reads both clocks of the machine; those of time.Now when nil.
	Clock func(now time.Time) journal.Instant
	Log   *slog.Logger
}

// Disk is where a node keeps what it has stored by the journal.
type Disk interface {
	// Disk says which folder that is, and how far it is.
	Disk() journal.Disk
	// Joined is called whenever the node has joined a journal, before it can get a
	// lease: with what control knows of the disk, and whether the node's own folder
	// was put back to an older state. That it fails is logged.
	Joined(name string, known journal.Disk, rolledBack bool) error
}

// The errors that end Run.
var (
	// ErrSuperseded says that another process has joined as this node.
	ErrSuperseded = errors.New("another process has joined as this node; there must be one only")
	// ErrOtherJournal says that control has another journal than the one the node
	// follows: it has lost its file, or it is another control. The node does not go
	// back in time by itself.
	ErrOtherJournal = errors.New("control has another journal than the one this node follows")
)

// Client follows the journal for one node. All methods may be called
// concurrently.
type Client struct {
	cfg          Config
	log          *slog.Logger
	clock        func(time.Time) journal.Instant
	certificates *Certificates
	// feed is what neighbours are served.
	feed *feed.Feed

	state atomic.Pointer[cdn.State]
	lease atomic.Pointer[journal.Lease]
	// entitled is the follower's.
	entitled atomic.Bool
	session  atomic.Pointer[session]
	// next is which of Control is called, nextLease which one for leases: where
	// one answers on one connection and not on the other, neither follows the other
	// away from what works.
	next, nextLease atomic.Uint32

	// lock keeps DataDir this process's: that it remembers an incarnation proves to
	// control that the process of that incarnation has ended.
	lock      *os.File
	closeOnce sync.Once
	closeErr  error

	ready     chan struct{} // closed with the first lease
	readyOnce sync.Once
	// refused is closed when the node first refuses control's journal.
	refused     chan struct{}
	refusedOnce sync.Once
	ackNow      chan struct{}
	refetch     chan struct{}
	astray      chan struct{} // when neighbours are to be asked has changed
	unsaved     chan struct{}

	// mu is held during a step of the follower and what follows from it.
	mu       sync.Mutex
	follower *journal.Follower
	// journal names the one that follower is of; "" before the node has ever joined.
	journal string
	// stream ends the open stream; nil unless it has brought something. relay ends
	// that of a neighbour; nil where none is followed.
	stream, relay context.CancelFunc
	detour        journal.Detour
	// detoured is set from when a neighbour was followed until control is.
	detoured bool
	// trouble is why control is not followed at the moment; refusing is set while
	// that is that it has another journal.
	trouble, refusing error
}

// New makes the client of a node, with what its disk has. Run connects it.
func New(cfg Config) (*Client, error) {
	if err := wire.CheckSecret(cfg.Secret); err != nil {
		return nil, fmt.Errorf("--cluster-secret-file: %w", err)
	}
	if len(cfg.Control) == 0 || cfg.Log == nil {
		return nil, errors.New("a node needs the address of control (--control) and a logger")
	}
	if cfg.Clock == nil {
		cfg.Clock = journal.NewClock(time.Now()).At
	}
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{Timeout: callTimeout}).DialContext
	}
	c := &Client{
		cfg: cfg, log: cfg.Log.With("node", cfg.Node.ID), clock: cfg.Clock,
		ready: make(chan struct{}), refused: make(chan struct{}), ackNow: make(chan struct{}, 1),
		refetch: make(chan struct{}, 1), unsaved: make(chan struct{}, 1), astray: make(chan struct{}, 1),
	}
	c.detour = journal.NewDetour(c.now(), 1)
	c.certificates = newCertificates(c)
	if cfg.DataDir != "" {
		if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
			return nil, err
		}
		var err error
		if c.lock, err = lockFile(filepath.Join(cfg.DataDir, "lock")); err != nil {
			return nil, fmt.Errorf("%s is another process's, which must end first: %w", cfg.DataDir, err)
		}
	}
	state, seen := c.load()
	c.follower, c.journal = journal.NewFollower(state, seen), c.joined().Journal
	lease := c.follower.Lease()
	c.lease.Store(&lease)
	c.state.Store(state)
	c.feed = feed.New(feed.Config{Heartbeat: relayHeartbeat, Readers: mostReaders, Log: c.log}, state)
	return c, nil
}

func (c *Client) now() journal.Instant { return c.clock(time.Now()) }

// State is what has been applied; never nil. Before the first contact with
// control it is what the disk has, or empty.
func (c *Client) State() *cdn.State { return c.state.Load() }

// Lease is a node's permission to answer from its cache, at the time it was
// asked for.
type Lease struct {
	clock func(time.Time) journal.Instant
	lease journal.Lease
}

// Valid reports whether the lease runs at now, which must come from time.Now.
func (l Lease) Valid(now time.Time) bool { return l.lease.Valid(l.clock(now)) }

// Left is how long the lease still runs at now.
func (l Lease) Left(now time.Time) time.Duration { return l.lease.Left(l.clock(now)) }

// Lease returns the node's lease. Ask for it anew for every request.
func (c *Client) Lease() Lease { return Lease{c.clock, *c.lease.Load()} }

// Entitled reports whether the node has held a lease since it joined, and has
// neither given it up nor stopped: whether it may serve without one what is to be
// served so.
func (c *Client) Entitled() bool { return c.entitled.Load() }

// Hint says that the journal's head is said to be at head, by gossip. It proves
// nothing; it wakes a client whose stream is broken or stuck.
func (c *Client) Hint(head cdn.Version) { c.step(journal.Hinted{Head: head}) }

// Ready waits for the first lease: the node has been level with control and may
// serve from its cache. With a context that has ended it says whether that was. It
// does not wait for a control that has another journal.
func (c *Client) Ready(ctx context.Context) error {
	select {
	case <-c.ready:
		return nil
	case <-c.refused:
	case <-ctx.Done():
	}
	select {
	case <-c.ready:
		return nil
	default:
		c.mu.Lock()
		defer c.mu.Unlock()
		return errors.Join(ctx.Err(), c.follower.Stopped(), c.trouble)
	}
}

// Refusing is why the node follows control no more though it is in reach, with what
// to do about it; nil where it does follow it or would.
func (c *Client) Refusing() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refusing
}

// Journal names the journal that State is of; "" before the node has ever joined.
func (c *Client) Journal() string { return c.joined().Journal }

// Zone is the network's domain; "" before the node has ever joined.
func (c *Client) Zone() string { return c.joined().Zone }

// ViewerCA is the certificate, in PEM, that viewers trust; nil before the node has
// ever joined.
func (c *Client) ViewerCA() []byte { return []byte(c.joined().ViewerCA) }

// Settings are the values that control handed to this node; do not change them.
func (c *Client) Settings() map[string]string { return c.joined().Settings }

// Incarnation is the number of this run of the node, and whether its disk was put
// back to an older state, so that nothing stored there may be served without the
// origin's word. It is 0 until control was reached.
func (c *Client) Incarnation() (number uint64, rolledBack bool) {
	s := c.session.Load()
	if s == nil || !s.live {
		return 0, false
	}
	return s.answer.Incarnation, s.answer.RolledBack
}

// Certificates are those to show to viewers.
func (c *Client) Certificates() *Certificates { return c.certificates }

// Identity is what the node proves itself by to other nodes; false before it has
// ever joined.
func (c *Client) Identity() (ca.Identity, bool) {
	if s := c.session.Load(); s != nil {
		return s.identity, true
	}
	return ca.Identity{}, false
}

func (c *Client) joined() wire.JoinAnswer {
	if s := c.session.Load(); s != nil {
		return s.answer
	}
	return wire.JoinAnswer{}
}

// Run joins and follows control until ctx ends, then gives the lease up. End it
// after the node has stopped serving.
func (c *Client) Run(ctx context.Context) error {
	relaying, stop := context.WithCancel(ctx)
	defer stop()
	var relay sync.WaitGroup
	relay.Go(func() { c.relayLoop(relaying) })
	err := errRejoin
	for wait := (backoff{}); errors.Is(err, errRejoin) && c.pause(ctx, wait.next(), nil); {
		if err = c.join(ctx); err == nil {
			err = c.follow(ctx)
		}
	}
	stop()
	relay.Wait()
	c.step(journal.Released{})
	if s := c.session.Load(); s != nil {
		if s.live {
			c.release(s)
		}
		s.close()
	}
	c.save()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// Close gives up what Run did not: nothing is left after it has returned.
func (c *Client) Close() error {
	c.step(journal.Released{})
	c.feed.Close()
	c.closeOnce.Do(func() {
		if c.lock != nil {
			c.closeErr = c.lock.Close()
		}
	})
	return c.closeErr
}

// errRejoin ends a session that control knows nothing of.
var errRejoin = errors.New("the node must join again")

// follow keeps the session going: the stream, the lease, and what is due now and then.
func (c *Client) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	for _, loop := range []func(context.Context) error{c.streamLoop, c.leaseLoop} {
		running.Go(func() {
			if err := loop(ctx); err != nil {
				cancel(err)
			}
		})
	}
	c.chores(ctx)
	running.Wait()
	return context.Cause(ctx)
}

// saveDelay gathers changes before they are written to disk: losing the newest
// costs a longer catch-up and nothing else.
const saveDelay = 2 * time.Second

// chores saves the state after changes and renews the node's certificate.
func (c *Client) chores(ctx context.Context) {
	save := time.NewTimer(time.Hour)
	save.Stop()
	defer save.Stop()
	renew := time.NewTimer(time.Until(c.session.Load().renewAt()))
	defer renew.Stop()
	pending := false
	for {
		select {
		case <-c.unsaved:
			if !pending {
				pending = true
				save.Reset(saveDelay)
			}
		case <-save.C:
			pending = false
			c.save()
		case <-renew.C:
			if err := c.renew(ctx); err != nil {
				c.log.Warn("the node's certificate is not renewed yet", "error", err)
			}
			renew.Reset(max(time.Minute, time.Until(c.session.Load().renewAt())))
		case <-ctx.Done():
			return
		}
	}
}

// step takes an event and does what the follower says.
func (c *Client) step(e journal.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.take(e)
}

// take is step for who holds mu.
func (c *Client) take(e journal.Event) {
	actions := c.follower.Step(e)
	c.entitled.Store(c.follower.Entitled())
	for _, a := range actions {
		c.do(a, e)
	}
}

// do does what the follower says because of an event.
func (c *Client) do(a journal.Action, because journal.Event) {
	frame, received := because.(journal.Received)
	switch a := a.(type) {
	case journal.Publish:
		// Published before it is acknowledged, and acknowledged only after OnApply:
		// whatever begins after the acknowledgement sees it.
		c.state.Store(a.State)
		if c.cfg.OnApply != nil {
			c.cfg.OnApply(a.State)
		}
		var changes []cdn.Change
		if frame.Frame.Change != nil {
			changes = []cdn.Change{*frame.Frame.Change}
		}
		c.feed.Publish(a.State, changes)
		signal(c.unsaved)
	case journal.Acknowledge:
		signal(c.ackNow)
	case journal.Renewed:
		c.lease.Store(&a.Lease)
		if a.Lease != (journal.Lease{}) {
			c.readyOnce.Do(func() { close(c.ready) })
		}
	case journal.Fetch:
		c.reopen()
		c.leaveRelay()
		c.detour.Lacking(c.now(), rand.Float64())
		signal(c.astray)
		signal(c.refetch)
	case journal.Recheck:
		time.AfterFunc(a.In, func() { c.step(journal.Rechecked{}) })
	case journal.Refuse:
		if received && frame.Relayed {
			c.log.Warn("what a neighbour relayed was refused", "error", a.Err)
			c.leaveRelay()
			return
		}
		c.log.Warn("what control sent was refused", "error", a.Err)
		c.trouble = a.Err
		c.next.Add(1)
		c.reopen()
	case journal.Stop:
		c.log.Error("the node can apply no more changes and is fenced; it needs a newer release", "error", a.Err)
		c.reopen()
		c.leaveRelay()
	}
}

// reopen ends the open stream, if it has brought anything: one that is being
// opened is left to its time-out.
func (c *Client) reopen() {
	if c.stream != nil {
		c.stream()
		c.stream = nil
	}
}

// note remembers why control is not followed, nil if it is, for those who wait;
// it is logged when it changes.
func (c *Client) note(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil && (c.trouble == nil || c.trouble.Error() != err.Error()) {
		c.log.Warn("control is not followed", "error", err)
	}
	c.trouble = err
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
