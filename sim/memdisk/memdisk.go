// Package memdisk is a file system in memory for edge/cache/disk, that loses what a disk may lose.
//
// What it promises: whoever writes reads what was written. Bytes last once their file was synced, names once their
// folder was. After a crash of the process alone ([Disk.Copy]) all is there. After a loss of power ([Disk.Lose]) some of
// the writes since the last sync are there and some are not, in any order, and the last of a file may be torn; of a
// folder that was not synced the names are as they were, or as they are. Nobody who holds a file open notices, or can
// alter the copy: a process that is no more goes on writing to the disk it had.
package memdisk

import (
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/warmfront/warmfront/edge/cache/disk/filesystem"
)

// Disk is one disk. It implements filesystem.FS.
type Disk struct {
	mu      sync.Mutex
	folders map[string]bool
	names   map[string]*file
	// lasting are the names as they were when their folders were synced.
	lasting map[string]*file
}

// file is what a name, or an open handle, refers to.
type file struct {
	mu     sync.Mutex
	data   []byte
	synced []byte
	// pending are the writes since the last sync, in order.
	pending []write
}

type write struct {
	at   int64
	data []byte
}

// New returns an empty disk.
func New() *Disk {
	return &Disk{folders: map[string]bool{}, names: map[string]*file{}, lasting: map[string]*file{}}
}

func failure(op, name string, err error) error { return &fs.PathError{Op: op, Path: name, Err: err} }

// OpenFile implements filesystem.FS.
func (d *Disk) OpenFile(name string, flag int, _ fs.FileMode) (filesystem.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.names[name]
	switch {
	case f != nil && flag&(os.O_CREATE|os.O_EXCL) == os.O_CREATE|os.O_EXCL:
		return nil, failure("open", name, fs.ErrExist)
	case f == nil && flag&os.O_CREATE == 0, f == nil && !d.folders[filepath.Dir(name)]:
		return nil, failure("open", name, fs.ErrNotExist)
	case f == nil:
		f = &file{}
		d.names[name] = f
	case flag&os.O_TRUNC != 0:
		f.truncate()
	}
	return handle{f}, nil
}

// MkdirAll implements filesystem.FS. Folders last at once.
func (d *Disk) MkdirAll(path string, _ fs.FileMode) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for p := filepath.Clean(path); !d.folders[p]; p = filepath.Dir(p) {
		d.folders[p] = true
	}
	return nil
}

// Rename implements filesystem.FS.
func (d *Disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.names[from]
	if f == nil {
		return failure("rename", from, fs.ErrNotExist)
	}
	delete(d.names, from)
	d.names[to] = f
	return nil
}

// Remove implements filesystem.FS.
func (d *Disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.names[name] == nil {
		return failure("remove", name, fs.ErrNotExist)
	}
	delete(d.names, name)
	return nil
}

// ReadDir implements filesystem.FS.
func (d *Disk) ReadDir(name string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.folders[filepath.Clean(name)] {
		return nil, failure("open", name, fs.ErrNotExist)
	}
	var all []string
	for path := range d.folders {
		if filepath.Dir(path) == filepath.Clean(name) && path != name {
			all = append(all, filepath.Base(path))
		}
	}
	for path := range d.names {
		if filepath.Dir(path) == filepath.Clean(name) {
			all = append(all, filepath.Base(path))
		}
	}
	slices.Sort(all)
	return all, nil
}

// SyncDir implements filesystem.FS.
func (d *Disk) SyncDir(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	settle(d.lasting, d.names, filepath.Clean(name))
	return nil
}

// settle makes the names of a folder in one map those of another.
func settle(to, from map[string]*file, folder string) {
	for path := range to {
		if filepath.Dir(path) == folder && from[path] == nil {
			delete(to, path)
		}
	}
	for path, f := range from {
		if filepath.Dir(path) == folder {
			to[path] = f
		}
	}
}

// Copy returns the disk as the next process finds it when only the process has ended: with all that was written. It
// is a backup, too.
func (d *Disk) Copy() *Disk {
	return d.copy(func(f *file) *file { return f.copy() })
}

func (d *Disk) copy(content func(*file) *file) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := New()
	for folder := range d.folders {
		c.folders[folder] = true
	}
	copies := map[*file]*file{}
	of := func(f *file) *file {
		if copies[f] == nil {
			copies[f] = content(f)
		}
		return copies[f]
	}
	for _, name := range sorted(d.names) {
		c.names[name] = of(d.names[name])
	}
	for _, name := range sorted(d.lasting) {
		c.lasting[name] = of(d.lasting[name])
	}
	return c
}

// sorted is the order in which chance is asked.
func sorted(names map[string]*file) []string {
	all := make([]string, 0, len(names))
	for name := range names {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// Lose returns the disk as it is after a loss of power; chance decides what is lost of what was not synced.
func (d *Disk) Lose(chance *rand.Rand) *Disk {
	c := d.copy(func(f *file) *file { return f.lose(chance) })
	folders := make([]string, 0, len(c.folders))
	for folder := range c.folders {
		folders = append(folders, folder)
	}
	slices.Sort(folders)
	for _, folder := range folders {
		if chance.IntN(2) == 0 {
			settle(c.names, c.lasting, folder)
		} else {
			settle(c.lasting, c.names, folder)
		}
	}
	return c
}

// Bytes is how much lies beneath a folder.
func (d *Disk) Bytes(folder string) (total int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, f := range d.names {
		if strings.HasPrefix(name, folder) {
			f.mu.Lock()
			total += int64(len(f.data))
			f.mu.Unlock()
		}
	}
	return total
}

func (f *file) truncate() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.data, f.synced, f.pending = nil, nil, nil
}

func (f *file) copy() *file {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &file{data: slices.Clone(f.data), synced: slices.Clone(f.synced), pending: slices.Clone(f.pending)}
}

// lose returns what a loss of power leaves of a file.
func (f *file) lose(chance *rand.Rand) *file {
	f.mu.Lock()
	defer f.mu.Unlock()
	left := slices.Clone(f.synced)
	part := chance.Float64() * 1.5 // of the writes; all of them, in a third of the cases
	for i, w := range f.pending {
		data := w.data
		if chance.Float64() > part {
			continue
		}
		if i == len(f.pending)-1 && chance.IntN(2) == 0 {
			data = data[:chance.IntN(len(data)+1)] // torn
		}
		left = put(left, w.at, data)
	}
	return &file{data: left, synced: slices.Clone(left)}
}

// put writes into content, which grows as it must.
func put(content []byte, at int64, data []byte) []byte {
	if missing := at + int64(len(data)) - int64(len(content)); missing > 0 {
		content = append(content, make([]byte, missing)...)
	}
	copy(content[at:], data)
	return content
}

// handle is an open file.
type handle struct{ f *file }

func (h handle) ReadAt(b []byte, at int64) (int, error) {
	h.f.mu.Lock()
	defer h.f.mu.Unlock()
	if at >= int64(len(h.f.data)) {
		return 0, io.EOF
	}
	n := copy(b, h.f.data[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (h handle) WriteAt(b []byte, at int64) (int, error) {
	h.f.mu.Lock()
	defer h.f.mu.Unlock()
	h.f.data = put(h.f.data, at, b)
	h.f.pending = append(h.f.pending, write{at, slices.Clone(b)})
	return len(b), nil
}

func (h handle) Sync() error {
	h.f.mu.Lock()
	defer h.f.mu.Unlock()
	for _, w := range h.f.pending {
		h.f.synced = put(h.f.synced, w.at, w.data)
	}
	h.f.pending = nil
	return nil
}

func (h handle) Size() (int64, error) {
	h.f.mu.Lock()
	defer h.f.mu.Unlock()
	return int64(len(h.f.data)), nil
}

// OS is nil: there is no such file, and the kernel sends none of it.
func (h handle) OS() *os.File { return nil }

func (h handle) Close() error { return nil }
