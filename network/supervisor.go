package network

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

// program is anything with a life of its own.
type program interface {
	Run(ctx context.Context) error
	Close() error
}

// supervisor runs programs until one fails or it is told to stop, and then stops
// the rest in the reverse of the order in which they were started.
type supervisor struct {
	mu      sync.Mutex
	started []*started
	failed  chan struct{}
	err     error
}

type started struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{}
}

func newSupervisor() *supervisor { return &supervisor{failed: make(chan struct{})} }

// start runs p in the background. Its context is cut from parent's life: programs
// are stopped one after another, not all at once.
func (s *supervisor) start(parent context.Context, name string, p program) *started {
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	st := &started{name, cancel, make(chan struct{})}
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
		s.started = slices.DeleteFunc(s.started, func(x *started) bool { return x == st })
	}()
	return st
}

func (s *supervisor) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
		close(s.failed)
	}
}

// stop ends one program and waits until it is gone.
func (st *started) stop() {
	st.cancel()
	<-st.done
}

// wait returns when ctx ends or a program fails.
func (s *supervisor) wait(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-s.failed:
	}
}

// stopAll ends what still runs, in groups of programs whose names begin with one
// of the prefixes: those of a group at the same time, one group after the other,
// and the rest in the reverse of the order in which they were started. It returns
// the first failure.
func (s *supervisor) stopAll(groups ...[]string) error {
	s.mu.Lock()
	left := slices.Clone(s.started)
	s.mu.Unlock()
	for _, prefixes := range groups {
		var wg sync.WaitGroup
		left = slices.DeleteFunc(left, func(st *started) bool {
			in := slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(st.name, p) })
			if in {
				wg.Go(st.stop)
			}
			return in
		})
		wg.Wait()
	}
	for _, st := range slices.Backward(left) {
		st.stop()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// closing closes parts in the order given. That one is closed already is no
// error: a program's Close follows its Run, which has closed what it ran.
type closing struct{ err error }

func (c *closing) add(parts ...io.Closer) {
	for _, p := range parts {
		if err := p.Close(); !errors.Is(err, net.ErrClosed) {
			c.err = errors.Join(c.err, err)
		}
	}
}
