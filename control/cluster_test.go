package control_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control"
	"github.com/warmfront/warmfront/control/client"
	"github.com/warmfront/warmfront/journal"
)

const (
	testZone    = "warmfront.test"
	testAddress = "control:7947"
)

var testSecret = []byte("a cluster secret made for tests")

// cluster is a control and nodes on a network in memory.
type cluster struct {
	t   *testing.T
	net *memnet
	dir string
	ctl *running[*control.Control]
	log *slog.Logger
}

// running is a daemon with its Run under way.
type running[D interface {
	Run(context.Context) error
	Close() error
}] struct {
	d     D
	end   context.CancelFunc
	ended chan error
}

func run[D interface {
	Run(context.Context) error
	Close() error
}](t *testing.T, d D) *running[D] {
	ctx, cancel := context.WithCancel(t.Context())
	r := &running[D]{d, cancel, make(chan error, 1)}
	go func() { r.ended <- d.Run(ctx) }()
	return r
}

// stop ends the daemon in good order.
func (r *running[D]) stop(t *testing.T) {
	t.Helper()
	r.end()
	if err := <-r.ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	if err := r.d.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func newCluster(t *testing.T) *cluster {
	c := &cluster{t: t, net: newMemnet(), dir: t.TempDir(), log: slog.New(slog.DiscardHandler)}
	if testing.Verbose() {
		c.log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return c
}

func (c *cluster) config() control.Config {
	return control.Config{
		DataDir: filepath.Join(c.dir, "control"), Zone: testZone, Secret: testSecret,
		PeerAddr: testAddress, Listen: c.net.listen, Log: c.log,
	}
}

func (c *cluster) startControl(alter ...func(*control.Config)) *control.Control {
	c.t.Helper()
	cfg := c.config()
	for _, f := range alter {
		f(&cfg)
	}
	ctl, err := control.New(cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	c.ctl = run(c.t, ctl)
	return ctl
}

func edgeNode(pop string, k int) cdn.Node {
	return cdn.Node{ID: fmt.Sprintf("%s-%d", pop, k), Role: cdn.RoleEdge, POP: pop, K: k, Addr: netip.MustParseAddr("127.1.0.1")}
}

func routerNode(k int) cdn.Node {
	return cdn.Node{ID: fmt.Sprintf("router-%d", k), Role: cdn.RoleRouter, K: k, Addr: netip.MustParseAddr("127.0.0.53")}
}

func (c *cluster) newNode(n cdn.Node, alter ...func(*client.Config)) *client.Client {
	c.t.Helper()
	cfg := client.Config{
		Node: n, Control: []string{testAddress}, Secret: testSecret, DataDir: filepath.Join(c.dir, n.ID),
		Dial: c.net.dialer(n.ID), Log: c.log,
	}
	for _, f := range alter {
		f(&cfg)
	}
	cl, err := client.New(cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	return cl
}

// startNode starts a node and waits until it is ready.
func (c *cluster) startNode(n cdn.Node, alter ...func(*client.Config)) *running[*client.Client] {
	c.t.Helper()
	r := run(c.t, c.newNode(n, alter...))
	c.ready(r.d)
	return r
}

func (c *cluster) ready(cl *client.Client) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
	defer cancel()
	if err := cl.Ready(ctx); err != nil {
		c.t.Fatal(err)
	}
}

// set proposes a setting and returns its version.
func (c *cluster) set(name, value string) cdn.Version {
	c.t.Helper()
	v, err := c.ctl.d.Propose(c.t.Context(), setting(name, value))
	if err != nil {
		c.t.Fatal(err)
	}
	return v
}

func setting(name, value string) func(*cdn.State) ([]cdn.Change, error) {
	return func(*cdn.State) ([]cdn.Change, error) {
		doc, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		change, err := cdn.NewChange(cdn.KindSetting, cdn.Setting{Name: name, Value: doc}, time.Now())
		return []cdn.Change{change}, err
	}
}

// settles waits for v and returns how long that took.
func (c *cluster) settles(s journal.Scope, v cdn.Version) time.Duration {
	c.t.Helper()
	start := time.Now()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	if err := c.ctl.d.WaitSettled(ctx, s, v); err != nil {
		c.t.Fatalf("%v did not settle: %v", v, err)
	}
	return time.Since(start)
}

// pass lets virtual time pass.
func pass(d time.Duration) { <-time.After(d) }

// until waits, in virtual time, for something to become true.
func until(t *testing.T, most time.Duration, what string, is func() bool) {
	t.Helper()
	for start := time.Now(); !is(); pass(10 * time.Millisecond) {
		if time.Since(start) > most {
			t.Fatalf("no %s after %v", what, most)
		}
	}
}

func TestAChangeReachesEveryNodeAndSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.startControl()
		var nodes []*running[*client.Client]
		for k := range 5 {
			nodes = append(nodes, c.startNode(edgeNode("FRA", k+1)))
		}
		nodes = append(nodes, c.startNode(routerNode(1)))
		v := c.set("greeting", "hello")
		if took := c.settles(journal.Deployed, v); took > time.Second {
			t.Errorf("settled after %v", took)
		}
		for _, n := range nodes {
			if got := n.d.State(); got.Version != v || !bytes.Equal(got.Settings["greeting"], []byte(`"hello"`)) {
				t.Errorf("a node is at %v with %s", got.Version, got.Settings["greeting"])
			}
			if !n.d.Lease().Valid(time.Now()) {
				t.Error("a node has no lease")
			}
			n.stop(t)
			if n.d.Lease().Valid(time.Now()) {
				t.Error("a node that ended has a lease")
			}
		}
		c.ctl.stop(t)
	})
}
