// Command invalidate measures how fast invalidations take effect and what they cost.
//
//	invalidate [-part propagation,partition,cached,fleet] [-nodes 12,100] [-objects 1000,1000000] [-fleet 100,1000] [-o text|json|markdown]
//
// "propagation" runs the whole network in this process, at no distance, and invalidates through CloudFront's API as a
// user does: from the answer to the last edge having applied it, and to Completed. "partition" cuts one edge off at some
// moment of its lease, again and again, and waits for Completed. "cached" invalidates everything that an edge of its own
// holds, a thousand objects or a million, while viewers are given hits of another distribution, and compares what they
// wait for with windows in which nothing is invalidated. "fleet" is one control, alone in this process, with up to a
// thousand nodes in another: every one a real follower with its two TLS connections, without a cache.
//
// A run fails where a promise is broken: Completed before an edge had applied it, or before the lease of one that was
// cut off had ended; or later than a lease and a second. "cached" needs taskset, and being root (an edge has port 80).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/warmfront/warmfront/scripts/bench/peers"
)

type config struct {
	parts         []string
	nodes         []int
	invalidations int
	burst         int
	partitions    int
	objects       []int
	windows       int
	window        time.Duration
	rate          int
	fleet         []int
	changes       int
	rest          time.Duration
	portBase      int
	binary        string
	output        string
	profile       string
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == followersCommand {
		exit(followers(os.Stdin, os.Stdout))
		return
	}
	cfg, err := parse(flag.NewFlagSet("invalidate", flag.ExitOnError), os.Args[1:])
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		err = run(ctx, cfg)
		stop()
	}
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-invalidate: "+err.Error())
		os.Exit(1)
	}
}

func parts() []string { return []string{"propagation", "partition", "cached", "fleet"} }

func parse(f *flag.FlagSet, args []string) (config, error) {
	cfg := config{}
	part := f.String("part", strings.Join(parts(), ","), "what to measure, separated by commas")
	nodes := f.String("nodes", "12,100", "edges of the whole network, for propagation; partition takes the first")
	objects := f.String("objects", "1000,1000000", "objects cached while everything is invalidated")
	fleet := f.String("fleet", "100,1000", "nodes of one control")
	f.IntVar(&cfg.invalidations, "invalidations", 200, "invalidations, one after the other, for propagation")
	f.IntVar(&cfg.burst, "burst", 100, "invalidations at once")
	f.IntVar(&cfg.partitions, "partitions", 10, "partitions")
	f.IntVar(&cfg.windows, "windows", 7, "windows of each kind, for cached")
	f.DurationVar(&cfg.window, "window", time.Second, "how long a window is")
	f.IntVar(&cfg.rate, "rate", 2000, "requests a second in a window")
	f.IntVar(&cfg.changes, "changes", 30, "invalidations, one after the other, for fleet")
	f.DurationVar(&cfg.rest, "rest", 10*time.Second, "how long is measured what is used at rest")
	f.IntVar(&cfg.portBase, "port-base", 21000, "added to every port of the network")
	f.StringVar(&cfg.binary, "binary", "bin/warmfront", "the warmfront command")
	f.StringVar(&cfg.output, "o", "text", "text, json or markdown")
	f.StringVar(&cfg.profile, "profile", "", "folder for CPU profiles, one a part")
	if err := f.Parse(args); err != nil {
		return cfg, err
	}
	cfg.parts = strings.Split(*part, ",")
	var errs [3]error
	cfg.nodes, errs[0] = numbers("-nodes", *nodes, 1, 103)
	cfg.objects, errs[1] = numbers("-objects", *objects, 100, 10_000_000)
	cfg.fleet, errs[2] = numbers("-fleet", *fleet, 1, maxFleet)
	if err := errors.Join(errs[:]...); err != nil {
		return cfg, err
	}
	switch {
	case f.NArg() > 0:
		return cfg, fmt.Errorf("%q is no flag", f.Arg(0))
	case min(cfg.invalidations, cfg.burst, cfg.partitions, cfg.windows, cfg.changes) < 1 || cfg.burst > 1000:
		return cfg, errors.New("-invalidations, -burst, -partitions, -windows and -changes are at least 1, -burst at most 1000")
	case cfg.window < 100*time.Millisecond || cfg.rest < time.Second || cfg.rate < 10 || cfg.rate > 20000:
		return cfg, errors.New("-window is at least 100ms, -rest 1s, -rate 10 to 20000")
	case !slices.Contains([]string{"text", "json", "markdown"}, cfg.output):
		return cfg, fmt.Errorf("-o %s: use text, json or markdown", cfg.output)
	}
	for _, p := range cfg.parts {
		if !slices.Contains(parts(), p) {
			return cfg, fmt.Errorf("-part %s: there are %s", p, strings.Join(parts(), ", "))
		}
	}
	return cfg, nil
}

// numbers reads a list of whole numbers within bounds.
func numbers(name, list string, least, most int) (all []int, err error) {
	for field := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < least || n > most {
			return nil, fmt.Errorf("%s %s: use numbers from %d to %d, separated by commas", name, list, least, most)
		}
		all = append(all, n)
	}
	return all, nil
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// results is what is reported; what was not measured is left out.
type results struct {
	Propagation []propagation `json:"propagation,omitempty"`
	Partition   *partition    `json:"partition,omitempty"`
	Cached      []cached      `json:"cached,omitempty"`
	Fleet       []fleet       `json:"fleet,omitempty"`
}

func run(ctx context.Context, cfg config) error {
	var all results
	// What was measured is reported even if what came after it failed.
	err := measure(ctx, cfg, &all)
	return errors.Join(all.report(os.Stdout, cfg), err)
}

func measure(ctx context.Context, cfg config, all *results) error {
	wants := func(part string) bool { return slices.Contains(cfg.parts, part) }
	for i, n := range cfg.nodes {
		isolate := i == 0 && wants("partition")
		if !wants("propagation") && !isolate {
			continue
		}
		if err := profiled(cfg, fmt.Sprintf("network-%d", n), func() error { return inNetwork(ctx, cfg, n, wants("propagation"), isolate, all) }); err != nil {
			return err
		}
	}
	for _, n := range cfg.fleet {
		if !wants("fleet") {
			break
		}
		err := profiled(cfg, fmt.Sprintf("fleet-%d", n), func() error {
			f, err := measureFleet(ctx, cfg, n)
			all.Fleet = append(all.Fleet, f)
			return err
		})
		if err != nil {
			return fmt.Errorf("a fleet of %d: %w", n, err)
		}
	}
	if !wants("cached") {
		return nil
	}
	// The last part: from here on this process, and control, keep off the edge's CPU.
	if err := peers.Pin(1); err != nil {
		return err
	}
	for _, n := range cfg.objects {
		c, err := measureCached(ctx, cfg, n)
		if err != nil {
			return fmt.Errorf("%d objects: %w", n, err)
		}
		all.Cached = append(all.Cached, c)
	}
	return nil
}

func inNetwork(ctx context.Context, cfg config, edges int, propagate, isolate bool, all *results) (err error) {
	r, err := start(ctx, cfg, edges)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if propagate {
		p, err := r.propagation(ctx, cfg)
		if err != nil {
			return err
		}
		all.Propagation = append(all.Propagation, p)
	}
	if isolate {
		p, err := r.partition(ctx, cfg)
		if err != nil {
			return err
		}
		all.Partition = &p
	}
	return nil
}

// profiled writes a CPU profile of what f does, if one is wanted.
func profiled(cfg config, name string, f func() error) error {
	if cfg.profile == "" {
		return f()
	}
	if err := os.MkdirAll(cfg.profile, 0o755); err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(cfg.profile, name+".pprof"))
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return errors.Join(err, file.Close())
	}
	err = f()
	pprof.StopCPUProfile()
	return errors.Join(err, file.Close())
}
