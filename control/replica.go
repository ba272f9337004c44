package control

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/warmfront/warmfront/control/lead"
	"github.com/warmfront/warmfront/control/store"
)

// ReplicaConfig is what one of several controls is started with.
type ReplicaConfig struct {
	// Control is what the Control of each reign is made of. Its Store and Leads are
	// the replica's own.
	Control Config
	// Store is shared with the other controls. The replica closes it.
	Store store.Shared
	// API is the URL of this control's API, by which the others reach it.
	API string
	// Leading is called with the Control of a reign before it serves, and with nil
	// when the reign is over. An error ends the reign.
	Leading func(*Control) error
	// Standing is called with who leads, each time this one has looked and does
	// not, once the first leader has made what all share.
	Standing func(*Standby, store.Leader)
}

// Replica is one of several controls that share a store. One of them leads, by a
// Control of its own for each reign; the others stand by.
type Replica struct {
	cfg     ReplicaConfig
	standby *Standby
	ended   sync.WaitGroup
	trouble string
}

// NewReplica checks the configuration. Run campaigns.
func NewReplica(cfg ReplicaConfig) (*Replica, error) {
	if err := cfg.Control.complete(); err != nil {
		return nil, errors.Join(err, cfg.Store.Close())
	}
	cfg.Control.Store, cfg.Control.Leads = lent{cfg.Store}, nil
	return &Replica{cfg: cfg}, nil
}

// lent is a store that outlives those who use it.
type lent struct{ store.Store }

func (lent) Close() error { return nil }

// Run leads and stands by until ctx ends.
func (r *Replica) Run(ctx context.Context) error {
	err := lead.Run(ctx, lead.Config{
		Store: r.cfg.Store, Self: store.Leader{ID: r.cfg.Control.ID, API: r.cfg.API}, Terms: r.cfg.Control.Terms,
		Lead: r.lead, Standby: r.stand, Log: r.cfg.Control.Log,
	})
	r.endStandby()
	return err
}

// Close ends the connections to the store, after Run.
func (r *Replica) Close() error { return r.cfg.Store.Close() }

func (r *Replica) stand(leader store.Leader) {
	if r.standby == nil {
		s, err := NewStandby(r.cfg.Control)
		r.note(err)
		if err != nil {
			return
		}
		r.standby = s
		r.ended.Go(func() {
			if err := s.Run(context.Background()); err != nil {
				r.cfg.Control.Log.Error("a control that stands by does not answer nodes", "error", err)
			}
		})
	}
	r.cfg.Standing(r.standby, leader)
}

// note logs why this control cannot stand by, when it is another reason.
func (r *Replica) note(err error) {
	if err != nil && err.Error() != r.trouble {
		r.trouble = err.Error()
		r.cfg.Control.Log.Warn("this control cannot stand by yet", "error", err)
	}
}

// endStandby frees the peer port.
func (r *Replica) endStandby() {
	if r.standby != nil {
		if err := r.standby.Close(); err != nil {
			r.cfg.Control.Log.Error("standing by has not ended in order", "error", err)
		}
		r.standby = nil
		r.ended.Wait()
	}
}

func (r *Replica) lead(ctx context.Context, reign *lead.Reign) error {
	r.endStandby()
	cfg := r.cfg.Control
	if cfg.Leads == nil {
		cfg.Leads = reign.MayGrant
	}
	c, err := New(cfg)
	if err != nil {
		return err
	}
	if err := r.cfg.Leading(c); err != nil {
		return errors.Join(fmt.Errorf("beginning to lead: %w", err), r.cfg.Leading(nil), c.Close())
	}
	err = c.Run(ctx)
	return errors.Join(err, r.cfg.Leading(nil), c.Close())
}
