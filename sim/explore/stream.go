package explore

import (
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/journal"
)

// stream brings frames from a control, or a node that relays, to a process.
type stream struct {
	from *machine
	to   *process
	// last is when what was sent last arrives: what follows overtakes it seldom.
	last  time.Duration
	ended bool
	// relayed is set where a neighbour sends.
	relayed bool
}

func (s *stream) send(f journal.Frame) {
	w := s.to.w
	if s.ended || w.lost(s.from, &s.to.machine) {
		return
	}
	at := w.now + w.delay()
	if !w.chance(w.hard.disorder) {
		at = max(at, s.last)
		s.last = at
	}
	receive := func() { s.to.frame(s, f) }
	w.after(&s.to.machine, at-w.now, receive)
	if w.chance(w.hard.repeat) {
		w.Repeated++
		w.after(&s.to.machine, at-w.now+w.delay(), receive)
	}
}

// end says that the sender is gone, if that gets through.
func (s *stream) end() {
	w := s.to.w
	if s.ended {
		return
	}
	s.ended = true
	if !w.lost(s.from, &s.to.machine) {
		w.after(&s.to.machine, w.delay(), func() { s.to.lost(s) })
	}
}

// serve begins a stream after a version.
func (c *control) serve(p *process, after cdn.Version) *stream {
	if !c.leads {
		return nil
	}
	if !c.outrun(after, journal.Term{}) {
		return nil
	}
	s := &stream{from: &c.machine, to: p}
	if err := c.catchUp(s, after); err != nil {
		c.w.violated(Works, "no snapshot: %v", err)
	}
	c.streams = append(c.streams, s)
	c.beat(s)
	return s
}

// catchUp sends what a reader lacks: changes where the store has them, as
// control.stream does, and a snapshot otherwise.
func (c *control) catchUp(s *stream, v cdn.Version) error {
	base := c.w.store.base.Version
	if v.Epoch != c.state.Version.Epoch || v.Before(base) {
		snap, err := c.state.SnapshotKeeping(kept)
		if err != nil {
			return err
		}
		c.w.Snapshots++
		s.send(journal.Frame{Snapshot: &snap})
		return nil
	}
	for v.Before(c.state.Version) {
		v = v.Next()
		s.send(journal.Frame{Change: c.w.store.changes[v]})
	}
	return nil
}

// beat repeats the head, so that a stream shows that it lives.
func (c *control) beat(s *stream) {
	if s.ended || !c.leads {
		return
	}
	head := c.state.Version
	s.send(journal.Frame{Head: &head})
	c.w.after(&c.machine, terms().Renewal(), func() { c.beat(s) })
}

func (c *control) broadcast(f journal.Frame) {
	live := c.streams[:0]
	for _, s := range c.streams {
		if !s.ended {
			s.send(f)
			live = append(live, s)
		}
	}
	c.streams = live
}

// relay begins a stream of what another node has applied.
func (p *process) relay(to *process, after cdn.Version) *stream {
	v := after
	if p.state.Version.Epoch != v.Epoch || p.state.Version.Before(v) {
		return nil
	}
	s := &stream{from: &p.machine, to: to, relayed: true}
	for v.Before(p.state.Version) {
		v = v.Next()
		change := p.w.store.changes[v]
		if change == nil {
			return nil
		}
		s.send(journal.Frame{Change: change})
	}
	p.relayed = append(p.relayed, s)
	p.beat(s)
	return s
}

func (p *process) beat(s *stream) {
	if s.ended {
		return
	}
	head := p.state.Version
	s.send(journal.Frame{Head: &head})
	p.w.after(&p.machine, terms().Renewal(), func() { p.beat(s) })
}

// passOn relays what has been applied. A new epoch ends the streams: who follows
// gets it from control.
func (p *process) passOn(f journal.Frame) {
	for _, s := range p.relayed {
		if f.Change == nil {
			s.end()
			continue
		}
		s.send(f)
	}
	if f.Change == nil {
		p.relayed = nil
	}
}
