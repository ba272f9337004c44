package chaos

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/warmfront/warmfront/gossip/memnet"
)

// What `make chaos` gives. A bubble of testing/synctest needs a test, so the command is one.
var (
	seeds    = flag.Int("seeds", 2, "how many runs TestTheGuaranteeHolds makes")
	first    = flag.Uint64("first", 1, "the seed of the first of them")
	length   = flag.Duration("length", time.Minute, "how long each of them is, in simulated time")
	schedule = flag.String("schedule", "", "run the schedule in this file instead")
	times    = flag.Int("times", 200, "how often to run that")
	keep     = flag.String("keep", os.TempDir(), "where schedules are kept that have found something")
	notes    = flag.Bool("notes", false, "tell what happened in runs that have found something")
	logs     = flag.Bool("logs", false, "show the logs of all processes")
)

// folder is for the disks of a run; in memory, where that can be, for nothing may wait long for them.
func folder(t *testing.T) string {
	t.Helper()
	path, err := os.MkdirTemp("/dev/shm", "warmfront-chaos-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(path) }) // nothing can be done about what remains
	return path
}

func logger(t *testing.T) *slog.Logger {
	if !*logs {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func run(t *testing.T, s Schedule) (r *Report) {
	t.Helper()
	disks := folder(t)
	memnet.Bubble(t, func(t *testing.T) {
		var err error
		if r, err = Run(s, disks, logger(t)); err != nil {
			t.Fatal(err)
		}
	})
	return r
}

// tell prints a run in a line, and what it has found.
func tell(t *testing.T, what string, r *Report, took time.Duration) {
	t.Helper()
	t.Logf("%s: %d faults, %d reads %v, %d without an answer, %d invalidations Completed, %d violations; took %v",
		what, r.Faults, r.Reads, r.Caches, r.Silent, r.Completed, len(r.Violations), took.Round(time.Millisecond))
	for _, v := range r.Violations[:min(5, len(r.Violations))] {
		t.Error(v)
	}
	if *notes && len(r.Violations) > 0 {
		for _, n := range r.Notes {
			t.Log(n)
		}
	}
}

// total adds up runs.
type total struct {
	runs, bad, faults, reads, completed int
	failing                             []string
}

func (a *total) add(what string, r *Report) {
	a.runs, a.faults, a.reads, a.completed = a.runs+1, a.faults+r.Faults, a.reads+r.Reads, a.completed+r.Completed
	if len(r.Violations) > 0 {
		a.bad += len(r.Violations)
		a.failing = append(a.failing, what)
	}
}

func (a *total) String() string {
	s := fmt.Sprintf("%d runs, %d faults, %d reads, %d invalidations Completed, %d violations", a.runs, a.faults, a.reads, a.completed, a.bad)
	if len(a.failing) > 0 {
		s += fmt.Sprintf(" in %v", a.failing)
	}
	return s
}

func TestTheGuaranteeHolds(t *testing.T) {
	if testing.Short() {
		*seeds, *length = 1, min(*length, 35*time.Second) // under the race detector a minute takes one
	}
	var all total
	defer func() { t.Log(&all) }()
	if *schedule != "" {
		s, err := Load(*schedule)
		if err != nil {
			t.Fatal(err)
		}
		for i := range *times {
			start := time.Now()
			r := run(t, s)
			tell(t, fmt.Sprintf("time %d", i+1), r, time.Since(start))
			all.add(fmt.Sprintf("time %d", i+1), r)
		}
		return
	}
	for i := range uint64(*seeds) {
		start, seed := time.Now(), *first+i
		r := run(t, Draw(seed, *length))
		tell(t, fmt.Sprintf("seed %d", seed), r, time.Since(start))
		all.add(fmt.Sprintf("seed %d", seed), r)
		if len(r.Violations) == 0 {
			continue
		}
		path := filepath.Join(*keep, fmt.Sprintf("chaos-seed-%d.json", seed))
		if err := r.Schedule.Save(path); err != nil {
			t.Error(err)
		}
		t.Logf("the schedule is kept: make chaos ARGS='-schedule %s -times 200' runs it again", path)
	}
}

func TestASeedGivesTheSameSchedule(t *testing.T) {
	s := Draw(7, time.Minute)
	if len(s.Faults) < 10 || reflect.DeepEqual(s, Draw(8, time.Minute)) {
		t.Errorf("%d faults, or those of another seed", len(s.Faults))
	}
	path := filepath.Join(t.TempDir(), "schedule.json")
	if err := s.Save(path); err != nil {
		t.Fatal(err)
	}
	kept, err := Load(path)
	if err != nil || !reflect.DeepEqual(kept, s) || !reflect.DeepEqual(kept, Draw(7, time.Minute)) {
		t.Errorf("kept and read again it is another schedule: %v", err)
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a schedule was read that there is not")
	}
}

// Every kind is dealt in a few schedules, within the time between the calm at the beginning and that at the end.
func TestDraw(t *testing.T) {
	dealt := map[Kind]int{}
	for seed := range uint64(20) {
		s := Draw(seed, time.Minute)
		until := map[string]time.Duration{}
		for _, f := range s.Faults {
			dealt[f.Kind]++
			if f.At < warmUp || f.At+f.For > s.Length-coolDown {
				t.Errorf("seed %d: %v at %v", seed, f, f.At)
			}
			if f.Kind.ofControl() != (f.Node == controlName) {
				t.Errorf("seed %d: %v", seed, f)
			}
			if f.Kind.ofProcess() {
				if f.At < until[f.Node] {
					t.Errorf("seed %d: %v at %v, while it has another", seed, f, f.At)
				}
				until[f.Node] = f.At + f.For
			}
		}
	}
	for k := range weights() {
		if dealt[k] == 0 {
			t.Errorf("%s: never", k)
		}
	}
}
