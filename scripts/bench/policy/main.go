// Command policy measures eviction policies: it generates requests as content
// delivery networks see them, has every policy of edge/cache/eviction, the code
// that the edge runs, cache them in 1 % and in 10 % of the bytes that are asked
// for, and prints which share of the requests and of the bytes were hits, beside
// reference figures.
//
//	policy [-traffic social,…] [-policies lru,…] [-requests 1000000] [-seeds 3] [-o json]
//	policy -calibrate
//
// It runs on one core, and for a few minutes at most.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/warmfront/warmfront/edge/cache/eviction"
)

type config struct {
	classes   []class
	policies  []string
	requests  int
	seeds     uint64
	json      bool
	calibrate bool
}

func main() {
	err := run(os.Args[1:], os.Stdout, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "policy:", err)
		os.Exit(1)
	}
}

func run(args []string, out, progress io.Writer) error {
	cfg, err := parse(args, progress)
	if err != nil {
		return err
	}
	if cfg.calibrate {
		return calibrate(cfg, out, progress)
	}
	results, err := measure(cfg, progress)
	if err != nil {
		return err
	}
	if cfg.json {
		return writeJSON(out, cfg, results)
	}
	return writeTable(out, cfg, results)
}

func parse(args []string, usage io.Writer) (config, error) {
	cfg := config{}
	flags := flag.NewFlagSet("policy", flag.ContinueOnError)
	flags.SetOutput(usage)
	names := flags.String("traffic", strings.Join(classNames(), ","), "classes of traffic, separated by commas")
	policies := flags.String("policies", strings.Join(eviction.Names(), ","), "policies, separated by commas")
	flags.IntVar(&cfg.requests, "requests", 1_000_000, "requests of each class")
	flags.Uint64Var(&cfg.seeds, "seeds", 3, "how many traces of each class, to see what is chance")
	flags.BoolVar(&cfg.calibrate, "calibrate", false, "look for the lifetimes with which LRU and SIEVE come nearest to their reference figures")
	format := flags.String("o", "table", "what to print: table or json")
	if err := flags.Parse(args); err != nil {
		return cfg, err
	}
	if flags.NArg() > 0 {
		return cfg, fmt.Errorf("%q is not a flag; say policy -h", flags.Arg(0))
	}
	for name := range strings.SplitSeq(*names, ",") {
		i := slices.IndexFunc(classes(), func(c class) bool { return c.name == name })
		if i < 0 {
			return cfg, fmt.Errorf("-traffic: no class is called %q; choose from %s", name, strings.Join(classNames(), ", "))
		}
		cfg.classes = append(cfg.classes, classes()[i])
	}
	cfg.policies = strings.Split(*policies, ",")
	for _, name := range cfg.policies {
		if _, err := eviction.New[int](name, 0); err != nil {
			return cfg, fmt.Errorf("-policies: %w", err)
		}
	}
	switch cfg.json = *format == "json"; {
	case !cfg.json && *format != "table":
		return cfg, fmt.Errorf("-o: %q is neither table nor json", *format)
	case cfg.requests < 1000:
		return cfg, fmt.Errorf("-requests: %d requests say nothing; ask for 1000 at least", cfg.requests)
	case cfg.seeds == 0:
		return cfg, errors.New("-seeds: ask for 1 at least")
	}
	return cfg, nil
}
