package store

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/warmfront/warmfront/cdn"
)

// Bolt is a Store in one bbolt file. Every write is one transaction, which bbolt
// makes durable by writing the pages, then the page that refers to them, each
// with its own fsync: a crash at any point leaves the one state or the other.
type Bolt struct{ db *bbolt.DB }

// The buckets of the journal: changes by key(version), and the one snapshot.
const (
	changesBucket  = "changes"
	snapshotBucket = "snapshot"
	snapshotName   = "snapshot"
	snapshotHead   = "version"
)

// lockPatience is how long to wait for another process to let go of the file.
const lockPatience = time.Second

// OpenBolt opens the store in a file, which it makes with mode 0600.
func OpenBolt(path string) (*Bolt, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockPatience, FreelistType: bbolt.FreelistMapType})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("the journal %s is in use by another process: is a control running already?", path)
	}
	if err != nil {
		return nil, fmt.Errorf("open the journal %s: %w", path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, b := range []string{changesBucket, snapshotBucket, string(Meta), string(Incarnations), string(Secrets)} {
			if _, err := tx.CreateBucketIfNotExists([]byte(b)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the journal %s: %w", path, err), db.Close())
	}
	db.MaxBatchDelay = 2 * time.Millisecond
	return &Bolt{db}, nil
}

// Close closes the file.
func (b *Bolt) Close() error { return b.db.Close() }

// key orders as versions do.
func key(v cdn.Version) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, v.Epoch), v.Number)
}

func version(key []byte) cdn.Version {
	return cdn.Version{Epoch: binary.BigEndian.Uint64(key), Number: binary.BigEndian.Uint64(key[8:])}
}

// floor is the version of the snapshot: before it the log knows nothing.
func floor(tx *bbolt.Tx) cdn.Version {
	if k := tx.Bucket([]byte(snapshotBucket)).Get([]byte(snapshotHead)); k != nil {
		return version(k)
	}
	return cdn.Version{}
}

func head(tx *bbolt.Tx) cdn.Version {
	k, _ := tx.Bucket([]byte(changesBucket)).Cursor().Last()
	if k == nil {
		return floor(tx)
	}
	return version(k)
}

// Load implements Store.
func (b *Bolt) Load() (snap cdn.Snapshot, changes []cdn.Change, err error) {
	err = b.db.View(func(tx *bbolt.Tx) error {
		if doc := tx.Bucket([]byte(snapshotBucket)).Get([]byte(snapshotName)); doc != nil {
			if err := json.Unmarshal(doc, &snap); err != nil {
				return fmt.Errorf("the journal's snapshot: %w", err)
			}
		}
		changes, err = read(tx, snap.Version, -1)
		return err
	})
	return snap, changes, err
}

// read returns the changes after v, in order and without a gap.
func read(tx *bbolt.Tx, v cdn.Version, limit int) (changes []cdn.Change, err error) {
	c := tx.Bucket([]byte(changesBucket)).Cursor()
	for k, doc := c.Seek(key(v.Next())); k != nil && len(changes) != limit; k, doc = c.Next() {
		var change cdn.Change
		if err := json.Unmarshal(doc, &change); err != nil {
			return nil, fmt.Errorf("the journal at %v: %w", version(k), err)
		}
		if len(changes) > 0 && change.Version != changes[len(changes)-1].Version.Next() || !bytes.Equal(k, key(change.Version)) {
			return nil, fmt.Errorf("the journal at %v: %w", version(k), ErrGap)
		}
		changes = append(changes, change)
	}
	return changes, nil
}

// Append implements Store.
func (b *Bolt) Append(changes []cdn.Change) error {
	return b.db.Update(func(tx *bbolt.Tx) error {
		bucket, last := tx.Bucket([]byte(changesBucket)), head(tx)
		// Keys only grow, so pages are filled instead of split in half.
		bucket.FillPercent = 1
		for _, c := range changes {
			if c.Version != last.Next() {
				return fmt.Errorf("%w: it ends at %v, given %v", ErrGap, last, c.Version)
			}
			doc, err := json.Marshal(c)
			if err != nil {
				return err
			}
			if err := bucket.Put(key(c.Version), doc); err != nil {
				return err
			}
			last = c.Version
		}
		return nil
	})
}

// After implements Store.
func (b *Bolt) After(v cdn.Version, limit int) (changes []cdn.Change, err error) {
	err = b.db.View(func(tx *bbolt.Tx) error {
		if h := head(tx); v.Before(floor(tx)) || v.Epoch != h.Epoch || h.Before(v) {
			return fmt.Errorf("%w: asked for what follows %v, the log has what follows %v up to %v", ErrCompacted, v, floor(tx), h)
		}
		changes, err = read(tx, v, limit)
		return err
	})
	return changes, err
}

// Compact implements Store.
func (b *Bolt) Compact(snap cdn.Snapshot) error {
	doc, err := json.Marshal(snap)
	if err != nil {
		return err
	}
	return b.db.Update(func(tx *bbolt.Tx) error {
		h := head(tx)
		newEpoch := snap.Version.Epoch > h.Epoch
		if snap.Version.Before(floor(tx)) || h.Before(snap.Version) && !newEpoch {
			return fmt.Errorf("%w: it is of %v, the journal goes from %v to %v", ErrOutdated, snap.Version, floor(tx), h)
		}
		bucket := tx.Bucket([]byte(snapshotBucket))
		if err := errors.Join(bucket.Put([]byte(snapshotName), doc), bucket.Put([]byte(snapshotHead), key(snap.Version))); err != nil {
			return err
		}
		c := tx.Bucket([]byte(changesBucket)).Cursor()
		for k, _ := c.First(); k != nil && !snap.Version.Before(version(k)); k, _ = c.First() {
			if err := c.Delete(); err != nil {
				return err
			}
		}
		return nil
	})
}

// Get implements Store.
func (b *Bolt) Get(ns Namespace, name string) (value []byte, err error) {
	err = b.db.View(func(tx *bbolt.Tx) error {
		value = bytes.Clone(tx.Bucket([]byte(ns)).Get([]byte(name)))
		return nil
	})
	return value, err
}

// Put implements Store.
func (b *Bolt) Put(ns Namespace, name string, value []byte) error {
	// Batch shares the fsync among callers that come at the same time, as a
	// hundred nodes do when control starts.
	return b.db.Batch(func(tx *bbolt.Tx) error {
		if value == nil {
			return tx.Bucket([]byte(ns)).Delete([]byte(name))
		}
		return tx.Bucket([]byte(ns)).Put([]byte(name), value)
	})
}

// All implements Store.
func (b *Bolt) All(ns Namespace) (map[string][]byte, error) {
	all := map[string][]byte{}
	err := b.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(ns)).ForEach(func(k, v []byte) error {
			all[string(k)] = bytes.Clone(v)
			return nil
		})
	})
	return all, err
}
