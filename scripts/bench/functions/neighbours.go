package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
)

// behaviour is a function's name, and its handler's code.
type behaviour struct{ name, code string }

// hostile is what the one distribution's functions do, by the path that they are at.
var hostile = [...]behaviour{
	// The first behaves: as many viewers of it show what a busy node explains.
	{"busy", `e.request.headers['x-a'] = {value: '1'}; return e.request`},
	{"loop", `for (;;);`},
	{"repeat", `return {statusCode: 200, body: 'x'.repeat(1e10)}`},
	{"array", `const a = []; for (;;) a.push(new Array(1000).fill(a.length))`},
	{"recursion", `const f = () => f() + 1; return f()`},
	{"regexp", `return /^(a+)+$/.test('a'.repeat(40) + 'b')`},
	{"output", `return {statusCode: 200, body: 'x'.repeat(1900000)}`},
	{"header", `e.request.headers['x'] = {value: 'a\r\nset-cookie: b=c'}; return e.request`},
	{"promises", `const f = () => Promise.resolve().then(f); return f()`},
}

// measureNeighbours measures what the viewers of one distribution wait while another one's functions do their worst, the
// node having one core and then two.
func measureNeighbours(ctx context.Context, cfg config) (rows []row, err error) {
	for _, cores := range []string{strconv.Itoa(cfg.cpu), fmt.Sprintf("%d,%d", cfg.cpu, 1-min(cfg.cpu, 1))} {
		some, err := neighboursOn(ctx, cfg, cores)
		if err != nil {
			return nil, err
		}
		rows = append(rows, some...)
	}
	return rows, nil
}

func neighboursOn(ctx context.Context, cfg config, cores string) (rows []row, err error) {
	w, err := newWorld(ctx, cfg, cores)
	if err != nil {
		return nil, err
	}
	defer w.close()
	good, err := w.function(ctx, "good", headerCode)
	if err != nil {
		return nil, err
	}
	neighbour, took, err := w.distribution(ctx, use{"/style.css", good, types.EventTypeViewerRequest})
	if err != nil {
		return nil, err
	}
	first := time.Now()
	if _, err := w.get(ctx, neighbour, "/style.css", 200); err != nil {
		return nil, err
	}
	rows = append(rows, row{What: "Deployed, then the first request", Count: 1, P50: float64(took.Microseconds()), P99: float64(time.Since(first).Microseconds()), Note: "on " + cores})
	var uses []use
	for _, h := range hostile {
		arn, err := w.function(ctx, h.name, `function handler(e) { `+h.code+` }`)
		if err != nil {
			return nil, err
		}
		uses = append(uses, use{"/" + h.name, arn, types.EventTypeViewerRequest})
	}
	bad, _, err := w.distribution(ctx, uses...)
	if err != nil {
		return nil, err
	}
	measure := func(what string) error {
		some, err := neighbours(ctx, cfg, w, neighbour, what+", cores "+cores)
		rows = append(rows, some...)
		return err
	}
	if err := measure("alone"); err != nil {
		return nil, err
	}
	for _, h := range hostile {
		if len(cfg.only) > 0 && !slices.Contains(cfg.only, h.name) {
			continue
		}
		stop := attack(ctx, cfg, w, bad, "/"+h.name)
		err := measure(h.name)
		rows[len(rows)-1].Note = stop()
		if err != nil {
			return nil, err
		}
	}
	return rows, measure("afterwards")
}

// attack has viewers ask for what a hostile function is at, again and again; what it returns stops that, and says what
// they were answered.
func attack(ctx context.Context, cfg config, w *world, host, path string) (stop func() string) {
	ctx, cancel := context.WithCancel(ctx)
	var mu sync.Mutex
	answers := map[int]int{}
	var all sync.WaitGroup
	for range cfg.hostile {
		all.Go(func() {
			for ctx.Err() == nil {
				status, err := w.get(ctx, host, path, 0)
				if err != nil {
					continue // it is over, or the node is busy
				}
				mu.Lock()
				answers[status]++
				mu.Unlock()
			}
		})
	}
	return func() string {
		cancel()
		all.Wait()
		return fmt.Sprintf("hostile: %v", answers)
	}
}

// neighbours ask for a hit in memory, and for one with a function, so many times a second in all, when their time has
// come: who waits for an answer keeps nobody else waiting.
func neighbours(ctx context.Context, cfg config, w *world, host, what string) (rows []row, err error) {
	paths := [...]string{"/", "/style.css"}
	var mu sync.Mutex
	times := map[string][]time.Duration{}
	failed := map[string]int{}
	var all sync.WaitGroup
	tick := time.NewTicker(time.Second / time.Duration(cfg.rate))
	defer tick.Stop()
	for n := range int(cfg.duration.Seconds() * float64(cfg.rate)) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
		path := paths[n%len(paths)]
		all.Go(func() {
			from := time.Now()
			_, err := w.get(ctx, host, path, 200)
			took := time.Since(from)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed[path]++
				return
			}
			times[path] = append(times[path], took)
		})
	}
	all.Wait()
	for n, kind := range [...]string{"hit", "hit with function"} {
		r := row{What: what + ": " + kind, Failed: failed[paths[n]], PerSecond: float64(cfg.rate) / 2, MemoryMB: w.memory()}
		r.percentiles(times[paths[n]], nil)
		rows = append(rows, r)
	}
	return rows, nil
}

// get asks the edge for a path of a distribution; an answer other than want, if that is not 0, is an error.
func (w *world) get(ctx context.Context, host, path string, want int) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+edge()+path, nil)
	if err != nil {
		return 0, err
	}
	r.Host = host
	answer, err := w.viewers.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return 0, err
	}
	if want != 0 && answer.StatusCode != want {
		return answer.StatusCode, fmt.Errorf("%s%s: %s", host, path, answer.Status)
	}
	return answer.StatusCode, nil
}
