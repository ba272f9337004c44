// Package store keeps the journal and what control must remember besides it.
//
// A [Store] promises that what Append or Put has accepted is there after a crash
// of the machine, that the changes it holds are contiguous, and that a reader of
// [Store.After] either gets every change after its position or is told that it
// must take the snapshot. It knows nothing of what the changes mean: control
// tries each one before it is appended.
//
// [OpenBolt] keeps all of it in one file, readable by its owner only, because
// the namespace Secrets is in it. [OpenEtcd] keeps it in an etcd cluster, for
// several controls of which one leads and alone may write ([Shared]); what is in
// Secrets is encrypted there.
package store

import (
	"errors"

	"github.com/warmfront/warmfront/cdn"
)

// Namespace separates what is stored by name.
type Namespace string

// The namespaces: what control must remember of itself and of its nodes, and
// secret material, which is never in the journal.
const (
	Meta         Namespace = "meta"
	Incarnations Namespace = "incarnations"
	Secrets      Namespace = "secrets"
)

// The errors of a Store.
var (
	// ErrGap is Append's answer to changes that do not follow the head.
	ErrGap = errors.New("the changes do not follow the end of the journal")
	// ErrCompacted is After's answer to a position that is not in the log: it was
	// compacted away, or is of another epoch.
	ErrCompacted = errors.New("the position was compacted away")
	// ErrOutdated is Compact's answer to a snapshot that is behind the last one or
	// ahead of the journal in the same epoch.
	ErrOutdated = errors.New("the snapshot does not lie between the last snapshot and the end of the journal")
)

// Store is a durable journal and named values. All methods may be called
// concurrently; Append, Compact and Put return once what they did is durable.
type Store interface {
	// Load returns the newest snapshot, the zero Snapshot in an empty store, and
	// the changes after it.
	Load() (cdn.Snapshot, []cdn.Change, error)
	// Append adds changes, all or none. The first follows the head, each of the
	// others its predecessor.
	Append(changes []cdn.Change) error
	// After returns the changes that follow v, at most limit of them, in order.
	After(v cdn.Version, limit int) ([]cdn.Change, error)
	// Compact keeps snap and drops the changes it covers. A snapshot of a newer
	// epoch covers all, and the journal goes on from it; the first epoch begins so,
	// too.
	Compact(snap cdn.Snapshot) error

	// Get returns the value of a name, nil where there is none.
	Get(ns Namespace, name string) ([]byte, error)
	// Put sets the value of a name; nil removes it.
	Put(ns Namespace, name string, value []byte) error
	// All returns a copy of a namespace.
	All(ns Namespace) (map[string][]byte, error)

	Close() error
}
