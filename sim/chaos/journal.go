package chaos

import (
	"errors"
	"sync"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/store"
)

// errCrashed is what a process that is no more gets from its disk.
var errCrashed = errors.New("the process has crashed")

// mortalStore is control's store, up to the end of the process: what is written after that goes nowhere.
type mortalStore struct {
	store.Store

	mu    sync.Mutex
	ended bool
	// fatal is how many writes are to come until one that ends the process; 0: none does. durable says whether that
	// one is.
	fatal   int
	durable bool
	onFatal func()
}

// end lets no further write through. What is under way may be durable yet, or not.
func (s *mortalStore) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
}

// endAmid ends it at the nth write from now, and tells.
func (s *mortalStore) endAmid(n int, durable bool, tell func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fatal, s.durable, s.onFatal = n, durable, tell
}

func (s *mortalStore) write(do func() error) error {
	ended, fatal, durable := s.next()
	if fatal {
		if durable {
			_ = do() // nobody will know
		}
		s.onFatal()
	}
	if ended {
		return errCrashed
	}
	return do()
}

// next says what is to become of a write: it is not locked while it is written, for writes wait for one another.
func (s *mortalStore) next() (ended, fatal, durable bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended && s.fatal > 0 {
		s.fatal--
		fatal = s.fatal == 0
		s.ended = fatal
	}
	return s.ended, fatal, s.durable
}

func (s *mortalStore) Append(changes []cdn.Change) error {
	return s.write(func() error { return s.Store.Append(changes) })
}

func (s *mortalStore) Compact(snap cdn.Snapshot) error {
	return s.write(func() error { return s.Store.Compact(snap) })
}

func (s *mortalStore) Put(ns store.Namespace, name string, value []byte) error {
	return s.write(func() error { return s.Store.Put(ns, name, value) })
}
