package store_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/store"
	"github.com/warmfront/warmfront/control/store/etcdtest"
)

var secret = []byte("a cluster secret of a test")

func openEtcd(t *testing.T, c *etcdtest.Cluster, prefix string) *store.Etcd {
	t.Helper()
	s, err := store.OpenEtcd(store.EtcdConfig{Endpoints: c.Endpoints, Prefix: prefix, Secret: secret})
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// lead makes a store's control the leader, whoever leads.
func lead(t *testing.T, s *store.Etcd) {
	t.Helper()
	seen, err := s.Leader(t.Context())
	must(t, err)
	must(t, s.Take(t.Context(), seen, store.Leader{ID: "control-1"}))
}

func TestEtcdConforms(t *testing.T) {
	c := etcdtest.Start(t, 1)
	conform(t, func(t *testing.T, dir string) store.Store {
		s := openEtcd(t, c, dir)
		lead(t, s)
		return s
	})
}

func TestNobodyButTheLeaderWrites(t *testing.T) {
	c := etcdtest.Start(t, 1)
	old, other := openEtcd(t, c, "/p"), openEtcd(t, c, "/p/")
	if err := old.Put(store.Meta, "x", []byte("1")); !errors.Is(err, store.ErrNotLeader) {
		t.Errorf("written without a leader: %v", err)
	}
	nobody, err := old.Leader(t.Context())
	if err != nil || nobody != (store.Leader{}) {
		t.Errorf("before the first there leads %v, %v", nobody, err)
	}
	lead(t, old)
	must(t, old.Compact(cdn.Snapshot{Version: ver(1, 0)}))
	must(t, old.Append(changes(1, 1, 2)))
	must(t, old.Put(store.Meta, "x", []byte("1")))

	seen, err := other.Leader(t.Context())
	if err != nil || seen.ID != "control-1" || seen.Reign == 0 || seen.Mark == 0 {
		t.Fatalf("there leads %v, %v", seen, err)
	}
	must(t, old.Renew(t.Context()))
	if err := other.Take(t.Context(), seen, store.Leader{ID: "control-2"}); !errors.Is(err, store.ErrNotLeader) {
		t.Errorf("taken from a leader that has renewed: %v", err)
	}
	seen, err = other.Leader(t.Context())
	must(t, err)
	must(t, other.Take(t.Context(), seen, store.Leader{ID: "control-2", API: "http://two"}))
	if now, err := old.Leader(t.Context()); err != nil || now.ID != "control-2" || now.API != "http://two" || now.Reign == seen.Reign {
		t.Errorf("there leads %v, %v", now, err)
	}

	for name, write := range map[string]func(s *store.Etcd) error{
		"append":  func(s *store.Etcd) error { return s.Append(changes(1, 3, 3)) },
		"compact": func(s *store.Etcd) error { return s.Compact(cdn.Snapshot{Version: ver(1, 2)}) },
		"epoch":   func(s *store.Etcd) error { return s.Compact(cdn.Snapshot{Version: ver(9, 0)}) },
		"put":     func(s *store.Etcd) error { return s.Put(store.Meta, "x", []byte("2")) },
		"remove":  func(s *store.Etcd) error { return s.Put(store.Meta, "x", nil) },
		"renew":   func(s *store.Etcd) error { return s.Renew(t.Context()) },
	} {
		// Each is refused by the transaction, not by what the store remembers: a
		// leader that was paused has not heard of the other.
		woken := store.Woken(old, seen.Reign)
		if err := write(woken); !errors.Is(err, store.ErrNotLeader) {
			t.Errorf("%s by an old leader: %v", name, err)
		}
	}
	must(t, store.Woken(old, seen.Reign).Resign(t.Context()))
	if now, err := old.Leader(t.Context()); err != nil || now.Mark == 0 {
		t.Errorf("an old leader resigned for the new one: %v, %v", now, err)
	}
	wantLoad(t, other, ver(1, 0), changes(1, 1, 2))
	must(t, other.Append(changes(1, 3, 3)))
	if got, err := other.Get(store.Meta, "x"); err != nil || string(got) != "1" {
		t.Errorf("got %q, %v", got, err)
	}
	must(t, other.Resign(t.Context()))
	if now, err := old.Leader(t.Context()); err != nil || now.Mark != 0 {
		t.Errorf("after a resignation: %v, %v", now, err)
	}
}

// TestLargeThingsFit appends and compacts what no request of etcd could carry.
func TestLargeThingsFit(t *testing.T) {
	c := etcdtest.Start(t, 1)
	s := openEtcd(t, c, "/large")
	lead(t, s)
	must(t, s.Compact(cdn.Snapshot{Version: ver(1, 0)}))
	noise := make([]byte, 3<<20)
	if _, err := rand.NewChaCha8([32]byte{1}).Read(noise); err != nil {
		t.Fatal(err)
	}
	large, err := json.Marshal(noise)
	must(t, err)
	batch := changes(1, 1, 300)
	batch[7].Body, batch[8].Body = large, json.RawMessage(fmt.Sprintf("%q", strings.Repeat("a", 1<<20)))
	must(t, s.Append(batch))
	wantLoad(t, s, ver(1, 0), batch)
	if got, err := s.After(ver(1, 6), 3); err != nil || !reflect.DeepEqual(got, batch[6:9]) {
		t.Errorf("%d changes, %v", len(got), err)
	}
	for range 2 {
		must(t, s.Compact(cdn.Snapshot{Version: ver(1, 300), Changes: batch}))
		snap, tail, err := s.Load()
		if err != nil || len(tail) != 0 || !reflect.DeepEqual(snap.Changes, batch) {
			t.Errorf("%d changes and %d after, %v", len(snap.Changes), len(tail), err)
		}
	}
	if err := s.Put(store.Meta, "too large", noise); err == nil || !strings.Contains(err.Error(), "bytes") {
		t.Errorf("a value of 3 MiB: %v", err)
	}
}

func TestSecretsAreEncrypted(t *testing.T) {
	c := etcdtest.Start(t, 1)
	s := openEtcd(t, c, "/secrets")
	lead(t, s)
	must(t, s.Put(store.Secrets, "key", []byte("not to be seen")))
	must(t, s.Put(store.Meta, "open", []byte("to be seen")))
	etcdctl, err := exec.LookPath("etcdctl")
	if err != nil {
		t.Skip("there is no etcdctl in PATH: install it (Debian: etcd-client) to run this test")
	}
	cmd := exec.CommandContext(t.Context(), etcdctl, "--endpoints", c.Endpoints[0], "get", "--prefix", "/") //nolint:gosec // the arguments are this test's
	cmd.Env = []string{"ETCDCTL_API=3"}
	seen, err := cmd.Output()
	must(t, err)
	if bytes.Contains(seen, []byte("not to be seen")) || !bytes.Contains(seen, []byte("to be seen")) {
		t.Errorf("etcd holds %q", seen)
	}
	other, err := store.OpenEtcd(store.EtcdConfig{Endpoints: c.Endpoints, Prefix: "/secrets", Secret: []byte("another cluster's secret")})
	must(t, err)
	defer other.Close()
	if got, err := other.Get(store.Secrets, "key"); err == nil || !strings.Contains(err.Error(), "--cluster-secret-file") {
		t.Errorf("with another secret: %q, %v", got, err)
	}
}

// TestAWriteOfWhichNothingIsHeard ends the reign: what it would go on from is not
// known.
func TestAWriteOfWhichNothingIsHeard(t *testing.T) {
	c := etcdtest.Start(t, 1)
	s := openEtcd(t, c, "/"+filepath.Base(t.TempDir()))
	lead(t, s)
	must(t, s.Compact(cdn.Snapshot{Version: ver(1, 0)}))
	c.Kill(0)
	if err := s.Append(changes(1, 1, 1)); !errors.Is(err, store.ErrUnknown) || !strings.Contains(err.Error(), "--store") {
		t.Errorf("with the cluster down: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Renew(ctx); !errors.Is(err, store.ErrNotLeader) {
		t.Errorf("renewed: %v", err)
	}
}
