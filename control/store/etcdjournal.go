package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/warmfront/warmfront/cdn"
)

const (
	// txnOps and txnBytes keep a transaction below what etcd takes by default: 128
	// operations, and 1.5 MiB with all that is around the values.
	txnOps   = 100
	txnBytes = 1 << 20
	// pageSize is how many keys are read at once.
	pageSize = 500
)

// pointer is what the snapshot's key holds: which one counts, and in how many
// parts it is.
type pointer struct {
	Version cdn.Version `json:"version"`
	ID      string      `json:"id"`
	Parts   int         `json:"parts"`
}

// place is the journal's two ends, as of one revision of the cluster.
type place struct {
	at    int64 // the revision
	snap  pointer
	found kv // of the snapshot's key
	head  cdn.Version
}

func (e *Etcd) place() (place, error) {
	resp, err := e.read(clientv3.OpGet(e.prefix+"snapshot"), clientv3.OpGet(e.prefix+"head"))
	if err != nil {
		return place{}, err
	}
	p := place{at: resp.Header.Revision, found: first(resp, 0)}
	if p.found.revision == 0 {
		return p, nil
	}
	if err := json.Unmarshal(p.found.value, &p.snap); err != nil {
		return p, fmt.Errorf("the snapshot's key in etcd: %w", err)
	}
	p.head, err = parseEtcdKey(string(first(resp, 1).value))
	return p, err
}

// Load implements Store. Should etcd's own history be compacted while it reads, it
// begins again.
func (e *Etcd) Load() (snap cdn.Snapshot, changes []cdn.Change, err error) {
	for range 5 {
		if snap, changes, err = e.load(); !errors.Is(err, rpctypes.ErrCompacted) {
			break
		}
	}
	return snap, changes, err
}

func (e *Etcd) load() (snap cdn.Snapshot, changes []cdn.Change, err error) {
	p, err := e.place()
	if err != nil || p.found.revision == 0 {
		return snap, nil, err
	}
	from := e.prefix + "snapshots/" + p.snap.ID + "/"
	docs, err := e.entries(from, clientv3.GetPrefixRangeEnd(from), p.at, -1)
	if err != nil {
		return snap, nil, fmt.Errorf("the journal's snapshot: %w", err)
	}
	if len(docs) != 1 || docs[0].parts != p.snap.Parts {
		return snap, nil, errors.New("the journal's snapshot in etcd lacks parts")
	}
	if err := json.Unmarshal(docs[0].doc, &snap); err != nil {
		return snap, nil, fmt.Errorf("the journal's snapshot: %w", err)
	}
	changes, err = e.changes(snap.Version, p, -1)
	return snap, changes, err
}

// After implements Store.
func (e *Etcd) After(v cdn.Version, limit int) (changes []cdn.Change, err error) {
	for range 5 {
		var p place
		if p, err = e.place(); err != nil {
			return nil, err
		}
		if v.Before(p.snap.Version) || p.head.Before(v) {
			return nil, fmt.Errorf("%w: what follows %v; the journal has what follows %v up to %v", ErrCompacted, v, p.snap.Version, p.head)
		}
		if changes, err = e.changes(v, p, limit); !errors.Is(err, rpctypes.ErrCompacted) {
			break
		}
	}
	return changes, err
}

func (e *Etcd) changeKey(v cdn.Version) string { return e.prefix + "changes/" + etcdKey(v) + "/" }

// changes returns the changes after v, in order and without a gap. What lies
// beyond the head was never made: an Append ended before its last transaction.
func (e *Etcd) changes(v cdn.Version, p place, limit int) (changes []cdn.Change, err error) {
	if v == p.head {
		return nil, nil
	}
	docs, err := e.entries(e.changeKey(v.Next()), e.changeKey(p.head.Next()), p.at, limit)
	if err != nil {
		return nil, err
	}
	for _, d := range docs {
		var c cdn.Change
		if err := json.Unmarshal(d.doc, &c); err != nil {
			return nil, fmt.Errorf("the journal at %s: %w", d.name, err)
		}
		if c.Version != v.Next() || !strings.HasSuffix(d.name, etcdKey(c.Version)) {
			return nil, fmt.Errorf("the journal at %v: %w", c.Version, ErrGap)
		}
		v = c.Version
		changes = append(changes, c)
	}
	if v != p.head && len(changes) != limit {
		return nil, fmt.Errorf("the journal after %v: %w", v, ErrGap)
	}
	return changes, nil
}

// Append implements Store. The entries are written first, where they do not fit
// into one transaction, and count from the one that moves the head.
func (e *Etcd) Append(changes []cdn.Change) error {
	if len(changes) == 0 {
		return nil
	}
	v := changes[0].Version
	if v.Number == 0 {
		return ErrGap
	}
	before := cdn.Version{Epoch: v.Epoch, Number: v.Number - 1}
	var puts []part
	for i, c := range changes {
		if i > 0 && c.Version != changes[i-1].Version.Next() {
			return fmt.Errorf("%w: %v after %v", ErrGap, c.Version, changes[i-1].Version)
		}
		doc, err := json.Marshal(c)
		if err != nil {
			return err
		}
		puts = append(puts, split(e.changeKey(c.Version), doc)...)
	}
	e.journal.Lock()
	defer e.journal.Unlock()
	head := e.prefix + "head"
	last := etcdKey(changes[len(changes)-1].Version)
	when := []clientv3.Cmp{clientv3.Compare(clientv3.Value(head), "=", etcdKey(before))}
	batches := group(puts)
	for i, ops := range batches {
		c := change{when: when, then: ops, look: []clientv3.Op{clientv3.OpGet(head)}, landed: func([]kv) bool { return false }}
		if i == len(batches)-1 {
			c.then = append(c.then, clientv3.OpPut(head, last))
			// Nobody else writes in this reign, so the head is there by this Append.
			c.landed = func(found []kv) bool { return string(found[0].value) == last }
		}
		_, found, err := e.write(c)
		if errors.Is(err, errConflict) {
			return fmt.Errorf("%w: %v, and it ends at %q", ErrGap, v, found[0].value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Compact implements Store. The snapshot's parts are written first; the one
// transaction that makes it count drops what it covers.
func (e *Etcd) Compact(snap cdn.Snapshot) error {
	doc, err := json.Marshal(snap)
	if err != nil {
		return err
	}
	e.journal.Lock()
	defer e.journal.Unlock()
	p, err := e.place()
	if err != nil {
		return err
	}
	newEpoch := snap.Version.Epoch > p.head.Epoch
	if snap.Version.Before(p.snap.Version) || p.head.Before(snap.Version) && !newEpoch {
		return fmt.Errorf("%w: it is of %v, the journal goes from %v to %v", ErrOutdated, snap.Version, p.snap.Version, p.head)
	}
	all := e.prefix + "snapshots/"
	id := newID()
	own := all + id + "/"
	parts := split(own, doc)
	pointerKey, head := e.prefix+"snapshot", e.prefix+"head"
	when := []clientv3.Cmp{clientv3.Compare(clientv3.ModRevision(pointerKey), "=", p.found.revision)}
	look := []clientv3.Op{clientv3.OpGet(pointerKey)}
	for _, ops := range group(parts) {
		_, _, err := e.write(change{when: when, then: ops, look: look, landed: func([]kv) bool { return false }})
		if err != nil {
			return outdated(err)
		}
	}
	value, err := json.Marshal(pointer{snap.Version, id, len(parts)})
	if err != nil {
		return err
	}
	then := []clientv3.Op{
		clientv3.OpPut(pointerKey, string(value)),
		clientv3.OpDelete(e.prefix+"changes/", clientv3.WithRange(e.changeKey(snap.Version.Next()))),
		clientv3.OpDelete(all, clientv3.WithRange(own)),
		clientv3.OpDelete(clientv3.GetPrefixRangeEnd(own), clientv3.WithRange(clientv3.GetPrefixRangeEnd(all))),
	}
	if newEpoch {
		then = append(then, clientv3.OpPut(head, etcdKey(snap.Version)))
	}
	_, _, err = e.write(change{when: when, then: then, look: look, landed: func(found []kv) bool {
		return string(found[0].value) == string(value)
	}})
	return outdated(err)
}

func outdated(err error) error {
	if errors.Is(err, errConflict) {
		return fmt.Errorf("%w: another was kept meanwhile", ErrOutdated)
	}
	return err
}

// group makes transactions of puts, in order, none too large.
func group(parts []part) (batches [][]clientv3.Op) {
	var ops []clientv3.Op
	size := 0
	for _, p := range parts {
		if len(ops) == txnOps || size+len(p.value) > txnBytes && len(ops) > 0 {
			batches, ops, size = append(batches, ops), nil, 0
		}
		ops = append(ops, clientv3.OpPut(p.key, string(p.value)))
		size += len(p.value)
	}
	return append(batches, ops)
}

// entry is a document that was read, with the key that its parts have in common.
type entry struct {
	name  string
	doc   []byte
	parts int
}

// entries reads the documents between two keys, as of one revision, at most limit
// of them if that is not negative.
func (e *Etcd) entries(from, to string, at int64, limit int) ([]entry, error) {
	var docs []entry
	var j joiner
	for len(docs) != limit {
		resp, err := e.read(clientv3.OpGet(from, clientv3.WithRange(to), clientv3.WithRev(at), clientv3.WithLimit(pageSize)))
		if err != nil {
			return nil, err
		}
		page := resp.Responses[0].GetResponseRange()
		for _, found := range page.Kvs {
			d, done, err := j.add(string(found.Key), found.Value)
			if err != nil {
				return nil, err
			}
			if done {
				docs = append(docs, d)
			}
			if len(docs) == limit {
				return docs, nil
			}
			from = string(found.Key) + "\x00"
		}
		if !page.More {
			break
		}
	}
	if !j.complete() {
		return nil, fmt.Errorf("%s in etcd lacks parts", j.name)
	}
	return slices.Clip(docs), nil
}
