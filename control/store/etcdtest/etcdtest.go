// Package etcdtest runs real etcd processes for tests: a cluster on loopback whose
// members can be killed.
package etcdtest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Cluster is a running cluster.
type Cluster struct {
	// Endpoints are the members' client addresses, host:port.
	Endpoints []string
	members   []*exec.Cmd
}

// Start runs a cluster of n members until the test ends. Where there is no etcd to
// run, the test is skipped.
func Start(t *testing.T, n int) *Cluster {
	t.Helper()
	path, err := exec.LookPath("etcd")
	if err != nil {
		t.Skip("there is no etcd in PATH: install it (Debian: etcd-server) to run this test")
	}
	c := &Cluster{}
	peers := freeAddresses(t, n)
	c.Endpoints = freeAddresses(t, n)
	var initial []string
	for i, p := range peers {
		initial = append(initial, fmt.Sprintf("m%d=http://%s", i, p))
	}
	dir := t.TempDir()
	for i := range n {
		log, err := os.Create(filepath.Join(dir, fmt.Sprintf("m%d.log", i)))
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(path, "--name", fmt.Sprintf("m%d", i), "--data-dir", filepath.Join(dir, fmt.Sprintf("m%d", i)), //nolint:gosec // the arguments are this test's
			"--listen-client-urls", "http://"+c.Endpoints[i], "--advertise-client-urls", "http://"+c.Endpoints[i],
			"--listen-peer-urls", "http://"+peers[i], "--initial-advertise-peer-urls", "http://"+peers[i],
			"--initial-cluster", strings.Join(initial, ","), "--initial-cluster-token", filepath.Base(dir))
		cmd.Stdout, cmd.Stderr = log, log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		_ = log.Close() // the process has its own
		c.members = append(c.members, cmd)
		t.Cleanup(func() { c.Kill(i) })
	}
	for _, e := range c.Endpoints {
		await(t, e)
	}
	return c
}

// Kill ends a member at once, as kill -9 does.
func (c *Cluster) Kill(i int) {
	if m := c.members[i]; m.ProcessState == nil {
		_ = m.Process.Kill() // it may have ended
		_ = m.Wait()         // killed
	}
}

// await waits until a member says that it is healthy.
func await(t *testing.T, endpoint string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !healthy(ctx, endpoint) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("etcd at %s is not healthy after half a minute", endpoint)
		}
	}
}

func healthy(ctx context.Context, endpoint string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+endpoint+"/health", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close() // nothing is read of it
	return resp.StatusCode == http.StatusOK
}

// freeAddresses returns addresses on loopback at which nothing listens.
func freeAddresses(t *testing.T, n int) []string {
	t.Helper()
	var all []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // when all are known, so that none is given twice
		all = append(all, l.Addr().String())
	}
	return all
}
