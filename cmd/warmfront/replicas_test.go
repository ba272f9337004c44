package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	node "github.com/warmfront/warmfront/control/client"
	"github.com/warmfront/warmfront/control/store"
	"github.com/warmfront/warmfront/control/store/etcdtest"
	"github.com/warmfront/warmfront/network/ports"
	"github.com/warmfront/warmfront/network/statefolder"
)

// replicas are real controls that share a real etcd.
type replicas struct {
	t       *testing.T
	folder  statefolder.Folder
	etcd    *etcdtest.Cluster
	secret  []byte
	addrs   []netip.Addr
	running []*exec.Cmd
	logs    []*bytes.Buffer
}

func newReplicas(t *testing.T, controls int) *replicas {
	t.Helper()
	r := &replicas{t: t, folder: statefolder.Folder(t.TempDir()), etcd: etcdtest.Start(t, 3)}
	var err error
	if r.secret, err = r.folder.ClusterSecret(); err != nil {
		t.Fatal(err)
	}
	if _, err = r.folder.AccessKey(); err != nil {
		t.Fatal(err)
	}
	// Addresses on loopback that no other test of this machine is at.
	third := byte(os.Getpid()%250 + 1)
	for i := range controls {
		r.addrs = append(r.addrs, netip.AddrFrom4([4]byte{127, 233, third, byte(i + 1)}))
		r.running, r.logs = append(r.running, nil), append(r.logs, nil)
	}
	return r
}

func (r *replicas) peers() (all []string) {
	for _, a := range r.addrs {
		all = append(all, netip.AddrPortFrom(a, ports.ContainerPorts().Peer).String())
	}
	return all
}

func (r *replicas) storeURL() string {
	return "etcd://" + strings.Join(r.etcd.Endpoints, ",") + "/replicas"
}

func (r *replicas) start(i int) {
	r.t.Helper()
	id := fmt.Sprintf("control-%d", i+1)
	cmd := exec.Command("warmfront", "control", "--sandbox", "--wan", "off", "--addr", r.addrs[i].String(), "--id", id, //nolint:gosec // the arguments are this test's
		"--store", r.storeURL(), "--access-key-file", r.folder.Join(statefolder.AccessKeyFile),
		"--cluster-secret-file", r.secretFile(), "--data", r.folder.Join(id), "--control", strings.Join(r.peers(), ","))
	r.logs[i] = &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = r.logs[i], r.logs[i]
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.running[i] = cmd
	r.t.Cleanup(func() {
		r.kill(i)
		if r.t.Failed() {
			r.t.Logf("%s said:\n%s", id, r.logs[i])
		}
	})
}

func (r *replicas) secretFile() string {
	path := r.folder.Join("secret")
	if err := os.WriteFile(path, r.secret, 0o600); err != nil {
		r.t.Fatal(err)
	}
	return path
}

// kill ends a control as kill -9 does.
func (r *replicas) kill(i int) {
	if cmd := r.running[i]; cmd != nil {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // killed
		r.running[i] = nil
	}
}

// leader waits until a control other than not leads, and returns which.
func (r *replicas) leader(s store.Shared, not int) int {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		l, err := s.Leader(ctx)
		for i := range r.addrs {
			if err == nil && l.Mark != 0 && l.ID == fmt.Sprintf("control-%d", i+1) && i != not {
				return i
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			r.t.Fatalf("no other control leads: %+v, %v", l, err)
		}
	}
}

// run runs a command against a control's API, again while that is not available,
// and decodes what it prints.
func (r *replicas) run(v any, control int, args ...string) {
	r.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		cmd := exec.CommandContext(r.t.Context(), "warmfront", append(args, "-o", "json", //nolint:gosec // the arguments are this test's
			"--data", r.folder.Join("operator"), "--access-key-file", r.folder.Join(statefolder.AccessKeyFile),
			"--endpoint", fmt.Sprintf("http://%s:8800", r.addrs[control]))...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err == nil {
			if err := json.Unmarshal(out, v); err != nil {
				r.t.Fatalf("%v: %v: %s", args, err, out)
			}
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%v: %v: %s", args, err, stderr.String())
		}
		<-tick.C
	}
}

// edge is a node that follows the controls, as an edge does.
func (r *replicas) edge(k int) *node.Client {
	r.t.Helper()
	cl, err := node.New(node.Config{
		Node:    cdn.Node{ID: fmt.Sprintf("FRA-%d", k), Role: cdn.RoleEdge, POP: "FRA", K: k, Addr: netip.MustParseAddr("127.1.0.1")},
		Control: r.peers(), Secret: r.secret, DataDir: r.folder.Join(fmt.Sprintf("FRA-%d", k)), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { ended <- cl.Run(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Errorf("an edge: %v", err)
		}
		if err := cl.Close(); err != nil {
			r.t.Errorf("an edge: %v", err)
		}
	})
	ready, done := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer done()
	if err := cl.Ready(ready); err != nil {
		r.t.Fatal(err)
	}
	return cl
}

type listed struct {
	Id, Status, DomainName string
}

// TestAnEtcdAndTheLeadingControlAreKilled has three processes of etcd and two of
// control, and kills one of each: what was accepted is there, and completes.
func TestAnEtcdAndTheLeadingControlAreKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("starts whole processes")
	}
	r := newReplicas(t, 2)
	watch, err := store.OpenEtcd(store.EtcdConfig{Endpoints: r.etcd.Endpoints, Prefix: "/replicas", Secret: r.secret})
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	r.start(0)
	leads := r.leader(watch, -1)
	r.start(1)
	edges := []*node.Client{r.edge(1), r.edge(2)}

	// Whichever is asked, the leader does it.
	stands := 1 - leads
	var site, got listed
	r.run(&site, stands, "distribution", "create", "--origin", "http://origin.example")
	accepted := map[string]bool{}
	invalidate := func(control int, path string, more ...string) {
		t.Helper()
		r.run(&got, control, append([]string{"invalidate", site.Id, path}, more...)...)
		accepted[got.Id] = true
	}
	invalidate(stands, "/both-up", "--wait")

	r.etcd.Kill(0)
	invalidate(leads, "/one-etcd-gone", "--wait")

	invalidate(leads, "/before")
	r.kill(leads)
	killed := time.Now()
	now := r.leader(watch, leads)
	t.Logf("another leads %v after the leader was killed", time.Since(killed).Round(100*time.Millisecond))
	invalidate(now, "/after", "--wait")
	t.Logf("what it was asked is Completed %v after", time.Since(killed).Round(100*time.Millisecond))

	// The one that was killed comes back, stands by and answers all the same.
	r.start(leads)
	invalidate(leads, "/back", "--wait")
	var all []listed
	r.run(&all, leads, "invalidations", "list", site.Id)
	if len(all) != len(accepted) {
		t.Errorf("%d invalidations were accepted, %d are there", len(accepted), len(all))
	}
	for _, i := range all {
		if !accepted[i.Id] || i.Status != "Completed" {
			t.Errorf("%s is %s", i.Id, i.Status)
		}
	}
	if l, err := watch.Leader(t.Context()); err != nil || l.ID != fmt.Sprintf("control-%d", now+1) {
		t.Errorf("there leads %+v, %v", l, err)
	}
	for i, e := range edges {
		if !e.Lease().Valid(time.Now()) || e.State().Version != edges[0].State().Version {
			t.Errorf("edge %d is at %v, with a lease: %v", i+1, e.State().Version, e.Lease().Valid(time.Now()))
		}
	}
	// No key of the network's is on a control's disk: another could not use it.
	for i := range r.addrs {
		err := filepath.WalkDir(r.folder.Join(fmt.Sprintf("control-%d", i+1)), func(path string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".key") {
				t.Errorf("%s is a key of its own", path)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}
