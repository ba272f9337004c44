package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/warmfront/warmfront/control/wire"
	"github.com/warmfront/warmfront/journal"
)

// leaseLoop acknowledges what was applied, at once, and renews every quarter
// lease.
func (c *Client) leaseLoop(ctx context.Context) error {
	renewal := c.session.Load().answer.Terms.Renewal()
	timer := time.NewTimer(0)
	defer timer.Stop()
	wait := backoff{controls: len(c.cfg.Control)}
	for {
		select {
		case <-c.ackNow:
		case <-timer.C:
		case <-ctx.Done():
			return nil
		}
		granted, err := c.callLease(ctx)
		switch fatal := outcome(err); {
		case ctx.Err() != nil:
			return nil
		case fatal != nil:
			return fatal
		case err != nil:
			c.note(fmt.Errorf("the lease from %s: %w", c.address(&c.nextLease), err))
			c.nextLease.Add(1)
			c.session.Load().lease.CloseIdleConnections()
			timer.Reset(min(wait.next(), renewal))
		case granted:
			wait.reset()
			timer.Reset(renewal)
		default:
			// Not synced, or behind: the acknowledgement of what is missing will
			// come by itself.
			timer.Reset(renewal)
		}
	}
}

// callLease makes one lease call if the node is synced. The reading of the clocks
// comes before anything is sent (rule F).
func (c *Client) callLease(ctx context.Context) (granted bool, err error) {
	s := c.session.Load()
	c.mu.Lock()
	r := journal.LeaseRequest{Incarnation: s.answer.Incarnation, Applied: c.follower.Applied(), Seen: c.follower.Seen()}
	synced := c.follower.Synced()
	c.mu.Unlock()
	if !synced {
		return false, nil
	}
	r.Disk = c.disk()
	sent := c.clock(time.Now())
	var a journal.LeaseAnswer
	err = c.post(ctx, s.lease, wire.PathLease, r, &a)
	if err != nil {
		return false, err
	}
	c.step(journal.Answered{Sent: sent, At: c.clock(time.Now()), Answer: a})
	if !a.Granted {
		c.log.Info("the lease was not renewed", "reason", a.Reason)
	}
	return a.Granted, nil
}

// releaseTimeout is for giving the lease up: if control does not answer it waits
// for the lease's end.
const releaseTimeout = time.Second

// release tells control that the node has stopped serving, so that nothing waits
// for it.
func (c *Client) release(s *session) {
	ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
	defer cancel()
	r := journal.LeaseRequest{Incarnation: s.answer.Incarnation, Applied: c.State().Version, Disk: c.disk(), Release: true}
	c.mu.Lock()
	r.Seen = c.follower.Seen()
	c.mu.Unlock()
	var a journal.LeaseAnswer
	if err := c.post(ctx, s.lease, wire.PathLease, r, &a); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		c.log.Debug("the lease was not given up", "error", err)
	}
}
