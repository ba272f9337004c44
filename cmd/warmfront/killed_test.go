package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/network/ports"
	"github.com/warmfront/warmfront/network/statefolder"
	"github.com/warmfront/warmfront/network/viewer"
)

// hosts are roles that run as processes of their own, each at an address of its own.
type hosts struct {
	t       *testing.T
	folder  statefolder.Folder
	third   byte // of their addresses
	running map[string]*exec.Cmd
	logs    map[string]*bytes.Buffer
}

func newHosts(t *testing.T) *hosts {
	t.Helper()
	h := &hosts{t: t, folder: statefolder.Folder(t.TempDir()), third: byte(os.Getpid()%250 + 1), running: map[string]*exec.Cmd{}, logs: map[string]*bytes.Buffer{}}
	l, err := net.Listen("tcp", hostPort(h.addr("control"), 80))
	if err != nil {
		t.Skipf("edges on hosts take port 80, which this user may not: %v", err)
	}
	_ = l.Close() // it was a try
	if _, err := h.folder.ClusterSecret(); err != nil {
		t.Fatal(err)
	}
	if _, err := h.folder.AccessKey(); err != nil {
		t.Fatal(err)
	}
	return h
}

func hostPort(a netip.Addr, port uint16) string { return netip.AddrPortFrom(a, port).String() }

// addr is a loopback address that no other test of this machine is at.
func (h *hosts) addr(id string) netip.Addr {
	return netip.AddrFrom4([4]byte{127, 234, h.third, byte(1 + slices.Index([]string{"control", "router-1", "NRT-1", "NRT-2", "SIN-1"}, id))})
}

// start runs a role; id is that of the node.
func (h *hosts) start(id string) {
	h.t.Helper()
	role, rest, _ := strings.Cut(id, "-")
	var args []string
	if role != "control" && role != "router" {
		role, args = "edge", []string{"--pop", role, "--k", rest, "--disk", "0"}
	}
	secret := h.folder.Join("cluster-secret")
	if role == "control" {
		args = []string{"--access-key-file", h.folder.Join(statefolder.AccessKeyFile)}
	}
	peer, join := hostPort(h.addr("control"), ports.ContainerPorts().Peer), hostPort(h.addr("control"), ports.ContainerPorts().Gossip)
	args = append([]string{role, "--sandbox", "--wan", "off", "--addr", h.addr(id).String(), "--cluster-secret-file", secret, "--data", h.folder.Join(id),
		"--control", peer, "--join", join}, args...)
	cmd := exec.Command("warmfront", args...) //nolint:gosec // the arguments are this test's
	h.logs[id] = &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = h.logs[id], h.logs[id]
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.running[id] = cmd
	h.t.Cleanup(func() {
		h.kill(id)
		if h.t.Failed() {
			h.t.Logf("%s said:\n%s", id, h.logs[id])
		}
	})
}

// kill ends a role as kill -9 does.
func (h *hosts) kill(ids ...string) {
	for _, id := range ids {
		if cmd := h.running[id]; cmd != nil {
			_ = cmd.Process.Kill() // it may have ended
		}
	}
	for _, id := range ids {
		if cmd := h.running[id]; cmd != nil {
			_ = cmd.Wait() // killed
			delete(h.running, id)
		}
	}
}

// answered are the ids of the nodes that a viewer in Tokyo is given, in the order of their
// addresses.
func (h *hosts) answered(name string) string {
	r := viewer.Resolver{Servers: []string{hostPort(h.addr("router-1"), 53)}, Timeout: time.Second}
	a, err := r.Lookup(h.t.Context(), name, netip.MustParseAddr("127.120.8.1"))
	if err != nil {
		return err.Error()
	}
	var ids []string
	for _, id := range []string{"NRT-1", "NRT-2", "SIN-1"} {
		if slices.Contains(a.Addrs, h.addr(id)) {
			ids = append(ids, id)
		}
	}
	return strings.Join(ids, " ")
}

// until waits until viewers are given something, and returns how long that took.
func (h *hosts) until(limit time.Duration, name, want string) time.Duration {
	h.t.Helper()
	from, got := time.Now(), ""
	if !within(limit, func() bool { got = h.answered(name); return got == want }) {
		h.t.Fatalf("a viewer in Tokyo is given %q after %v, want %q", got, limit, want)
	}
	took := time.Since(from)
	h.t.Logf("%q after %v", want, took.Round(100*time.Millisecond))
	return took
}

func (h *hosts) createDistribution() string {
	h.t.Helper()
	var out []byte
	if !within(30*time.Second, func() (ok bool) {
		cmd := exec.CommandContext(h.t.Context(), "warmfront", "distribution", "create", "--origin", "http://origin.example", "-o", "json", //nolint:gosec // the arguments are this test's
			"--data", h.folder.Join("operator"), "--access-key-file", h.folder.Join(statefolder.AccessKeyFile), "--endpoint", fmt.Sprintf("http://%s:8800", h.addr("control")))
		var err error
		out, err = cmd.Output()
		return err == nil
	}) {
		h.t.Fatal("no distribution can be made")
	}
	var made listed
	if err := json.Unmarshal(out, &made); err != nil {
		h.t.Fatalf("%v: %s", err, out)
	}
	return made.DomainName
}

// TestEdgesAreKilled has a control, a router and three edges as processes, and kills edges
// one after another: each is out of the answers within five seconds, and comes back more
// slowly if it goes again; what was good last is answered when nothing is good, when control
// is gone as well, and by a router that has just started.
func TestEdgesAreKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("starts whole processes")
	}
	h := newHosts(t)
	for _, id := range []string{"control", "router-1", "NRT-1", "NRT-2", "SIN-1"} {
		h.start(id)
	}
	name := h.createDistribution()
	h.until(30*time.Second, name, "NRT-1 NRT-2")

	h.kill("NRT-1")
	if took := h.until(5*time.Second, name, "NRT-2"); took < time.Second {
		t.Errorf("out after %v: one failed check is no proof", took)
	}
	h.kill("NRT-2")
	gone := time.Now()
	h.until(5*time.Second, name, "SIN-1")

	h.start("NRT-1")
	first := h.until(20*time.Second, name, "NRT-1")
	h.kill("NRT-1")
	h.until(5*time.Second, name, "SIN-1")
	// It has been up for less than a minute, so it needs four good checks now, not two.
	h.start("NRT-1")
	if second := h.until(30*time.Second, name, "NRT-1"); second <= first {
		t.Errorf("it came back after %v, and the next time after %v", first, second)
	}

	// Of what was good last nothing is as old as NRT-2, which is by more than ten seconds.
	<-time.After(time.Until(gone.Add(15 * time.Second)))
	h.kill("NRT-1", "SIN-1")
	for end := time.Now().Add(8 * time.Second); time.Now().Before(end); <-time.After(200 * time.Millisecond) {
		if got := h.answered(name); got != "NRT-1" && got != "SIN-1" {
			t.Fatalf("when no edge is healthy %q is given", got)
		}
	}
	h.until(time.Second, name, "NRT-1")
	h.kill("control", "router-1")
	h.start("router-1")
	h.until(20*time.Second, name, "NRT-1 NRT-2") // nothing has been checked: all that are registered
	for end := time.Now().Add(8 * time.Second); time.Now().Before(end); <-time.After(200 * time.Millisecond) {
		if got := h.answered(name); got != "NRT-1 NRT-2" {
			t.Fatalf("a router that finds nothing healthy gives %q", got)
		}
	}
}
