package chaos

import (
	"context"

	"github.com/warmfront/warmfront/control"
)

// process is what control and the nodes have in common: one run of the program on its host.
type process struct {
	ctx    context.Context
	cancel context.CancelFunc
}

// controlProcess is one run of control.
type controlProcess struct {
	process
	core  *control.Control
	store *mortalStore
}

// startControl starts control from what its disk has. Held: w.mu.
func (w *world) startControl() error {
	folder := w.disks.folder(controlName)
	p := &controlProcess{store: &mortalStore{Store: w.journal.Open()}}
	var err error
	p.core, err = control.New(control.Config{
		DataDir: folder, Zone: zone, Secret: w.secret, PeerAddr: controlAddress.String(), Terms: terms(), Store: p.store,
		CompactAfter: 40, Listen: w.listen, Log: w.log.With("node", controlName),
	})
	if err != nil {
		return err
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	w.running.Go(func() {
		if err := p.core.Run(p.ctx); err != nil {
			w.note("%s ended: %v", controlName, err)
		}
	})
	w.control.Store(p)
	return nil
}

// crashControl ends control as a crash does, and with its power if that is lost: then nobody is told.
func (w *world) crashControl(power bool) {
	p := w.control.Swap(nil)
	if p == nil {
		return
	}
	w.net.SetDown(controlAddress.Addr(), true)
	p.store.end()
	if !power {
		w.resets(controlAddress.Addr())
	}
	p.cancel()
	if err := p.core.Close(); err != nil {
		w.note("%s, crashed: %v", controlName, err)
	}
}

// restartControl starts control anew after a crash.
func (w *world) restartControl() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.resets(controlAddress.Addr())
	w.net.SetDown(controlAddress.Addr(), false)
	return w.startControl()
}
