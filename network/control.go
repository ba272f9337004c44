package network

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control"
	"github.com/warmfront/warmfront/control/accesskey"
	"github.com/warmfront/warmfront/control/admission"
	"github.com/warmfront/warmfront/control/api"
	"github.com/warmfront/warmfront/control/api/resource"
	"github.com/warmfront/warmfront/control/operator"
	"github.com/warmfront/warmfront/control/services"
	"github.com/warmfront/warmfront/edge/function"
	"github.com/warmfront/warmfront/gossip"
	"github.com/warmfront/warmfront/journal"
	"github.com/warmfront/warmfront/network/bucket"
	"github.com/warmfront/warmfront/network/functions"
	"github.com/warmfront/warmfront/network/measured"
	"github.com/warmfront/warmfront/network/ports"
	"github.com/warmfront/warmfront/network/standby"
	"github.com/warmfront/warmfront/network/statefolder"
	"github.com/warmfront/warmfront/network/supervise"
	"github.com/warmfront/warmfront/network/viewer"
	routerhealth "github.com/warmfront/warmfront/router/health"
	"github.com/warmfront/warmfront/sigv4"
	"github.com/warmfront/warmfront/wan"
)

// ControlConfig is what a Control is started with.
type ControlConfig struct {
	NodeConfig
	Key statefolder.AccessKey // admits callers of the API and of the object store
	// Account is the account number in ARNs.
	Account string
	// RequireCertificates refuses aliases without a certificate of ACM, as CloudFront
	// does: --require-certificates.
	RequireCertificates bool
	// CAOut is a path that the viewers' CA certificate is written to; "" for none.
	CAOut string
	// ID is this control's name; "control-1" when empty.
	ID string
	// Store is where the journal is, shared with other controls; nil for a file in
	// Folder.
	Store *StoreConfig
	// NewEpoch is set where the journal was put back from a backup.
	NewEpoch bool
	// Fault and ProxyPort are `up`'s; nil and 0 elsewhere.
	Fault   func(context.Context, operator.Fault) (operator.Faulted, error)
	FaultOf func(node string) string
	// Functions runs functions that are tested. Nil: an engine of its own.
	Functions *function.Engine
	// S3Endpoint is where the buckets are that key value stores are imported from:
	// --s3-endpoint. "": none can be.
	S3Endpoint string
	// Lambda reports whether edges run a Lambda function, by its ARN. Nil: any is taken.
	Lambda    func(arn string) bool
	ProxyPort uint16 // first of the viewer proxy's ports for cities
}

// DefaultAccount is the account number in ARNs; AWS uses it in examples.
const DefaultAccount = "123456789012"

// The names of what control hands to nodes when they join.
const (
	settingAccess     = "access-key"        // AccessKey of the API's callers, to the origin
	settingOriginSign = "origin-access-key" // the key edges sign with, to edges and the origin
)

// Control is the program of the control plane: the journal, CloudFront's API, the
// operator's interface, gossip.
type Control struct {
	cfg ControlConfig
	// core is the Control of now, or of the last reign; nil before the first.
	core atomic.Pointer[control.Control]
	// replica is set where other controls share the store.
	replica *control.Replica
	// standing and leader are what it last stood by as, and in whose reign.
	standing *control.Standby
	leader   int64
	// serving is what answers callers of the API for now.
	serving  atomic.Pointer[service]
	gossip   *gossip.Gossip
	health   *health
	listener net.Listener
	server   http.Server
}

// NewControl listens; Run serves.
func NewControl(cfg ControlConfig) (_ *Control, err error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	if cfg.Account == "" {
		cfg.Account = DefaultAccount
	}
	if cfg.Functions == nil {
		cfg.Functions = functions.NewEngine(cfg.Folder.Join())
	}
	c := &Control{cfg: cfg}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	if cfg.ID == "" {
		c.cfg.ID = "control-1"
	}
	if err := c.listen(); err != nil {
		return nil, err
	}
	if err := c.newGossip(); err != nil {
		return nil, err
	}
	if err := c.newCore(); err != nil {
		return nil, ports.ExplainTaken(err)
	}
	registry := prometheus.NewRegistry()
	if spans := cfg.Traces.Collector(); spans != nil {
		registry.MustRegister(spans) // fails only if a registry is given twice, which is a mistake of the program
	}
	c.health, err = newHealth(cfg.NodeConfig, registry, func() error {
		if c.serving.Load() == nil {
			return errors.New("control does not answer yet")
		}
		return nil
	})
	return c, err
}

func (c *Control) newGossip() (err error) {
	state := func() *cdn.State {
		if core := c.Core(); core != nil {
			return core.State()
		}
		return cdn.NewState(0)
	}
	c.gossip, err = newGossip(c.cfg.NodeConfig, c.cfg.describe(c.cfg.ID, cdn.RoleControl), state, nil, nil)
	return err
}

// newCore makes the Control, or where the store is shared what makes one for each
// reign.
func (c *Control) newCore() error {
	if c.cfg.Store != nil {
		return c.newReplica()
	}
	core, err := control.New(c.coreConfig())
	if err != nil {
		return err
	}
	return c.lead(core)
}

// coreConfig is that of the journal's server side.
func (c *Control) coreConfig() control.Config {
	cfg := c.cfg
	terms := journal.HostTerms()
	if cfg.Sandbox {
		terms = journal.LabTerms()
	}
	w := cfg.world()
	return control.Config{
		ID: cfg.ID, DataDir: cfg.Folder.Join("control"), Zone: cfg.Zone, Secret: cfg.Secret, PeerAddr: cfg.listenAddr(cfg.Ports.Peer),
		Terms: terms, NewEpoch: cfg.NewEpoch, NodeSettings: c.settings, APIAddresses: c.apiAddresses(), Log: cfg.Log,
		OnViewerCA: func(pem []byte) {
			if err := c.writeCA(pem); err != nil {
				cfg.Log.Error("the CA certificate is not written anew; viewers who trust the old copy refuse the new alias", "err", err)
			}
		},
		Listen: func(network, address string) (net.Listener, error) {
			l, err := net.Listen(network, address)
			if err != nil {
				return nil, err
			}
			return wan.Listen(l, w.nodes(w.home(), cfg.gate), wan.Options{Wrap: cfg.Sandbox}), nil
		},
	}
}

// apiAddresses are those of this control and of the others it was told of: one
// authority vouches for all.
func (c *Control) apiAddresses() []net.IP {
	all := []net.IP{c.cfg.Addr.AsSlice()}
	for _, peer := range c.cfg.Control {
		if ap, err := netip.ParseAddrPort(peer); err == nil && ap.Addr() != c.cfg.Addr {
			all = append(all, ap.Addr().AsSlice())
		}
	}
	return all
}

// lead makes core the one that answers.
func (c *Control) lead(core *control.Control) error {
	c.core.Store(core)
	if err := errors.Join(c.makeOriginAccessKey(), c.writeCA(core.ViewerCA())); err != nil {
		return err
	}
	core.OnHead(c.gossip.AnnounceHead)
	c.serving.Store(&service{c.handler(core), core.APICertificate})
	return nil
}

// service is what answers callers of the API.
type service struct {
	http.Handler
	certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
}

// writeCA writes the certificate that viewers trust where it was asked for.
func (c *Control) writeCA(pem []byte) error {
	if c.cfg.CAOut == "" {
		return nil
	}
	if err := statefolder.WritePublic(c.cfg.CAOut, pem); err != nil {
		return fmt.Errorf("--ca-out: %w", err)
	}
	return nil
}

func (c *Control) listen() (err error) {
	if c.listener, err = net.Listen("tcp", c.cfg.listenAddr(c.cfg.Ports.Control)); err != nil {
		return ports.ExplainTaken(err)
	}
	if !c.cfg.Sandbox { // keys and configurations do not cross a network in the clear
		c.listener = tls.NewListener(c.listener, &tls.Config{GetCertificate: c.certificate, MinVersion: tls.VersionTLS12})
	}
	c.server = http.Server{
		Handler: http.HandlerFunc(c.serve), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(c.cfg.Log.Handler(), slog.LevelDebug),
	}
	return nil
}

// serve answers with what answers now.
func (c *Control) serve(w http.ResponseWriter, r *http.Request) {
	if s := c.serving.Load(); s != nil {
		s.ServeHTTP(w, r)
		return
	}
	standby.Unavailable(w, r)
}

func (c *Control) certificate(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if s := c.serving.Load(); s != nil {
		return s.certificate(h)
	}
	return nil, errors.New("control does not answer yet")
}

// handler serves what has a path of its own, and CloudFront's API for the rest.
func (c *Control) handler(core *control.Control) http.Handler {
	keys := accesskey.New(accesskey.Config{
		Journal: core, Vault: core.Vault(), FirstID: c.cfg.Key.ID, FirstSecret: c.cfg.Key.Secret, Account: c.cfg.Account, Now: time.Now,
	})
	mux := http.NewServeMux()
	own := operator.Handler(operator.Config{
		Keys: keys.Lookup, Authenticate: keys.Authenticate(operator.Service), AccessKeys: keys, Zone: c.cfg.Zone, Now: time.Now, Network: c.describe, Nodes: c.nodes, RoundTrips: c.roundTrips, Invalidation: c.invalidation,
		Forget: core.Forget, Fault: c.cfg.Fault, Clock: c.clock(core), MoveClock: c.moveClock(core), PAC: c.pac(),
	})
	mux.Handle("/warmfront/", own)
	mux.Handle("/proxy/", own)
	mux.HandleFunc("GET /{$}", c.welcome)
	mux.Handle("/", api.Handler(api.Config{
		Journal: core, Keys: keys.Lookup, Authenticate: keys.Authenticate(api.Service), Account: c.cfg.Account, Zone: c.cfg.Zone, RequireCertificates: c.cfg.RequireCertificates, Lambda: c.cfg.Lambda, Now: time.Now, Random: rand.Reader, Logger: c.cfg.Log,
		Functions: functions.Tester{Engine: c.cfg.Functions}, Objects: c.objects(keys.Lookup),
	}))
	all := services.Handler(services.Config{
		Core: core, Zone: c.cfg.Zone, Account: c.cfg.Account,
		Keys: keys, Hosts: admission.LocalNames(c.cfg.Zone), Now: time.Now, Logger: c.cfg.Log,
	}, mux)
	if c.cfg.Store == nil {
		return all
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// What it says now another leader may have made untrue.
		if !core.Leads(time.Now()) {
			standby.Unavailable(w, r)
			return
		}
		all.ServeHTTP(w, r)
	})
}

// objects reads from the buckets that there are, nil where control does not know where.
func (c *Control) objects(keys sigv4.Lookup) resource.Objects {
	if c.cfg.S3Endpoint == "" {
		return nil
	}
	return bucket.Reader{Endpoint: c.cfg.S3Endpoint, Keys: keys, Dial: c.cfg.gate.DialOut(dialFrom(c.cfg.Addr))}
}

// welcome stands where the console will be.
func (c *Control) welcome(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintf(w, "Warmfront %s: the control plane of %s.\n\nThere is no console yet. CloudFront's API is served here: point AWS tools at this address\n"+
		"(eval \"$(warmfront env)\"), or use the warmfront command.\n\nIP geolocation by DB-IP, https://db-ip.com\n", c.cfg.Version, c.cfg.Zone)
}

func (c *Control) describe() operator.Network {
	return operator.Network{Zone: c.cfg.Zone, Version: c.cfg.Version, Sandbox: c.cfg.Sandbox, CA: string(c.Core().ViewerCA())}
}

// roundTrips asks every registered edge what it has measured.
func (c *Control) roundTrips(ctx context.Context) operator.RoundTrips {
	probe := routerhealth.NewHTTP("health."+c.cfg.Zone, measured.Token(c.cfg.Secret), c.cfg.gate.DialOut(dialFrom(c.cfg.Addr)))
	defer probe.Close()
	return measured.RoundTrips(ctx, probe, slices.Collect(maps.Values(c.Core().State().Nodes)))
}

func (c *Control) nodes() operator.Nodes {
	seen := map[string]gossip.State{}
	for _, m := range c.gossip.Members() {
		seen[m.Node.ID] = m.State
	}
	all := operator.Nodes{Head: c.Core().Head(), Journal: c.Core().Journal(), Nodes: []operator.Node{}}
	for _, s := range c.Core().NodeStatus() {
		n := operator.Node{
			Node: s.Node, Applied: s.Acked, LeaseLeft: s.LeaseLeft, Fenced: s.Fenced, Incarnation: s.Incarnation, Follows: s.Follows, Gossip: string(seen[s.Node.ID]),
		}
		if c.cfg.FaultOf != nil {
			n.Fault = c.cfg.FaultOf(s.Node.ID)
		}
		all.Nodes = append(all.Nodes, n)
	}
	return all
}

// pac makes the proxy auto-configuration for a city: names of the zone go through
// the viewer proxy's port for it, everything else as ever.
func (c *Control) pac() func(string) (string, error) {
	if c.cfg.ProxyPort == 0 {
		return nil
	}
	return func(city string) (string, error) {
		pop, err := c.cfg.Geo.Catalogue().ByName(city)
		if err != nil {
			return "", err
		}
		proxy := hostPort("127.0.0.1", c.cfg.ProxyPort+uint16(pop.N))
		names := []string{"*." + c.cfg.Zone}
		for _, p := range c.Core().State().Plans {
			names = append(names, p.Aliases...)
		}
		slices.Sort(names)
		return viewer.PAC(proxy, names)
	}
}

// makeOriginAccessKey makes the key that edges sign with, once.
func (c *Control) makeOriginAccessKey() error {
	have, err := c.Core().Secret(settingOriginSign)
	if err != nil || have != nil {
		return err
	}
	key, err := json.Marshal(statefolder.AccessKey{ID: "OAC" + statefolder.RandomBase32(17), Secret: statefolder.RandomBase32(40)})
	if err != nil {
		return err
	}
	return c.Core().PutSecret(settingOriginSign, key)
}

// settings are what a node is handed, over the channel that proved it knows the
// cluster secret: edges and the origin share a key, the origin knows callers'.
func (c *Control) settings(n cdn.Node) map[string]string {
	sign, err := c.Core().Secret(settingOriginSign)
	if err != nil {
		c.cfg.Log.Error("the origin access key cannot be read", "err", err)
		return nil
	}
	switch n.Role {
	case cdn.RoleEdge:
		return map[string]string{settingOriginSign: string(sign)}
	case cdn.RoleOrigin:
		access, err := json.Marshal(c.cfg.Key)
		if err != nil {
			return nil
		}
		return map[string]string{settingOriginSign: string(sign), settingAccess: string(access)}
	}
	return nil
}

// Core is the journal's server side, for whoever runs in the same process; nil
// where another control leads and this one never has.
func (c *Control) Core() *control.Control { return c.core.Load() }

// Endpoint is the URL of the API.
func (c *Control) Endpoint() string {
	scheme := "https://"
	if c.cfg.Sandbox {
		scheme = "http://"
	}
	return scheme + c.listener.Addr().String()
}

// Run serves until ctx ends, then finishes what was asked.
func (c *Control) Run(ctx context.Context) error {
	s := supervise.New()
	if c.replica != nil {
		s.Start(ctx, "journal", c.replica)
	} else {
		s.Start(ctx, "journal", c.Core())
	}
	s.Start(ctx, "gossip", c.gossip)
	s.Start(ctx, "metrics", c.health)
	s.Start(ctx, "api", httpProgram{&c.server, c.listener})
	s.Wait(ctx)
	return s.StopAll([]string{"api"})
}

// Close ends everything at once.
func (c *Control) Close() error {
	var all supervise.Closing
	if c.listener != nil {
		all.Add(&c.server, c.listener)
	}
	if c.health != nil {
		all.Add(c.health)
	}
	if c.gossip != nil {
		all.Add(c.gossip)
	}
	if c.replica != nil {
		all.Add(c.replica)
	} else if core := c.Core(); core != nil {
		all.Add(core)
	}
	return all.Err
}

// httpProgram serves on a listener and lets requests in flight finish.
type httpProgram struct {
	server   *http.Server
	listener net.Listener
}

func (p httpProgram) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- p.server.Serve(p.listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := p.server.Shutdown(grace); err != nil {
		return err
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (p httpProgram) Close() error { return p.server.Close() }

// parseKey reads a key that control handed over.
func parseKey(setting string) (statefolder.AccessKey, error) {
	var k statefolder.AccessKey
	if strings.TrimSpace(setting) == "" {
		return k, errors.New("control has not handed over the key yet")
	}
	err := json.Unmarshal([]byte(setting), &k)
	return k, err
}
