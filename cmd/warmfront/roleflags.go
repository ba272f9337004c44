package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/warmfront/warmfront/cmd/warmfront/cli"
	"github.com/warmfront/warmfront/geo"
	"github.com/warmfront/warmfront/network"
	"github.com/warmfront/warmfront/network/ports"
	"github.com/warmfront/warmfront/network/statefolder"
	"github.com/warmfront/warmfront/wan"
)

// placeFlags say where addresses are and how long the way between them takes.
type placeFlags struct {
	geoip    []string
	popsFile string
	home     string
	wan      string
}

func (f *placeFlags) add(flags *pflag.FlagSet) {
	flags.StringArrayVar(&f.geoip, "geoip", nil, "city database to ask before the bundled one (MaxMind, DB-IP, or a flat-schema pack); repeatable; read again on SIGHUP")
	flags.StringVar(&f.popsFile, "pops-file", "", "CSV file with further edge locations")
	flags.StringVar(&f.home, "home", geo.DefaultHome, "where addresses without a city are, such as 127.0.0.1")
	flags.StringVar(&f.wan, "wan", "on", "impose the delay of distance: on, off, or a factor such as 0.1")
}

func (f *placeFlags) open(log *slog.Logger) (*geo.DB, wan.Model, error) {
	model, err := parseWAN(f.wan)
	if err != nil {
		return nil, model, err
	}
	catalogue, err := geo.LoadCatalogue(f.popsFile)
	if err != nil {
		return nil, model, err
	}
	db, err := geo.Open(geo.Config{Catalogue: catalogue, Home: f.home, Files: f.geoip})
	if err != nil {
		return nil, model, err
	}
	log.Debug("geo databases are open", "files", f.geoip)
	return db, model, nil
}

// wanSeed fixes the spread of distances, so that two runs, and two machines,
// have the same world.
const wanSeed = 1

func parseWAN(s string) (wan.Model, error) {
	switch s {
	case "on":
		return wan.Model{Seed: wanSeed, Scale: 1}, nil
	case "off":
		return wan.Model{}, nil
	}
	scale, err := strconv.ParseFloat(s, 64)
	if err != nil || scale < 0 || scale > 100 || scale != scale {
		return wan.Model{}, fmt.Errorf("--wan %q: use on, off, or a factor from 0 to 100", s)
	}
	return wan.Model{Seed: wanSeed, Scale: scale}, nil
}

// originFlags say where origins are.
type originFlags struct {
	origins []string
	allow   []string
}

func (f *originFlags) add(flags *pflag.FlagSet) {
	flags.StringArrayVar(&f.origins, "origin", nil, "reach an origin's host name elsewhere, NAME=HOST:PORT; *.NAME is every name in one; repeatable")
	flags.StringSliceVar(&f.allow, "origin-allow", nil, "network that origins may be in besides public ones, such as 10.1.0.0/16; repeatable")
}

func (f *originFlags) parse() (map[string]string, []netip.Prefix, error) {
	origins := map[string]string{}
	for _, o := range f.origins {
		name, addr, ok := strings.Cut(o, "=")
		if !ok || name == "" || addr == "" {
			return nil, nil, fmt.Errorf("--origin %q: write NAME=HOST:PORT", o)
		}
		origins[strings.ToLower(name)] = addr
	}
	allow, err := parsePrefixes("--origin-allow", f.allow)
	return origins, allow, err
}

// nodeFlags are those of every role that runs as a process of its own.
type nodeFlags struct {
	addr, addr6   string
	zone          string
	control, join []string
	secretFile    string
	metricsAddr   string
	adopt         string
	sandbox       bool
	place         placeFlags
	traces        traceFlags
}

// addAdopt is for the roles that follow the journal.
func addAdopt(flags *pflag.FlagSet, adopt *string) {
	flags.StringVar(adopt, "adopt-journal", "", "follow this journal of control's, given by its name, in place of the one that --data is of: where control has lost its file for good")
}

func (f *nodeFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.addr, "addr", "", "the node's own address")
	flags.StringVar(&f.addr6, "addr6", "", "the node's own IPv6 address, for AAAA answers")
	flags.StringVar(&f.zone, "zone", network.DefaultZone, "domain the network is authoritative for")
	flags.StringSliceVar(&f.control, "control", nil, "control's peer address, host:7947; repeatable")
	flags.StringSliceVar(&f.join, "join", nil, "gossip addresses to find the others by, host:7946; repeatable")
	flags.StringVar(&f.secretFile, "cluster-secret-file", "", "file with the secret that admits nodes")
	flags.StringVar(&f.metricsAddr, "metrics-addr", "", "address of /metrics and /healthz, host:port (default: port 9100 on --addr in a sandbox, on loopback elsewhere)")
	flags.BoolVar(&f.sandbox, "sandbox", false, "a network on one machine or in containers: control without TLS, private origins allowed, metrics on --addr, leases of 10 s")
	f.place.add(flags)
}

func (f *nodeFlags) config(g *cli.Global, log *slog.Logger) (network.NodeConfig, error) {
	cfg := network.NodeConfig{
		Folder: statefolder.Folder(g.Data), Ports: ports.ContainerPorts(), Zone: f.zone, Control: f.control, Join: f.join,
		Sandbox: f.sandbox, Home: f.place.home, MetricsAddr: f.metricsAddr, AdoptJournal: f.adopt, Version: version, Log: log,
	}
	var err error
	if cfg.Addr, err = netip.ParseAddr(f.addr); err != nil {
		return cfg, fmt.Errorf("--addr %q is not an IP address: give the node's own", f.addr)
	}
	if f.addr6 != "" {
		if cfg.Addr6, err = netip.ParseAddr(f.addr6); err != nil || !cfg.Addr6.Is6() {
			return cfg, fmt.Errorf("--addr6 %q is not an IPv6 address", f.addr6)
		}
	}
	if f.secretFile == "" {
		return cfg, errors.New("--cluster-secret-file is needed: every node of a network is given the same (try: openssl rand -hex 32)")
	}
	if cfg.Secret, err = statefolder.ReadSecret(f.secretFile); err != nil {
		return cfg, err
	}
	if !f.sandbox && f.place.wan == "on" {
		f.place.wan = "off" // real hosts have real distances
	}
	cfg.Geo, cfg.WAN, err = f.place.open(log)
	return cfg, err
}

// parseDisk is parseBytes for --disk, where 0 means none.
func parseDisk(s string) (int64, error) {
	if s == "0" {
		return 0, nil
	}
	n, err := parseBytes(s)
	if err != nil {
		return 0, fmt.Errorf("--disk: %w", err)
	}
	return n, nil
}

// parseBytes reads a size: "64MiB", "1GiB", "500000".
func parseBytes(s string) (int64, error) {
	units := []struct {
		suffix string
		size   int64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}, {"", 1}}
	for _, u := range units {
		number, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || n <= 0 || n*float64(u.size) > 1<<50 {
			break
		}
		return int64(n * float64(u.size)), nil
	}
	return 0, fmt.Errorf("%q is not a size: write 64MiB or 1GB", s)
}
