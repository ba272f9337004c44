package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/warmfront/warmfront/scripts/chaos/lab"
	"github.com/warmfront/warmfront/sim/site"
)

// originName is the name that the distribution knows the origin by.
const originName = "origin.example"

// diskSize is each node's, in MiB: room for what it may cache (cacheSize) and its journal, small enough to be filled.
const (
	diskSize  = 80
	cacheSize = 40
)

// place is where an edge is. The addresses are those that the bundled geo database has for the cities.
type place struct {
	pop string
	k   int
	net int
}

// places are the edges': two share a POP, so that they ask one another, and all have tiers.
func places() []place {
	return []place{{"FRA", 1, 86}, {"FRA", 2, 86}, {"LHR", 1, 90}, {"IAD", 1, 1}, {"NRT", 1, 120}}
}

func (p place) name() string { return fmt.Sprintf("%s-%d", p.pop, p.k) }
func (p place) addr() netip.Addr {
	return netip.AddrFrom4([4]byte{10, 77, byte(p.net), byte(10 + p.k)})
}
func service(last byte) netip.Addr { return netip.AddrFrom4([4]byte{10, 77, 0, last}) }

// node is control or an edge: a process on a host with a disk of its own.
type node struct {
	name    string
	host    *lab.Namespace
	dir     string
	process *lab.Process

	// mu is held by the fault that has the process.
	mu     sync.Mutex
	copies []diskCopy // under mu
}

// diskCopy is the state of a node's disk at an instant.
type diskCopy struct {
	dir   string
	taken time.Time
}

// hosts is everything that runs.
type hosts struct {
	control        *node
	edges          []*node
	origin, viewer *lab.Namespace
	work           string // logs
	site           *site.Origin
}

func (n *hosts) nodes() []*node { return append([]*node{n.control}, n.edges...) }

func (n *hosts) node(name string) *node {
	for _, m := range n.nodes() {
		if m.name == name {
			return m
		}
	}
	return nil
}

func edgeNodeNames() []string {
	var names []string
	for _, p := range places() {
		names = append(names, p.name())
	}
	return names
}

// newHosts makes the hosts and disks; nothing runs yet.
func newHosts(room *lab.Room, binary, work string, died func(node, how string)) (*hosts, error) {
	n := &hosts{work: work}
	secret := "/run/secret" // the room's own
	if err := os.WriteFile(secret, []byte(rand.Text()+rand.Text()+"\n"), 0o600); err != nil {
		return nil, err
	}
	var failed error
	host := func(name string, addr netip.Addr) *lab.Namespace {
		h, err := room.Add(strings.ToLower(name), netip.PrefixFrom(addr, 16))
		failed = errors.Join(failed, err)
		return h
	}
	add := func(name string, addr netip.Addr, args ...string) *node {
		m := &node{name: name, host: host(name, addr), dir: "/run/disks/" + name}
		failed = errors.Join(failed, room.Disk(m.dir, diskSize))
		args = append([]string{binary, args[0], "--data", m.dir, "--addr", addr.String(), "--cluster-secret-file", secret, "--sandbox", "--wan", "off"}, args[1:]...)
		m.process = &lab.Process{Host: m.host, Args: args, Log: filepath.Join(work, name+".log"), Died: func(how string) { died(name, how) }}
		return m
	}
	n.origin, n.viewer = host("origin", service(20)), host("viewer", service(30))
	n.control = add(controlName, service(10), "control")
	for _, p := range places() {
		n.edges = append(n.edges, add(p.name(), p.addr(), "edge", "--pop", p.pop, "--k", fmt.Sprint(p.k),
			"--control", service(10).String()+":7947", "--join", service(10).String()+":7946", "--origin", originName+"="+service(20).String()+":80",
			"--memory", "12MiB", "--disk", fmt.Sprintf("%dMiB", cacheSize)))
	}
	return n, failed
}

// serveOrigin runs the origin until ctx ends.
func (n *hosts) serveOrigin(ctx context.Context) error {
	l, err := n.origin.Listen(80)
	if err != nil {
		return err
	}
	s := &http.Server{Handler: n.site, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = s.Close() })
	go func() { _ = s.Serve(l) }() // ends with ctx
	return nil
}

// client returns an HTTP client that asks from the viewers' host.
func (n *hosts) client(timeout time.Duration) *http.Client {
	return &http.Client{Timeout: timeout, Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return n.viewer.Dial(ctx, network, addr)
		},
		DisableCompression: true, MaxIdleConnsPerHost: 32, IdleConnTimeout: time.Minute,
	}}
}

// healthy waits until a node says that it is ready.
func (n *hosts) healthy(ctx context.Context, m *node) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	c := n.client(2 * time.Second)
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+m.host.Addr.String()+":9100/healthz", nil)
		if err != nil {
			return err
		}
		answer, err := c.Do(r)
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		if !wait(ctx, 50*time.Millisecond) {
			return fmt.Errorf("%s is not ready; its log is %s", m.name, m.process.Log)
		}
	}
}

// wait waits for d, and reports whether ctx is still on.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// maxCopies is how many states of a disk are kept.
const maxCopies = 3

// copyDisk keeps the state of a node's disk as it is at an instant: its process stands still meanwhile. The caller
// holds n.mu.
func (m *node) copyDisk() error {
	if err := os.MkdirAll("/run/copies", 0o700); err != nil {
		return err
	}
	c := diskCopy{fmt.Sprintf("/run/copies/%s-%s", m.name, rand.Text()[:8]), time.Now()}
	if err := m.process.Frozen(func() error { return lab.Copy(m.dir, c.dir) }); err != nil {
		return err
	}
	m.copies = append(m.copies, c)
	if len(m.copies) <= maxCopies {
		return nil
	}
	// The first is kept: nothing is as old.
	dropped := m.copies[1]
	m.copies = append(m.copies[:1], m.copies[2:]...)
	return os.RemoveAll(dropped.dir)
}
