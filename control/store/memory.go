package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/warmfront/warmfront/cdn"
)

// Disk is what a store in memory outlives its processes by: a disk for networks in
// simulated time, where nothing may wait for a real one. The zero Disk is empty.
type Disk struct {
	mu sync.Mutex
	// snapshot and changes are as they would be written: nothing of what a process
	// holds is shared with the one that comes after it.
	floor    cdn.Version
	snapshot []byte
	changes  [][]byte
	values   map[Namespace]map[string][]byte
}

// Open opens the store on the disk.
func (d *Disk) Open() *Memory { return &Memory{disk: d} }

// Copy returns a disk with the same on it: a backup.
func (d *Disk) Copy() *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := &Disk{floor: d.floor, snapshot: d.snapshot, changes: slices.Clone(d.changes), values: map[Namespace]map[string][]byte{}}
	for ns, values := range d.values {
		c.values[ns] = maps.Clone(values)
	}
	return c
}

// Memory is a Store on a Disk.
type Memory struct {
	disk   *Disk
	closed bool // held: disk.mu
}

var errClosed = errors.New("the store is closed")

// use locks the disk for one call.
func (m *Memory) use(do func(*Disk) error) error {
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	if m.closed {
		return errClosed
	}
	return do(m.disk)
}

// Close implements Store.
func (m *Memory) Close() error {
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	m.closed = true
	return nil
}

func (d *Disk) head() cdn.Version {
	return cdn.Version{Epoch: d.floor.Epoch, Number: d.floor.Number + uint64(len(d.changes))}
}

// after returns at most limit of the changes after v, which is on the disk; all, if
// limit is negative.
func (d *Disk) after(v cdn.Version, limit int) (changes []cdn.Change, err error) {
	for _, doc := range d.changes[v.Number-d.floor.Number:] {
		if len(changes) == limit {
			break
		}
		var c cdn.Change
		if err := json.Unmarshal(doc, &c); err != nil {
			return nil, err
		}
		changes = append(changes, c)
	}
	return changes, nil
}

// Load implements Store.
func (m *Memory) Load() (snap cdn.Snapshot, changes []cdn.Change, err error) {
	err = m.use(func(d *Disk) (err error) {
		if d.snapshot != nil {
			if err := json.Unmarshal(d.snapshot, &snap); err != nil {
				return err
			}
		}
		changes, err = d.after(d.floor, -1)
		return err
	})
	return snap, changes, err
}

// Append implements Store.
func (m *Memory) Append(changes []cdn.Change) error {
	return m.use(func(d *Disk) error {
		last, docs := d.head(), [][]byte(nil)
		for _, c := range changes {
			if c.Version != last.Next() {
				return fmt.Errorf("%w: it ends at %v, given %v", ErrGap, last, c.Version)
			}
			doc, err := json.Marshal(c)
			if err != nil {
				return err
			}
			docs, last = append(docs, doc), c.Version
		}
		d.changes = append(d.changes, docs...)
		return nil
	})
}

// After implements Store.
func (m *Memory) After(v cdn.Version, limit int) (changes []cdn.Change, err error) {
	err = m.use(func(d *Disk) error {
		if head := d.head(); v.Before(d.floor) || v.Epoch != head.Epoch || head.Before(v) {
			return fmt.Errorf("%w: asked for what follows %v, the log has what follows %v up to %v", ErrCompacted, v, d.floor, head)
		}
		changes, err = d.after(v, limit)
		return err
	})
	return changes, err
}

// Compact implements Store.
func (m *Memory) Compact(snap cdn.Snapshot) error {
	doc, err := json.Marshal(snap)
	if err != nil {
		return err
	}
	return m.use(func(d *Disk) error {
		head := d.head()
		newEpoch := snap.Version.Epoch > head.Epoch
		if snap.Version.Before(d.floor) || head.Before(snap.Version) && !newEpoch {
			return fmt.Errorf("%w: it is of %v, the journal goes from %v to %v", ErrOutdated, snap.Version, d.floor, head)
		}
		if newEpoch {
			d.changes = nil
		} else {
			d.changes = slices.Clone(d.changes[snap.Version.Number-d.floor.Number:])
		}
		d.snapshot, d.floor = doc, snap.Version
		return nil
	})
}

// Get implements Store.
func (m *Memory) Get(ns Namespace, name string) (value []byte, err error) {
	err = m.use(func(d *Disk) error {
		value = bytes.Clone(d.values[ns][name])
		return nil
	})
	return value, err
}

// Put implements Store.
func (m *Memory) Put(ns Namespace, name string, value []byte) error {
	return m.use(func(d *Disk) error {
		if value == nil {
			delete(d.values[ns], name)
			return nil
		}
		if d.values == nil {
			d.values = map[Namespace]map[string][]byte{}
		}
		if d.values[ns] == nil {
			d.values[ns] = map[string][]byte{}
		}
		d.values[ns][name] = bytes.Clone(value)
		return nil
	})
}

// All implements Store.
func (m *Memory) All(ns Namespace) (all map[string][]byte, err error) {
	err = m.use(func(d *Disk) error {
		all = map[string][]byte{}
		for name, value := range d.values[ns] {
			all[name] = bytes.Clone(value)
		}
		return nil
	})
	return all, err
}
