// Command edge measures cache hits: a Warmfront edge beside nginx, Varnish, Traffic Server and HAProxy.
//
//	edge [-only warmfront,nginx] [-load 1k,h2] [-rounds 5] [-duration 5s] [-o text|json|markdown]
//
// All servers run at once, pinned to one core, each with its cache filled; the loader has another. A round drives one
// server after the other with the same load, and rounds follow one another, so that what changes on the machine in the
// meantime changes for all. The figure is work per second of the server's CPU: answers divided by the CPU time that the
// server's processes used. Each round gives its ratio to nginx of the same round; the table has the median with the
// smallest and the largest. "objects" instead compares an edge that holds a million objects with one that holds a
// thousand, both asked at random (with -only, those servers instead), and "steady" asks less than any server can give,
// for its latency.
//
// Nothing counts that is not right: before and after each turn an object is compared byte by byte, the loader must
// have got as many bytes as its answers have, without one error, and the origin must not have been asked meanwhile.
//
// Needs wrk, h2load and taskset, and being root (an edge has ports 80 and 443).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/warmfront/warmfront/scripts/bench/origin"
	"github.com/warmfront/warmfront/scripts/bench/peers"
)

type config struct {
	only, load  []string
	rounds      int
	duration    time.Duration
	output      string
	binary      string
	connections int
	streams     int // of a connection, HTTP/2
	serverCPU   int
	loadCPU     int
	memory      int // MiB
	objects     int // in the fuller cache of the load "objects"
	objectsOf   []string
	rate        int // a second, of the load "steady"
	perf        string
}

func main() {
	cfg, err := parse()
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		err = run(ctx, cfg)
		stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-edge: "+err.Error())
		os.Exit(1)
	}
}

func parse() (config, error) {
	cfg := config{}
	var only, load string
	flag.StringVar(&only, "only", "", "servers, separated by commas (default: all; for the load \"objects\" warmfront)")
	flag.StringVar(&load, "load", strings.Join(loadNames(), ","), "loads, separated by commas")
	flag.IntVar(&cfg.rounds, "rounds", 5, "rounds")
	flag.DurationVar(&cfg.duration, "duration", 5*time.Second, "how long each server is driven each round")
	flag.StringVar(&cfg.output, "o", "text", "text, json or markdown")
	flag.StringVar(&cfg.binary, "binary", "bin/warmfront", "the warmfront command; an unstripped one for -perf")
	flag.IntVar(&cfg.connections, "connections", 64, "connections")
	flag.IntVar(&cfg.streams, "streams", 1, "requests at once on a connection of HTTP/2")
	flag.IntVar(&cfg.serverCPU, "server-cpu", 0, "CPU for the servers; -1 is any")
	flag.IntVar(&cfg.loadCPU, "load-cpu", 1, "CPU for the loader and the origin; -1 is any")
	flag.IntVar(&cfg.memory, "memory", 1024, "MiB for cached objects")
	flag.IntVar(&cfg.objects, "objects", 1000000, "objects in the fuller cache of the load \"objects\"")
	flag.IntVar(&cfg.rate, "rate", 20000, "requests a second of the load \"steady\"")
	flag.StringVar(&cfg.perf, "perf", "", "folder for profiles of Warmfront, one a load, written by perf record in the first round")
	flag.Parse()
	cfg.only, cfg.objectsOf, cfg.load = peers.Names(), []string{"warmfront"}, strings.Split(load, ",")
	if only != "" {
		cfg.only = strings.Split(only, ",")
		cfg.objectsOf = cfg.only
	}
	switch {
	case flag.NArg() > 0:
		return cfg, fmt.Errorf("%q is no flag", flag.Arg(0))
	case cfg.rounds < 1 || cfg.duration < time.Second || cfg.connections < 1 || cfg.streams < 1 || cfg.objects < few || cfg.rate < cfg.connections:
		return cfg, fmt.Errorf("-rounds, -connections and -streams are at least 1, -duration 1s, -objects %d, -rate as many as connections", few)
	case !slices.Contains([]string{"text", "json", "markdown"}, cfg.output):
		return cfg, fmt.Errorf("-o %s: use text, json or markdown", cfg.output)
	}
	for _, l := range cfg.load {
		if !slices.Contains(loadNames(), l) {
			return cfg, fmt.Errorf("-load %s: there are %s", l, strings.Join(loadNames(), ", "))
		}
	}
	for _, s := range cfg.only {
		if !slices.Contains(peers.Names(), s) {
			return cfg, fmt.Errorf("-only %s: there are %s", s, strings.Join(peers.Names(), ", "))
		}
	}
	for command, pkg := range map[string]string{"wrk": "wrk", "h2load": "nghttp2-client", "taskset": "util-linux"} {
		if _, err := exec.LookPath(command); err != nil {
			return cfg, fmt.Errorf("this needs %s; on Debian: apt-get install %s", command, pkg)
		}
	}
	return cfg, nil
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

func run(ctx context.Context, cfg config) (err error) {
	if err := errors.Join(peers.RaiseFiles(4096), peers.Pin(cfg.loadCPU)); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "bench-edge-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	source, err := origin.Start()
	if err != nil {
		return err
	}
	defer source.Close()
	b := &bench{cfg: cfg, folder: folder, origin: source}
	defer func() { err = errors.Join(err, b.stop()) }()
	if cfg.perf != "" {
		if err := os.MkdirAll(cfg.perf, 0o755); err != nil {
			return err
		}
		if b.cfg.perf, err = filepath.Abs(cfg.perf); err != nil {
			return err
		}
	}
	var results []result
	for _, l := range loads() {
		if !slices.Contains(cfg.load, l.Name) {
			continue
		}
		b.quiet(l)
		r, err := b.measure(ctx, l)
		if err != nil {
			return fmt.Errorf("%s: %w", l.Name, err)
		}
		results = append(results, r...)
	}
	return report(os.Stdout, cfg, b.servers, b.notes, results)
}
