package disk

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/warmfront/warmfront/edge/cache/disk/filesystem"
	"github.com/warmfront/warmfront/edge/cache/disk/index"
)

// segment is a file that records are appended to, until it is full; then it is only read, and at last dropped whole.
// After a stop none is appended to again: what its end looks like is nobody's to trust.
type segment struct {
	id    uint32
	file  filesystem.File
	refs  atomic.Int64 // readers and writers, and the store; the last closes the file
	live  atomic.Int64 // bytes of records that the index knows
	dirty atomic.Bool  // written to since it was last synced

	mu       sync.Mutex
	size     int64
	inFlight map[int64]struct{} // where records begin that are reserved and not in the index yet
}

// acquire keeps the file open until release. False if it is closed.
func (g *segment) acquire() bool {
	for {
		n := g.refs.Load()
		if n == 0 {
			return false
		}
		if g.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (g *segment) release() {
	if g.refs.Add(-1) == 0 {
		_ = g.file.Close() // it was read, or is not wanted any more; a write that failed was reported as such
	}
}

// reserve takes n bytes at the end, which are in flight until done.
func (g *segment) reserve(n int64) int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := g.size
	g.size += n
	g.inFlight[at] = struct{}{}
	return at
}

func (g *segment) done(at int64) {
	g.mu.Lock()
	delete(g.inFlight, at)
	g.mu.Unlock()
	g.release()
}

func (g *segment) length() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.size
}

// stable is the point before which every record is in the index, or was.
func (g *segment) stable() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	least := g.size
	for at := range g.inFlight {
		least = min(least, at)
	}
	return least
}

// segments are those of a store.
type segments struct {
	fs   filesystem.FS
	dir  string
	full int64 // size from which on a segment takes no more

	total atomic.Int64 // bytes of all

	mu   sync.RWMutex
	open map[uint32]*segment
	last uint32 // the highest id ever

	// Two are appended to: one takes what is new, one what was moved when a segment was cleaned. What has lived long
	// will, and so lies among its like.
	fresh, moved appender
}

// appender hands out room in one segment after the other. Its lock is held while a segment's file is made, once per
// segment.
type appender struct {
	mu      sync.Mutex
	segment *segment
}

func (s *segments) path(id uint32) string { return filepath.Join(s.dir, fmt.Sprintf("%08x.seg", id)) }

// list returns the ids of the segments on the disk.
func (s *segments) list() ([]uint32, error) {
	names, err := s.fs.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	var ids []uint32
	for _, name := range names {
		if hex, ok := strings.CutSuffix(name, ".seg"); ok {
			if id, err := strconv.ParseUint(hex, 16, 32); err == nil && s.path(uint32(id)) == filepath.Join(s.dir, name) {
				ids = append(ids, uint32(id))
			}
		}
	}
	return ids, nil
}

// add takes in a segment, open or made.
func (s *segments) add(id uint32, flag int) (*segment, error) {
	f, err := s.fs.OpenFile(s.path(id), os.O_RDWR|flag, 0o600)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	g := &segment{id: id, file: f, size: aligned(size), inFlight: map[int64]struct{}{}}
	g.refs.Store(1)
	s.total.Add(g.size)
	s.mu.Lock()
	s.open[id] = g
	s.last = max(s.last, id)
	s.mu.Unlock()
	return g, nil
}

// reserve returns n bytes of a segment, which the caller gives back by done.
func (s *segments) reserve(a *appender, n int64) (*segment, int64, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.segment == nil || a.segment.length() >= s.full {
		s.mu.Lock()
		s.last++
		id := s.last
		s.mu.Unlock()
		g, err := s.add(id, os.O_CREATE|os.O_EXCL)
		if err != nil {
			return nil, 0, err
		}
		a.segment = g
	}
	if !a.segment.acquire() {
		return nil, 0, ErrClosed
	}
	s.total.Add(n)
	return a.segment, a.segment.reserve(n), nil
}

// get returns a segment for the caller to release, nil if it is gone.
func (s *segments) get(id uint32) *segment {
	s.mu.RLock()
	g := s.open[id]
	s.mu.RUnlock()
	if g == nil || !g.acquire() {
		return nil
	}
	return g
}

// all returns the segments there are. They are not acquired.
func (s *segments) all() []*segment {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]*segment, 0, len(s.open))
	for _, g := range s.open {
		list = append(list, g)
	}
	return list
}

// sealed returns the segments that are not appended to and have nothing in flight.
func (s *segments) sealed() []*segment {
	// In this order: one that is made after the list was taken is not in it, and one in it that is just being made is
	// active before its appender's lock can be had.
	all := s.all()
	active := map[*segment]bool{}
	for _, a := range []*appender{&s.fresh, &s.moved} {
		a.mu.Lock()
		active[a.segment] = true
		a.mu.Unlock()
	}
	var list []*segment
	for _, g := range all {
		g.mu.Lock()
		if !active[g] && len(g.inFlight) == 0 {
			list = append(list, g)
		}
		g.mu.Unlock()
	}
	return list
}

// drop removes a segment. Who reads it reads on.
func (s *segments) drop(g *segment) error {
	s.mu.Lock()
	delete(s.open, g.id)
	s.mu.Unlock()
	s.total.Add(-g.length())
	g.release()
	return s.fs.Remove(s.path(g.id))
}

// sync makes what was written so far last.
func (s *segments) sync() error {
	var failed error
	for _, g := range s.all() {
		if g.dirty.Swap(false) && g.acquire() {
			if err := g.file.Sync(); err != nil {
				g.dirty.Store(true)
				failed = errors.Join(failed, err)
			}
			g.release()
		}
	}
	return errors.Join(failed, s.fs.SyncDir(s.dir))
}

// scan calls with for each record that begins in [from, size) of a segment. Past a place where none begins, because
// its writer did not come to it or the disk has rotted, it goes on at the next that one could.
func scan(g *segment, from, size int64, tag uint64, with func(h *header, live bool) error) error {
	const inOrder, searching = 4 << 10, 64 << 10 // how much to read at once
	window := make([]byte, searching)
	var start, end int64 // of what the window holds
	want := int64(inOrder)
	for at := from; at+headerSize <= size; {
		if at < start || at+headerSize > end {
			n, err := g.file.ReadAt(window[:min(want, size-at)], at)
			if n < headerSize {
				if errors.Is(err, io.EOF) {
					return nil
				}
				return err
			}
			start, end = at, at+int64(n)
		}
		var h header
		err := h.decode(window[at-start:at-start+headerSize], tag, g.id, at)
		if errors.Is(err, errNoHeader) {
			at, want = at+index.Align, searching
			continue
		}
		if err := with(&h, err == nil); err != nil {
			return err
		}
		at, want = at+h.length(), inOrder
	}
	return nil
}
