package chaos

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/warmfront/warmfront/sim/site"
)

// Report is what came of a run.
type Report struct {
	Schedule Schedule
	// Faults is how many were made, Reads how many requests were answered, Silent how many were not, Completed how many
	// invalidations were.
	Faults, Reads, Silent, Completed int
	// Caches says how often which X-Cache was answered.
	Caches     map[string]int
	Violations []Violation
	// Notes tell what happened when.
	Notes []string
}

// Violation is something that must not be.
type Violation struct {
	What site.Offence
	Why  string
}

func (v Violation) String() string { return string(v.What) + "\n\t" + v.Why }

// Run makes a run. It is to be called inside testing/synctest, and leaves no goroutine behind; folder is for the
// machines' disks.
func Run(s Schedule, folder string, log *slog.Logger) (*Report, error) {
	w, err := newWorld(s, folder, log)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), s.Length, errOver)
	defer cancel()
	if err := w.open(ctx); err != nil {
		w.close()
		return nil, fmt.Errorf("the network did not come up: %w", err)
	}
	var all sync.WaitGroup
	for i, name := range edgeNames() {
		for k := range readersPerEdge {
			all.Go(func() { w.newReader(w.hosts[name], uint64(10*i+k)).run(ctx) })
		}
	}
	publisher := w.newPublisher()
	all.Go(func() { publisher.run(ctx) })
	all.Go(func() { w.backUp(ctx) })
	for i, f := range s.Faults {
		all.Go(func() { w.fault(ctx, i+1, f) })
	}
	all.Wait()
	w.close()
	return &w.report, nil
}

func (w *world) note(format string, args ...any) {
	w.noting.Lock()
	defer w.noting.Unlock()
	w.report.Notes = append(w.report.Notes, fmt.Sprintf("%8.3f ", time.Since(w.start).Seconds())+fmt.Sprintf(format, args...))
}

func (w *world) offend(what site.Offence, why string) {
	w.note("VIOLATION: %s: %s", what, why)
	w.noting.Lock()
	defer w.noting.Unlock()
	w.report.Violations = append(w.report.Violations, Violation{what, why})
}

func (w *world) count(r *site.Read) {
	w.noting.Lock()
	defer w.noting.Unlock()
	if r.Status == 0 {
		w.report.Silent++
		return
	}
	w.report.Reads++
	cache, _, _ := strings.Cut(r.Answer.Get("X-Cache"), " from ")
	w.report.Caches[cache]++
}
