package store

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/warmfront/warmfront/cdn"
)

// Etcd is a Shared store in an etcd cluster, under one prefix:
//
//	leader              who leads; written when somebody takes over, and then only
//	renewed             written with each renewal, deleted by a resignation
//	head                the version of the newest change
//	changes/VERSION/N   each change, in parts where it is large
//	snapshot            which snapshot counts
//	snapshots/ID/N      its parts
//	values/NAMESPACE/…  named values; secrets are encrypted
//
// Whatever is written is written by a transaction that asks whether the leader's
// key is still the one that this control wrote. What a transaction that was given
// up may still do when it arrives late is bounded by a second condition, on the
// head or on the revision of the key it changes.
type Etcd struct {
	client *clientv3.Client
	prefix string
	seal   *seal
	closed atomic.Bool
	// reign is the revision of the leader's key that this control wrote; zero while
	// it does not lead.
	reign atomic.Int64

	journal sync.Mutex // held while the journal is written
	values  sync.Mutex // held while a named value is written
	// known are the revisions of values as this control last saw them.
	known map[string]int64
}

// EtcdConfig says where the cluster is.
type EtcdConfig struct {
	// Endpoints are the members' client addresses, host:port.
	Endpoints []string
	// Prefix begins every key; "/warmfront" when empty. Two networks can share a
	// cluster under two prefixes.
	Prefix string
	// TLS is nil for connections in the clear.
	TLS *tls.Config
	// Secret is the cluster secret, of which the key that secrets are encrypted
	// with is made.
	Secret []byte
}

const (
	// etcdAttempt is for one request: a member that answers later than that is
	// left for another.
	etcdAttempt = 1500 * time.Millisecond
	// etcdPatience is for a write: longer than etcd takes to elect a leader of its
	// own, shorter than a caller waits.
	etcdPatience = 8 * time.Second
	// etcdRetry is between two attempts.
	etcdRetry = 100 * time.Millisecond
)

// OpenEtcd connects to a cluster in the background: the first call finds out
// whether it can be reached.
func OpenEtcd(cfg EtcdConfig) (*Etcd, error) {
	if len(cfg.Endpoints) == 0 {
		return nil, errors.New("etcd needs the address of a member at least")
	}
	s, err := newSeal(cfg.Secret)
	if err != nil {
		return nil, err
	}
	if cfg.Prefix == "" {
		cfg.Prefix = "/warmfront"
	}
	client, err := clientv3.New(clientv3.Config{
		Endpoints: cfg.Endpoints, TLS: cfg.TLS, DialTimeout: etcdAttempt, Logger: zap.NewNop(),
		// Often enough to notice a member that is cut off, not so often that etcd
		// takes it for abuse.
		DialKeepAliveTime: 6 * time.Second, DialKeepAliveTimeout: 2 * time.Second, PermitWithoutStream: true,
	})
	if err != nil {
		return nil, fmt.Errorf("etcd: %w", err)
	}
	return &Etcd{client: client, prefix: strings.TrimSuffix(cfg.Prefix, "/") + "/", seal: s, known: map[string]int64{}}, nil
}

// Close ends the connections.
func (e *Etcd) Close() error {
	if e.closed.Swap(true) {
		return nil
	}
	e.reign.Store(0)
	return e.client.Close()
}

// read makes a request that changes nothing, again if it fails, until patience
// ends.
func (e *Etcd) read(ops ...clientv3.Op) (*clientv3.TxnResponse, error) {
	var resp *clientv3.TxnResponse
	err := e.insist(func(ctx context.Context) (err error) {
		resp, err = e.client.Txn(ctx).Then(ops...).Commit()
		return err
	})
	return resp, err
}

// insist makes attempts until one succeeds, fails for good, or patience ends.
func (e *Etcd) insist(attempt func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), etcdPatience)
	defer cancel()
	for {
		if e.closed.Load() {
			return errors.New("the store is closed")
		}
		one, end := context.WithTimeout(ctx, etcdAttempt)
		err := attempt(one)
		end()
		if err == nil || permanent(err) {
			return explainEtcd(err)
		}
		select {
		case <-time.After(etcdRetry):
		case <-ctx.Done():
			return explainEtcd(err)
		}
	}
}

// permanent reports whether an error is the cluster's own refusal, which another
// attempt would meet again and which says that nothing was written.
func permanent(err error) bool {
	for _, e := range []error{
		rpctypes.ErrRequestTooLarge, rpctypes.ErrNoSpace, rpctypes.ErrTooManyOps, rpctypes.ErrPermissionDenied,
		rpctypes.ErrAuthFailed, rpctypes.ErrUserEmpty, rpctypes.ErrCompacted, ErrNotLeader, errConflict,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// explainEtcd says in words what to do about the errors that an operator can help.
func explainEtcd(err error) error {
	switch {
	case err == nil || errors.Is(err, ErrNotLeader) || errors.Is(err, errConflict):
		return err
	case errors.Is(err, rpctypes.ErrNoSpace):
		return fmt.Errorf("etcd is full: compact and defragment it, then disarm its alarm (etcdctl alarm disarm): %w", err)
	case errors.Is(err, rpctypes.ErrPermissionDenied), errors.Is(err, rpctypes.ErrAuthFailed), errors.Is(err, rpctypes.ErrUserEmpty):
		return fmt.Errorf("etcd refuses this control: its user needs to read and write the prefix (--store-cert): %w", err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("etcd does not answer: most of its members must be up and reachable (--store): %w", err)
	}
	return fmt.Errorf("etcd: %w", err)
}

// errConflict is a condition of a transaction, other than the leader's, that did
// not hold.
var errConflict = errors.New("etcd holds something else")

// change is a transaction and how to tell whether it was made.
type change struct {
	when []clientv3.Cmp
	then []clientv3.Op
	// look is read when a condition does not hold, what was to be written first;
	// landed says by that whether an attempt of which nothing was heard was made
	// after all.
	look   []clientv3.Op
	landed func([]kv) bool
}

// kv is what was found under one key; the zero kv is nothing.
type kv struct {
	value    []byte
	revision int64
}

func first(r *clientv3.TxnResponse, i int) kv {
	if kvs := r.Responses[i].GetResponseRange().Kvs; len(kvs) > 0 {
		return kv{kvs[0].Value, kvs[0].ModRevision}
	}
	return kv{}
}

// write makes a change if this control leads, and returns the revision of what it
// wrote. It returns ErrNotLeader if it does not lead, errConflict with what look
// found if another condition does not hold, and ErrUnknown if nothing can be said:
// then this control leads no more, for it does not know what it would go on from.
func (e *Etcd) write(c change) (revision int64, found []kv, err error) {
	reign := e.reign.Load()
	if reign == 0 {
		return 0, nil, ErrNotLeader
	}
	leader := e.prefix + "leader"
	when := append([]clientv3.Cmp{clientv3.Compare(clientv3.ModRevision(leader), "=", reign)}, c.when...)
	look := append([]clientv3.Op{clientv3.OpGet(leader)}, c.look...)
	unheard := false
	err = e.insist(func(ctx context.Context) error {
		resp, err := e.client.Txn(ctx).If(when...).Then(c.then...).Else(look...).Commit()
		if err != nil {
			unheard = unheard || !permanent(err)
			return err
		}
		if resp.Succeeded {
			revision = resp.Header.Revision
			return nil
		}
		if first(resp, 0).revision != reign {
			return ErrNotLeader
		}
		found = nil
		for i := range c.look {
			found = append(found, first(resp, i+1))
		}
		if unheard && c.landed(found) {
			revision = found[0].revision
			return nil
		}
		return errConflict
	})
	switch {
	case errors.Is(err, ErrNotLeader):
		e.reign.CompareAndSwap(reign, 0)
	case err != nil && unheard:
		e.reign.CompareAndSwap(reign, 0)
		err = fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	return revision, found, err
}

// Leader implements Shared.
func (e *Etcd) Leader(ctx context.Context) (Leader, error) {
	resp, err := e.client.Txn(ctx).Then(clientv3.OpGet(e.prefix+"leader"), clientv3.OpGet(e.prefix+"renewed")).Commit()
	if err != nil {
		return Leader{}, explainEtcd(err)
	}
	var l Leader
	if doc := first(resp, 0); doc.revision != 0 {
		if err := json.Unmarshal(doc.value, &l); err != nil {
			return Leader{}, fmt.Errorf("the leader's key in etcd: %w", err)
		}
		l.Reign = doc.revision
	}
	l.Mark = first(resp, 1).revision
	return l, nil
}

// Take implements Shared.
func (e *Etcd) Take(ctx context.Context, seen, own Leader) error {
	e.reign.Store(0)
	doc, err := json.Marshal(own)
	if err != nil {
		return err
	}
	leader, renewed := e.prefix+"leader", e.prefix+"renewed"
	resp, err := e.client.Txn(ctx).If(
		clientv3.Compare(clientv3.ModRevision(leader), "=", seen.Reign),
		clientv3.Compare(clientv3.ModRevision(renewed), "=", seen.Mark),
	).Then(clientv3.OpPut(leader, string(doc)), clientv3.OpPut(renewed, own.ID)).Commit()
	switch {
	case err != nil:
		return explainEtcd(err)
	case !resp.Succeeded:
		return ErrNotLeader
	}
	e.values.Lock()
	clear(e.known) // others have written since
	e.values.Unlock()
	e.reign.Store(resp.Header.Revision)
	return nil
}

// Renew implements Shared.
func (e *Etcd) Renew(ctx context.Context) error {
	reign := e.reign.Load()
	if reign == 0 {
		return ErrNotLeader
	}
	leader := e.prefix + "leader"
	resp, err := e.client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(leader), "=", reign)).
		Then(clientv3.OpPut(e.prefix+"renewed", "")).Commit()
	switch {
	case err != nil:
		return explainEtcd(err)
	case !resp.Succeeded:
		e.reign.CompareAndSwap(reign, 0)
		return ErrNotLeader
	}
	return nil
}

// Resign implements Shared.
func (e *Etcd) Resign(ctx context.Context) error {
	reign := e.reign.Swap(0)
	if reign == 0 {
		return nil
	}
	_, err := e.client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(e.prefix+"leader"), "=", reign)).
		Then(clientv3.OpDelete(e.prefix + "renewed")).Commit()
	return explainEtcd(err)
}

func (e *Etcd) valueKey(ns Namespace, name string) string {
	return e.prefix + "values/" + string(ns) + "/" + name
}

// Get implements Store.
func (e *Etcd) Get(ns Namespace, name string) ([]byte, error) {
	key := e.valueKey(ns, name)
	resp, err := e.read(clientv3.OpGet(key))
	if err != nil {
		return nil, err
	}
	found := first(resp, 0)
	if found.revision == 0 {
		return nil, nil
	}
	return e.opened(ns, name, found.value)
}

func (e *Etcd) opened(ns Namespace, name string, value []byte) ([]byte, error) {
	if ns == Secrets {
		return e.seal.open(name, value)
	}
	return value, nil
}

// Put implements Store. Each change of a value is conditional on the revision it
// replaces, so that one that was given up cannot arrive later and undo the next.
func (e *Etcd) Put(ns Namespace, name string, value []byte) error {
	key := e.valueKey(ns, name)
	op := clientv3.OpDelete(key)
	if value != nil {
		if ns == Secrets {
			value = e.seal.close(name, value)
		}
		if len(value) > partSize {
			return fmt.Errorf("the value %q has %d bytes; etcd takes %d", name, len(value), partSize)
		}
		op = clientv3.OpPut(key, string(value))
	}
	e.values.Lock()
	defer e.values.Unlock()
	for {
		revision, found, err := e.write(change{
			when: []clientv3.Cmp{clientv3.Compare(clientv3.ModRevision(key), "=", e.known[key])},
			then: []clientv3.Op{op}, look: []clientv3.Op{clientv3.OpGet(key)},
			landed: func(found []kv) bool {
				return (found[0].revision == 0) == (value == nil) && bytes.Equal(found[0].value, value)
			},
		})
		switch {
		case errors.Is(err, errConflict):
			e.known[key] = found[0].revision
			continue
		case err == nil && value == nil:
			revision = 0
		}
		e.known[key] = revision
		return err
	}
}

// All implements Store.
func (e *Etcd) All(ns Namespace) (map[string][]byte, error) {
	prefix := e.valueKey(ns, "")
	all := map[string][]byte{}
	for from, end := prefix, clientv3.GetPrefixRangeEnd(prefix); ; {
		resp, err := e.read(clientv3.OpGet(from, clientv3.WithRange(end), clientv3.WithLimit(pageSize)))
		if err != nil {
			return nil, err
		}
		page := resp.Responses[0].GetResponseRange()
		for _, found := range page.Kvs {
			name := strings.TrimPrefix(string(found.Key), prefix)
			if all[name], err = e.opened(ns, name, found.Value); err != nil {
				return nil, err
			}
			from = string(found.Key) + "\x00"
		}
		if !page.More {
			return all, nil
		}
	}
}

// etcdKey orders as versions do.
func etcdKey(v cdn.Version) string { return fmt.Sprintf("%016x-%016x", v.Epoch, v.Number) }

func parseEtcdKey(s string) (v cdn.Version, err error) {
	if _, err = fmt.Sscanf(s, "%016x-%016x", &v.Epoch, &v.Number); err != nil {
		err = fmt.Errorf("%q in etcd is no version", s)
	}
	return v, err
}
