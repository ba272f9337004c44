package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/warmfront/warmfront/cmd/warmfront/cli"
	"github.com/warmfront/warmfront/edge/lambda"
	"github.com/warmfront/warmfront/network"
	"github.com/warmfront/warmfront/network/demo"
	"github.com/warmfront/warmfront/network/edgelogs"
	"github.com/warmfront/warmfront/network/ports"
	"github.com/warmfront/warmfront/network/statefolder"
)

// program is what a role's command runs.
type program interface {
	Run(ctx context.Context) error
	Close() error
}

// newRole makes c the command that runs a role: build makes its program of what every
// node is told and of flags of its own.
func newRole(g *cli.Global, c *cobra.Command, build func(node network.NodeConfig) (program, error)) *cobra.Command {
	var f nodeFlags
	c.Args = cobra.NoArgs
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		log, err := g.Logger()
		if err != nil {
			return err
		}
		node, err := f.config(g, log)
		if err != nil {
			return err
		}
		if cmd.Name() != "control" {
			if node.Traces, err = f.traces.open(cmd.Flags(), node.Sandbox, log); err != nil {
				return err
			}
			defer node.Traces.Close()
			node.BelieveTraces = f.traces.viewers
		}
		p, err := build(node)
		if err != nil {
			return err
		}
		stop := reloadOnHangup(cmd.Context(), node.Geo, log)
		defer stop()
		log.Info("serving", "role", cmd.Name(), "version", version)
		err = p.Run(cmd.Context())
		log.Info("stopped", "role", cmd.Name())
		return errors.Join(err, p.Close())
	}
	f.add(c.Flags())
	if c.Name() != "control" {
		f.traces.add(c.Flags())
		f.traces.addViewers(c.Flags())
	}
	if c.Name() != "control" && c.Name() != "proxy" {
		addAdopt(c.Flags(), &f.adopt)
	}
	return c
}

func newControl(g *cli.Global) *cobra.Command {
	cfg := network.ControlConfig{}
	var s storeFlags
	var functions lambdaFlags
	c := newRole(g, &cobra.Command{Use: "control", Short: "Run control: the journal, CloudFront's API"}, func(node network.NodeConfig) (program, error) {
		var err error
		if cfg.Store, err = s.parse(g, cfg.ID, node.Sandbox); err != nil {
			return nil, err
		}
		if err := node.Folder.Make(); err != nil {
			return nil, err
		}
		if cfg.Key, err = ownKey(g, node.Folder); err != nil {
			return nil, err
		}
		programs, err := functions.mapping()
		if err != nil {
			return nil, err
		}
		cfg.NodeConfig, cfg.Lambda = node, programs.Has
		return network.NewControl(cfg)
	})
	c.Flags().StringVar(&cfg.ID, "id", "", "name of this control, which begins with \"control\" (default: control-1)")
	s.add(c.Flags())
	addNewEpoch(c.Flags(), &cfg.NewEpoch)
	addRequireCertificates(c.Flags(), &cfg.RequireCertificates)
	functions.add(c.Flags())
	c.Flags().StringVar(&cfg.S3Endpoint, "s3-endpoint", "", "where the buckets are that key value stores are imported from, http://HOST:PORT (default: none are imported)")
	c.Flags().StringVar(&cfg.CAOut, "ca-out", "", "also write the CA certificate that viewers trust to this file")
	c.Flags().StringVar(&cfg.Account, "account", network.DefaultAccount, "account number in ARNs")
	return c
}

// addRequireCertificates adds the flag for who wants to be refused what CloudFront refuses.
func addRequireCertificates(flags *pflag.FlagSet, to *bool) {
	flags.BoolVar(to, "require-certificates", false, "refuse, as CloudFront does, aliases that no ACM certificate covers, and certificates that are not here (default: the network's own authority makes one)")
}

// addNewEpoch adds the flag that says that control was put back to a backup.
func addNewEpoch(flags *pflag.FlagSet, to *bool) {
	flags.BoolVar(to, "new-epoch", false, "for one start, after the journal was put back from a backup: every stored object is confirmed by its origin")
}

// ownKey is the key that control admits: the file's, or one made in its folder.
func ownKey(g *cli.Global, folder statefolder.Folder) (statefolder.AccessKey, error) {
	if g.KeyFile != "" {
		return statefolder.ReadAccessKey(g.KeyFile)
	}
	return folder.AccessKey()
}

func newRouter(g *cli.Global) *cobra.Command {
	cfg := network.RouterConfig{}
	var ns []string
	var f dnsFlags
	c := &cobra.Command{Use: "router", Short: "Run a router: authoritative geo DNS"}
	newRole(g, c, func(node network.NodeConfig) (program, error) {
		for _, s := range ns {
			a, err := netip.ParseAddr(s)
			if err != nil {
				return nil, fmt.Errorf("--ns %q is not an IP address", s)
			}
			cfg.NS = append(cfg.NS, a)
		}
		var err error
		if cfg.DNS, err = f.parse(c.Flags(), node.Sandbox); err != nil {
			return nil, err
		}
		cfg.NodeConfig = node
		log, stop, err := f.openLog(c.Context(), node.Log)
		if err != nil {
			return nil, err
		}
		cfg.DNS.QueryLog = log
		r, err := network.NewRouter(cfg)
		if err != nil {
			stop()
			return nil, errors.Join(err, log.Close())
		}
		stopKeys := f.reloadKeys(c.Context(), node.Log, r.ReloadKeys)
		return closing{r, func() error { stopKeys(); stop(); return log.Close() }}, nil
	})
	c.Flags().IntVar(&cfg.Number, "k", 1, "the router's number")
	c.Flags().StringVar(&cfg.Listen, "listen", "", "address for DNS, host:port (default: --addr and port 53)")
	c.Flags().StringSliceVar(&ns, "ns", nil, "addresses of all routers of the zone, ns1 first (default: this one's)")
	f.add(c.Flags(), defaultRateLimit)
	c.AddCommand(newKeys(g))
	return c
}

func newEdge(g *cli.Global) *cobra.Command {
	var o originFlags
	var access accessLogFlag
	var functions lambdaFlags
	var memory, disk string
	cfg := network.EdgeConfig{}
	c := &cobra.Command{Use: "edge", Short: "Run an edge: the cache that viewers are sent to"}
	newRole(g, c, func(node network.NodeConfig) (_ program, err error) {
		if cfg.Origins, cfg.OriginAllow, err = o.parse(); err != nil {
			return nil, err
		}
		if cfg.MemoryBytes, err = parseBytes(memory); err != nil {
			return nil, fmt.Errorf("--memory: %w", err)
		}
		if cfg.DiskBytes, err = parseDisk(disk); err != nil {
			return nil, err
		}
		if cfg.RedirectViewers < 0 {
			return nil, fmt.Errorf("--redirect-viewers %v: use a time such as 80ms, or 0 for never", cfg.RedirectViewers)
		}
		if node.Sandbox && !c.Flags().Changed("log-interval") {
			access.interval = edgelogs.SandboxInterval
		}
		if cfg.Logs, err = access.config(); err != nil {
			return nil, err
		}
		cfg.NodeConfig = node
		opened, err := access.open(c.Context(), node.Log)
		if err != nil {
			return nil, err
		}
		if opened != nil {
			cfg.Logs.File = opened.lines
		}
		programs, err := functions.mapping()
		if err != nil {
			return nil, errors.Join(err, opened.close())
		}
		cfg.Lambdas = lambda.New(programs, functions.processes, node.Log)
		e, err := network.NewEdge(cfg)
		if err != nil {
			return nil, errors.Join(err, opened.close())
		}
		return closing{e, func() error {
			cfg.Lambdas.Close()
			return opened.close()
		}}, nil
	})
	o.add(c.Flags())
	functions.add(c.Flags())
	functions.addProcesses(c.Flags())
	access.add(c.Flags(), "of a viewer", edgelogs.HostInterval)
	c.Flags().StringVar(&cfg.POP, "pop", "", "edge location, by its IATA code")
	c.Flags().IntVar(&cfg.Number, "k", 1, "the node's number within its location")
	c.Flags().BoolVar(&cfg.Regional, "regional", false, "be a node of the location's regional edge cache: other edges ask it, viewers are never sent to it")
	c.Flags().StringVar(&cfg.S3Endpoint, "s3-endpoint", "", "where buckets are, http://HOST:PORT (default: at AWS)")
	c.Flags().StringVar(&memory, "memory", "256MiB", "memory for cached objects")
	c.Flags().IntVar(&cfg.ViewerConnections, "viewer-connections", 1000, "connections that one viewer's address may have; 0 for any number (always in a sandbox)")
	addCapacity(c.Flags(), &cfg.Capacity)
	addRedirectViewers(c.Flags(), &cfg.RedirectViewers)
	c.Flags().StringVar(&disk, "disk", "4GiB", "disk for cached objects, in --data; 0 for none")
	return c
}

// addRedirectViewers adds the flag that has edges send viewers to better ones.
func addRedirectViewers(flags *pflag.FlagSet, to *time.Duration) {
	flags.DurationVar(to, "redirect-viewers", 0, "send viewers on, by 302, to an edge location whose round trip to them is shorter by more than this, such as 80ms: their resolvers may be far from them (default: never)")
}

// addCapacity adds the flag that says how much an edge is to answer.
func addCapacity(flags *pflag.FlagSet, to *float64) {
	flags.Float64Var(to, "capacity", 0, "requests a second that an edge is to answer; routers send viewers elsewhere from 80 % of it (default: 10000 for each processor)")
}

func newOrigin(g *cli.Global) *cobra.Command {
	cfg := network.OriginConfig{}
	c := newRole(g, &cobra.Command{Use: "origin", Short: "Run the S3-compatible origin"}, func(node network.NodeConfig) (program, error) {
		cfg.NodeConfig = node
		return network.NewOrigin(cfg)
	})
	c.Flags().StringVar(&cfg.Region, "region", "us-east-1", "AWS region of its buckets, and so where they are")
	c.Flags().StringVar(&cfg.Account, "account", network.DefaultAccount, "account number that owns its buckets")
	c.AddCommand(newLB(g))
	return c
}

func newProxy(g *cli.Global) *cobra.Command {
	var routers []string
	c := newRole(g, &cobra.Command{Use: "proxy", Short: "Run the viewer proxy and the front door (sandbox only)"}, func(node network.NodeConfig) (program, error) {
		if !node.Sandbox {
			return nil, errors.New("the viewer proxy runs in a sandbox only (--sandbox): it lets its users be anywhere")
		}
		own := ports.DefaultPorts()
		return network.NewProxy(network.ProxyConfig{
			Addr: node.Addr, Ports: node.Ports, Zone: node.Zone, Home: node.Home, Routers: routers, Secret: node.Secret, Geo: node.Geo,
			FrontHTTP: own.HTTP, FrontHTTPS: own.HTTPS, Metrics: node.MetricsAddr, Traces: node.Traces, Log: node.Log,
		})
	})
	c.Flags().StringSliceVar(&routers, "routers", nil, "DNS addresses of the routers, host:port; repeatable")
	return c
}

func newHealthcheck(*cli.Global) *cobra.Command {
	var addr string
	c := &cobra.Command{
		Use: "healthcheck", Short: "Ask a node on this host whether it is ready, for container engines", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), 2*time.Second)
			defer cancel()
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(addr, strconv.Itoa(int(ports.DefaultPorts().Metrics)))+"/healthz", nil)
			if err != nil {
				return err
			}
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				return err
			}
			defer answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				return fmt.Errorf("not ready: %s", answer.Status)
			}
			return nil
		},
	}
	c.Flags().StringVar(&addr, "addr", "127.0.0.1", "the node's own address")
	return c
}

func newDemo(g *cli.Global) *cobra.Command {
	var s3 string
	c := &cobra.Command{
		Use: "demo", Short: "Make the demo bucket and its distribution, unless they are there, and print its domain name", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := g.Client()
			if err != nil {
				return err
			}
			if s3 == "" {
				s3 = c.Running.S3
			}
			if s3 == "" {
				return errors.New("--s3-endpoint is needed where no network runs from the state folder")
			}
			p := demo.Publisher{S3: s3, CloudFront: c.Endpoint, Key: c.Credentials(), Now: time.Now, Client: http.DefaultClient}
			published, err := p.Publish(cmd.Context())
			if err == nil {
				_, err = fmt.Fprintln(cmd.OutOrStdout(), published.Domain)
			}
			return err
		},
	}
	c.Flags().StringVar(&s3, "s3-endpoint", "", "where buckets are (default: the running network's)")
	return c
}
