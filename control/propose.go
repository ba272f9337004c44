package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/journal"
)

// ErrClosed is returned by calls on a Control that was closed.
var ErrClosed = errors.New("control is closed")

// batch is what is made durable together.
type batch struct {
	changes []cdn.Change
	state   *cdn.State // with changes applied; nil while there are none
	done    bool
	err     error
}

func newBatch() *batch { return &batch{} }

// State is what the journal says now. It is immutable.
func (c *Control) State() *cdn.State { return c.state.Load() }

// Head is the version of the newest change.
func (c *Control) Head() cdn.Version { return c.State().Version }

// OnHead calls f after each advance of the journal with its head, one call at a
// time, in order. It must not block, and of Control's methods call none but State
// and Head.
func (c *Control) OnHead(f func(cdn.Version)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hooks = append(c.hooks, f)
}

// Propose adds to the journal the changes that f makes of the newest state, and
// returns the version of the last one, or of f's state if there are none. The
// changes are durable by then. Proposals are taken one after the other, so what f
// has seen still holds when its changes are made; f must be quick and must not
// call Control. The state that f sees may hold changes that are not durable yet;
// should they fail, so does everything that was built on them.
func (c *Control) Propose(ctx context.Context, f func(*cdn.State) ([]cdn.Change, error)) (cdn.Version, error) {
	if err := ctx.Err(); err != nil {
		return cdn.Version{}, err
	}
	b, v, err := c.stage(f)
	if b == nil || err != nil {
		return v, err
	}
	c.permitAliases(b)
	return v, c.commit(b)
}

// permitAliases has the viewer authority permit the aliases of the distributions that a
// batch changes, before anybody is told that they are there: a viewer who reads the
// authority's certificate when a distribution is Deployed can verify what edges show for
// them. Names that the account's own certificates are for need no authority of ours.
func (c *Control) permitAliases(b *batch) {
	var names []string
	c.mu.Lock()
	for i := range b.changes {
		if b.changes[i].Kind != cdn.KindDistributionPut {
			continue
		}
		var d cdn.Distribution
		if json.Unmarshal(b.changes[i].Body, &d) != nil || b.state.Plans[d.ID] == nil {
			continue // it was deleted in the same batch
		}
		plan := b.state.Plans[d.ID]
		for _, alias := range plan.Aliases {
			if plan.Certificate == nil || !plan.Certificate.Covers(alias) {
				names = append(names, alias)
			}
		}
	}
	c.mu.Unlock()
	if err := c.authority.Permit(names, time.Now()); err != nil {
		c.log.Warn("the viewer authority's certificate does not permit new aliases yet", "error", err)
	}
}

func (c *Control) stage(f func(*cdn.State) ([]cdn.Change, error)) (*batch, cdn.Version, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ledger == nil {
		return nil, cdn.Version{}, ErrClosed
	}
	state := c.State()
	if c.open.state != nil {
		state = c.open.state
	}
	changes, err := f(state)
	if err != nil {
		return nil, cdn.Version{}, err
	}
	if len(changes) == 0 {
		if c.open.state == nil {
			return nil, state.Version, nil
		}
		return c.open, state.Version, nil
	}
	for i := range changes {
		changes[i].Version = state.Version.Next()
		if state, err = state.Apply(changes[i]); err != nil {
			return nil, cdn.Version{}, err
		}
	}
	c.open.changes = append(c.open.changes, changes...)
	c.open.state = state
	return c.open, state.Version, nil
}

// commit makes a batch durable, unless somebody else already has: those who wait
// for commitMu while one fsync is under way find their batch done by the next.
func (c *Control) commit(b *batch) error {
	c.commitMu.Lock()
	defer c.commitMu.Unlock()
	if b.done {
		return b.err
	}
	if c.empty(b) {
		return nil
	}
	// mu is held while the batch is taken, not while it is written: proposals go
	// on, on top of what is being written.
	c.mu.Lock()
	next := newBatch()
	next.state = b.state
	c.open = next
	closed := c.ledger == nil
	c.mu.Unlock()

	b.done = true
	if b.err = ErrClosed; !closed {
		b.err = c.store.Append(b.changes)
	}
	if b.err != nil {
		b.err = fmt.Errorf("write the journal: %w", b.err)
	}
	c.finish(b)
	return b.err
}

// empty reports whether a batch, which is not done, has nothing to write: whoever
// waits for it waited for the one before, which is.
func (c *Control) empty(b *batch) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(b.changes) == 0
}

func (c *Control) finish(b *batch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if b.err != nil {
		// What was proposed meanwhile was built on changes that never were.
		c.open.done, c.open.err = true, b.err
		c.open = newBatch()
		return
	}
	if len(c.open.changes) == 0 {
		c.open.state = nil
	}
	c.publish(b)
}

// publish makes durable changes effective. The ledger learns of them before any
// node can acknowledge them.
func (c *Control) publish(b *batch) {
	c.since += len(b.changes)
	c.part(b.state)
	c.state.Store(b.state)
	registry := false
	for i := range b.changes {
		registry = registry || b.changes[i].Kind == cdn.KindNodeRegister || b.changes[i].Kind == cdn.KindNodeForget
	}
	c.ledger.Appended(b.state.Version, c.now())
	if registry {
		c.ledger.Register(b.state.Nodes)
	}
	c.feed.Publish(b.state, b.changes)
	c.announce(b.state.Version)
}

func (c *Control) announce(v cdn.Version) {
	for _, hook := range c.hooks {
		hook(v)
	}
	c.wake()
}

// beginEpoch starts a new epoch, greater than over, with the state as it is, if
// needed still says so once nobody else writes: the journal was put back to an
// older state, and versions that this one is about to give may have been given
// before, to other changes. Nodes take the snapshot and confirm with the origin
// whatever was stored in an older epoch.
func (c *Control) beginEpoch(over uint64, needed func() bool) error {
	c.commitMu.Lock()
	defer c.commitMu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ledger == nil {
		return ErrClosed
	}
	if !needed() {
		return nil
	}
	// What is staged has versions of the old epoch.
	c.open.done, c.open.err = true, errors.New("the journal has begun a new epoch: try again")
	c.open = newBatch()
	snap, err := c.State().Snapshot()
	if err != nil {
		return err
	}
	snap.Version = cdn.Version{Epoch: journal.NextEpoch(max(over, snap.Version.Epoch), time.Now())}
	state, err := cdn.Restore(snap)
	if err != nil {
		return err
	}
	if err := c.store.Compact(snap); err != nil {
		return err
	}
	c.since = 0
	c.state.Store(state)
	c.ledger.Restarted(snap.Version, c.now())
	c.feed.Publish(state, nil)
	c.announce(snap.Version)
	c.log.Warn("the journal was put back to an older state; a new epoch has begun", "version", snap.Version)
	return nil
}

// compact replaces the journal's changes by a snapshot when there are many.
func (c *Control) compact() error {
	c.mu.Lock()
	due := c.since >= c.cfg.CompactAfter
	c.mu.Unlock()
	if !due {
		return nil
	}
	c.commitMu.Lock()
	defer c.commitMu.Unlock()
	state := c.State()
	snap, err := state.Snapshot()
	if err != nil {
		return err
	}
	if err := c.store.Compact(snap); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.since = 0
	return nil
}
