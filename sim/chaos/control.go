package chaos

import (
	"context"
	"time"

	"github.com/warmfront/warmfront/control"
	"github.com/warmfront/warmfront/control/store"
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
func (w *world) startControl(newEpoch bool) error {
	p := &controlProcess{store: &mortalStore{Store: w.journal.Open()}}
	var err error
	p.core, err = control.New(control.Config{
		DataDir: w.folder, Zone: zone, Secret: w.secret, PeerAddr: controlAddress.String(), Terms: terms(), Store: p.store,
		CompactAfter: 40, NewEpoch: newEpoch, Listen: w.listen, Clock: w.clock.at, Log: w.log.With("node", controlName),
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
func (w *world) restartControl(newEpoch bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.resets(controlAddress.Addr())
	w.net.SetDown(controlAddress.Addr(), false)
	return w.startControl(newEpoch)
}

// journalBackup is an older copy of control's store.
type journalBackup struct {
	taken time.Time
	disk  *store.Disk
}

// backUp copies one machine's disk after the other, until ctx ends.
func (w *world) backUp(ctx context.Context) {
	names := append(edgeNames(), controlName)
	for i := 0; wait(ctx, 1300*time.Millisecond); i++ {
		if h := w.hosts[names[i%len(names)]]; h != nil {
			if err := h.machine.backUp(); err != nil {
				w.offend("blocked: a disk could not be copied", err.Error())
			}
			continue
		}
		w.mu.Lock()
		if w.backups = append(w.backups, journalBackup{time.Now(), w.journal.Copy()}); len(w.backups) > mostBackups {
			w.backups = w.backups[1:]
		}
		w.mu.Unlock()
	}
}

// putControlBack makes control's store an older copy of itself; pick, 0 to 1, chooses one.
func (w *world) putControlBack(pick float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.backups) == 0 {
		return
	}
	b := w.backups[int(pick*float64(len(w.backups)))]
	w.journal = b.disk.Copy()
	w.restored.Add(1)
	w.note("what is put back of control was copied at %.3f s", b.taken.Sub(w.start).Seconds())
}
