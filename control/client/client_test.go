package client

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control"
	"github.com/warmfront/warmfront/control/ca"
	"github.com/warmfront/warmfront/journal"
)

var secret = []byte("a cluster secret made for tests")

func startControl(t *testing.T) *control.Control {
	t.Helper()
	ctl, err := control.New(control.Config{
		DataDir: t.TempDir(), Zone: "warmfront.test", Secret: secret, PeerAddr: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- ctl.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-ended, ctl.Close()); err != nil {
			t.Error(err)
		}
	})
	return ctl
}

func config(t *testing.T, ctl *control.Control) Config {
	return Config{
		Node:    cdn.Node{ID: "FRA-1", Role: cdn.RoleEdge, POP: "FRA", K: 1, Addr: netip.MustParseAddr("127.1.0.1")},
		Control: []string{ctl.Addr().String()}, Secret: secret, DataDir: t.TempDir(), Log: slog.New(slog.DiscardHandler),
	}
}

// start runs a node to the end of the test and waits until it is ready.
func start(t *testing.T, cfg Config) *Client {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-ended, c.Close()); err != nil {
			t.Error(err)
		}
	})
	wait, done := context.WithTimeout(ctx, 10*time.Second)
	defer done()
	if err := c.Ready(wait); err != nil {
		t.Fatal(err)
	}
	return c
}

// The stream stands; only lease calls do not get through to the first address.
func TestALeaseThatIsNotAnsweredIsAskedForElsewhere(t *testing.T) {
	ctl := startControl(t)
	cfg := config(t, ctl)
	cfg.Control = []string{"first:1", "second:1"}
	var down atomic.Bool
	asked := make(chan string, 100)
	cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if asked <- address; down.Load() && address == "first:1" {
			return nil, errors.New("no route to the host")
		}
		return (&net.Dialer{}).DialContext(ctx, network, ctl.Addr().String())
	}
	c := start(t, cfg)
	down.Store(true)
	for len(asked) > 0 {
		<-asked
	}
	before := *c.lease.Load()
	for end := time.Now().Add(10 * time.Second); len(asked) == 0 && time.Now().Before(end); runtime.Gosched() {
		// Again and again: a call may be under way, which keeps its connection.
		c.session.Load().lease.CloseIdleConnections()
		signal(c.ackNow)
	}
	for _, want := range cfg.Control {
		select {
		case got := <-asked:
			if got != want {
				t.Errorf("%s was called, want %s", got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s was not called", want)
		}
	}
	for end := time.Now().Add(10 * time.Second); *c.lease.Load() == before; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatal("the lease was not renewed")
		}
	}
	if c.next.Load() != 0 {
		t.Error("the stream was moved, too")
	}
}

func propose(t *testing.T, ctl *control.Control, kind cdn.Kind, body any) cdn.Version {
	t.Helper()
	v, err := ctl.Propose(t.Context(), func(*cdn.State) ([]cdn.Change, error) {
		change, err := cdn.NewChange(kind, body, time.Now())
		return []cdn.Change{change}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := ctl.WaitSettled(ctx, journal.Deployed, v); err != nil {
		t.Fatal(err)
	}
	return v
}

const distribution = `<DistributionConfig><Enabled>true</Enabled>
<Origins><Quantity>1</Quantity><Items><Origin><Id>o</Id><DomainName>o.example</DomainName></Origin></Items></Origins>
<DefaultCacheBehavior><TargetOriginId>o</TargetOriginId><ViewerProtocolPolicy>allow-all</ViewerProtocolPolicy>
<CachePolicyId>658327ea-f89d-4fab-a63d-7e88639e58f6</CachePolicyId></DefaultCacheBehavior></DistributionConfig>`

const domain = "d111.warmfront.test"

func hello() *tls.ClientHelloInfo { return &tls.ClientHelloInfo{ServerName: domain} }

// eventually polls for something to become true.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(10 * time.Second); !is(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s did not happen", what)
		}
	}
}

func TestACertificateIsRenewedBeforeItEnds(t *testing.T) {
	ctl := startControl(t)
	c := start(t, config(t, ctl))
	propose(t, ctl, cdn.KindDistributionPut, cdn.Distribution{ID: "E1", Domain: domain, Config: distribution})
	authority, err := ca.Open(ca.Config{Keep: ca.Folder(t.TempDir()), Zone: "warmfront.test"}, time.Now().Add(-365*24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	key, err := c.Certificates().ownKey()
	if err != nil {
		t.Fatal(err)
	}
	csr, err := ca.NewRequest(key)
	if err != nil {
		t.Fatal(err)
	}
	// 70 of its 90 days are over.
	doc, err := authority.Serve(csr, domain, time.Now().Add(-70*24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	old, err := tls.X509KeyPair(doc, ca.EncodeKey(key))
	if err != nil {
		t.Fatal(err)
	}
	c.certificates.names[domain] = &held{cert: &old}
	if got, err := c.Certificates().GetCertificate(hello()); got != &old || err != nil {
		t.Errorf("while it is being renewed a viewer is shown another, or waits: %v", err)
	}
	eventually(t, "the renewal", func() bool {
		got, err := c.Certificates().GetCertificate(hello())
		return err == nil && got.Leaf.NotAfter.After(time.Now().Add(80*24*time.Hour))
	})
}

func TestNamesThatAreGoneAreDropped(t *testing.T) {
	c, err := New(Config{Control: []string{"x"}, Secret: secret, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	c.certificates.names["gone.warmfront.test"] = &held{}
	c.certificates.prune()
	if len(c.certificates.names) != 0 {
		t.Error("kept")
	}
	if _, err := c.Certificates().GetCertificate(hello()); !errors.Is(err, ErrUnknownName) || len(c.certificates.names) != 0 {
		t.Errorf("an unknown name: %v", err)
	}
}

func TestReadySaysWhetherTheNodeWasLevel(t *testing.T) {
	ctl := startControl(t)
	cfg := config(t, ctl)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	never, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	cfg.DataDir = t.TempDir()
	once := start(t, cfg)
	for range 50 {
		if err := never.Ready(ended); !errors.Is(err, context.Canceled) {
			t.Fatalf("a node that does not run: %v", err)
		}
		if err := once.Ready(ended); err != nil {
			t.Fatalf("a node that runs: %v", err)
		}
	}
}

func TestTheNodesCertificateIsRenewed(t *testing.T) {
	ctl := startControl(t)
	c := start(t, config(t, ctl))
	before, _ := c.Identity()
	if err := c.renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	after, _ := c.Identity()
	if before.Certificate.Leaf.Equal(after.Certificate.Leaf) {
		t.Error("the same certificate")
	}
	if id, err := ca.NodeID(after.Certificate.Leaf); id != "FRA-1" || err != nil {
		t.Errorf("it is %q's, %v", id, err)
	}
	propose(t, ctl, cdn.KindSetting, cdn.Setting{Name: "a", Value: []byte("1")})
}

func TestAnUnknownCriticalChangeFences(t *testing.T) {
	ctl := startControl(t)
	c := start(t, config(t, ctl))
	next := cdn.Change{Version: c.State().Version.Next(), Kind: "of the future", Critical: true}
	c.step(journal.Received{Frame: journal.Frame{Change: &next}})
	c.mu.Lock()
	stopped := c.follower.Stopped()
	c.mu.Unlock()
	if c.Lease().Valid(time.Now()) || !errors.Is(stopped, cdn.ErrUnknownKind) {
		t.Errorf("lease %v, %v", c.Lease().Valid(time.Now()), stopped)
	}
	// It goes on running, fenced, and what comes is not applied.
	c.signalAll()
	if c.Lease().Valid(time.Now()) {
		t.Error("renewed")
	}
}

// signalAll makes both loops look whether there is something to do.
func (c *Client) signalAll() {
	signal(c.ackNow)
	signal(c.refetch)
}

func TestDamagedFilesAreDoneWithout(t *testing.T) {
	ctl := startControl(t)
	cfg := config(t, ctl)
	propose(t, ctl, cdn.KindSetting, cdn.Setting{Name: "a", Value: []byte("1")})
	for _, name := range []string{identityFile, snapshotFile, certificatesFile} {
		if err := os.WriteFile(filepath.Join(cfg.DataDir, name), []byte(`{"answer":{"certificate":"x"},"key`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if c := start(t, cfg); c.State().Version != ctl.Head() {
		t.Errorf("at %v", c.State().Version)
	}
	info, err := os.Stat(filepath.Join(cfg.DataDir, identityFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the identity's file: %v, %v", info, err)
	}
}

func TestOnApplyComesBeforeTheAcknowledgement(t *testing.T) {
	ctl := startControl(t)
	cfg := config(t, ctl)
	var c *Client
	hold, held := make(chan struct{}), make(chan cdn.Version, 10)
	cfg.OnApply = func(s *cdn.State) {
		if s.Settings["hold"] != nil {
			held <- s.Version
			<-hold
		}
	}
	c = start(t, cfg)
	proposed := make(chan cdn.Version, 1)
	go func() {
		proposed <- propose(t, ctl, cdn.KindSetting, cdn.Setting{Name: "hold", Value: []byte("1")})
	}()
	v := <-held
	if c.State().Version != v {
		t.Errorf("OnApply is given %v, State returns %v", v, c.State().Version)
	}
	if got := ctl.Settled(journal.Deployed); !got.Before(v) {
		t.Errorf("settled %v before OnApply has returned", got)
	}
	close(hold)
	if got := <-proposed; got != v {
		t.Errorf("settled %v, applied %v", got, v)
	}
}

func TestBackoff(t *testing.T) {
	var b backoff
	for range 20 {
		if d := b.next(); d < backoffLeast/2 || d > backoffMost {
			t.Errorf("waits %v", d)
		}
	}
	if b.wait != backoffMost {
		t.Errorf("after many failures it waits up to %v", b.wait)
	}
	b.reset()
	if d := b.next(); d > backoffLeast {
		t.Errorf("after a success it waits %v", d)
	}
}

// Versions of two journals are alike and mean different things: a node that comes to
// another one sends its neighbours nothing of the first any more, and takes nothing
// of it.
func TestOfAJournalThatIsDroppedNothingIsRelayed(t *testing.T) {
	ctl := startControl(t)
	cfg := config(t, ctl)
	ctx, cancel := context.WithCancel(t.Context())
	first, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- first.Run(ctx) }()
	if err := first.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := errors.Join(<-ended, first.Close()); err != nil {
		t.Fatal(err)
	}

	cfg.Adopt = "another"
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	old, v := c.State(), c.State().Version
	if v.Number == 0 || c.Feed().Head() != v {
		t.Fatalf("the disk has %v, and %v is relayed", v, c.Feed().Head())
	}
	left := false
	n := &neighbour{id: "FRA-2", journal: c.Journal()}
	if !c.beginRelay(n, func() { left = true }) {
		t.Fatal("a neighbour that follows the same journal is not followed")
	}
	if err := c.adopt("another"); err != nil {
		t.Fatal(err)
	}
	snap, err := old.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	c.takeRelayed(journal.Frame{Snapshot: &snap})
	if got := c.State().Version; !left || !got.IsZero() {
		t.Errorf("the neighbour was left: %v; what it sent was taken: %v", left, got)
	}
	if got := c.Feed().Head(); !got.IsZero() {
		t.Errorf("%v of the journal that was dropped is relayed", got)
	}
	if c.beginRelay(n, func() {}) {
		t.Error("a neighbour that was asked for the journal that was dropped is followed")
	}
}
