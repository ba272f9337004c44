// Command functions measures CloudFront functions: how long one takes, beside peers, and what hostile ones do to their
// neighbours.
//
//		functions [-part run,http,neighbours] [-only loop,regexp] [-runs 20000] [-duration 5s] [-rate 400] [-o text|json]
//
//	  - run: a viewer-request event in this process, on one core, from the edge's request to the request that goes on: a
//	    header that is added, a redirect that is made, a key value store that is asked. Beside it, on the same core and
//	    with the same event, Node.js: its module vm with one context for all events, and with a fresh one for each, as
//	    CloudFront isolates them, from JSON to JSON.
//	  - http: hits in memory of an edge whose function at the viewer's response adds a header, beside the same hits
//	    without a function, and beside nginx with njs (js_header_filter), by wrk, each server on one core.
//	  - neighbours: one distribution's functions do their worst while viewers of another one, on the same node, ask for
//	    hits in memory and run a function that behaves: what they wait, with and without, with the node on one core and
//	    on two, and what memory the node has.
//
// Times are the wall's and, for "run", the thread's CPU time too: on a machine that does other things, the wall's
// percentiles are those of the machine. A process of its own runs on one core, by taskset. What is not installed is
// left out and named.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

type config struct {
	parts    []string
	only     []string // hostile functions, empty for all
	runs     int
	duration time.Duration
	rate     int
	hostile  int
	output   string
	binary   string
	cpu      int
	alone    bool
}

func main() {
	cfg, err := parse()
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		err = run(ctx, cfg)
		stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-functions: "+err.Error())
		os.Exit(1)
	}
}

func parse() (config, error) {
	cfg := config{}
	all := []string{"run", "http", "neighbours"}
	parts := flag.String("part", strings.Join(all, ","), "parts, separated by commas")
	flag.IntVar(&cfg.runs, "runs", 20000, "runs of each function, in the part run")
	flag.DurationVar(&cfg.duration, "duration", 5*time.Second, "how long each load lasts, in the parts http and neighbours")
	flag.IntVar(&cfg.rate, "rate", 400, "requests a second of the neighbours")
	flag.IntVar(&cfg.hostile, "hostile", 32, "viewers of the hostile functions")
	flag.StringVar(&cfg.output, "o", "text", "text or json")
	flag.StringVar(&cfg.binary, "binary", "bin/warmfront", "the warmfront command")
	flag.IntVar(&cfg.cpu, "cpu", 0, "the core that is measured; the loader has the others")
	flag.BoolVar(&cfg.alone, "alone", false, "measure in this process, which was pinned (for the command itself)")
	only := flag.String("only", "", "hostile functions, separated by commas (default: all)")
	flag.Parse()
	if *only != "" {
		cfg.only = strings.Split(*only, ",")
	}
	cfg.parts = strings.Split(*parts, ",")
	for _, p := range cfg.parts {
		if !slices.Contains(all, p) {
			return cfg, fmt.Errorf("-part: no part is called %q; there are %s", p, strings.Join(all, ", "))
		}
	}
	switch {
	case cfg.output != "text" && cfg.output != "json":
		return cfg, fmt.Errorf("-o: %q is neither text nor json", cfg.output)
	case cfg.runs < 1000 || cfg.rate < 1 || cfg.hostile < 1:
		return cfg, errors.New("-runs takes 1000 at least, -rate and -hostile 1")
	}
	return cfg, nil
}

func run(ctx context.Context, cfg config) error {
	if cfg.alone {
		rows, err := measureHere(ctx, cfg)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(rows)
	}
	var all []row
	for _, part := range cfg.parts {
		measure := map[string]func(context.Context, config) ([]row, error){"run": measureRuns, "http": measureHTTP, "neighbours": measureNeighbours}[part]
		rows, err := measure(ctx, cfg)
		if err != nil {
			return fmt.Errorf("%s: %w", part, err)
		}
		if cfg.output == "text" {
			printTable(part, rows)
		}
		all = append(all, rows...)
	}
	if cfg.output == "json" {
		return json.NewEncoder(os.Stdout).Encode(all)
	}
	return nil
}
