package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/functions"
	"github.com/warmfront/warmfront/cdn/keyvalues"
	"github.com/warmfront/warmfront/edge/event"
	"github.com/warmfront/warmfront/edge/function"
	"github.com/warmfront/warmfront/edge/message"
)

// The functions that are measured: what most are about.
const (
	headerCode   = `function handler(event) { event.request.headers['x-a'] = {value: '1'}; return event.request }`
	redirectCode = `function handler(event) { return {statusCode: 302, statusDescription: 'Found', headers: {location: {value: 'https://www.example.com' + event.request.uri}}} }`
	valuesCode   = `import cf from 'cloudfront'; const kvs = cf.kvs(); async function handler(event) { event.request.uri = await kvs.get(event.request.uri); return event.request }`
)

// measureRuns measures in a process of its own, which runs on one core from its beginning.
func measureRuns(ctx context.Context, cfg config) ([]row, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := exec.CommandContext(ctx, "taskset", "--cpu-list", strconv.Itoa(cfg.cpu), self, "-alone", "-runs", strconv.Itoa(cfg.runs))
	c.Env, c.Stderr = append(os.Environ(), "GOMAXPROCS=1"), os.Stderr
	out, err := c.Output()
	if err != nil {
		return nil, err
	}
	var rows []row
	if err := json.Unmarshal(out, &rows); err != nil {
		return nil, err
	}
	node, err := measureNode(ctx, cfg)
	return append(rows, node...), err
}

//go:embed node.mjs
var nodeSource string

// measureNode measures Node.js on the same core.
func measureNode(ctx context.Context, cfg config) ([]row, error) {
	if _, err := exec.LookPath("node"); err != nil {
		return []row{{What: "Node.js vm", Note: "not installed: apt-get install nodejs"}}, nil
	}
	c := exec.CommandContext(ctx, "taskset", "--cpu-list", strconv.Itoa(cfg.cpu), "node", "--input-type=module", "-e", nodeSource, "--", strconv.Itoa(cfg.runs), headerCode)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return nil, err
	}
	var rows []row
	return rows, json.Unmarshal(out, &rows)
}

// measureHere measures in this process.
func measureHere(ctx context.Context, cfg config) ([]row, error) {
	runtime.LockOSThread()
	dir, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	engine := function.NewEngine(filepath.Join(dir, "warmfront", "functions"))
	began := time.Now()
	if err := engine.Start(); err != nil {
		return nil, err
	}
	rows := []row{{What: "the engine's start", Count: 1, P50: float64(time.Since(began)) / 1e3}}
	node := function.NewNode(function.Config{Engine: engine, POP: "FRA"})
	for _, f := range [...]struct{ what, code string }{{"header added", headerCode}, {"redirect", redirectCode}, {"key value store", valuesCode}} {
		r, err := measureFunction(ctx, cfg, node, f.what, f.code)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.what, err)
		}
		rows = append(rows, r)
	}
	return append(rows, measureNothing(cfg, rows[1].CPU10)), nil
}

// measureNothing times a loop that does nothing, and takes as many microseconds when nobody disturbs it: what its
// percentiles are more than that, the machine makes of everything.
func measureNothing(cfg config, micros float64) row {
	count, sum := 1000, 0
	once := func() time.Duration {
		used := threadTime()
		sum += spin(count)
		return threadTime() - used
	}
	for least := time.Duration(0); float64(least) < micros*1e3; count += count / 20 {
		least = once()
		for range 300 {
			least = min(least, once())
		}
	}
	r := row{What: "an empty loop as long", Note: fmt.Sprintf("of %d", count+sum&1)}
	wall, cpu := make([]time.Duration, 0, cfg.runs), make([]time.Duration, 0, cfg.runs)
	began := time.Now()
	for range cfg.runs {
		from := time.Now()
		cpu = append(cpu, once())
		wall = append(wall, time.Since(from))
	}
	r.PerSecond = float64(cfg.runs) / time.Since(began).Seconds()
	r.percentiles(wall, cpu)
	return r
}

// spin is the loop: the same code wherever it is called from.
//
//go:noinline
func spin(count int) (sum int) {
	for n := range count {
		sum += n ^ sum>>1
	}
	return sum
}

func measureFunction(ctx context.Context, cfg config, node *function.Node, what, code string) (row, error) {
	const store = "11111111-2222-3333-4444-555555555555"
	state := cdn.NewState(1)
	if err := putValue(state, store, "/media/index.mpd", "/other"); err != nil {
		return row{}, err
	}
	in := &event.Info{
		State: state, Plan: &cdn.Plan{ID: "EDFDVBD6EXAMPLE", Domain: "d111111abcdef8.warmfront.test"}, RequestID: "EXAMPLEntjQpEXAMPLE_SG5Z-EXAMPLEPmPfEXAMPLEu3EqEXAMPLE==", Now: time.Now(),
		Behavior: &cdn.Behavior{ViewerRequest: &functions.Function{Name: "f", Runtime: "cloudfront-js-2.0", Code: code, KeyValueStores: []string{store}}},
	}
	ask := func() event.Outcome { return node.ViewerRequest(ctx, in, request()) }
	r := row{What: what}
	for range cfg.runs / 10 {
		if o := ask(); o.Fault != nil {
			return r, fmt.Errorf("%+v", *o.Fault)
		}
	}
	wall, cpu := make([]time.Duration, 0, cfg.runs), make([]time.Duration, 0, cfg.runs)
	began := time.Now()
	for range cfg.runs {
		used, from := threadTime(), time.Now()
		if o := ask(); o.Fault != nil {
			r.Failed++
		}
		wall = append(wall, time.Since(from))
		cpu = append(cpu, threadTime()-used)
	}
	r.PerSecond = float64(cfg.runs) / time.Since(began).Seconds()
	r.percentiles(wall, cpu)
	return r, ctx.Err()
}

// request is one as a browser makes it.
func request() *message.Request {
	return &message.Request{
		Method: "GET", Scheme: "https", Host: "d111111abcdef8.warmfront.test", Path: "/media/index.mpd", Query: "id=42", Viewer: netip.MustParseAddrPort("198.51.100.11:4711"),
		Header: message.Header{
			{Name: "User-Agent", Value: "Mozilla/5.0"}, {Name: "Accept", Value: "text/html"}, {Name: "Accept-Encoding", Value: "gzip, br"}, {Name: "Cookie", Value: "id=CookieIdValue"},
		},
	}
}

// threadTime is the CPU time that this thread has used.
func threadTime() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// putValue makes a key value store with one key.
func putValue(s *cdn.State, store, key, value string) error {
	for _, c := range []struct {
		kind cdn.Kind
		body any
	}{
		{cdn.KindResourcePut, cdn.Resource{Kind: cdn.ResourceKeyValueStore, ID: store, Name: "bench", Document: "<CreateKeyValueStoreRequest/>"}},
		{cdn.KindKeyValues, cdn.KeyValueUpdate{Store: store, Update: keyvalues.Update{Put: map[string]string{key: value}, ETag: "E1"}}},
	} {
		change, err := cdn.NewChange(c.kind, c.body, time.Now())
		if err != nil {
			return err
		}
		change.Version = s.Version.Next()
		next, err := s.Apply(change)
		if err != nil {
			return err
		}
		*s = *next
	}
	return nil
}
