package disk

import (
	"container/list"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/warmfront/warmfront/edge/cache/disk/filesystem"
	"github.com/warmfront/warmfront/edge/cache/disk/index"
)

// files are the files of large bodies. Those in use are open, and some that were lately.
type files struct {
	fs   filesystem.FS
	dir  string
	tag  uint64
	most int // how many stay open with nobody using them
	// settle is told of a file that is about to be closed.
	settle func(*bodyFile)

	mu     sync.Mutex
	open   map[uint64]*bodyFile
	idle   *list.List // of those that nobody uses, the latest used first
	memory int64      // of those idle
}

const maxIdleMemory = 16 << 20

func (s *files) path(id uint64) string {
	return filepath.Join(s.dir, fmt.Sprintf("%02x", byte(id)), fmt.Sprintf("%014x", id))
}

// list calls with for each file on the disk.
func (s *files) list(with func(id uint64)) error {
	folders, err := s.fs.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, folder := range folders {
		names, err := s.fs.ReadDir(filepath.Join(s.dir, folder))
		if err != nil {
			return err
		}
		for _, name := range names {
			if id, err := strconv.ParseUint(name, 16, 64); err == nil && s.path(id) == filepath.Join(s.dir, folder, name) {
				with(id)
			}
		}
	}
	return nil
}

// create makes a file, which the caller releases.
func (s *files) create(id, key uint64, size int64) (*bodyFile, error) {
	path := s.path(id)
	f, err := createBodyFile(s.fs, path, id, key, size, s.tag)
	if errors.Is(err, fs.ErrNotExist) {
		if err := s.fs.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
		f, err = createBodyFile(s.fs, path, id, key, size, s.tag)
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f.refs = 1
	s.open[id] = f
	return f, nil
}

// acquire opens the file of an entry whose record says it has size bytes; the caller releases it.
func (s *files) acquire(e *index.Entry, size int64) (*bodyFile, error) {
	if f := s.use(e.File, nil); f != nil {
		return f, nil
	}
	file, err := s.fs.OpenFile(s.path(e.File), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	f := newBodyFile(e.File, e.Key, size, s.tag, file)
	f.committed = true
	if err := f.load(e.Flags&index.Verified != 0); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return s.use(e.File, f), nil
}

// use takes the file if it is open, or else opened, if that is not nil. Of two who opened one file at once the second
// closes its own.
func (s *files) use(id uint64, opened *bodyFile) *bodyFile {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.open[id]; f != nil {
		if f.refs++; f.refs == 1 {
			s.idle.Remove(f.idle)
			s.memory -= f.memory()
		}
		if opened != nil {
			_ = opened.file.Close() // nothing was written to it
		}
		return f
	}
	if opened != nil {
		opened.refs = 1
		s.open[id] = opened
	}
	return opened
}

// release gives a file back. It stays open, until too many do.
func (s *files) release(f *bodyFile) {
	var closing []*bodyFile
	s.mu.Lock()
	if f.refs--; f.refs == 0 {
		if f.removed {
			closing = append(closing, f)
		} else {
			f.idle = s.idle.PushFront(f)
			s.memory += f.memory()
			closing = s.trim(s.most)
		}
	}
	s.mu.Unlock()
	s.close(closing)
}

// trim takes files out that are idle beyond most, or take too much memory. Call it with mu held.
func (s *files) trim(most int) (closing []*bodyFile) {
	for s.idle.Len() > most || s.idle.Len() > 0 && s.memory > maxIdleMemory {
		f := s.idle.Remove(s.idle.Back()).(*bodyFile)
		s.memory -= f.memory()
		delete(s.open, f.id)
		closing = append(closing, f)
	}
	return closing
}

func (s *files) close(closing []*bodyFile) {
	for _, f := range closing {
		if !f.removed {
			s.settle(f)
		}
		_ = f.file.Close() // a write that failed was reported as such
	}
}

// remove unlinks a file. Who reads it reads on.
func (s *files) remove(id uint64) error {
	s.mu.Lock()
	if f := s.open[id]; f != nil {
		f.removed = true
		delete(s.open, id)
		if f.refs == 0 {
			s.idle.Remove(f.idle)
			s.memory -= f.memory()
			defer s.close([]*bodyFile{f})
		}
	}
	s.mu.Unlock()
	if err := s.fs.Remove(s.path(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// closeIdle closes what nobody uses.
func (s *files) closeIdle() {
	s.mu.Lock()
	s.most = 0
	closing := s.trim(0)
	s.mu.Unlock()
	s.close(closing)
}

// sync makes the name of a file last.
func (s *files) sync(id uint64) error {
	return errors.Join(s.fs.SyncDir(filepath.Dir(s.path(id))), s.fs.SyncDir(s.dir))
}
