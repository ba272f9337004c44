// Command miss measures what viewers wait for who ask for the same cold object at once: a Warmfront edge beside nginx
// (proxy_cache_lock), Varnish, Traffic Server and HAProxy.
//
//	miss [-only warmfront,nginx] [-load slow,drip] [-viewers 1000] [-crowd 10000] [-rounds 3] [-o text|json|markdown]
//
// Each viewer has an address and a connection of its own, made before. All send their requests at once. The origin
// thinks for 200 ms, then sends 64 KiB ("slow"), or ten pieces of 64 KiB over a second ("drip"). It runs in this
// process, so its clock is the viewers': the figure is how long after the origin's first byte a viewer has the first
// byte of the body. The crowd is Warmfront's alone.
//
// Every byte is compared; a viewer who is not given all of them fails the run.
//
// Needs taskset, and being root (an edge has ports 80 and 443, and ten thousand connections take more files than
// others may open).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/warmfront/warmfront/scripts/bench/origin"
	"github.com/warmfront/warmfront/scripts/bench/peers"
)

type config struct {
	only, load []string
	viewers    int
	crowd      int
	rounds     int
	output     string
	binary     string
	serverCPU  int
	loadCPU    int
}

func main() {
	cfg, err := parse()
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		err = run(ctx, cfg)
		stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-miss: "+err.Error())
		os.Exit(1)
	}
}

func parse() (config, error) {
	cfg := config{}
	names := slices.DeleteFunc(peers.Names(), func(n string) bool { return strings.HasPrefix(n, "nginx-") }) // on a miss they are nginx
	var only, load string
	flag.StringVar(&only, "only", strings.Join(names, ","), "servers, separated by commas")
	flag.StringVar(&load, "load", "slow,drip", "loads, separated by commas")
	flag.IntVar(&cfg.viewers, "viewers", 1000, "viewers who ask every server at once")
	flag.IntVar(&cfg.crowd, "crowd", 10000, "viewers who ask Warmfront besides; 0 is none")
	flag.IntVar(&cfg.rounds, "rounds", 3, "rounds")
	flag.StringVar(&cfg.output, "o", "text", "text, json or markdown")
	flag.StringVar(&cfg.binary, "binary", "bin/warmfront", "the warmfront command")
	flag.IntVar(&cfg.serverCPU, "server-cpu", 0, "CPU for the servers; -1 is any")
	flag.IntVar(&cfg.loadCPU, "load-cpu", 1, "CPU for the viewers and the origin; -1 is any")
	flag.Parse()
	cfg.only, cfg.load = strings.Split(only, ","), strings.Split(load, ",")
	switch {
	case flag.NArg() > 0:
		return cfg, fmt.Errorf("%q is no flag", flag.Arg(0))
	case cfg.rounds < 1 || cfg.viewers < 1 || cfg.viewers > maxViewers || cfg.crowd < 0 || cfg.crowd > maxViewers:
		return cfg, fmt.Errorf("-rounds and -viewers are at least 1, -viewers and -crowd at most %d", maxViewers)
	case !slices.Contains([]string{"text", "json", "markdown"}, cfg.output):
		return cfg, fmt.Errorf("-o %s: use text, json or markdown", cfg.output)
	}
	for _, l := range cfg.load {
		if l != "slow" && l != "drip" {
			return cfg, fmt.Errorf("-load %s: there are slow and drip", l)
		}
	}
	if _, err := exec.LookPath("taskset"); err != nil {
		return cfg, errors.New("this needs taskset; on Debian: apt-get install util-linux")
	}
	for _, s := range cfg.only {
		if !slices.Contains(names, s) {
			return cfg, fmt.Errorf("-only %s: there are %s", s, strings.Join(names, ", "))
		}
	}
	return cfg, nil
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

func run(ctx context.Context, cfg config) (err error) {
	most := max(cfg.viewers, cfg.crowd)
	if err := errors.Join(peers.RaiseFiles(uint64(most+1000)), peers.Pin(cfg.loadCPU)); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "bench-miss-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	source, err := origin.Start()
	if err != nil {
		return err
	}
	defer source.Close()
	b := &bench{cfg: cfg, origin: source}
	for _, name := range peers.Names() {
		if !slices.Contains(cfg.only, name) {
			continue
		}
		s, err := peers.Start(ctx, name, peers.Config{Folder: folder, Origin: source.Addr(), CPU: cfg.serverCPU, Binary: cfg.binary, Memory: 1024, Files: cfg.viewers + 1000})
		if errors.Is(err, peers.ErrMissing) {
			say("note: %v; left out", err)
			continue
		}
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.Close()) }()
		say("%s: %s", s.Name, s.Version)
		b.servers = append(b.servers, s)
	}
	if err := b.run(ctx); err != nil {
		return err
	}
	if err := b.report(os.Stdout); err != nil {
		return err
	}
	return b.failed()
}
