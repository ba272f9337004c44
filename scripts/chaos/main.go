package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/warmfront/warmfront/scripts/chaos/lab"
)

// errInterrupted is why a run ended that was asked to.
var errInterrupted = errors.New("interrupted")

// options are what a run is asked for.
type options struct {
	duration time.Duration
	seed     uint64
	rate     float64
	binary   string
	tags     string
	logs     string
	keep     bool
	output   string
	markdown bool
}

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("chaos", flag.ContinueOnError)
	f.DurationVar(&o.duration, "duration", 2*time.Minute, "how long the run lasts, 40s or more")
	f.Uint64Var(&o.seed, "seed", 1, "which faults there are, and when")
	f.Float64Var(&o.rate, "rate", 200, "reads a second, of all edges")
	f.StringVar(&o.binary, "binary", "", "a binary built by an earlier run with -keep, instead of building one")
	f.StringVar(&o.tags, "tags", "", "build tags of the binary")
	f.StringVar(&o.logs, "logs", "", "folder for logs (default: a new one, removed unless something was found)")
	f.BoolVar(&o.keep, "keep", false, "keep the logs whatever was found")
	f.StringVar(&o.output, "o", "text", "how to print the report: text or json")
	f.BoolVar(&o.markdown, "markdown", false, "print the report as a table in Markdown")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("%q: only flags are known", f.Arg(0))
	case o.duration < warmUp+coolDown+10*time.Second:
		return o, fmt.Errorf("-duration %v: %v or more is needed", o.duration, warmUp+coolDown+10*time.Second)
	case o.rate <= 0 || o.rate > 5000:
		return o, fmt.Errorf("-rate %v: use 1 to 5000 reads a second", o.rate)
	case o.output != "text" && o.output != "json":
		return o, fmt.Errorf("-o %q: use text or json", o.output)
	}
	return o, nil
}

func (o options) print(r *report, w io.Writer) error {
	switch {
	case o.markdown:
		return r.markdown(w)
	case o.output == "json":
		return r.json(w)
	}
	return r.text(w)
}

// Exit statuses: something was found, and the run could not be made.
const (
	exitFound  = 1
	exitFailed = 2
)

func main() {
	o, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(exitFailed)
	}
	status := exitFailed
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		if lab.Inside() {
			status, err = inRoom(ctx, o)
		} else {
			status, err = enter(ctx, o)
		}
		stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", strings.TrimSpace(err.Error()))
		status = exitFailed
	}
	os.Exit(status)
}

// enter builds the binary, makes the folder for logs and runs this program again, in namespaces of its own.
func enter(ctx context.Context, o options) (int, error) {
	if err := lab.Check(); err != nil {
		return 0, err
	}
	var err error
	made := o.logs == ""
	if made {
		o.logs, err = os.MkdirTemp("", "warmfront-chaos-")
	} else if o.logs, err = filepath.Abs(o.logs); err == nil {
		err = os.MkdirAll(o.logs, 0o755)
	}
	if err != nil {
		return 0, err
	}
	if o.binary == "" {
		o.binary = filepath.Join(o.logs, "warmfront")
		fmt.Fprintln(os.Stderr, "building a binary whose wall clock can be set")
		if err := lab.Build(o.binary, "./cmd/warmfront", "-tags", o.tags); err != nil {
			return 0, err
		}
	} else if o.binary, err = filepath.Abs(o.binary); err != nil {
		return 0, err
	}
	// A flag that is given twice is what it is given last.
	args := append(os.Args[1:len(os.Args):len(os.Args)], "-binary", o.binary, "-logs", o.logs)
	status, err := lab.Enter(ctx, args)
	if made && !o.keep && err == nil && status == 0 {
		err = os.RemoveAll(o.logs)
	}
	return status, err
}
