package fetch

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/cdn/span"
	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/collapse"
	"github.com/warmfront/warmfront/edge/compression"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/originauth"
	"github.com/warmfront/warmfront/edge/reuse"
	"github.com/warmfront/warmfront/edge/tier"
)

// Origin asks origins.
type Origin interface {
	Do(ctx context.Context, o *origins.Origin, r *message.Request) (*message.Response, error)
}

// Config is what a Fetcher works with. All but Signer, Tiers and Events is needed.
type Config struct {
	Store    *cache.Store
	Encoders *compression.Encoders
	State    func() *cdn.State
	// Leased says whether the node has its lease, Entitled whether it may serve without
	// it what is to be served so.
	Leased   func(now time.Time) bool
	Entitled func() bool
	// Signer signs for origin access controls.
	Signer originauth.Signer
	// Origin is asked last, Tiers before it; Asked is told of each answer of Origin.
	Origin Origin
	Tiers  *tier.Tiers
	Asked  func(*message.Response, error)
	// Events runs functions; nil: none can be run.
	Events OriginEvents
	// FailedOver is told of each time that a group's second origin is asked, and why.
	FailedOver func(why string)
	Now        func() time.Time
	// Ahead is how far a sandbox's time is ahead of Now. Freshness goes by their sum.
	Ahead  func() time.Duration
	Logger *slog.Logger
}

// Fetcher is what one edge fetches by.
type Fetcher struct {
	Config
	// ctx lives as long as fetches may, which is longer than any viewer waits.
	ctx     context.Context
	crew    *collapse.Crew
	flights *collapse.Group[*Flight]
	lone    *collapse.Lone
	// order numbers arrivals of requests and beginnings of fetches.
	order atomic.Uint64
}

// New makes a fetcher whose fetches end with ctx at the latest.
func New(ctx context.Context, cfg Config) *Fetcher {
	return &Fetcher{
		Config: cfg, ctx: ctx, crew: collapse.NewCrew(cfg.Logger),
		flights: collapse.NewGroup[*Flight](), lone: collapse.NewLone(),
	}
}

// Finish waits for what is under way, and begins nothing more.
func (ft *Fetcher) Finish() { ft.crew.Finish() }

// Arrive gives a request its place in the order.
func (ft *Fetcher) Arrive() uint64 { return ft.order.Add(1) }

// Alone reports whether what the key names was not to be shared when it was last
// fetched: nobody is to wait for another's.
func (ft *Fetcher) Alone(key string, now time.Time) bool { return ft.lone.Has(key, now) }

// Join returns a flight for key that accept takes, and whether it was made, by
// newFlight, for who asks; nil if stored says that what is wanted has been stored
// meanwhile.
func (ft *Fetcher) Join(key string, accept func(*Flight) bool, stored func() bool, newFlight func() *Flight) (f *Flight, first bool) {
	return ft.flights.Join(key, collapse.Joining[*Flight]{
		Accept: accept,
		Stored: stored,
		Make: func() *Flight {
			f := newFlight()
			f.queued = true
			return f
		},
		Begin: ft.Launch,
	})
}

// Supply brings what a reader of o lacks, in the background.
func (ft *Fetcher) Supply(f *Fetch, o *cache.Object, fill *cache.Fill) {
	ft.crew.Start(func() { ft.bring(f, o, fill) }, fill.Finish)
}

// Adopt settles for a flight that never began by itself what was asked for it by
// other means, and brings in the body. Where the answer is not stored, Take has it.
func (ft *Fetcher) Adopt(f *Flight, resp *message.Response, header message.Header, sent, received time.Time) {
	if resp = ft.take(f, nil, resp, header, sent, received); resp != nil {
		ft.crew.Start(func() { ft.fillBody(f, resp) }, func(err error) { ft.breakOff(f, err) })
	}
}

// Launch begins a flight.
func (ft *Fetcher) Launch(f *Flight) {
	f.work = f.Traced.Child(span.Start{Name: "fetch"})
	f.Begun = ft.Begin(f.Arrived, f.Plan, f.Planned)
	ft.crew.Start(func() { ft.fly(f) }, func(err error) { ft.crash(f, err) })
}

// Begin stamps what begins to be fetched for a request.
func (ft *Fetcher) Begin(arrived uint64, plan *cdn.Plan, planned cdn.Version) reuse.Begun {
	b := reuse.Begin(ft.order.Add(1), plan, planned, ft.State())
	if ft.Store.Doubt().OfOrder(arrived) { // read after the order was given: see Joined
		b.Birth = cdn.Version{} // the plan is of a journal that is no more, as is its version
	}
	return b
}

// fly asks the origin and settles what the flight brings; then it fills the body
// of what is shared while others read it.
func (ft *Fetcher) fly(f *Flight) {
	resp := ft.ask(f)
	ft.land(f)
	if resp != nil {
		ft.fillBody(f, resp)
	}
	f.traceLanded()
}

// land has all know what the flight brings.
func (ft *Fetcher) land(f *Flight) {
	if f.queued {
		ft.flights.Landed(f.Key, f, ft.Launch)
	}
	close(f.done)
}

// crash ends a flight that panicked: with an error for all who wait, or for all who
// read what it was bringing.
func (ft *Fetcher) crash(f *Flight, err error) {
	if !f.Confirmed && !f.Stale {
		ft.breakOff(f, err)
	}
	select {
	case <-f.done:
	default:
		f.Object, f.Stale, f.Err = nil, false, err
		ft.land(f)
	}
	f.work.EndWith(err)
}
