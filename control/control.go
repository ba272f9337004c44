package control

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/ca"
	"github.com/warmfront/warmfront/control/feed"
	"github.com/warmfront/warmfront/control/store"
	"github.com/warmfront/warmfront/control/vault"
	"github.com/warmfront/warmfront/control/wire"
	"github.com/warmfront/warmfront/journal"
)

// Config is what a control is started with.
type Config struct {
	// DataDir keeps the keys of the certificate authority and, unless Store does,
	// the journal and secrets.
	DataDir string
	// Zone is the network's domain, "warmfront.test".
	Zone string
	// Secret admits nodes; at least wire.MinSecret bytes.
	Secret []byte
	// PeerAddr is where nodes reach control, host:port; port 0 works.
	PeerAddr string
	// Terms are the lengths of leases: journal.LabTerms (when zero) on one
	// machine, journal.HostTerms on several.
	Terms journal.Terms
	// NodeSettings gives what a node is handed when it joins, which may be secret:
	// it travels in the join's answer and never in the journal. May be nil.
	NodeSettings func(cdn.Node) map[string]string
	// APINames and APIAddresses are what control's own TLS certificate is for,
	// besides "control.ZONE", "localhost" and loopback. Names lie in the zone.
	APINames     []string
	APIAddresses []net.IP
	// OnViewerCA is called with the certificate that viewers trust, in PEM, when it
	// is made anew because an alias came into use that it did not permit: copies of
	// it are to be replaced. It must not call Control. May be nil.
	OnViewerCA func(pem []byte)
	// NewEpoch begins a new epoch: to be given once after DataDir was restored
	// from a backup. Control also finds out by itself when a node that knows more
	// than the journal calls, but what it reports before that call does not wait
	// for nodes that the backup knows nothing of.
	NewEpoch bool
	// CompactAfter is after how many changes the journal is compacted; 10,000 when
	// zero.
	CompactAfter int
	// ID is control's own identity; "control-1" when empty.
	ID string
	// Store keeps the journal and what else must outlast a run; a Bolt file in
	// DataDir when nil. Control closes it, also when New fails.
	Store store.Store
	// Leads is set where other controls share Store: whether this one leads at now,
	// which comes from time.Now, and may grant leases. The certificate authority's
	// keys are among Store's secrets then, for all to use.
	Leads func(now time.Time) bool
	// Listen opens the listener, net.Listen when nil: for networks that are not
	// the machine's.
	Listen func(network, address string) (net.Listener, error)
	// Clock reads both clocks of the machine; those of time.Now when nil.
	Clock func(now time.Time) journal.Instant
	Log   *slog.Logger
}

func (cfg *Config) complete() error {
	if cfg.Zone == "" || cfg.DataDir == "" || cfg.Log == nil {
		return errors.New("control needs a zone (--zone), a data folder (--data) and a logger")
	}
	if err := wire.CheckSecret(cfg.Secret); err != nil {
		return fmt.Errorf("--cluster-secret-file: %w", err)
	}
	if cfg.Terms == (journal.Terms{}) {
		cfg.Terms = journal.LabTerms()
	}
	if cfg.Terms.Margin <= 0 || cfg.Terms.Length < 4*cfg.Terms.Margin {
		return fmt.Errorf("a lease of %v with a margin of %v leaves a node no time", cfg.Terms.Length, cfg.Terms.Margin)
	}
	if cfg.CompactAfter == 0 {
		cfg.CompactAfter = 10000
	}
	if cfg.ID == "" {
		cfg.ID = ca.ControlID + "-1"
	}
	if !ca.IsControl(cfg.ID) || ca.CheckID(cfg.ID) != nil {
		return fmt.Errorf("control cannot be called %q: its id begins with %q", cfg.ID, ca.ControlID)
	}
	if cfg.Clock == nil {
		cfg.Clock = journal.NewClock(time.Now()).At
	}
	if cfg.Listen == nil {
		cfg.Listen = net.Listen
	}
	return nil
}

// Control is the control plane's core. All methods may be called concurrently.
type Control struct {
	cfg       Config
	log       *slog.Logger
	clock     func(time.Time) journal.Instant
	store     store.Store
	authority *ca.Authority
	vault     *vault.Vault
	journalID string
	listener  net.Listener
	server    *http.Server
	feed      *feed.Feed
	identity  renewing
	api       renewing

	state   atomic.Pointer[cdn.State]
	closing chan struct{}
	closed  sync.Once

	// commitMu is held by whoever writes to the journal; taken before mu.
	commitMu sync.Mutex

	// joining is held while a node's incarnations are read and written; taken before mu.
	joining sync.Mutex
	// disks are what nodes told of theirs. Held: mu.
	disks map[string]journal.Disk

	mu     sync.Mutex
	ledger *journal.Ledger
	open   *batch // changes accepted and not yet durable
	hooks  []func(cdn.Version)
	// refusals are the nodes that keep to another journal.
	refusals map[string]refusal
	// settled is what was reported; changed is closed and replaced when it rises.
	settled map[journal.Scope]cdn.Version
	changed chan struct{}
	// apart is what was reported of distributions that complete otherwise.
	// written is how it was written down last.
	apart, written journal.Parts
	// since is how many changes there are after the snapshot.
	since int

	dirty chan struct{} // something may have settled
}

// The names in the store's Meta namespace.
const (
	metaJournal = "journal" // what the journal is called
	metaRun     = "run"     // how often control was started
	metaLeases  = "leases"  // how long leases that may be running last
	metaSettled = "settled" // what was reported as settled
	metaApart   = "apart"   // what was reported of distributions that complete otherwise
)

// New opens the journal, or begins one, and listens on the peer port. Run serves.
func New(cfg Config) (_ *Control, err error) {
	if err := cfg.complete(); err != nil {
		if cfg.Store != nil {
			err = errors.Join(err, cfg.Store.Close())
		}
		return nil, err
	}
	c := &Control{
		cfg: cfg, log: cfg.Log, store: cfg.Store, clock: cfg.Clock,
		closing: make(chan struct{}), changed: make(chan struct{}), dirty: make(chan struct{}, 1),
		open: newBatch(), refusals: map[string]refusal{}, disks: map[string]journal.Disk{},
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, err
	}
	if c.store == nil {
		bolt, err := store.OpenBolt(filepath.Join(cfg.DataDir, "journal.db"))
		if err != nil {
			return nil, err
		}
		c.store = bolt
	}
	if err := c.openAuthority(false); err != nil {
		return nil, err
	}
	if c.vault, err = vault.New(c, cfg.Secret); err != nil {
		return nil, err
	}
	if err := c.load(); err != nil {
		return nil, err
	}
	if c.listener, err = cfg.Listen("tcp", cfg.PeerAddr); err != nil {
		return nil, fmt.Errorf("control's peer port: %w", err)
	}
	c.server = c.newServer()
	return c, nil
}

// load folds the journal into the state and makes the ledger.
func (c *Control) load() error {
	snap, changes, err := c.store.Load()
	if err != nil {
		return err
	}
	if snap.Version.IsZero() {
		snap = cdn.Snapshot{Version: cdn.Version{Epoch: 1}}
		if err := c.store.Compact(snap); err != nil {
			return err
		}
	}
	state, err := cdn.Restore(snap)
	if err != nil {
		return err
	}
	for _, change := range changes {
		if state, err = state.Apply(change); err != nil {
			return fmt.Errorf("the journal: %w", err)
		}
	}
	c.since = len(changes)
	c.state.Store(state)
	c.feed = feed.New(feed.Config{After: c.after, Heartbeat: c.cfg.Terms.Renewal(), Log: c.log}, state)
	if err := c.loadMeta(); err != nil {
		return err
	}
	if c.cfg.NewEpoch {
		return c.beginEpoch(state.Version.Epoch, func() bool { return true })
	}
	return nil
}

func (c *Control) loadMeta() error {
	var run uint64
	var leases time.Duration
	c.settled = map[journal.Scope]cdn.Version{}
	err := errors.Join(c.value(metaJournal, &c.journalID), c.value(metaRun, &run),
		c.value(metaLeases, &leases), c.value(metaSettled, &c.settled))
	if err != nil {
		return err
	}
	if c.journalID == "" {
		c.journalID = rand.Text()
	}
	run++
	state := c.state.Load()
	term := journal.Term{Epoch: state.Version.Epoch, Run: run}
	c.ledger = journal.NewLedger(c.cfg.Terms, term, state.Version, c.settled, leases, c.now())
	c.ledger.Register(state.Nodes)
	if err := errors.Join(c.recall(), c.loadApart(state)); err != nil {
		return err
	}
	if leases > 0 {
		c.log.Info("nothing settles until leases of an earlier run have ended", "wait", leases)
	}
	// From here on leases may be granted, and a crash must be followed by a wait
	// for the longest of them.
	return errors.Join(c.putValue(metaJournal, c.journalID), c.putValue(metaRun, run),
		c.putValue(metaLeases, max(leases, c.cfg.Terms.Held())))
}

func (c *Control) value(name string, v any) error {
	doc, err := c.store.Get(store.Meta, name)
	if err != nil || doc == nil {
		return err
	}
	return json.Unmarshal(doc, v)
}

func (c *Control) putValue(name string, v any) error {
	doc, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.store.Put(store.Meta, name, doc)
}

func (c *Control) now() journal.Instant { return c.clock(time.Now()) }

// Leads reports whether this control may grant leases and settle at now, which
// must come from time.Now. Rule N. One that has its store to itself always may.
func (c *Control) Leads(now time.Time) bool { return c.cfg.Leads == nil || c.cfg.Leads(now) }

// Addr is the address that nodes call.
func (c *Control) Addr() net.Addr { return c.listener.Addr() }

// Zone is the network's domain.
func (c *Control) Zone() string { return c.cfg.Zone }

// ViewerCA is the certificate, in PEM, that viewers trust: for --cacert.
func (c *Control) ViewerCA() []byte { return c.authority.ViewerPEM() }

// Secret returns a secret kept by name, nil where there is none. Secrets are
// never in the journal.
func (c *Control) Secret(name string) ([]byte, error) { return c.store.Get(store.Secrets, name) }

// PutSecret keeps a secret, durably; nil removes it.
func (c *Control) PutSecret(name string, value []byte) error {
	return c.store.Put(store.Secrets, name, value)
}

// Secrets returns all secrets by name.
func (c *Control) Secrets() (map[string][]byte, error) { return c.store.All(store.Secrets) }

// APICertificate is the tls.Config.GetCertificate of control's own API, for names
// in the zone, "localhost" and loopback addresses.
func (c *Control) APICertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.api.get() }

// after is the feed's way to the log.
func (c *Control) after(v cdn.Version, most int) (changes []cdn.Change, found bool, err error) {
	changes, err = c.store.After(v, most)
	if errors.Is(err, store.ErrCompacted) {
		return nil, false, nil
	}
	return changes, err == nil, err
}

// end tells everybody who waits that control ends.
func (c *Control) end() {
	c.closed.Do(func() { close(c.closing) })
	if c.feed != nil {
		c.feed.Close()
	}
}

// drainTimeout is for calls under way when Run ends; each takes milliseconds.
const drainTimeout = 2 * time.Second

// Run serves nodes until ctx ends, then ends their streams and returns.
func (c *Control) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- c.server.Serve(tls.NewListener(c.listener, c.tlsConfig())) }()
	settling, stop := context.WithCancel(ctx)
	settled := make(chan struct{})
	go func() { defer close(settled); c.settle(settling) }()
	var err error
	select {
	case <-ctx.Done():
		c.end()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		if c.server.Shutdown(grace) != nil {
			// A connection on which nothing was asked yet counts as busy.
			err = c.server.Close()
		}
	case err = <-served:
		if errors.Is(err, http.ErrServerClosed) {
			err = nil
		}
	}
	stop()
	<-settled
	return err
}

// Close ends everything at once and closes the journal.
func (c *Control) Close() error {
	c.end()
	var errs []error
	if c.server != nil {
		errs = append(errs, c.server.Close())
	}
	if c.listener != nil {
		if err := c.listener.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if c.store != nil {
		c.commitMu.Lock()
		defer c.commitMu.Unlock()
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.ledger != nil && c.ledger.Idle(c.now()) {
			errs = append(errs, c.store.Put(store.Meta, metaLeases, nil))
		}
		// A grant after this would not be waited for.
		c.ledger = nil
		errs = append(errs, c.store.Close())
	}
	return errors.Join(errs...)
}
