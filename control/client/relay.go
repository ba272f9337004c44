package client

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/feed"
	"github.com/warmfront/warmfront/control/wire"
	"github.com/warmfront/warmfront/journal"
)

const (
	// asked is how many neighbours are asked at a time, at random: enough that one of
	// them is in reach of control if most are.
	asked = 3
	// askTimeout is for a neighbour to answer, askWindow for the others once one has.
	askTimeout, askWindow = 3 * time.Second, 250 * time.Millisecond
	// relayHeartbeat is how often a relay shows that it lives; one that is silent for
	// relaySilence is left.
	relayHeartbeat, relaySilence = time.Second, 4 * time.Second
	// mostReaders is to how many neighbours a node relays.
	mostReaders = 64
)

// Feed is the journal as this node knows it, for its neighbours.
func (c *Client) Feed() *feed.Feed { return c.feed }

// Direct reports whether the node follows control itself at the moment.
func (c *Client) Direct() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.detour.Direct()
}

// relayLoop follows one neighbour after another while it is time to.
func (c *Client) relayLoop(ctx context.Context) {
	if c.cfg.Neighbours == nil {
		return
	}
	var wait backoff
	for c.awaitDetour(ctx) {
		began := time.Now()
		if n := c.askAround(ctx); n != nil {
			c.followNeighbour(ctx, n)
		}
		if time.Since(began) > backoffMost {
			wait.reset()
		}
		c.pause(ctx, wait.next(), c.astray)
	}
}

// awaitDetour waits until neighbours are to be asked; it returns false when ctx has
// ended.
func (c *Client) awaitDetour(ctx context.Context) bool {
	for {
		c.mu.Lock()
		wait, on := c.detour.Due(c.now())
		on = on && c.follower.Stopped() == nil
		c.mu.Unlock()
		switch {
		case on && wait == 0:
			return ctx.Err() == nil
		case !on:
			wait = time.Hour
		}
		if !c.pause(ctx, wait, c.astray) {
			return false
		}
	}
}

// neighbour is a node that is ready to relay.
type neighbour struct {
	id string
	// journal is the one that it was asked for and said to follow.
	journal string
	offer   journal.Offer
	conn    *tls.Conn
	body    io.Reader
}

func (n *neighbour) close() { _ = n.conn.Close() } // nothing was promised to it

// askAround asks a few neighbours and returns the one to follow; nil if none
// answers as it should.
func (c *Client) askAround(ctx context.Context) *neighbour {
	s := c.session.Load()
	if s == nil {
		return nil // it has no certificate yet
	}
	nodes := slices.DeleteFunc(slices.Clone(c.cfg.Neighbours()), func(n cdn.Node) bool {
		return n.ID == c.cfg.Node.ID || n.PeerPort == 0 || !n.Dial().IsValid()
	})
	rand.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
	nodes = nodes[:min(asked, len(nodes))]
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	answers := make(chan *neighbour)
	after := c.State().Version
	for _, n := range nodes {
		go func() {
			answer, err := c.ask(ctx, s, n, after)
			if err != nil {
				c.log.Debug("a neighbour does not relay", "neighbour", n.ID, "error", err)
			}
			answers <- answer
		}()
	}
	best, left := choose(answers, len(nodes), after)
	cancel()
	go func() { // who was too late
		for range left {
			if n := <-answers; n != nil {
				n.close()
			}
		}
	}()
	return best
}

// choose takes answers until all are there, or one has been for long enough. It
// returns how many it did not wait for.
func choose(answers <-chan *neighbour, left int, after cdn.Version) (best *neighbour, late int) {
	var enough <-chan time.Time
	for ; left > 0; left-- {
		var n *neighbour
		select {
		case n = <-answers:
		case <-enough:
			return best, left
		}
		switch {
		case n == nil:
		case best == nil:
			best, enough = n, time.After(askWindow)
		case n.offer.Better(best.offer):
			best.close()
			best = n
		default:
			n.close()
		}
		if best != nil && best.offer.Direct && after.Before(best.offer.Head) {
			return best, left - 1
		}
	}
	return best, 0
}

// ask asks a neighbour, which must prove that it is the node called so, for what
// comes after a version.
func (c *Client) ask(ctx context.Context, s *session, n cdn.Node, after cdn.Version) (_ *neighbour, err error) {
	raw, err := c.cfg.Dial(ctx, "tcp", netip.AddrPortFrom(n.Dial(), n.PeerPort).String())
	if err != nil {
		return nil, err
	}
	cfg := s.identity.Dial(func(id string) bool { return id == n.ID })
	cfg.NextProtos = []string{wire.ProtocolJournal}
	conn := tls.Client(raw, cfg)
	defer func() {
		if err != nil {
			err = errors.Join(err, raw.Close())
		}
	}()
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	if conn.ConnectionState().NegotiatedProtocol != wire.ProtocolJournal {
		return nil, errors.New("its release serves no journal")
	}
	u := "https://" + n.ID + wire.PathJournal + "?after=" + url.QueryEscape(after.String())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set(wire.HeaderJournal, s.answer.Journal)
	if err := req.Write(conn); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), req) //nolint:bodyclose // the connection is what there is to close
	if err != nil {
		return nil, err
	}
	offer, err := readOffer(resp, s.answer.Journal)
	if err != nil {
		return nil, err
	}
	if !stop() {
		return nil, ctx.Err()
	}
	return &neighbour{n.ID, s.answer.Journal, offer, conn, resp.Body}, nil
}

// readOffer reads what a neighbour says before it relays. Versions of another
// journal mean nothing here: such a one is refused.
func readOffer(resp *http.Response, of string) (o journal.Offer, err error) {
	if resp.StatusCode != http.StatusOK {
		return o, readAnswer(resp, nil)
	}
	if got := resp.Header.Get(wire.HeaderJournal); got != of {
		return o, fmt.Errorf("it follows journal %q, this node %q", got, of)
	}
	o.Head, err = cdn.ParseVersion(resp.Header.Get(wire.HeaderHead))
	o.Direct = resp.Header.Get(wire.HeaderDirect) == "1"
	return o, err
}

// followNeighbour takes what a neighbour relays, until control brings something
// itself, the neighbour fails, or it is time to ask others.
func (c *Client) followNeighbour(ctx context.Context, n *neighbour) {
	ctx, cancel := context.WithTimeout(ctx, n.offer.Use(rand.Float64()))
	defer cancel()
	defer context.AfterFunc(ctx, n.close)()
	defer n.close()
	if !c.beginRelay(n, cancel) {
		return
	}
	defer c.endRelay()
	silence := time.AfterFunc(relaySilence, cancel)
	defer silence.Stop()
	frames := json.NewDecoder(alive{n.body, func() { silence.Reset(relaySilence) }})
	for {
		var f journal.Frame
		if err := frames.Decode(&f); err != nil || ctx.Err() != nil {
			c.log.Debug("a neighbour is not followed any more", "neighbour", n.id, "error", errors.Join(err, ctx.Err()))
			return
		}
		c.takeRelayed(f)
	}
}

// takeRelayed takes what the neighbour that is followed has sent. It may have been
// left since: for control, or with the journal that it relays.
func (c *Client) takeRelayed(f journal.Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.relay != nil {
		c.take(journal.Received{Frame: f, At: c.now(), Relayed: true})
	}
}

// beginRelay notes how to leave a neighbour, unless control is back, or the node has
// come to another journal than the neighbour was asked for.
func (c *Client) beginRelay(n *neighbour, leave context.CancelFunc) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.detour.Direct() || c.follower.Stopped() != nil || n.journal != c.journal {
		return false
	}
	c.relay = leave
	if !c.detoured {
		c.detoured = true
		c.log.Info("control's stream is gone; neighbours are followed until it is back")
	}
	c.log.Debug("a neighbour is followed", "neighbour", n.id, "head", n.offer.Head, "direct", n.offer.Direct)
	return true
}

func (c *Client) endRelay() {
	c.step(journal.StreamLost{Relayed: true})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.relay = nil
}

// leaveRelay ends the stream of the neighbour that is followed, if there is one.
// The caller holds mu.
func (c *Client) leaveRelay() {
	if c.relay != nil {
		c.relay()
		c.relay = nil
	}
}
