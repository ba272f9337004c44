package control

import (
	"context"
	"maps"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/journal"
)

// Settled returns the version up to which changes are effective in a scope: an
// invalidation is Completed when its version is at or before
// Settled(journal.Completed), a distribution Deployed when the version of its
// last change is at or before Settled(journal.Deployed). It never goes back, not
// even when control is restarted.
func (c *Control) Settled(s journal.Scope) cdn.Version {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.settled[s]
}

// WaitSettled waits until v has settled in a scope, or ctx ends.
func (c *Control) WaitSettled(ctx context.Context, s journal.Scope, v cdn.Version) error {
	for {
		c.mu.Lock()
		done, changed := !c.settled[s].Before(v), c.changed
		c.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-c.closing:
			return ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// wake makes the settle loop look again.
func (c *Control) wake() {
	select {
	case c.dirty <- struct{}{}:
	default:
	}
}

// settle reports what has settled, after each acknowledgement and whenever a
// lease may have ended, until ctx ends; and keeps the journal short.
func (c *Control) settle(ctx context.Context) {
	for {
		wait, err := c.settleOnce()
		if err == nil {
			err = c.compact()
		}
		if err != nil {
			c.log.Error("control cannot write its store", "error", err)
			wait = time.Second
		}
		timer := time.NewTimer(wait)
		select {
		case <-c.dirty:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// settleOnce computes, writes down and then reports, in this order: what was
// reported stays reported after a crash. It returns when to look again.
func (c *Control) settleOnce() (time.Duration, error) {
	c.mu.Lock()
	if c.ledger == nil {
		c.mu.Unlock()
		return time.Hour, nil
	}
	read := time.Now()
	if !c.Leads(read) {
		// Others may have granted leases. Another look costs nothing.
		c.mu.Unlock()
		return c.cfg.Terms.Renewal() / 8, nil
	}
	now := c.clock(read)
	next := map[journal.Scope]cdn.Version{
		journal.Completed: c.ledger.Settled(journal.Completed, now),
		journal.Deployed:  c.ledger.Settled(journal.Deployed, now),
	}
	apart := c.apart.Settled(c.State().Isolations(), c.ledger, now)
	c.ledger.Sweep(now)
	wait, found := c.ledger.NextEnd(now)
	if !found {
		wait = time.Hour
	}
	changed, parted := !maps.Equal(next, c.settled), !maps.Equal(apart, c.written)
	c.mu.Unlock()
	if !changed && !parted {
		return wait, nil
	}
	// In this order: see loadApart.
	if parted {
		if err := c.putValue(metaApart, apart); err != nil {
			return wait, err
		}
	}
	if changed {
		if err := c.putValue(metaSettled, next); err != nil {
			return wait, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settled, c.written = next, apart
	c.apart = c.apart.Reported(c.State().Isolations(), apart)
	close(c.changed)
	c.changed = make(chan struct{})
	return wait, nil
}
