package chaos

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
)

// disks are the machines' disks: each a folder, and another one after each crash. A process that has crashed goes on
// for a moment behind the scenes, and what it writes then stays in the folder that was its own.
type disks struct {
	base string

	mu   sync.Mutex
	runs map[string]int
}

func newDisks(base string) *disks { return &disks{base: base, runs: map[string]int{}} }

func (d *disks) path(name string, run int) string {
	return filepath.Join(d.base, name, strconv.Itoa(run))
}

// folder returns where a machine's disk is, which exists.
func (d *disks) folder(name string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	path := d.path(name, d.runs[name])
	_ = os.MkdirAll(path, 0o700) // whoever uses it says so, if it fails
	return path
}

// crash keeps the disk as it is for the next run of the machine.
func (d *disks) crash(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	from := d.path(name, d.runs[name])
	d.runs[name]++
	return copyFolder(from, d.path(name, d.runs[name]))
}

// copyFolder copies what lies in a folder while somebody may be writing there: files come and go, each as a whole.
func copyFolder(from, to string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		below, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.MkdirAll(filepath.Join(to, below), 0o700)
		}
		doc, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, below), doc, 0o600)
	})
}
