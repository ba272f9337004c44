package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/warmfront/warmfront/sim/site"
)

// timeline is what happened when: faults, and what should not have happened. It is safe for concurrent use.
type timeline struct {
	start time.Time
	out   io.Writer // progress, for a person
	file  *os.File  // everything

	mu       sync.Mutex
	windows  []*window
	offences []violation
}

// window is how long a fault was on; its end is zero while it is.
type window struct {
	Fault fault
	From  time.Time
	To    time.Time
}

// The offences besides those of an answer.
const (
	late    site.Offence = "late: an invalidation was not Completed in time"
	lost    site.Offence = "lost: an invalidation that the API accepted is not known any more"
	died    site.Offence = "died: a process ended by itself"
	blocked site.Offence = "blocked: a fault could not be made, or not be ended"
)

// violation is something that must not be, with what it takes to understand it.
type violation struct {
	What   site.Offence
	Why    string
	At     time.Duration // since the start
	Edge   string        `json:",omitempty"`
	Asked  string        `json:",omitempty"` // method, URI, header
	Answer string        `json:",omitempty"` // status, header
	// Sent and Ended are the request's, since the start.
	Sent, Ended time.Duration
	Version     int      `json:",omitempty"`
	Faults      []string // that were on then, or shortly before
}

func newTimeline(start time.Time, out io.Writer, work string) (*timeline, error) {
	f, err := os.Create(filepath.Join(work, "events.log"))
	return &timeline{start: start, out: out, file: f}, err
}

func (t *timeline) since(at time.Time) time.Duration { return at.Sub(t.start).Round(time.Millisecond) }

// note writes a line to the run's log.
func (t *timeline) note(format string, args ...any) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	// UTC, as the processes log, and the time since the start.
	fmt.Fprintf(t.file, "%s %9.3f %s\n", now.UTC().Format("15:04:05.000"), now.Sub(t.start).Seconds(), fmt.Sprintf(format, args...))
}

// begin opens a fault's window.
func (t *timeline) begin(f fault) *window {
	w := &window{Fault: f, From: time.Now()}
	t.mu.Lock()
	t.windows = append(t.windows, w)
	t.mu.Unlock()
	t.note("fault %s begins, for %v", f, f.For)
	return w
}

func (t *timeline) end(w *window) {
	t.mu.Lock()
	w.To = time.Now()
	t.mu.Unlock()
	t.note("fault %s ended", w.Fault)
}

// during returns the faults that were on at some time between two instants.
func (t *timeline) during(from, to time.Time) []fault {
	t.mu.Lock()
	defer t.mu.Unlock()
	var on []fault
	for _, w := range t.windows {
		if w.From.Before(to) && (w.To.IsZero() || w.To.After(from)) {
			on = append(on, w.Fault)
		}
	}
	return on
}

// controlBack is the last instant, before an instant, at which control came out of a fault of its own; zero if there
// is none. Such a control waits out a lease.
func (t *timeline) controlBack(before time.Time) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	var back time.Time
	for _, w := range t.windows {
		if !w.Fault.Kind.ofControl() || w.From.After(before) {
			continue
		}
		to := w.To
		if to.IsZero() {
			to = before
		}
		if to.After(back) {
			back = to
		}
	}
	return back
}

// maxOffences is how many violations are kept whole. A broken cache makes thousands.
const maxOffences = 200

// offend records a violation; from is when it may have begun.
func (t *timeline) offend(v violation, from time.Time) {
	v.At = t.since(time.Now())
	const before = 15 * time.Second // a fault's consequences outlast it by about a lease
	for _, f := range t.during(from.Add(-before), time.Now()) {
		v.Faults = append(v.Faults, f.String())
	}
	line, err := json.Marshal(v)
	if err != nil {
		line = []byte(err.Error())
	}
	t.note("VIOLATION %s", line)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.offences = append(t.offences, v)
	if n := len(t.offences); n <= 20 {
		fmt.Fprintf(t.out, "VIOLATION %s\n", line)
	} else if n == 21 {
		fmt.Fprintln(t.out, "further violations are in the run's log only")
	}
}

func (t *timeline) close() error { return errors.Join(t.file.Sync(), t.file.Close()) }

// String names a fault with all that there is to say of it.
func (f fault) String() string {
	s := fmt.Sprintf("#%d %s: %s", f.N, f.Node, f.Kind)
	switch f.Kind {
	case cutPeer:
		s += fmt.Sprintf(" %s, %s", f.Other, f.Direction)
	case cutControl, cutOrigin, isolate:
		s += fmt.Sprintf(", %s", f.Direction)
	}
	return s
}
