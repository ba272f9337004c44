// Package lead finds out which of several controls that share a store leads.
//
// A control stands by until the leader resigns, or has not renewed for as long as
// its right can last (journal.Standby). Then it takes over, in one transaction
// that fails if anybody else has moved, and renews every quarter of a reign. What
// it may do it may do only while its reign runs, counted from when the last
// renewal was sent and ended by either clock ([Reign.MayGrant], rule N), and
// nothing that it writes is written once another has taken over (store.Shared).
//
// The store's clocks are not asked, nor its leases: a member of etcd that was
// paused may renew a lease that the others have let end.
package lead

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/warmfront/warmfront/control/store"
	"github.com/warmfront/warmfront/journal"
)

// Config is what a control campaigns with.
type Config struct {
	Store store.Shared
	// Self is what the others are told of this control if it leads.
	Self store.Leader
	// Terms are those of nodes' leases; a reign's are made of them.
	Terms journal.Terms
	// Lead is called when this control has taken over. Its context ends when it
	// leads no more; it returns when it has stopped leading.
	Lead func(context.Context, *Reign) error
	// Standby is told who leads, each time this control has looked and does not.
	// May be nil.
	Standby func(store.Leader)
	Log     *slog.Logger
}

// Reign is the time for which a control leads.
type Reign struct {
	clock journal.Clock
	lease atomic.Pointer[journal.Lease]
}

func newReign(sent time.Time, terms journal.Terms) *Reign {
	r := &Reign{clock: journal.NewClock(sent)}
	r.renewed(sent, terms)
	return r
}

func (r *Reign) renewed(sent time.Time, terms journal.Terms) {
	l := journal.Grant(r.clock.At(sent), terms)
	r.lease.Store(&l)
}

// MayGrant reports whether the control may grant leases and say what has settled
// at now, which must come from time.Now and be the instant that it grants from.
func (r *Reign) MayGrant(now time.Time) bool {
	return journal.MayGrant(*r.lease.Load(), r.clock.At(now))
}

// ErrDeposed is why Lead's context ends when another control has taken over.
var ErrDeposed = errors.New("another control has taken over")

// resignTimeout is for telling the others; if they do not hear it they wait.
const resignTimeout = time.Second

// Run campaigns and leads in turn until ctx ends.
func Run(ctx context.Context, cfg Config) error {
	c := &candidate{Config: cfg, terms: cfg.Terms.Reign(), clock: journal.NewClock(time.Now())}
	for {
		seen, ok := c.await(ctx)
		if !ok {
			return nil
		}
		sent := time.Now()
		switch err := c.take(ctx, seen); {
		case err == nil:
			c.reign(ctx, sent)
		case !errors.Is(err, store.ErrNotLeader):
			c.note(fmt.Errorf("taking over: %w", err))
		}
		if !pause(ctx, c.terms.Renewal()/4) {
			return nil
		}
	}
}

type candidate struct {
	Config
	terms   journal.Terms
	clock   journal.Clock
	trouble string
}

// note logs a trouble when it is another than the last.
func (c *candidate) note(err error) {
	switch {
	case err == nil:
		c.trouble = ""
	case c.trouble != err.Error():
		c.trouble = err.Error()
		c.Log.Error("the store that controls share cannot be used", "error", err)
	}
}

// await watches the leader until its place may be taken.
func (c *candidate) await(ctx context.Context) (store.Leader, bool) {
	var s journal.Standby
	for {
		l, err := c.look(ctx)
		c.note(err)
		if err == nil {
			if s.Vacant(l.Mark, c.clock.At(time.Now()), c.terms) {
				return l, ctx.Err() == nil
			}
			if c.Standby != nil {
				c.Standby(l)
			}
		}
		if !pause(ctx, c.terms.Renewal()/4) {
			return l, false
		}
	}
}

func (c *candidate) look(ctx context.Context) (store.Leader, error) {
	ctx, cancel := context.WithTimeout(ctx, c.terms.Renewal())
	defer cancel()
	return c.Store.Leader(ctx)
}

func (c *candidate) take(ctx context.Context, seen store.Leader) error {
	ctx, cancel := context.WithTimeout(ctx, c.terms.Renewal())
	defer cancel()
	return c.Store.Take(ctx, seen, c.Self)
}

// reign leads until ctx ends or another has taken over.
func (c *candidate) reign(ctx context.Context, sent time.Time) {
	c.Log.Info("this control leads", "id", c.Self.ID)
	r := newReign(sent, c.terms)
	leading, cancel := context.WithCancelCause(ctx)
	renewing := make(chan struct{})
	go func() {
		defer close(renewing)
		if c.renew(leading, r) {
			cancel(ErrDeposed)
		}
	}()
	err := c.Lead(leading, r)
	deposed := errors.Is(context.Cause(leading), ErrDeposed)
	cancel(nil)
	<-renewing
	r.lease.Store(&journal.Lease{})
	if err != nil && !errors.Is(err, store.ErrNotLeader) {
		c.Log.Error("this control cannot lead", "id", c.Self.ID, "error", err)
	}
	if deposed {
		c.Log.Warn("this control leads no more", "id", c.Self.ID)
		return
	}
	ctx, cancelResign := context.WithTimeout(context.WithoutCancel(ctx), resignTimeout)
	defer cancelResign()
	if err := c.Store.Resign(ctx); err != nil {
		c.Log.Info("the other controls are not told that this one leads no more, and wait", "error", err)
	}
}

// renew renews until ctx ends, or returns true once somebody else leads.
func (c *candidate) renew(ctx context.Context, r *Reign) bool {
	for wait := c.terms.Renewal(); pause(ctx, wait); {
		sent := time.Now()
		call, cancel := context.WithTimeout(ctx, c.terms.Renewal())
		err := c.Store.Renew(call)
		cancel()
		switch {
		case ctx.Err() != nil:
			return false
		case errors.Is(err, store.ErrNotLeader):
			return true
		case err != nil:
			c.note(fmt.Errorf("renewing: %w", err))
			wait = c.terms.Renewal() / 8
		default:
			c.note(nil)
			r.renewed(sent, c.terms)
			wait = c.terms.Renewal()
		}
	}
	return false
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
