package network

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/edge"
	"github.com/warmfront/warmfront/edge/accesslog"
	"github.com/warmfront/warmfront/edge/function"
	"github.com/warmfront/warmfront/edge/lambda"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/originauth"
	"github.com/warmfront/warmfront/edge/proxyproto"
	"github.com/warmfront/warmfront/edge/roundtrip"
	"github.com/warmfront/warmfront/geo"
	"github.com/warmfront/warmfront/journal"
	"github.com/warmfront/warmfront/network/edgelogs"
	"github.com/warmfront/warmfront/network/functions"
	"github.com/warmfront/warmfront/network/measured"
	"github.com/warmfront/warmfront/network/ports"
	"github.com/warmfront/warmfront/network/sniff"
	"github.com/warmfront/warmfront/sigv4"
	"github.com/warmfront/warmfront/wan"
)

// EdgeConfig is what an Edge is started with.
type EdgeConfig struct {
	NodeConfig
	POP    string // --pop: its city, by IATA code
	Number int    // --k: its number within the POP, from 1
	// Regional makes it a node of the POP's regional edge cache, which other edges ask
	// and viewers do not: --regional.
	Regional bool
	// S3Endpoint is the URL that bucket names are reached at: --s3-endpoint.
	S3Endpoint string
	// Origins maps host names of origins to addresses, "NAME=ADDRESS": --origin.
	Origins map[string]string
	// OriginAllow are further networks that origins may be in: --origin-allow.
	OriginAllow []netip.Prefix
	// MemoryBytes bounds the cache: --memory.
	MemoryBytes int64
	// ViewerConnections is how many connections one viewer's address may have:
	// --viewer-connections. 0: any number. In a sandbox it is not applied: all who use
	// the viewer proxy have one address.
	ViewerConnections int
	// DiskBytes is how much of it may be kept in the folder: --disk. 0: nothing.
	DiskBytes int64
	// Capacity is how many requests a second the edge is to answer: --capacity. 0: by the
	// number of processors.
	Capacity float64
	// RedirectViewers is by how much the round trip to another POP must be shorter for a
	// viewer to be sent there: --redirect-viewers. 0: nobody is.
	RedirectViewers time.Duration
	// PublicHTTPSPort is the port that redirects name; 0 is the HTTPS port.
	PublicHTTPSPort uint16
	Logs            edgelogs.Config
	// Functions runs functions. Nil: an engine of its own.
	Functions *function.Engine
	// Lambdas runs Lambda functions; who made it closes it, after the edge. Nil: none.
	Lambdas *lambda.Functions
}

// drainLimit leaves time, of the ten seconds that a stop may take, for the nodes
// that are stopped after the edges.
const drainLimit = 6 * time.Second

// Edge is the program of one edge node.
type Edge struct {
	*member
	edge      *edge.Edge
	prober    *roundtrip.Prober
	logs      *edgelogs.Logs
	functions *function.Node
	lambdas   *lambda.Node
	listeners []net.Listener
	gone      gone
}

// NewEdge listens; Run serves.
func NewEdge(cfg EdgeConfig) (_ *Edge, err error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	pop, ok := cfg.Geo.Catalogue().ByCode(cfg.POP)
	if !ok {
		return nil, fmt.Errorf("--pop %q is not the code of an edge location", cfg.POP)
	}
	if cfg.Number < 1 {
		return nil, fmt.Errorf("--k %d: nodes of an edge location are numbered from 1", cfg.Number)
	}
	e := &Edge{}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Close())
		}
	}()
	node := cfg.describe(fmt.Sprintf("%s-%d", pop.Code, cfg.Number), cdn.RoleEdge)
	node.POP, node.K, node.HTTPPort, node.HTTPSPort = pop.Code, cfg.Number, cfg.Ports.HTTP, cfg.Ports.HTTPS
	if cfg.Regional {
		if pop.Region == "" {
			return nil, fmt.Errorf("--regional: no regional edge cache is in %s", pop.City)
		}
		node.ID, node.Regional, node.HTTPPort, node.HTTPSPort = regionalID(pop, cfg.Number), pop.Region, 0, 0
	}
	if e.member, err = newMember(cfg.NodeConfig, node, stored{e}, e.prepare, e.gone.note); err != nil {
		return nil, err
	}
	e.prober = e.newProber(cfg, pop)
	if e.logs, err = e.newLogs(cfg); err != nil {
		return nil, err
	}
	e.functions = functions.NewNode(cfg.Functions, cfg.Folder.Join(), cfg.Geo.Catalogue(), pop, cfg.Log, e.registry)
	if cfg.Lambdas == nil {
		cfg.Lambdas = lambda.New(nil, 0, cfg.Log)
	}
	e.lambdas = lambda.NewNode(cfg.Lambdas, e.registry)
	if known := e.client.State(); known != nil {
		e.lambdas.Prepare(known) // a restart may be without what was there before
	}
	if e.edge, err = edge.New(e.edgeConfig(cfg, pop)); err != nil {
		return nil, ports.ExplainTaken(err)
	}
	return e, nil
}

// regionalID is the id of node k of a POP's regional edge cache.
func regionalID(pop geo.POP, k int) string { return fmt.Sprintf("%s-R%d", pop.Code, k) }

// maxPrepared is for how many distributions certificates are asked for ahead of
// the first viewer.
const maxPrepared = 64

// newLogs makes the access logs. Nobody but viewers leaves lines, so that of a regional
// edge cache there are none.
func (e *Edge) newLogs(cfg EdgeConfig) (*edgelogs.Logs, error) {
	logs, err := edgelogs.New(cfg.Logs, edgelogs.Node{
		Dir: cfg.Folder.Join("logs"), S3Endpoint: cfg.S3Endpoint, Dial: cfg.gate.DialOut(dialFrom(cfg.Addr)), Registry: e.registry, Logger: cfg.Log,
		ClusterKey: func() (sigv4.Credentials, error) { return originSigner{e}.key() },
		LookUp: func(r *accesslog.Record) {
			place, _ := cfg.Geo.Locate(r.Viewer.Addr())
			r.Country, r.ASN, r.Server = place.Country, cfg.Logs.Systems.Number(r.Viewer.Addr()), cfg.Addr
		},
	})
	if err == nil {
		logs.Update(e.client.State())
	}
	return logs, err
}

// prepare asks for the certificates of the distributions in a new state.
func (e *Edge) prepare(s *cdn.State) {
	if e.member == nil {
		return
	}
	if e.logs != nil {
		e.logs.Update(s)
	}
	if e.lambdas != nil {
		e.lambdas.Prepare(s)
	}
	if e.node.IsRegional() {
		return
	}
	if e.functions != nil {
		e.functions.Prepare(s)
	}
	if len(s.Plans) > maxPrepared {
		return
	}
	for _, p := range s.Plans {
		e.client.Certificates().Prepare(p.Domain)
	}
}

func (e *Edge) edgeConfig(cfg EdgeConfig, pop geo.POP) edge.Config {
	public := cfg.PublicHTTPSPort
	if public == 0 {
		public = cfg.Ports.HTTPS
	}
	localhost := ""
	if cfg.Sandbox {
		localhost = cfg.Zone
	}
	perViewer := cfg.ViewerConnections
	if cfg.Sandbox {
		perViewer = 0
	}
	http, https := cfg.listenAddr(cfg.Ports.HTTP), cfg.listenAddr(cfg.Ports.HTTPS)
	if cfg.Regional {
		http, https = "", ""
	}
	return edge.Config{
		MaxPerViewer: perViewer, Capacity: cfg.Capacity, ReportToken: measured.Token(cfg.Secret), RoundTrips: e.prober.RoundTrips,
		Node: e.node, POPNumber: pop.N, Zone: cfg.Zone,
		HTTPAddr: http, HTTPSAddr: https, PublicHTTPSPort: int(public),
		State: e.known, Lease: lease{e.client}, Entitled: e.client.Entitled, Certificates: e.client.Certificates(), Signer: originSigner{e},
		S3Endpoint: cfg.S3Endpoint, Origins: cfg.Origins, OriginAllow: cfg.OriginAllow, Sandbox: cfg.Sandbox,
		MemoryBytes: cfg.MemoryBytes, DiskBytes: cfg.DiskBytes, DiskDir: cfg.Folder.Join("cache"), Journal: e.client.Journal(), WrapListener: e.wrapViewers(cfg, pop),
		HTTP3: true, WrapPacketConn: e.wrapViewerPackets(cfg, pop), Tiers: e.tiers(cfg, pop),
		DialOrigin: cfg.gate.DialOut(dialFrom(cfg.Addr)), Logger: cfg.Log, Registry: e.registry,
		Events: functions.Events{Functions: e.functions, Lambdas: e.lambdas}, OriginEvents: e.lambdas,
		Tracer: cfg.Traces.Tracer("edge", e.node.ID), BelieveTraces: cfg.Sandbox || cfg.BelieveTraces,
		AccessLog: e.logs, DrainLimit: drainLimit, LocalhostZone: localhost, ServicePorts: cfg.Ports.Services(),
		Services:  cfg.controlServices(),
		Elsewhere: elsewhere(pop, cfg.Geo, cfg.WAN, e.known, cfg.RedirectViewers),
		Locate: func(a netip.Addr) geo.Place {
			place, _ := cfg.Geo.Locate(a)
			return place
		},
	}
}

// stored is where the edge keeps objects; it is asked once there is an edge.
type stored struct{ *Edge }

func (s stored) Disk() journal.Disk { return s.edge.Disk() }

func (s stored) Joined(name string, known journal.Disk, rolledBack bool) error {
	return s.edge.Joined(name, known, rolledBack)
}

// controlServices are control's addresses, which no origin is at. Names among
// --control are left to the ports: their addresses may change.
func (cfg *NodeConfig) controlServices() func() []netip.AddrPort {
	var services []netip.AddrPort
	for _, c := range cfg.Control {
		if peer, err := netip.ParseAddrPort(c); err == nil {
			services = append(services, peer, netip.AddrPortFrom(peer.Addr(), cfg.Ports.Control))
		}
	}
	return func() []netip.AddrPort { return services }
}

// wrapViewers puts faults, the viewer proxy's word for who the viewer is, and
// distance between viewers and a sandbox's edge; elsewhere nothing.
func (e *Edge) wrapViewers(cfg EdgeConfig, pop geo.POP) func(net.Listener) net.Listener {
	if !cfg.Sandbox {
		return nil
	}
	return func(l net.Listener) net.Listener {
		key, err := proxyproto.DeriveKey(cfg.Secret)
		if err != nil { // too short a secret, which joining refuses
			return l
		}
		l = sniff.Listen(proxyproto.Listener(cfg.gate.Listener(l), key))
		l = wan.Listen(l, cfg.world().viewers(popPoint(pop), cfg.gate), wan.Options{Wrap: true})
		e.listeners = append(e.listeners, l)
		return l
	}
}

// originSigner signs requests to buckets with the key that control handed over,
// which is not known before the node has joined.
type originSigner struct{ e *Edge }

func (s originSigner) Sign(r *message.Request, o *origins.Origin, arn string, now time.Time) error {
	key, err := s.key()
	if err != nil {
		return err
	}
	return originauth.S3{Credentials: key}.Sign(r, o, arn, now)
}

func (s originSigner) key() (sigv4.Credentials, error) {
	k, err := parseKey(s.e.client.Settings()[settingOriginSign])
	return sigv4.Credentials{AccessKeyID: k.ID, SecretAccessKey: k.Secret}, err
}

// Run serves until ctx ends. Then it says goodbye, so that routers send nobody
// here any more, finishes what viewers asked, and gives up the lease.
func (e *Edge) Run(ctx context.Context) error {
	measuring, stop := context.WithCancel(ctx)
	var prober sync.WaitGroup
	defer prober.Wait()
	defer stop()
	if !e.node.IsRegional() { // viewers are not sent there
		prober.Go(func() { e.prober.Run(measuring) })
	}
	err := e.run(ctx, "http", drained{e.edge, &e.listeners}, []string{"gossip"}, []string{"http"})
	return errors.Join(err, e.logs.Close())
}

// Close ends everything at once.
func (e *Edge) Close() error {
	if e.member == nil {
		return nil
	}
	var role []io.Closer
	if e.edge != nil {
		role = append(role, e.edge)
	}
	if e.logs != nil {
		role = append(role, e.logs)
	}
	return e.close(role...)
}
