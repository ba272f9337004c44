package chaos

import (
	"context"
	"errors"
	"net/netip"
	"time"
)

// fault makes a fault at its time and ends it.
func (w *world) fault(ctx context.Context, n int, f Fault) {
	if !wait(ctx, f.At-time.Since(w.start)) {
		return
	}
	w.noting.Lock()
	w.report.Faults++
	w.noting.Unlock()
	w.note("fault %d: %s", n, f)
	heal, err := w.begin(ctx, f)
	if err != nil {
		w.offend("blocked: a fault could not be made", f.String()+": "+err.Error())
	}
	_ = wait(ctx, f.For) // healed at the end of the run, too
	if heal == nil {
		return
	}
	if err := heal(); err != nil {
		w.offend("blocked: a fault could not be ended", f.String()+": "+err.Error())
	}
	w.note("fault %d is over", n)
}

// begin makes a fault and returns what ends it; nil where there is nothing to end.
func (w *world) begin(ctx context.Context, f Fault) (heal func() error, err error) {
	at := controlAddress.Addr()
	h := w.hosts[f.Node]
	if h != nil {
		at = h.node.Addr
	}
	cut := func(cut func(other netip.Addr) bool) func() error {
		heal := w.cut(between(at, cut, f.Direction))
		return func() error { heal(); return nil }
	}
	switch f.Kind {
	case CutControl:
		return cut(func(a netip.Addr) bool { return a == controlAddress.Addr() }), nil
	case CutOrigin:
		return cut(func(a netip.Addr) bool { return a == originAddress.Addr() }), nil
	case CutEdge:
		return cut(func(a netip.Addr) bool { return a == w.hosts[f.Other].node.Addr }), nil
	case Isolate:
		return cut(func(a netip.Addr) bool { return a != h.viewers }), nil
	case Pause, PauseControl:
		return cut(func(netip.Addr) bool { return true }), nil
	case Suspend:
		heal := w.cut(between(at, func(netip.Addr) bool { return true }, Both))
		h.clock.sleep()
		return func() error {
			h.clock.wake()
			heal()
			return nil
		}, nil
	case WallClock, WallControl:
		c := w.clock
		if h != nil {
			c = h.clock
		}
		c.put(time.Duration((2*f.Pick - 1) * float64(48*time.Hour)))
		return func() error { c.put(0); return nil }, nil
	case Break:
		w.resets(at)
		return nil, nil
	case Flap:
		return w.flap(ctx, at, f), nil
	case OldDisk, OldCache, OldJournal:
		err := w.crashEdge(h, false)
		from, failed := h.machine.putBack(f.Kind != OldCache, f.Kind != OldJournal, f.Pick)
		w.note("what is put back of %s was copied at %.3f s", f.Node, from.Sub(w.start).Seconds())
		return func() error { return w.restartEdge(h) }, errors.Join(err, failed)
	case Crash, PowerOff:
		return func() error { return w.restartEdge(h) }, w.crashEdge(h, f.Kind == PowerOff)
	case CrashControl, PowerControl:
		w.crashControl(f.Kind == PowerControl)
	case AmidWrite:
		w.crashAmid(ctx, f)
	case OldControl:
		w.crashControl(false)
		w.putControlBack(f.Pick)
		return func() error { return w.restartControl(true) }, nil
	}
	return func() error { return w.restartControl(false) }, nil
}

// flap cuts a node from control, inbound: what control answers is held. Then it lets that through and cuts both ways.
func (w *world) flap(ctx context.Context, at netip.Addr, f Fault) (heal func() error) {
	control := func(a netip.Addr) bool { return a == controlAddress.Addr() }
	first := w.cut(between(at, control, In))
	wait(ctx, time.Duration(f.Pick*float64(leaseLength)))
	first()
	wait(ctx, time.Millisecond+time.Duration(f.Pick*16*float64(time.Millisecond))%(3*time.Millisecond))
	second := w.cut(between(at, control, Both))
	return func() error { second(); return nil }
}

// between says which ways are cut between a host and others, in a direction as the host sees it; "" is both.
func between(at netip.Addr, others func(netip.Addr) bool, d Direction) func(from, to netip.Addr) bool {
	return func(from, to netip.Addr) bool {
		return from == at && others(to) && d != In || to == at && others(from) && d != Out
	}
}

// crashAmid crashes control at one of its next writes.
func (w *world) crashAmid(ctx context.Context, f Fault) {
	p := w.control.Load()
	if p == nil {
		return
	}
	fatal := make(chan struct{})
	pick := int(f.Pick * 16)
	p.store.endAmid(1+pick/2, pick%2 == 0, func() { close(fatal) })
	select {
	case <-fatal:
	case <-ctx.Done():
	}
	w.crashControl(false)
}
