package network

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/function"
	"github.com/warmfront/warmfront/edge/lambda"
	"github.com/warmfront/warmfront/geo"
	"github.com/warmfront/warmfront/journal"
	"github.com/warmfront/warmfront/network/demo"
	"github.com/warmfront/warmfront/network/dns"
	"github.com/warmfront/warmfront/network/edgelogs"
	"github.com/warmfront/warmfront/network/functions"
	"github.com/warmfront/warmfront/network/gate"
	"github.com/warmfront/warmfront/network/ports"
	"github.com/warmfront/warmfront/network/statefolder"
	"github.com/warmfront/warmfront/network/supervise"
	"github.com/warmfront/warmfront/network/tracing"
	"github.com/warmfront/warmfront/router/load"
	"github.com/warmfront/warmfront/sigv4"
	"github.com/warmfront/warmfront/wan"
)

// UpConfig is what the whole network in one process is started with.
type UpConfig struct {
	Folder      statefolder.Folder
	POPs        []geo.POP // where edges run
	NodesPerPOP int
	Regional    bool   // run the regional edge caches that the POPs ask: --regional
	Home        string // where viewers at 127.0.x.x are
	Zone        string
	DNS         dns.Config // of every router
	Ports       ports.Ports
	Geo         *geo.DB
	WAN         wan.Model
	MemoryBytes int64 // of one edge's cache
	DiskBytes   int64 // the same, on the disk
	// Capacity is how many requests a second one edge is to answer; 0 is the default.
	Capacity float64
	// RedirectViewers is by how much another POP must be nearer, in round trip, for its
	// viewers to be sent there; 0: they are not.
	RedirectViewers time.Duration
	// Load says when a POP's viewers are sent on to others; the zero value is the default.
	Load        load.Settings
	Origins     map[string]string
	OriginAllow []netip.Prefix
	Logs        edgelogs.Config // of every edge
	NewEpoch    bool            // the journal was put back from a backup
	NoDemo      bool            // no demo bucket and distribution
	// RequireCertificates is control's.
	RequireCertificates bool
	// Lambdas runs Lambda functions, of all edges; who made it closes it. Nil: none.
	Lambdas *lambda.Functions
	// AdoptJournal is every node's.
	AdoptJournal string
	// Traces takes what all of them do; who made it closes it. Nil: nothing is traced.
	Traces  *tracing.Exporter
	Version string
	Log     *slog.Logger
	// OnApply is told of each state that a node has applied, before the node
	// acknowledges it: one call at a time for a node, which waits for it. May be nil.
	OnApply func(node string, s *cdn.State)
	// Progress is told what is being waited for; nil for nobody.
	Progress func(done, of int, what string)
}

// DefaultPOPs are the twelve cities on six continents that `up` runs by default.
const DefaultPOPs = "IAD,SFO,GRU,LHR,FRA,JNB,DXB,BOM,SIN,NRT,SYD,QRO"

// The services' own addresses. Those that people type are on 127.0.0.1; the rest
// of each service is beside it.
func controlAddr() netip.Addr     { return netip.AddrFrom4([4]byte{127, 0, 0, 1}) }
func originAddr() netip.Addr      { return netip.AddrFrom4([4]byte{127, 0, 0, 20}) }
func routerAddr(k int) netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, byte(52 + k)}) }

// EdgeAddr is the address of edge node k of the POP with number n.
func EdgeAddr(n, k int) netip.Addr { return netip.AddrFrom4([4]byte{127, byte(n), 0, byte(k)}) }

// RegionalAddr is the address of node k of the regional edge cache of the POP with
// number n.
func RegionalAddr(n, k int) netip.Addr { return netip.AddrFrom4([4]byte{127, byte(n), 1, byte(k)}) }

const routers = 2

// Up is the whole network in one process.
type Up struct {
	cfg       UpConfig
	secret    []byte
	key       statefolder.AccessKey
	functions *function.Engine // of all nodes
	lock      *os.File         // of the state folder
	near      atomic.Bool      // while starting; see world
	control   *Control
	proxy     *Proxy
	sup       *supervise.Supervisor

	slots map[string]*slot // by node id; fixed once prepared
}

// NewUp starts control, whose port shows whether another network runs here, and
// prepares the rest.
func NewUp(cfg UpConfig) (_ *Up, err error) {
	u := &Up{cfg: cfg, sup: supervise.New(), slots: map[string]*slot{}}
	u.near.Store(true)
	if err := cfg.Folder.Make(); err != nil {
		return nil, err
	}
	if u.lock, err = cfg.Folder.Lock(); err != nil {
		if errors.Is(err, statefolder.ErrLocked) {
			r, _ := cfg.Folder.Running() // 0 while it is starting
			err = fmt.Errorf("a network runs from %s already (pid %d): stop it with `warmfront down`, or give another --data", cfg.Folder, r.PID)
		}
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, u.lock.Close())
		}
	}()
	// What a process left that was killed.
	if err := os.Remove(cfg.Folder.Join(statefolder.RunningFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if u.secret, err = cfg.Folder.ClusterSecret(); err != nil {
		return nil, err
	}
	if u.key, err = cfg.Folder.AccessKey(); err != nil {
		return nil, err
	}
	u.functions = functions.NewEngine(cfg.Folder.Join())
	if u.cfg.Lambdas == nil {
		u.cfg.Lambdas = lambda.New(nil, 0, cfg.Log)
	}
	u.control, err = NewControl(ControlConfig{
		NodeConfig: u.node("control-1", controlAddr(), gate.New()), Key: u.key, CAOut: cfg.Folder.Join("ca.pem"),
		RequireCertificates: cfg.RequireCertificates, NewEpoch: cfg.NewEpoch, Functions: u.functions, Lambda: u.cfg.Lambdas.Has, Fault: u.fault, FaultOf: u.faultOf, ProxyPort: cfg.Ports.CityProxy,
		S3Endpoint: "http://" + hostPort(controlAddr().String(), cfg.Ports.S3),
	})
	if err == nil {
		u.prepare()
	}
	return u, err
}

func (u *Up) node(id string, addr netip.Addr, g *gate.Gate) NodeConfig {
	seeds := []string{hostPort(controlAddr().String(), u.cfg.Ports.Gossip)}
	for k := range routers {
		seeds = append(seeds, hostPort(routerAddr(k+1).String(), u.cfg.Ports.Gossip))
	}
	folder := statefolder.Folder(u.cfg.Folder.Join("nodes", id))
	if id == "control-1" {
		folder = u.cfg.Folder
	}
	return NodeConfig{
		Folder: folder, Addr: addr, Ports: u.cfg.Ports, Zone: u.cfg.Zone, Secret: u.secret,
		Control: []string{hostPort(controlAddr().String(), u.cfg.Ports.Peer)}, Join: seeds,
		Geo: u.cfg.Geo, WAN: u.cfg.WAN, Sandbox: true, Version: u.cfg.Version, Log: u.cfg.Log, Traces: u.cfg.Traces, AdoptJournal: u.cfg.AdoptJournal,
		OnApply: u.cfg.OnApply, gate: g, near: &u.near,
	}
}

// prepare describes every node but control.
func (u *Up) prepare() {
	add := func(role cdn.Role, id, pop, continent string, addr netip.Addr, make func(NodeConfig) (supervise.Program, error)) {
		g := gate.New()
		u.slots[id] = &slot{id: id, role: role, pop: pop, continent: continent, gate: g,
			make: func() (supervise.Program, error) { return make(u.node(id, addr, g)) }}
	}
	add(cdn.RoleOrigin, "origin-1", "", "", originAddr(), func(n NodeConfig) (supervise.Program, error) {
		return NewOrigin(OriginConfig{NodeConfig: n, Listen: hostPort(controlAddr().String(), n.Ports.S3)})
	})
	ns := []netip.Addr{controlAddr()}
	for k := 2; k <= routers; k++ {
		ns = append(ns, routerAddr(k))
	}
	for k := 1; k <= routers; k++ {
		add(cdn.RoleRouter, fmt.Sprintf("router-%d", k), "", "", routerAddr(k), func(n NodeConfig) (supervise.Program, error) {
			return NewRouter(RouterConfig{NodeConfig: n, Number: k, NS: ns, Listen: hostPort(ns[k-1].String(), n.Ports.DNS), DNS: u.cfg.DNS, Load: u.cfg.Load})
		})
	}
	edge := func(pop geo.POP, k int, regional bool) func(NodeConfig) (supervise.Program, error) {
		return func(n NodeConfig) (supervise.Program, error) {
			return NewEdge(EdgeConfig{
				NodeConfig: n, POP: pop.Code, Number: k, Regional: regional, S3Endpoint: "http://" + hostPort(controlAddr().String(), n.Ports.S3),
				Origins: u.cfg.Origins, OriginAllow: u.cfg.OriginAllow, MemoryBytes: u.cfg.MemoryBytes, DiskBytes: u.cfg.DiskBytes,
				Functions: u.functions, Lambdas: u.cfg.Lambdas, Logs: u.cfg.Logs, Capacity: u.cfg.Capacity, RedirectViewers: u.cfg.RedirectViewers,
			})
		}
	}
	for _, pop := range u.cfg.POPs {
		for k := 1; k <= u.cfg.NodesPerPOP; k++ {
			add(cdn.RoleEdge, fmt.Sprintf("%s-%d", pop.Code, k), pop.Code, pop.Continent, EdgeAddr(pop.N, k), edge(pop, k, false))
		}
		if at := u.cfg.Geo.Catalogue().NearestRegional(pop); u.cfg.Regional && u.slots[regionalID(at, 1)] == nil {
			add(cdn.RoleEdge, regionalID(at, 1), at.Code, at.Continent, RegionalAddr(at.N, 1), edge(at, 1, true))
		}
	}
}

// Run starts every node, makes the demo site, calls ready when everything
// answers, and serves until ctx ends. Then viewers' requests are finished first
// and control goes last.
func (u *Up) Run(ctx context.Context, ready func(statefolder.Running)) error {
	u.sup.Start(ctx, "control", u.control)
	err := u.bringUp(ctx, ready)
	if err == nil {
		u.sup.Wait(ctx)
	}
	if rm := os.Remove(u.cfg.Folder.Join(statefolder.RunningFile)); err == nil && !errors.Is(rm, os.ErrNotExist) {
		err = rm
	}
	defer u.lock.Close()
	for _, s := range u.slots { // what is paused could not stop
		s.gate.Heal()
	}
	return errors.Join(err, u.sup.StopAll([]string{"proxy", "edge", "router"}, []string{"origin"}))
}

func (u *Up) bringUp(ctx context.Context, ready func(statefolder.Running)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { // a node that fails ends the waiting
		u.sup.Wait(ctx)
		cancel(nil)
	}()
	if err := u.forgetOthers(ctx); err != nil {
		return err
	}
	if err := u.startAll(ctx); err != nil {
		return err
	}
	running, err := u.describe()
	if err != nil {
		return err
	}
	if !u.cfg.NoDemo {
		p := demo.Publisher{
			S3: running.S3, CloudFront: running.Control, Now: time.Now, Client: http.DefaultClient,
			Key: sigv4.Credentials{AccessKeyID: u.key.ID, SecretAccessKey: u.key.Secret},
		}
		published, err := p.Publish(ctx)
		if err != nil {
			return err
		}
		running.Distribution, running.Domain = published.Distribution, published.Domain
	}
	if err := u.settle(ctx); err != nil {
		return err
	}
	u.near.Store(false)
	if err := u.cfg.Folder.WriteJSON(statefolder.RunningFile, running); err != nil {
		return err
	}
	ready(running)
	return nil
}

// forgetOthers removes nodes of an earlier run that this one does not have, so
// that nothing waits for them.
func (u *Up) forgetOthers(ctx context.Context) error {
	for id := range u.control.Core().State().Nodes {
		if u.slots[id] == nil {
			if err := u.control.Core().Forget(ctx, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// startAll starts every node at once and waits until each has been level with
// control.
func (u *Up) startAll(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make(chan error, len(u.slots))
	for _, s := range u.slots {
		go func() {
			err := u.start(ctx, s)
			if err == nil {
				err = s.ready(ctx)
			}
			errs <- err
		}()
	}
	var err error
	for done := range len(u.slots) {
		if u.cfg.Progress != nil {
			u.cfg.Progress(done, len(u.slots), "nodes")
		}
		// All are waited for: none may start after the rest were stopped.
		if e := <-errs; e != nil && err == nil {
			err = e
			cancel()
		}
	}
	if err != nil {
		return err
	}
	u.proxy, err = NewProxy(ProxyConfig{
		Addr: controlAddr(), Ports: u.cfg.Ports, Zone: u.cfg.Zone, Home: u.cfg.Home, Secret: u.secret, Geo: u.cfg.Geo,
		Routers: u.dnsServers(), State: u.control.Core().State, FrontHTTP: u.cfg.Ports.HTTP, FrontHTTPS: u.cfg.Ports.HTTPS, NoHealth: true, Traces: u.cfg.Traces, Log: u.cfg.Log,
	})
	if err == nil {
		u.sup.Start(ctx, "proxy", u.proxy)
	}
	return err
}

func (u *Up) dnsServers() []string {
	servers := []string{hostPort(controlAddr().String(), u.cfg.Ports.DNS)}
	for k := 2; k <= routers; k++ {
		servers = append(servers, hostPort(routerAddr(k).String(), u.cfg.Ports.DNS))
	}
	return servers
}

// settle waits until every node has applied what was changed so far and the
// routers find every edge healthy.
func (u *Up) settle(ctx context.Context) error {
	core := u.control.Core()
	if err := core.WaitSettled(ctx, journal.Deployed, core.Head()); err != nil {
		return fmt.Errorf("waiting until every node has applied %v: %w", core.Head(), err)
	}
	for _, s := range u.slots {
		r, ok := s.current().(*Router)
		if !ok {
			continue
		}
		for !r.allHealthy() {
			select {
			case <-ctx.Done():
				return fmt.Errorf("waiting until %s finds every edge healthy: %w", s.id, ctx.Err())
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	return nil
}

func (u *Up) describe() (statefolder.Running, error) {
	ca, err := filepath.Abs(u.cfg.Folder.Join("ca.pem"))
	return statefolder.Running{
		PID: os.Getpid(), Zone: u.cfg.Zone, Control: u.control.Endpoint(), S3: "http://" + hostPort(controlAddr().String(), u.cfg.Ports.S3),
		DNS: u.dnsServers()[0], Proxy: u.proxy.Addr().String(), CA: ca, Ports: u.cfg.Ports, Home: u.cfg.Home, Traces: u.cfg.Traces.URL(),
	}, err
}

// ReloadKeys does so for every router (see Router).
func (u *Up) ReloadKeys() error {
	var errs []error
	for _, s := range u.slots {
		if r, ok := s.current().(*Router); ok {
			errs = append(errs, r.ReloadKeys())
		}
	}
	return errors.Join(errs...)
}

// Close ends everything at once; it is for an Up that was never run.
func (u *Up) Close() error { return errors.Join(u.control.Close(), u.lock.Close()) }
