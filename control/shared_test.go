package control_test

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control"
	"github.com/warmfront/warmfront/control/store"
)

// sharedStore is a store that controls share, in one process: what etcd does for
// them, without etcd.
type sharedStore struct {
	// lock is a channel, not a mutex: who waits for one keeps virtual time from
	// passing, and Bolt lets time pass while it gathers.
	lock   chan struct{}
	bolt   *store.Bolt
	leader store.Leader
	rev    int64
	// careless lets everybody write: rule N is broken.
	careless bool
}

func newSharedStore(t *testing.T) *sharedStore {
	b, err := store.OpenBolt(filepath.Join(t.TempDir(), "shared.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return &sharedStore{bolt: b, lock: make(chan struct{}, 1)}
}

// view is one control's way to it. What a control asks for while it is held is
// done when it is let go: as the calls of a process that is paused, or of one
// that is cut off, may arrive late.
type view struct {
	*store.Bolt // reads
	s           *sharedStore
	reign       int64
	gate        atomic.Pointer[gate]
}

type gate struct {
	open chan struct{}
	// appends go through.
	appends bool
}

func (v *view) hold(appends bool) { v.gate.Store(&gate{make(chan struct{}), appends}) }
func (v *view) letGo()            { close(v.gate.Swap(nil).open) }

func (v *view) pass(ctx context.Context) error {
	if g := v.gate.Load(); g != nil {
		select {
		case <-g.open:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// write does what only the leader may do.
func (v *view) write(do func() error) error {
	v.s.lock <- struct{}{}
	defer func() { <-v.s.lock }()
	if v.reign == 0 || v.s.leader.Reign != v.reign && !v.s.careless {
		return store.ErrNotLeader
	}
	return do()
}

func (v *view) later(do func() error) error {
	if err := v.pass(context.Background()); err != nil {
		return err
	}
	return v.write(do)
}

func (v *view) Append(changes []cdn.Change) error {
	if g := v.gate.Load(); g != nil && g.appends {
		return v.write(func() error { return v.Bolt.Append(changes) })
	}
	return v.later(func() error { return v.Bolt.Append(changes) })
}

func (v *view) Compact(snap cdn.Snapshot) error {
	return v.later(func() error { return v.Bolt.Compact(snap) })
}

func (v *view) Put(ns store.Namespace, name string, value []byte) error {
	return v.later(func() error { return v.Bolt.Put(ns, name, value) })
}

func (v *view) Close() error { return nil }

func (v *view) Leader(ctx context.Context) (store.Leader, error) {
	if err := v.pass(ctx); err != nil {
		return store.Leader{}, err
	}
	v.s.lock <- struct{}{}
	defer func() { <-v.s.lock }()
	return v.s.leader, nil
}

func (v *view) Take(ctx context.Context, seen, own store.Leader) error {
	if err := v.pass(ctx); err != nil {
		return err
	}
	v.s.lock <- struct{}{}
	defer func() { <-v.s.lock }()
	if v.s.leader.Reign != seen.Reign || v.s.leader.Mark != seen.Mark {
		return store.ErrNotLeader
	}
	v.s.rev++
	own.Reign, own.Mark = v.s.rev, v.s.rev
	v.s.leader, v.reign = own, v.s.rev
	return nil
}

func (v *view) Renew(ctx context.Context) error {
	if err := v.pass(ctx); err != nil {
		return err
	}
	return v.write(func() error {
		v.s.rev++
		v.s.leader.Mark = v.s.rev
		return nil
	})
}

func (v *view) Resign(ctx context.Context) error {
	if err := v.pass(ctx); err != nil {
		return err
	}
	return v.write(func() error { v.s.leader.Mark, v.reign = 0, 0; return nil })
}

// member is one of several controls.
type member struct {
	*view
	address string
	running *running[*control.Replica]
	// core is the Control of the current reign, last that of the last.
	core, last atomic.Pointer[control.Control]
	leader     atomic.Pointer[store.Leader] // as a standby has seen it
}

func (c *cluster) startMember(s *sharedStore, id string, alter ...func(*control.Replica)) *member {
	c.t.Helper()
	m := &member{view: &view{Bolt: s.bolt, s: s}, address: id + ":7947"}
	cfg := c.config()
	cfg.ID, cfg.PeerAddr, cfg.DataDir = id, m.address, filepath.Join(c.dir, id)
	r, err := control.NewReplica(control.ReplicaConfig{
		Control: cfg, Store: m.view, API: "http://" + id,
		Leading: func(core *control.Control) error {
			m.core.Store(core)
			if core != nil {
				m.last.Store(core)
			}
			return nil
		},
		Standing: func(_ *control.Standby, l store.Leader) { m.leader.Store(&l) },
	})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, f := range alter {
		f(r)
	}
	m.running = run(c.t, r)
	return m
}
