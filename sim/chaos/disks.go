package chaos

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/warmfront/warmfront/sim/memdisk"
)

// machine is what a machine of an edge keeps: the client's folder, and the cache's disk. After each crash they are
// others: a process that has crashed goes on for a moment behind the scenes, and what it writes then is lost.
type machine struct {
	base string

	mu     sync.Mutex
	folder string
	runs   int
	cache  *memdisk.Disk
	copies []backup
}

// backup is an older copy of what is on a machine.
type backup struct {
	taken  time.Time
	folder string
	cache  *memdisk.Disk
}

// mostBackups is how many copies are kept.
const mostBackups = 6

func newMachine(base string) (*machine, error) {
	m := &machine{base: base, folder: filepath.Join(base, "0"), cache: memdisk.New()}
	return m, errors.Join(os.MkdirAll(m.folder, 0o700), os.MkdirAll(m.cacheDir(), 0o700))
}

// cacheDir is where the cache lies in its file system. The lock on it is a real file.
func (m *machine) cacheDir() string { return filepath.Join(m.base, "cache") }

func (m *machine) disks() (folder string, cache *memdisk.Disk) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.folder, m.cache
}

// fresh returns a new folder with what is in another. Held: mu.
func (m *machine) fresh(from string) (string, error) {
	m.runs++
	to := filepath.Join(m.base, strconv.Itoa(m.runs))
	return to, copyFolder(from, to)
}

// crash makes the disks those that the next process finds.
func (m *machine) crash(power bool, chance *rand.Rand) (err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.folder, err = m.fresh(m.folder)
	if power {
		m.cache = m.cache.Lose(chance)
	} else {
		m.cache = m.cache.Copy()
	}
	return err
}

// backUp keeps a copy.
func (m *machine) backUp() (err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := backup{taken: time.Now(), cache: m.cache.Copy()}
	b.folder, err = m.fresh(m.folder)
	if m.copies = append(m.copies, b); len(m.copies) > mostBackups {
		m.copies = m.copies[1:]
	}
	return err
}

// putBack makes the disks older copies of themselves, and says of when; pick, 0 to 1, chooses one. The time is zero
// where there is none.
func (m *machine) putBack(folder, cache bool, pick float64) (from time.Time, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.copies) == 0 {
		return from, nil
	}
	b := m.copies[int(pick*float64(len(m.copies)))]
	if folder {
		m.folder, err = m.fresh(b.folder)
	}
	if cache {
		m.cache = b.cache.Copy()
	}
	return b.taken, err
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
