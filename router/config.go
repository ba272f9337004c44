package router

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/span"
	"github.com/warmfront/warmfront/geo/netmap"
	"github.com/warmfront/warmfront/router/dnssec"
	"github.com/warmfront/warmfront/router/health"
	"github.com/warmfront/warmfront/router/load"
	"github.com/warmfront/warmfront/router/pick"
	"github.com/warmfront/warmfront/router/querylog"
	"github.com/warmfront/warmfront/router/ratelimit"
	"github.com/warmfront/warmfront/router/wire"
)

// Place is where an address is.
type Place struct {
	Lat, Lon float64
	City     string // "" where only the country is known
	Country  string // ISO 3166-1 alpha-2
	// Source names the database that says so, Precision what it knows, "city" or
	// "country"; for explanations.
	Source, Precision string
	// Prefix is the network around the address within which this answer is the
	// same, of the address's own family. It should be set even where nothing is
	// known of the address, for the scope of the answer rests on it.
	Prefix netip.Prefix
}

func (p Place) point() pick.Point { return pick.Point{Lat: p.Lat, Lon: p.Lon} }

// Record is what the zone holds for a name besides distributions.
type Record struct {
	Addrs []netip.Addr
	Text  []string // one TXT record
}

// Config is what a Router needs. Network assembles it; what a person sets are
// Zone and Listen.
type Config struct {
	// Zone is the domain the router is authoritative for, "warmfront.test".
	Zone string
	// AliasZones are further domains it is authoritative for, in which the aliases of
	// distributions are answered as the distributions are: --zone-for-aliases.
	AliasZones []string
	// Listen is the address for both UDP and TCP, "127.0.0.1:5300"; with port 0
	// one that is free for both is taken.
	Listen string
	// NS holds the addresses of ns1, ns2 … of the zone. Empty: this router's own
	// address is ns1.
	NS [][]netip.Addr
	// CAA says who may issue certificates for names in the zones, each as in a zone
	// file: `0 issue "ca.example.net"` (RFC 8659). None says nothing.
	CAA []string
	// Keys sign the answers of the zones they are of, of Zone at least: --dnssec. None
	// leaves all unsigned.
	Keys dnssec.Keys
	// Names are further names in the zone, relative to it ("control"), "" for
	// the zone itself.
	Names map[string]Record

	// Identity is the name that tells one router from another, "router-1", for those
	// who ask by NSID or id.server; "" says nothing. Version is for version.bind.
	Identity, Version string
	// CookieSecret makes DNS cookies. All routers of the network share it; nil
	// gives none.
	CookieSecret []byte
	// ECSTrusted are the resolvers whose client subnets count: --ecs-trusted. Nil
	// is everybody.
	ECSTrusted []netip.Prefix

	// RateLimit is how many answers a network is sent; ratelimit.Default is what routers on
	// the Internet should have, and its zero value sends all.
	RateLimit ratelimit.Settings

	// State returns what the journal says; nil while nothing is known yet, during
	// which names of distributions are SERVFAIL, never NXDOMAIN.
	State func() *cdn.State
	// Locate says where an address is. When ok is false only Prefix is used.
	Locate func(netip.Addr) (place Place, ok bool)
	// Table returns the location table that goes with Locate, the one there is now;
	// all routers of a process share it. Without one, or while it is nil, the scope
	// of an answer is the Prefix of its place, though its neighbours may be given the
	// same.
	Table func() *netmap.Map
	// Home stands in for the place of an address that Locate does not know.
	Home Place
	// POPs are the edge locations that edges may name.
	POPs []pick.POP

	// Explain has TXT at _explain.NAME say why NAME is answered as it is, to whoever asks
	// from a loopback or private address: for labs. RoundTrip is what a model
	// says of the way from a viewer to a POP; nil says nothing.
	Explain   bool
	RoundTrip func(viewer, pop pick.Point) time.Duration

	// Addresses is how many one answer has at most, of as many healthy edges of the POP:
	// --addresses. 0 is four, as CloudFront's answers have (belief 209): whoever cannot reach one has others
	// at hand before the answer expires, and an answer fits 512 bytes with any name.
	Addresses int
	// ClassOverflow sends viewers outside a price class of which every edge is down:
	// --class-overflow.
	ClassOverflow bool
	// Health says how edges are checked; the zero value is health.Default.
	Health health.Settings
	// Load says when a POP's viewers are sent on to others; the zero value is load.Default.
	Load load.Settings
	// Latency ranks POPs by the round trips that edges measure between them, where they have,
	// and not by distance: --policy latency.
	Latency bool
	// ReportToken is shown to edges so that they say how loaded they are.
	ReportToken string
	// Dial opens the connections of the checks; nil is net.Dialer. Faults and
	// delays are applied here.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// QueryLog writes down queries and answers; nil writes none. Several routers may
	// share one.
	QueryLog *querylog.Log

	// Tracer has each answer be a span, with the decision that it followed from; nil for none. BelieveTraces takes the
	// asker's word for which trace a question is part of (span.OptionCode).
	Tracer        span.Tracer
	BelieveTraces bool

	// Hold, if set, is called between reading packets and answering them, and may keep
	// them waiting until done is closed: how a paused node seems to be.
	Hold func(done <-chan struct{})
	// WrapListener puts something between the TCP socket and the
	// server, such as the delay model; nil for nothing.
	WrapListener func(net.Listener) net.Listener

	Logger  *slog.Logger          // nil discards
	Metrics prometheus.Registerer // nil for none
	Now     func() time.Time      // nil is time.Now
}

// Check returns what New would say of what is answered: of the zones, their records and
// their keys. It opens no socket.
func (c Config) Check() error {
	c, err := c.withAnswers()
	if err != nil {
		return err
	}
	signer, err := newSigner(c)
	if err != nil {
		return err
	}
	_, err = newZones(c, signer)
	return err
}

func (c Config) withAnswers() (Config, error) {
	c.Zone = strings.ToLower(strings.TrimSuffix(c.Zone, "."))
	if _, ok := dns.IsDomainName(c.Zone); !ok || c.Zone == "" || strings.ContainsAny(c.Zone, `\ `) {
		return c, fmt.Errorf("router: the zone %q is not a domain name", c.Zone)
	}
	if c.Addresses == 0 {
		c.Addresses = 4
	}
	if c.Addresses < 1 || c.Addresses > wire.MostAddresses {
		return c, fmt.Errorf("router: --addresses %d: use 1 to %d", c.Addresses, wire.MostAddresses)
	}
	return c, nil
}

// withDefaults validates a configuration and fills in what was left out.
func (c Config) withDefaults() (Config, error) {
	c, err := c.withAnswers()
	if err != nil {
		return c, err
	}
	if c.State == nil || c.Locate == nil {
		return c, errors.New("router: State and Locate must be set")
	}
	if c.Table == nil {
		c.Table = func() *netmap.Map { return nil }
	}
	if c.Health == (health.Settings{}) {
		c.Health = health.Default()
	}
	if h := c.Health; h.Interval <= 0 || h.Timeout <= 0 || h.Down < 1 || h.Up < 1 {
		return c, errors.New("router: the health settings must be above zero")
	}
	if c.Load == (load.Settings{}) {
		c.Load = load.Default()
	}
	if err := c.Load.Validate(); err != nil {
		return c, fmt.Errorf("router: %w", err)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, nil
}
