package disk

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"syscall"

	"github.com/warmfront/warmfront/edge/cache/disk/filesystem"
)

// faultFS is a file system that fails as a test asks.
type faultFS struct {
	filesystem.OS

	mu sync.Mutex
	// fail is asked before every operation ("open", "read", "write", "sync", "rename", "remove").
	fail func(op, name string) error
	// cut counts down with every operation that changes something; the one that brings it to 0 is the last, and if it
	// is a write, only a part of its bytes arrives.
	cut, changes int
	part         float64
	// unsynced is how to undo what no sync has followed.
	unsynced []undo
	record   bool
}

type undo struct {
	name string
	at   int64
	old  []byte
}

var errCut = errors.New("the power is gone")

// change is called before an operation that changes something. It returns how much of it happens.
func (f *faultFS) change(op, name string) (part float64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		if err := f.fail(op, name); err != nil {
			return 0, err
		}
	}
	if f.changes++; f.cut > 0 && f.changes == f.cut {
		return f.part, errCut
	}
	if f.cut > 0 && f.changes > f.cut {
		return 0, errCut
	}
	return 1, nil
}

func (f *faultFS) OpenFile(name string, flag int, perm fs.FileMode) (filesystem.File, error) {
	if flag&os.O_CREATE != 0 {
		if _, err := f.change("open", name); err != nil {
			return nil, err
		}
	}
	file, err := f.OS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &faultFile{file, f, name}, nil
}

func (f *faultFS) Rename(from, to string) error {
	if _, err := f.change("rename", to); err != nil {
		return err
	}
	return f.OS.Rename(from, to)
}

func (f *faultFS) Remove(name string) error {
	if _, err := f.change("remove", name); err != nil {
		return err
	}
	return f.OS.Remove(name)
}

type faultFile struct {
	filesystem.File
	fs   *faultFS
	name string
}

func (f *faultFile) WriteAt(p []byte, at int64) (int, error) {
	part, err := f.fs.change("write", f.name)
	if f.fs.record {
		old := make([]byte, len(p))
		n, _ := f.File.ReadAt(old, at)
		f.fs.mu.Lock()
		f.fs.unsynced = append(f.fs.unsynced, undo{f.name, at, old[:n]})
		f.fs.mu.Unlock()
	}
	n, failed := f.File.WriteAt(p[:int(part*float64(len(p)))], at)
	return n, errors.Join(err, failed)
}

func (f *faultFile) ReadAt(p []byte, at int64) (int, error) {
	f.fs.mu.Lock()
	fail := f.fs.fail
	f.fs.mu.Unlock()
	if fail != nil {
		if err := fail("read", f.name); err != nil {
			return 0, err
		}
	}
	return f.File.ReadAt(p, at)
}

func (f *faultFile) Sync() error {
	if _, err := f.fs.change("sync", f.name); err != nil {
		return err
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	kept := f.fs.unsynced[:0]
	for _, u := range f.fs.unsynced {
		if u.name != f.name {
			kept = append(kept, u)
		}
	}
	f.fs.unsynced = kept
	return nil
}

// lose undoes some of what was not synced, as a loss of power does: pages reach the disk in any order.
func (f *faultFS) lose(r *rand.Rand) error {
	for i := len(f.unsynced) - 1; i >= 0; i-- {
		u := f.unsynced[i]
		if r.IntN(2) == 0 {
			continue
		}
		file, err := os.OpenFile(u.name, os.O_RDWR, 0)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed, or renamed since
		}
		if err != nil {
			return err
		}
		if len(u.old) == 0 {
			err = file.Truncate(u.at)
		} else {
			_, err = file.WriteAt(u.old, u.at)
		}
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
	return nil
}

// full makes every write fail as on a full disk, but those to the identity, which needs no room.
func full(op, name string) error {
	if (op == "write" || op == "open") && !strings.HasSuffix(name, "identity") {
		return &fs.PathError{Op: op, Path: name, Err: syscall.ENOSPC}
	}
	return nil
}
