// Command explore runs many worlds of package sim/explore, on all processors, and
// says what happened in them. It fails if the guarantee was broken in one, and says
// by which seed that can be seen again. With -mutants it breaks each rule in turn
// instead, and fails if one goes unnoticed.
package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/warmfront/warmfront/journal/mutant"
	"github.com/warmfront/warmfront/sim/explore"
	"github.com/warmfront/warmfront/sim/explore/search"
)

// options are what a run is asked for.
type options struct {
	first, seeds uint64
	one          int64
	trace        bool
	parallel     int
	all          bool
	mutants      string
	output       string
}

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("explore", flag.ContinueOnError)
	f.Uint64Var(&o.first, "first", 0, "the first `seed`")
	f.Uint64Var(&o.seeds, "seeds", 10000, "how many seeds, one after the other; with -mutants, for each rule at most")
	f.Int64Var(&o.one, "seed", -1, "run this `seed` alone")
	f.BoolVar(&o.trace, "trace", false, "with -seed: tell what happens, line by line")
	f.IntVar(&o.parallel, "parallel", runtime.GOMAXPROCS(0), "how many worlds are run at a time")
	f.BoolVar(&o.all, "all", false, "go on after a violation")
	f.StringVar(&o.mutants, "mutants", "", "break each of these `rules` in turn, such as "+mutant.Rules+"; needs -tags mutants")
	f.StringVar(&o.output, "o", "text", "how to print the report: text or json")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("%q: only flags are known", f.Arg(0))
	case o.seeds == 0 || o.parallel < 1:
		return o, errors.New("-seeds and -parallel: use 1 or more")
	case o.output != "text" && o.output != "json":
		return o, fmt.Errorf("-o %q: use text or json", o.output)
	case o.trace && (o.one < 0 || o.output == "json"):
		return o, errors.New("-trace goes with -seed, and with text")
	case mutant.Enabled && o.mutants == "" && os.Getenv(mutant.Variable) == "":
		return o, errors.New("this build is to break rules: say which by -mutants, or by " + mutant.Variable)
	}
	return o, nil
}

// errFound is how a run ends that found something.
var errFound = errors.New("the guarantee was broken; -seed N -trace tells how it came to it")

// Exit statuses: something was found, and the run could not be made.
const (
	exitFound  = 1
	exitFailed = 2
)

func main() {
	debug.SetGCPercent(400) // worlds are small and short-lived
	o, err := parse(os.Args[1:])
	if err == nil {
		err = run(o, os.Stdout, os.Stderr)
	} else if errors.Is(err, flag.ErrHelp) {
		os.Exit(exitFailed)
	}
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "explore:", err)
	if errors.Is(err, errFound) || errors.Is(err, errUnnoticed) {
		os.Exit(exitFound)
	}
	os.Exit(exitFailed)
}

func run(o options, out, progress io.Writer) error {
	e, err := explore.New()
	switch {
	case err != nil:
		return err
	case o.mutants != "":
		return catch(e, o, out, progress)
	case o.one >= 0:
		return alone(e, o, out)
	}
	return many(e, o, out, progress)
}

// alone runs one world. The digest of its trace tells whether two runs were the same.
func alone(e *explore.Explorer, o options, out io.Writer) error {
	seed, digest := uint64(o.one), sha256.New()
	tally, violation := e.Run(seed, func(line string) {
		fmt.Fprintln(digest, line)
		if o.trace {
			fmt.Fprintln(out, line)
		}
	})
	r := report{First: seed, Seeds: 1, Tally: tally, Trace: fmt.Sprintf("%x", digest.Sum(nil))}
	if violation != nil {
		r.Violations = []search.Found{{Seed: seed, Violation: *violation}}
	}
	return r.print(o, out)
}

// many runs one world after the other.
func many(e *explore.Explorer, o options, out, progress io.Writer) error {
	p := newMeter(progress, o.seeds)
	tally, found := search.Search{
		First: o.first, Seeds: o.seeds, Parallel: o.parallel,
		Enough:   func(explore.Violation) bool { return !o.all },
		Progress: p.tell,
	}.Run(e)
	r := report{First: o.first, Seeds: o.seeds, Tally: tally, Violations: found, Parallel: o.parallel, Seconds: p.took().Seconds()}
	return r.print(o, out)
}

var errUnnoticed = errors.New("a rule can be broken, and nobody notices: the explorer is at fault")

// catch breaks rules.
func catch(e *explore.Explorer, o options, out, progress io.Writer) error {
	var all []search.Caught
	missed := ""
	for _, rule := range o.mutants {
		fmt.Fprintf(progress, "\rrule %c ", rule)
		c, err := search.Catch(e, rule, o.seeds, o.parallel, os.Setenv)
		if err != nil {
			return err
		}
		if c.Worlds == 0 {
			missed += string(rule)
		}
		all = append(all, c)
	}
	fmt.Fprint(progress, "\r        \r")
	if o.output == "json" {
		if err := encode(out, all); err != nil {
			return err
		}
	} else {
		table(all, o.seeds, out)
	}
	if missed != "" {
		return fmt.Errorf("%w (%s, in %d worlds)", errUnnoticed, strings.Join(strings.Split(missed, ""), ", "), o.seeds)
	}
	return nil
}

func encode(out io.Writer, v any) error {
	doc, err := json.MarshalIndent(v, "", "  ")
	if err == nil {
		_, err = fmt.Fprintf(out, "%s\n", doc)
	}
	return err
}
