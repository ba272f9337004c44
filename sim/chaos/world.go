package chaos

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/store"
	"github.com/warmfront/warmfront/gossip/memnet"
	"github.com/warmfront/warmfront/journal"
	"github.com/warmfront/warmfront/sim/claim"
	"github.com/warmfront/warmfront/sim/site"
)

const (
	zone         = "warmfront.test"
	originName   = "origin.test"
	controlName  = "control"
	distribution = "E1"
	domain       = "de1." + zone
	// leaseLength is shorter than anybody's, so that a run sees many.
	leaseLength = 4 * time.Second
	// memoryBytes is so little that objects are evicted.
	memoryBytes = 6 << 20
	diskBytes   = 24 << 20
)

var (
	controlAddress = netip.MustParseAddrPort("10.0.0.1:7947")
	originAddress  = netip.MustParseAddrPort("10.0.0.2:80")
)

func terms() journal.Terms { return journal.Terms{Length: leaseLength, Margin: 200 * time.Millisecond} }

// world is one run's network.
type world struct {
	schedule Schedule
	start    time.Time
	log      *slog.Logger
	secret   []byte
	net      *memnet.Network
	clock    *clock      // control's
	folder   string      // control's
	journal  *store.Disk // control's
	backups  []journalBackup
	restored atomic.Int64 // how often one was put back
	objects  []site.Object
	history  *claim.History
	hosts    map[string]*host
	control  atomic.Pointer[controlProcess] // nil while it is down
	origin   *http.Server

	// mu is held while processes are started, and guards what hosts run.
	mu sync.Mutex
	// running are the processes, also those that have crashed and are about to end.
	running sync.WaitGroup

	cutting sync.Mutex
	cuts    map[int]func(from, to netip.Addr) bool
	lastCut int

	report Report
	noting sync.Mutex
}

// objects are few, so that each is asked for and invalidated often.
func objects() []site.Object {
	var all []site.Object
	for _, o := range []struct {
		kind  site.Kind
		count int
		size  int
	}{
		{site.Plain, 4, 1500}, {site.SlowHead, 2, 900}, {site.SlowBody, 2, 2 * site.BlockSize}, {site.Large, 1, 2<<20 + 54321}, {site.Vary, 1, 3000},
		{site.Query, 1, 700}, {site.Missing, 1, 400}, {site.Dated, 1, 2000}, {site.StaleOK, 1, 800}, {site.Weak, 1, 1000},
	} {
		for n := range o.count {
			object := site.Object{Path: fmt.Sprintf("/%s/%d", o.kind, n), Kind: o.kind, Size: o.size + 17*n, Queries: []string{""}}
			if o.kind == site.Query {
				object.Queries = []string{"", "q=1", "q=2"}
			}
			all = append(all, object)
		}
	}
	return all
}

// draw chooses an object, a slow one more often than its share: what is under way for long is what goes wrong.
func (w *world) draw(r *rand.Rand) site.Object {
	for {
		o := w.objects[r.IntN(len(w.objects))]
		if o.Kind == site.SlowHead || r.IntN(4) > 0 {
			return o
		}
	}
}

func newWorld(s Schedule, folder string, log *slog.Logger) (*world, error) {
	all, err := hosts(folder)
	if err != nil {
		return nil, err
	}
	w := &world{
		schedule: s, start: time.Now(), log: log, secret: []byte("a cluster secret made for runs"), net: memnet.New(s.Seed), folder: filepath.Join(folder, controlName), journal: &store.Disk{},
		objects: objects(), hosts: all, cuts: map[int]func(from, to netip.Addr) bool{},
	}
	chance := w.random(1000)
	w.clock = newClock(w.start, chance)
	for _, name := range edgeNames() {
		w.hosts[name].clock = newClock(w.start, chance)
	}
	var paths []string
	for _, o := range w.objects {
		paths = append(paths, o.Path)
	}
	w.history = claim.New(paths, w.start)
	w.report = Report{Schedule: s, Caches: map[string]int{}}
	w.net.SetDelay(func(from, to netip.Addr) time.Duration {
		// Viewers are near; the others 1 to 23 ms from one another.
		a, b := from.As4(), to.As4()
		if a[1] == 2 || b[1] == 2 {
			return time.Millisecond
		}
		return time.Duration(1+(int(a[3])*7+int(b[3])*7+int(a[1])*3)%23) * time.Millisecond
	})
	return w, nil
}

func (w *world) listen(_, address string) (net.Listener, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	return w.net.Listen(at)
}

// resets breaks a host's connections.
func (w *world) resets(a netip.Addr) {
	w.net.Break(func(client, server netip.Addr) bool { return client == a || server == a })
}

// cut cuts ways until the function it returns is called.
func (w *world) cut(is func(from, to netip.Addr) bool) (heal func()) {
	w.cutting.Lock()
	defer w.cutting.Unlock()
	w.lastCut++
	n := w.lastCut
	w.cuts[n] = is
	w.applyCuts()
	return func() {
		w.cutting.Lock()
		defer w.cutting.Unlock()
		delete(w.cuts, n)
		w.applyCuts()
	}
}

func (w *world) applyCuts() {
	var all []func(from, to netip.Addr) bool
	for _, is := range w.cuts {
		all = append(all, is)
	}
	w.net.Cut(func(from, to netip.Addr) bool {
		return slices.ContainsFunc(all, func(is func(from, to netip.Addr) bool) bool { return is(from, to) })
	})
}

// open starts everything and waits until every edge has its lease and the distribution.
func (w *world) open(ctx context.Context) error {
	ln, err := w.net.Listen(originAddress)
	if err != nil {
		return err
	}
	at := &site.Origin{Objects: map[string]site.Object{}, Current: w.history.Current, Epoch: w.start.Add(-240 * time.Hour), Delay: site.Delays}
	for _, o := range w.objects {
		at.Objects[o.Path] = o
	}
	w.origin = &http.Server{Handler: at, ErrorLog: slog.NewLogLogger(w.log.Handler(), slog.LevelDebug)}
	w.running.Go(func() { _ = w.origin.Serve(ln) }) // until it is closed
	w.mu.Lock()
	err = w.startControl(false)
	for _, name := range edgeNames() {
		if err == nil {
			err = w.startEdge(w.hosts[name])
		}
	}
	w.mu.Unlock()
	if err != nil {
		return err
	}
	core := w.control.Load().core
	v, err := core.Propose(ctx, func(*cdn.State) ([]cdn.Change, error) {
		c, err := cdn.NewChange(cdn.KindDistributionPut, theDistribution(), time.Now())
		return []cdn.Change{c}, err
	})
	if err != nil {
		return err
	}
	for _, h := range w.hosts {
		if err := h.edge.client.Ready(ctx); err != nil {
			return fmt.Errorf("%s: %w", h.node.ID, err)
		}
	}
	return core.WaitSettled(ctx, journal.Deployed, v)
}

// The managed cache policies: CachingOptimized, and UseOriginCacheControlHeaders-QueryStrings.
const (
	cachingOptimized = "658327ea-f89d-4fab-a63d-7e88639e58f6"
	cachingByQuery   = "4cc15a8a-d715-48a4-82b8-cc0b614638fe"
)

func theDistribution() cdn.Distribution {
	behavior := func(tag, pattern, policy string) string {
		return "<" + tag + ">" + pattern + "<TargetOriginId>o</TargetOriginId><ViewerProtocolPolicy>allow-all</ViewerProtocolPolicy><CachePolicyId>" + policy +
			"</CachePolicyId></" + tag + ">"
	}
	return cdn.Distribution{
		ID: distribution, ARN: "arn:aws:cloudfront::123456789012:distribution/" + distribution, Domain: domain,
		Config: "<DistributionConfig><CallerReference>chaos</CallerReference><Origins><Items><Origin><Id>o</Id><DomainName>" + originName + "</DomainName>" +
			"<CustomOriginConfig><HTTPPort>80</HTTPPort><HTTPSPort>443</HTTPSPort><OriginProtocolPolicy>http-only</OriginProtocolPolicy></CustomOriginConfig><OriginShield><Enabled>true</Enabled><OriginShieldRegion>us-east-1</OriginShieldRegion></OriginShield>" +
			"</Origin></Items></Origins><CacheBehaviors><Items>" + behavior("CacheBehavior", "<PathPattern>/query/*</PathPattern>", cachingByQuery) +
			"</Items></CacheBehaviors>" + behavior("DefaultCacheBehavior", "", cachingOptimized) + "<Enabled>true</Enabled></DistributionConfig>",
	}
}

// close ends everything, and returns once nothing is left.
func (w *world) close() {
	for _, name := range edgeNames() {
		if err := w.crashEdge(w.hosts[name], false); err != nil {
			w.note("%s, at the end: %v", name, err)
		}
	}
	w.crashControl(false)
	_ = w.origin.Close()
	w.net.Break(func(_, _ netip.Addr) bool { return true })
	w.running.Wait()
}

// wait lets time pass; false where ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// random is of the seed, for one of those who draw.
func (w *world) random(who uint64) *rand.Rand { return rand.New(rand.NewPCG(w.schedule.Seed, 100+who)) }

// chance is for what is decided while the run goes on.
func (w *world) chance() *rand.Rand {
	return rand.New(rand.NewPCG(w.schedule.Seed, uint64(time.Since(w.start))))
}

// errOver is why a run ends that nothing has stopped.
var errOver = errors.New("the run is over")
