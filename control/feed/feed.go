// Package feed sends the journal to those who follow it: what comes after the
// version a reader has, as it happens, with a snapshot first where that version is
// not to be had any more. Control is one who sends; so is every node, as a relay
// for neighbours that control is out of reach of.
//
// A feed delivers and does nothing else: whoever reads from it has acknowledged
// nothing by that, and is granted nothing (rule M).
//
// One reader goes like this. [Feed.Serve] finds its version among the changes that
// are kept in memory; or asks the history for what lies between; or sends the whole
// state. The head follows, then each change as it is published, and the head again
// while nothing happens. All readers share one list of changes, each with its own
// place in it: a change is encoded once however many there are. Readers are
// limited in number, and one that does not keep up is dropped: it will come back,
// and is cheaper to serve anew than to keep a list for.
package feed

import (
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/journal"
)

// Config is what a Feed is made of. Heartbeat and Log are required.
type Config struct {
	// After returns what follows v in the log, at most that many changes; found is
	// false where v was compacted away or is of another epoch. It may know of more
	// than has been published. Nil: there is nothing but what the feed keeps itself.
	After func(v cdn.Version, most int) (changes []cdn.Change, found bool, err error)
	// Heartbeat is how often a stream shows that it lives.
	Heartbeat time.Duration
	// Readers is how many there may be at once; 0: any number.
	Readers int
	Log     *slog.Logger
}

// The reasons for which a reader is sent nothing.
var (
	// ErrBusy says that there are as many readers as there may be.
	ErrBusy = errors.New("as many follow the journal here as may")
	// ErrBehind says that the reader is in an epoch that is not known here.
	ErrBehind = errors.New("the epoch asked for is not known here yet")
)

const (
	// keptChanges and keptBytes bound the changes that are kept for readers that come
	// back: most lack a few.
	keptChanges, keptBytes = 256, 256 << 10
	// mostLag and mostLagBytes are by how much a reader may be behind the newest
	// change before it is dropped, beyond what is kept in any case.
	mostLag, mostLagBytes = 4096, 8 << 20
)

// Feed is the journal as it is sent. All methods may be called concurrently.
type Feed struct {
	cfg    Config
	closed chan struct{}
	once   sync.Once

	mu      sync.Mutex
	state   *cdn.State
	readers int
	// oldest is the place before the first change that is kept, newest the place
	// of the last: the same where none is.
	oldest, newest *place
	// whole is the state as a frame, once somebody has asked for it.
	whole *frame
}

// place is a point in the list of changes, after the change at version. What
// nobody can reach any more is garbage.
type place struct {
	version cdn.Version
	frame   *frame // of the change; nil in the first place of all
	// number and bytes count the changes up to here, and their size.
	number, bytes int
	next          *place
	// ready is closed once next is set; next may be read only after that.
	ready chan struct{}
}

// frame is a line of the stream, made when it is first sent: most nodes relay
// nothing, and all of them are ready to.
type frame struct {
	once  sync.Once
	make  func() (journal.Frame, error)
	bytes []byte
	err   error
}

func (f *frame) line() ([]byte, error) {
	f.once.Do(func() {
		content, err := f.make()
		if f.err = err; err == nil {
			f.bytes, f.err = encode(content)
		}
		f.make = nil
	})
	return f.bytes, f.err
}

func encode(f journal.Frame) ([]byte, error) {
	line, err := json.Marshal(f)
	return append(line, '\n'), err
}

func changeFrame(c cdn.Change) *frame {
	return &frame{make: func() (journal.Frame, error) { return journal.Frame{Change: &c}, nil }}
}

func snapshotFrame(s *cdn.State) *frame {
	return &frame{make: func() (journal.Frame, error) {
		snap, err := s.Snapshot()
		return journal.Frame{Snapshot: &snap}, err
	}}
}

// New makes a feed that is at state.
func New(cfg Config, state *cdn.State) *Feed {
	start := &place{version: state.Version, ready: make(chan struct{})}
	return &Feed{cfg: cfg, closed: make(chan struct{}), state: state, oldest: start, newest: start}
}

// Publish makes state, which changes led to, what is sent from now on. Without
// changes it does not follow from what was sent before: readers are sent the whole
// of it. Calls must be in order.
func (f *Feed) Publish(state *cdn.State, changes []cdn.Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state, f.whole = state, nil
	if len(changes) == 0 {
		f.whole = snapshotFrame(state)
		f.append(state.Version, f.whole, 0)
		f.oldest = f.newest
		return
	}
	for _, c := range changes {
		f.append(c.Version, changeFrame(c), len(c.Body))
	}
	for f.newest.number-f.oldest.number > keptChanges || f.newest.bytes-f.oldest.bytes > keptBytes {
		f.oldest = f.oldest.next
	}
}

func (f *Feed) append(v cdn.Version, content *frame, size int) {
	last := f.newest
	next := &place{version: v, frame: content, number: last.number + 1, bytes: last.bytes + size, ready: make(chan struct{})}
	last.next = next
	close(last.ready)
	f.newest = next
}

// begin returns the place from which a reader that has v goes on, and the state
// that it must be brought to first; nil where there is no need to.
func (f *Feed) begin(v cdn.Version) (*place, *cdn.State, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state.Version.Epoch < v.Epoch {
		return nil, nil, ErrBehind
	}
	if f.cfg.Readers > 0 && f.readers >= f.cfg.Readers {
		return nil, nil, ErrBusy
	}
	f.readers++
	if !v.Before(f.newest.version) {
		return f.newest, nil, nil // it may know more than is known here
	}
	for p := f.oldest; p != f.newest; p = p.next {
		if p.version == v {
			return p, nil, nil
		}
	}
	return f.newest, f.state, nil
}

func (f *Feed) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readers--
}

// lags reports whether a reader that is at p is too far behind.
func (f *Feed) lags(p *place) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.newest.number-p.number > mostLag || f.newest.bytes-p.bytes > mostLagBytes
}

// snapshot returns the line that holds the whole state. When control starts, a
// hundred nodes ask for the same one.
func (f *Feed) snapshot(state *cdn.State) ([]byte, error) {
	f.mu.Lock()
	whole := f.whole
	if f.state != state {
		whole = snapshotFrame(state)
	} else if whole == nil {
		whole = snapshotFrame(state)
		f.whole = whole
	}
	f.mu.Unlock()
	return whole.line()
}

// Head is the version of the state that is sent.
func (f *Feed) Head() cdn.Version {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state.Version
}

// Close ends every stream.
func (f *Feed) Close() { f.once.Do(func() { close(f.closed) }) }
