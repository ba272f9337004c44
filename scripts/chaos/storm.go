package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/warmfront/warmfront/scripts/chaos/lab"
)

// storm makes the faults of a plan happen.
type storm struct {
	hosts     *hosts
	line      *timeline
	publisher *publisher
}

// blow makes faults begin and end at their times and returns when all are over. If ctx ends they end early.
func (s *storm) blow(ctx context.Context, faults []fault) {
	var all sync.WaitGroup
	for _, f := range faults {
		if !wait(ctx, time.Until(s.line.start.Add(f.At))) {
			break
		}
		all.Go(func() { s.happen(ctx, f) })
	}
	all.Wait()
}

func (s *storm) happen(ctx context.Context, f fault) {
	m := s.hosts.node(f.Node)
	if f.Kind.ofProcess() {
		m.mu.Lock()
		defer m.mu.Unlock()
	}
	w := s.line.begin(f)
	undo, err := s.begin(ctx, m, f)
	if err == nil {
		wait(ctx, f.For)
	}
	if undo != nil {
		err = errors.Join(err, undo())
	}
	s.line.end(w)
	if err != nil {
		s.line.offend(violation{What: blocked, Why: fmt.Sprintf("%s: %v", f, err)}, w.From)
	}
}

// begin makes a fault happen. What it returns ends it, also after an error.
func (s *storm) begin(ctx context.Context, m *node, f fault) (undo func() error, err error) {
	switch f.Kind {
	case cutControl:
		return m.host.Cut(s.hosts.control.host.Addr, f.Direction)
	case cutOrigin:
		return m.host.Cut(s.hosts.origin.Addr, f.Direction)
	case cutPeer:
		return m.host.Cut(s.hosts.node(f.Other).host.Addr, f.Direction)
	case isolate:
		return s.isolate(m, f)
	case lossy:
		return m.host.Lossy(0.1 + f.Pick/3)
	case stop, stopControl:
		return m.process.Continue, m.process.Stop()
	case kill, killControl:
		return m.process.Start, m.process.Kill()
	case killMidway:
		return m.process.Start, s.killMidway(ctx, m, f)
	case oldFolder, oldCache, oldJournal, oldControl:
		return func() error { return s.putBack(m, f) }, m.process.Kill()
	case diskFull:
		return func() error { return lab.Free(m.dir) }, s.fill(ctx, m, f)
	case clockAhead, aheadControl:
		return s.setClock(m, 24*time.Hour)
	case clockBehind:
		return s.setClock(m, -24*time.Hour)
	}
	return nil, fmt.Errorf("there is no fault %q", f.Kind)
}

// isolate cuts an edge from everybody but viewers.
func (s *storm) isolate(m *node, f fault) (func() error, error) {
	var heals []func() error
	undo := func() error {
		var err error
		for _, heal := range heals {
			err = errors.Join(err, heal())
		}
		return err
	}
	others := []*lab.Namespace{s.hosts.origin, s.hosts.control.host}
	for _, e := range s.hosts.edges {
		if e != m {
			others = append(others, e.host)
		}
	}
	for _, o := range others {
		heal, err := m.host.Cut(o.Addr, f.Direction)
		if err != nil {
			return undo, err
		}
		heals = append(heals, heal)
	}
	return undo, nil
}

// killMidway kills control while invalidations are being accepted, or about to be Completed.
func (s *storm) killMidway(ctx context.Context, m *node, f fault) error {
	for range 4 {
		s.publisher.invalidate(ctx)
	}
	wait(ctx, time.Duration(f.Pick*float64(150*time.Millisecond)))
	return m.process.Kill()
}

// putBack puts an older state of a node's disk back, or part of it, and starts the node, which must not be running.
func (s *storm) putBack(m *node, f fault) error {
	c := m.copies[int(f.Pick*float64(len(m.copies)))]
	var err error
	switch f.Kind {
	case oldCache, oldJournal:
		part := map[faultKind]string{oldCache: "cache", oldJournal: "journal"}[f.Kind]
		if err = os.MkdirAll(filepath.Join(m.dir, part), 0o700); err == nil {
			err = lab.PutBack(filepath.Join(c.dir, part), filepath.Join(m.dir, part))
		}
	default:
		err = lab.PutBack(c.dir, m.dir)
	}
	s.line.note("%s: what is put back was copied at %v", f, s.line.since(c.taken))
	if f.Kind == oldControl {
		s.publisher.controlRestored(c.taken)
	}
	return errors.Join(err, m.process.Start())
}

// fill fills a node's disk, and takes what is freed, for as long as the fault lasts.
func (s *storm) fill(ctx context.Context, m *node, f fault) error {
	for until := time.Now().Add(f.For); time.Now().Before(until); {
		if err := lab.Fill(m.dir); err != nil {
			return err
		}
		if !wait(ctx, 300*time.Millisecond) {
			break
		}
	}
	return nil
}

func (s *storm) setClock(m *node, d time.Duration) (func() error, error) {
	set := func(d time.Duration) error {
		if m == s.hosts.control {
			s.publisher.api.SetClock(d)
		}
		return m.process.SetClock(d)
	}
	return func() error { return set(0) }, set(d)
}

// archive copies a node's disk now and then, one node after another, so that there are older states to put back.
func (s *storm) archive(ctx context.Context) {
	nodes := s.hosts.nodes()
	for n := 0; wait(ctx, 7*time.Second); n++ {
		m := nodes[n%len(nodes)]
		if !m.mu.TryLock() {
			continue // it has a fault
		}
		if err := m.copyDisk(); err != nil {
			s.line.offend(violation{What: blocked, Why: "copying the disk of " + m.name + ": " + err.Error()}, time.Now())
		}
		m.mu.Unlock()
	}
}
