// Command explore runs many worlds of package sim/explore, on all processors, and
// says what happened in them. It fails if the guarantee was broken in one, and says
// by which seed that can be seen again.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/warmfront/warmfront/sim/explore"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "explore:", err)
		os.Exit(1)
	}
}

func run() error {
	first := flag.Uint64("first", 0, "the first `seed`")
	seeds := flag.Uint64("seeds", 10000, "how many seeds, one after the other")
	one := flag.Int64("seed", -1, "run this `seed` alone")
	trace := flag.Bool("trace", false, "with -seed: tell what happens, line by line")
	workers := flag.Int("workers", runtime.GOMAXPROCS(0), "how many worlds at a time")
	all := flag.Bool("all", false, "go on after a violation, and count them")
	flag.Parse()
	e, err := explore.New()
	if err != nil {
		return err
	}
	if *one >= 0 {
		return alone(e, uint64(*one), *trace)
	}
	return many(e, *first, *seeds, *workers, *all)
}

func alone(e *explore.Explorer, seed uint64, traced bool) error {
	var trace func(string)
	if traced {
		trace = func(line string) { fmt.Println(line) }
	}
	tally, violation := e.Run(seed, trace)
	if violation != "" {
		return fmt.Errorf("seed %d: %s", seed, violation)
	}
	report(tally, 0)
	return nil
}

// many runs seeds from first on.
func many(e *explore.Explorer, first, seeds uint64, workers int, all bool) error {
	var (
		next    atomic.Uint64
		ended   atomic.Bool
		mu      sync.Mutex
		total   explore.Tally
		broken  int
		earlier error
		wg      sync.WaitGroup
	)
	began := time.Now()
	for range workers {
		wg.Go(func() {
			for !ended.Load() {
				n := next.Add(1) - 1
				if n >= seeds {
					return
				}
				tally, violation := e.Run(first+n, nil)
				mu.Lock()
				total.Add(tally)
				if violation != "" {
					broken++
					fmt.Printf("seed %d: %s\n", first+n, violation)
					earlier = errors.New("the guarantee was broken; -seed N -trace tells how it came to it")
					ended.Store(!all)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	report(total, broken)
	fmt.Printf("took          %v, %.0f runs a second\n", took.Round(time.Second/10), float64(total.Runs)/took.Seconds())
	return earlier
}

func report(t explore.Tally, violations int) {
	fmt.Printf("runs          %d of %v of virtual time each\n", t.Runs, explore.Length)
	fmt.Printf("events        %d; messages lost %d, repeated %d\n", t.Events, t.Lost, t.Repeated)
	fmt.Printf("reads         %d answered, %d with an error; %d hits, %d joined a fetch, %d served stale\n", t.Reads, t.Errors, t.Hits, t.Joined, t.Stale)
	fmt.Printf("fetches       %d; %d answered by the upper tier, which was passed over %d times; the origin was read %d times\n", t.Fetches, t.FromTier, t.PassedOver, t.OriginReads)
	fmt.Printf("invalidations %d made, %d Completed\n", t.Invalidations, t.Completed)
	fmt.Printf("control       %d lease calls answered, %d leaders, %d new epochs, %d compactions, %d snapshots sent\n", t.Leases, t.Leaders, t.Epochs, t.Compactions, t.Snapshots)
	for i, name := range explore.FaultNames() {
		fmt.Printf("  %-16s%d\n", name, t.Faults[i])
	}
	fmt.Printf("violations    %d\n", violations)
}
