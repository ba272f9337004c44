package edge

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/report"
	"github.com/warmfront/warmfront/cdn/span"
	"github.com/warmfront/warmfront/edge/cache/disk/filesystem"
	"github.com/warmfront/warmfront/edge/fetch"
	"github.com/warmfront/warmfront/edge/load"
	"github.com/warmfront/warmfront/edge/originauth"
	"github.com/warmfront/warmfront/edge/tier"
	"github.com/warmfront/warmfront/edge/viewertls"
	"github.com/warmfront/warmfront/geo"
)

// Lease says whether the node may serve from its cache without asking.
type Lease interface {
	// Valid is asked with one reading of the clock, made after the request was
	// read. It is false as soon as either clock says that the lease has ended.
	Valid(now time.Time) bool
}

// Config is what an edge is told. Fields without a default are required.
type Config struct {
	// Node is the edge's own registration: its id, POP and number there.
	Node cdn.Node
	// POPNumber is the POP's number n in the catalogue.
	POPNumber int
	// Zone is the network's DNS zone, "warmfront.test".
	Zone string
	// LocalhostZone makes d….localhost mean d….<LocalhostZone>, as if it had come
	// over https, so that a browser needs no set-up. For sandboxes; empty: off.
	LocalhostZone string

	// HTTPAddr and HTTPSAddr are where viewers connect; port 0 takes a free one,
	// empty leaves it out. A regional edge cache has neither: other edges ask it.
	HTTPAddr, HTTPSAddr string
	// PublicHTTPSPort is the port viewers reach HTTPSAddr by, where it is not the
	// one listened on; redirects name it.
	PublicHTTPSPort int
	// Listen opens both, net.Listen when nil: for networks that are not the machine's.
	Listen func(network, address string) (net.Listener, error)
	// WrapListener wraps both listeners: the PROXY protocol, the distance model.
	WrapListener func(net.Listener) net.Listener

	// HTTP3 has HTTPSAddr listened on for HTTP/3 too; WrapPacketConn wraps its socket.
	HTTP3          bool
	WrapPacketConn func(net.PacketConn) net.PacketConn
	// MaxPerViewer is how many connections one viewer's address may have. 0: any
	// number, as behind a proxy that all viewers share.
	MaxPerViewer int

	// Capacity is how many requests of viewers a second the edge is to answer: --capacity.
	// Routers are told, and send viewers elsewhere before it is reached. 0: by the number
	// of processors, see load.DefaultCapacity.
	Capacity float64
	// ReportToken is what routers show to be told of load and round trips beside health; in
	// a sandbox everybody is told. Empty: nobody.
	ReportToken string
	// RoundTrips are those measured to other POPs, for the same report. Nil: none.
	RoundTrips func() []report.RoundTrip

	// Tiers is how edges ask one another before an origin, as far as the network says
	// it. Nil: they do not.
	Tiers *tier.Config

	// State is the newest state applied; nil, or one of version zero, before the
	// first: viewers and health checks get 503 then.
	State func() *cdn.State
	Lease Lease
	// Entitled says whether the node may serve without its lease what is to be served
	// so; nil: never.
	Entitled func() bool
	// Certificates may be nil where HTTPSAddr is empty.
	Certificates viewertls.Certificates

	// S3Endpoint is where S3 buckets are, "http://127.0.0.1:9000"; empty: at AWS.
	S3Endpoint string
	// Origins maps host names of origins to addresses (--origin).
	Origins map[string]string
	// OriginAllow names prefixes of loopback or private addresses that may be
	// origins (--origin-allow); Sandbox allows them all.
	OriginAllow []netip.Prefix
	Sandbox     bool
	// ServicePorts are the cluster's own, refused as origins on such addresses.
	ServicePorts []uint16
	// Services returns the addresses of services of the cluster that register
	// nowhere, control's above all, which are never origins. Nil: none.
	Services func() []netip.AddrPort
	// OriginRoots verify origins' certificates. Nil: the system's.
	OriginRoots *x509.CertPool
	// Signer may be nil where no origin has an access control.
	Signer originauth.Signer
	// DialOrigin connects to a checked address. Nil: net.Dialer.
	DialOrigin func(ctx context.Context, network, address string) (net.Conn, error)

	// MemoryBytes is how much the cache may hold in memory. 0: 64 MiB.
	MemoryBytes int64
	// DiskBytes is how much it may hold in the folder DiskDir, which outlives the
	// process and is this node's alone. 0: none.
	DiskBytes int64
	DiskDir   string
	// DiskFS is the file system that DiskDir is in. Nil: the machine's.
	DiskFS filesystem.FS
	// Journal names the journal that State is of, as far as that is known before
	// Joined says it.
	Journal string
	// DrainLimit is how long requests in flight may take once Run is to end.
	// 0: 8 s, within the ten that a supervisor waits.
	DrainLimit time.Duration

	// Locate returns where a viewer is, for geo restrictions and the
	// CloudFront-Viewer-… headers; the zero Place where nobody knows. Nil: nobody does.
	Locate func(netip.Addr) geo.Place
	// Elsewhere returns the POP that is so much better for a viewer that it is to be sent
	// there, "" for none. Nil: nobody is sent away.
	Elsewhere func(viewer netip.Addr, plan *cdn.Plan) string
	// Now is the time that freshness goes by, but for how far State has a sandbox's
	// clock moved; the lease, TLS and signatures of requests to origins go by the clock.
	// Nil: time.Now.
	Now func() time.Time
	// Events runs functions. Nil: none can be run, and behaviors that have some answer with
	// an error.
	Events Events
	// OriginEvents runs functions at origins' events. Nil: as with Events.
	OriginEvents fetch.OriginEvents
	// Tracer has each request be a span; nil: none is. BelieveTraces takes a viewer's word for which trace its request is
	// part of; else it is one of its own, linked to that.
	Tracer        span.Tracer
	BelieveTraces bool
	// AccessLog gets a line for each request of a viewer. Nil: nothing is logged.
	AccessLog AccessLog
	// Logger gets one line per request at debug level. Nil: nothing is logged.
	Logger *slog.Logger
	// Registry holds the node's metrics. Nil: one is made.
	Registry *prometheus.Registry
}

const (
	defaultMemory = 64 << 20
	maxCapacity   = 1e9
)

// complete checks the configuration and fills in defaults.
func (c *Config) complete() error {
	switch {
	case c.Node.ID == "" || c.Node.POP == "":
		return errors.New("edge: the node needs an id and a POP")
	case c.Zone == "":
		return errors.New("edge: no zone is given (--zone)")
	case c.State == nil || c.Lease == nil:
		return errors.New("edge: State and Lease are required")
	case c.HTTPAddr == "" && c.HTTPSAddr == "" && (c.Tiers == nil || !c.Node.IsRegional()):
		return errors.New("edge: neither an HTTP nor an HTTPS address is given")
	case c.HTTPSAddr != "" && c.Certificates == nil:
		return errors.New("edge: HTTPS needs certificates")
	case c.Capacity < 0 || math.IsNaN(c.Capacity) || c.Capacity > maxCapacity:
		return fmt.Errorf("edge: a capacity of %v requests a second: use up to %.0f (--capacity)", c.Capacity, maxCapacity)
	case c.MemoryBytes < 0 || c.MemoryBytes > 0 && c.MemoryBytes < 1<<20:
		return fmt.Errorf("edge: %d bytes of memory for the cache: at least 1 MiB are needed (--memory)", c.MemoryBytes)
	}
	if c.DiskBytes != 0 && (c.DiskDir == "" || c.DiskBytes < 16<<20) {
		return fmt.Errorf("edge: %d bytes of disk for the cache in the folder %q: at least 16 MiB and a folder are needed, or none (--disk 0)", c.DiskBytes, c.DiskDir)
	}
	c.Zone = strings.ToLower(strings.Trim(c.Zone, "."))
	c.LocalhostZone = strings.ToLower(strings.Trim(c.LocalhostZone, "."))
	if c.Listen == nil {
		c.Listen = net.Listen
	}
	if c.WrapListener == nil {
		c.WrapListener = func(ln net.Listener) net.Listener { return ln }
	}
	if c.WrapPacketConn == nil {
		c.WrapPacketConn = func(pc net.PacketConn) net.PacketConn { return pc }
	}
	if c.Capacity == 0 {
		c.Capacity = load.DefaultCapacity()
	}
	if c.MemoryBytes == 0 {
		c.MemoryBytes = defaultMemory
	}
	if c.DrainLimit == 0 {
		c.DrainLimit = 8 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	return nil
}

func (c *Config) entitled() bool { return c.Entitled != nil && c.Entitled() }
