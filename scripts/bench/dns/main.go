//go:build linux

// Command dns measures DNS answers: a Warmfront router beside gdnsd and knot.
//
//	dns [-only warmfront,gdnsd] [-load subnet,plain,steady,flood,tcpflood] [-rounds 5] [-duration 2s] [-o text|markdown]
//
// All servers run at once, pinned to one core, each with a geo database of its kind; the loader has another. A round
// drives one server after the other with the same load, and rounds follow one another, so that what changes on the machine
// in the meantime changes for all. The figure is work per second of the server's CPU: answers divided by the CPU time
// that the server's processes used. Each round gives its ratio to gdnsd of the same round; the table has the median with
// the smallest and the largest.
//
// The loads: "subnet" asks for one name with 10,000 different /24 in EDNS Client Subnet, "plain" without EDNS, both as
// fast as answers come back; "steady" is "subnet" at 20,000 queries a second, for its latency; "flood" is 2,000 a second
// of those from one socket, which count, beside 20,000 a second from another of which a third are cut off and the rest ask
// for names that do not exist; "tcpflood", which is run where it is asked for, is the same good queries beside TCP
// connections from twelve addresses, 2,000 new ones a second, which say nothing, half a query, or ask and do not read, and
// beside 20 good queries a second by TCP; it is said if one of those has no answer. An answer counts if it is NOERROR and
// has one.
//
// gdnsd and Warmfront send each /24 to the nearest of twelve places by great-circle distance, from the same database;
// knot decides by country. Warmfront is the router alone, as `warmfront router` runs it: with metrics, and with rate
// limiting that counts but whose limit is not reached.
//
// Needs Linux, gdnsd, knot with its geoip module, and taskset; run from the root of the repository.
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
	"time"

	"github.com/warmfront/warmfront/scripts/bench/peers"
)

type config struct {
	only, load         []string
	rounds             int
	duration           time.Duration
	output             string
	serverCPU, loadCPU int
	rate               int // a second, of "steady"
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "serve" {
		exit(serve(os.Args[2]))
	}
	cfg, err := parse()
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		err = run(ctx, cfg)
		stop()
	}
	exit(err)
}

func exit(err error) {
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "dns:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func parse() (config, error) {
	var cfg config
	f := flag.NewFlagSet("dns", flag.ContinueOnError)
	only := f.String("only", "gdnsd,knot,warmfront", "servers")
	load := f.String("load", "subnet,plain,steady,flood", "loads")
	f.IntVar(&cfg.rounds, "rounds", 5, "how often each server is driven with each load")
	f.DurationVar(&cfg.duration, "duration", 2*time.Second, "how long each time")
	f.StringVar(&cfg.output, "o", "text", "text or markdown")
	f.IntVar(&cfg.serverCPU, "server-cpu", 0, "where the servers run")
	f.IntVar(&cfg.loadCPU, "load-cpu", 1, "where the loader runs")
	f.IntVar(&cfg.rate, "rate", 20_000, "queries a second of the load steady")
	if err := f.Parse(os.Args[1:]); err != nil {
		return cfg, err
	}
	cfg.only, cfg.load = strings.Split(*only, ","), strings.Split(*load, ",")
	for _, l := range cfg.load {
		if !slices.Contains([]string{"subnet", "plain", "steady", "flood", "tcpflood"}, l) {
			return cfg, fmt.Errorf("-load %s: there are subnet, plain, steady, flood and tcpflood", l)
		}
	}
	if cfg.rounds < 1 || cfg.duration < 100*time.Millisecond {
		return cfg, errors.New("-rounds must be 1 at least, and -duration 100ms")
	}
	return cfg, missing(cfg.only)
}

// missing says what has to be installed first.
func missing(only []string) error {
	needs := map[string]string{"taskset": "util-linux"}
	for _, name := range only {
		k, ok := kinds()[name]
		if !ok {
			return fmt.Errorf("-only %s: there are gdnsd, knot and warmfront", name)
		}
		if k.command != "" {
			needs[k.command] = k.pkg
		}
	}
	var packages []string
	for command, pkg := range needs {
		if _, err := exec.LookPath(command); err != nil {
			packages = append(packages, pkg)
		}
	}
	if len(packages) > 0 {
		slices.Sort(packages)
		return fmt.Errorf("not everything is there; on Debian: apt-get install --no-install-recommends %s", strings.Join(packages, " "))
	}
	return nil
}

func run(ctx context.Context, cfg config) (err error) {
	dir, err := os.MkdirTemp("", "bench-dns-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o755); err != nil { // knot gives up being root
		return err
	}
	servers, err := startAll(ctx, cfg, dir)
	for _, s := range servers {
		defer s.stop()
	}
	if err != nil {
		return err
	}
	if err := pin(cfg.loadCPU); err != nil {
		return err
	}
	var results results
	for round := range cfg.rounds {
		for _, load := range cfg.load {
			// Who comes first changes, so that nobody always follows the same.
			for i := range servers {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				s := servers[(i+round)%len(servers)]
				turn, err := drive(cfg, s, load)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", s.name, load, err)
				}
				results.add(round, load, s.name, turn)
				fmt.Fprintf(os.Stderr, "round %d, %s, %s: %s\n", round+1, load, s.name, turn)
			}
		}
	}
	fmt.Printf("load average %s\n", loadAverage())
	for _, s := range servers {
		fmt.Printf("- %s: %s\n", s.name, s.version)
	}
	fmt.Println()
	fmt.Print(peers.Table(results.ratios(cfg), cfg.output == "markdown"))
	fmt.Println()
	fmt.Print(peers.Table(results.figures(cfg), cfg.output == "markdown"))
	return nil
}

// drive gives a server one turn.
func drive(cfg config, s *server, load string) (turn, error) {
	before, err := peers.CPUTime(s.cmd.Process.Pid)
	if err != nil {
		return turn{}, err
	}
	var t turn
	switch load {
	case "steady":
		t, err = steady(s.addr, stream{queries(true), cfg.rate}, cfg.duration)
	case "flood":
		t, err = steady(s.addr, stream{queries(true), cfg.rate / 10}, cfg.duration, stream{badQueries(), cfg.rate})
	case "tcpflood":
		t, err = besideTCP(s.addr, cfg)
	default:
		t, err = saturate(s.addr, queries(load == "subnet"), cfg.duration)
	}
	if err != nil {
		return turn{}, err
	}
	after, err := peers.CPUTime(s.cmd.Process.Pid)
	t.cpu = after - before
	if t.cpu <= 0 && err == nil {
		err = errors.New("it used no CPU time that could be measured; take a longer -duration")
	}
	return t, err
}
