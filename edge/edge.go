package edge

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/admission"
	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/cache/disk"
	"github.com/warmfront/warmfront/edge/compression"
	"github.com/warmfront/warmfront/edge/fetch"
	"github.com/warmfront/warmfront/edge/identity"
	"github.com/warmfront/warmfront/edge/load"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/metrics"
	"github.com/warmfront/warmfront/edge/result"
	"github.com/warmfront/warmfront/edge/tier"
	"github.com/warmfront/warmfront/edge/upstream"
)

// Edge is one edge node.
type Edge struct {
	cfg     Config
	store   *cache.Store
	disk    *disk.Store // nil: none
	fetcher *fetch.Fetcher
	metrics *metrics.Metrics
	load    load.Meter
	gate    admission.Gate

	pop, pseudonym, via, cacheName string

	draining atomic.Bool
	// journal is the one that births are versions of, "" while nobody knows.
	journal atomic.Pointer[string]

	// ctx lives as long as fetches may, which is longer than any viewer waits.
	ctx     context.Context
	stop    context.CancelFunc
	keeping sync.WaitGroup
	// writing to the disk ends after the fetches, which have things written.
	writing     context.Context
	stopWriting context.CancelFunc

	http, https net.Listener // nil where not configured
	packets     net.PacketConn
	altSvc      string
	servers     []serving
	upstream    *upstream.Upstream
	tiers       *tier.Tiers // nil where edges do not ask one another
}

// New makes an edge and listens; Run serves. Who does not call Run calls Close.
func New(cfg Config) (*Edge, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	var kept *disk.Store
	var err error
	if cfg.DiskBytes > 0 {
		if kept, err = disk.Open(disk.Config{Dir: cfg.DiskDir, Limit: cfg.DiskBytes, Journal: cfg.Journal, FS: cfg.DiskFS, Logger: cfg.Logger}); err != nil {
			return nil, fmt.Errorf("edge %s: %w", cfg.Node.ID, err)
		}
	}
	e := newCore(cfg, kept)
	e.upstream, err = upstream.New(upstream.Config{
		S3Endpoint: cfg.S3Endpoint, Names: cfg.Origins, Roots: cfg.OriginRoots, Dial: cfg.DialOrigin,
		Guard: upstream.Guard{Sandbox: cfg.Sandbox, Allow: cfg.OriginAllow, ServicePorts: cfg.ServicePorts, Services: cfg.Services},
		Nodes: func() map[string]cdn.Node {
			if s := cfg.State(); s != nil {
				return s.Nodes
			}
			return nil
		},
	})
	if err != nil {
		_ = e.Close() // the first error is the one to tell
		return nil, fmt.Errorf("edge %s: %w", cfg.Node.ID, err)
	}
	e.fetcher.Origin = e.upstream
	if err := e.listen(); err != nil {
		_ = e.Close() // the first error is the one to tell
		return nil, fmt.Errorf("edge %s: %w", cfg.Node.ID, err)
	}
	return e, nil
}

// newCore makes what serves requests, without sockets, over a disk tier that may be
// nil.
func newCore(cfg Config, kept *disk.Store) *Edge {
	e := &Edge{
		cfg: cfg, store: cache.NewStore(cfg.MemoryBytes, kept, cfg.Logger), disk: kept,
		pop:       cfg.Node.POP + strconv.Itoa(cfg.POPNumber) + "-P" + strconv.Itoa(cfg.Node.K),
		pseudonym: identity.Pseudonym(cfg.Node.ID), cacheName: identity.CacheName(cfg.Node.ID),
	}
	e.gate = admission.Gate{Zone: cfg.Zone, Ports: e.ports}
	e.journal.Store(&cfg.Journal)
	e.via = "1.1" + e.pseudonym
	e.ctx, e.stop = context.WithCancel(context.Background())
	e.writing, e.stopWriting = context.WithCancel(context.Background())
	e.metrics = metrics.New(cfg.Registry, result.Names(), metrics.Sources{Store: e.store, Disk: kept, Lease: cfg.Lease.Valid, Applied: e.applied})
	e.fetcher = fetch.New(e.ctx, fetch.Config{
		Store: e.store, Encoders: compression.NewEncoders(encodersFor(cfg.MemoryBytes)),
		State: cfg.State, Signer: cfg.Signer, Events: cfg.OriginEvents,
		Leased: func(now time.Time) bool { return e.cfg.Lease.Valid(now) }, Entitled: func() bool { return e.cfg.entitled() },
		Asked: e.metrics.Asked, FailedOver: e.metrics.FailedOver, Now: cfg.Now, Ahead: e.ahead, Logger: cfg.Logger,
	})
	return e
}

// encodersFor is how many bodies are compressed at one time beside a cache of so
// many bytes: encoders take megabytes too.
func encodersFor(memory int64) int { return int(min(max(memory>>22, 32), 256)) }

// ahead is how far a sandbox's time was moved.
func (e *Edge) ahead() time.Duration {
	if s := e.cfg.State(); e.cfg.Sandbox && s != nil {
		return s.Clock().Ahead
	}
	return 0
}

// now is the time that freshness goes by.
func (e *Edge) now() time.Time { return e.cfg.Now().Add(e.ahead()) }

// applied is the version the edge has applied; zero before the first.
func (e *Edge) applied() cdn.Version {
	if s := e.cfg.State(); s != nil {
		return s.Version
	}
	return cdn.Version{}
}

// Handle answers one request as an exchange of its own. Servers, which answer
// many, have an exchange for each connection or stream.
func (e *Edge) Handle(ctx context.Context, req *message.Request) *message.Response {
	return e.newExchange().Handle(ctx, req)
}
