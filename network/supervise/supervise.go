// Package supervise runs the programs of a process: each until it is told to stop, all until one fails, and ends them
// in an order. Programs that end of themselves are closed and forgotten.
package supervise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
)

// Program is anything with a life of its own.
type Program interface {
	Run(ctx context.Context) error
	Close() error
}

// Supervisor runs programs until one fails or it is told to stop, and then stops
// the rest in the reverse of the order in which they were started.
type Supervisor struct {
	mu      sync.Mutex
	started []*Started
	failed  chan struct{}
	err     error
}

// Started is one program that a Supervisor runs.
type Started struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{}
}

// New returns a Supervisor that runs nothing yet.
func New() *Supervisor { return &Supervisor{failed: make(chan struct{})} }

// Start runs p in the background. Its context is cut from parent's life: programs
// are stopped one after another, not all at once.
func (s *Supervisor) Start(parent context.Context, name string, p Program) *Started {
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	st := &Started{name, cancel, make(chan struct{})}
	s.mu.Lock()
	s.started = append(s.started, st)
	s.mu.Unlock()
	go func() {
		defer close(st.done)
		err := p.Run(ctx)
		if errors.Is(err, context.Canceled) {
			err = nil
		}
		if err = errors.Join(err, p.Close()); err != nil {
			s.fail(fmt.Errorf("%s: %w", name, err))
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.started = slices.DeleteFunc(s.started, func(x *Started) bool { return x == st })
	}()
	return st
}

func (s *Supervisor) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
		close(s.failed)
	}
}

// Stop ends one Program and waits until it is gone.
func (st *Started) Stop() {
	st.cancel()
	<-st.done
}

// Wait returns when ctx ends or a program fails.
func (s *Supervisor) Wait(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-s.failed:
	}
}

// StopAll ends what still runs, in groups of programs whose names begin with one
// of the prefixes: those of a group at the same time, one group after the other,
// and the rest in the reverse of the order in which they were started. It returns
// the first failure.
func (s *Supervisor) StopAll(groups ...[]string) error {
	s.mu.Lock()
	left := slices.Clone(s.started)
	s.mu.Unlock()
	for _, prefixes := range groups {
		var wg sync.WaitGroup
		left = slices.DeleteFunc(left, func(st *Started) bool {
			in := slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(st.name, p) })
			if in {
				wg.Go(st.Stop)
			}
			return in
		})
		wg.Wait()
	}
	for _, st := range slices.Backward(left) {
		st.Stop()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Closing closes parts in the order given. That one is closed already is no
// error: a program's Close follows its Run, which has closed what it ran.
type Closing struct {
	// Err is why some could not be closed, nil if all were.
	Err error
}

// Add closes parts.
func (c *Closing) Add(parts ...io.Closer) {
	for _, p := range parts {
		if err := p.Close(); !errors.Is(err, net.ErrClosed) {
			c.Err = errors.Join(c.Err, err)
		}
	}
}
