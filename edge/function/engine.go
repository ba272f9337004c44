package function

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn/functions"
	"github.com/warmfront/warmfront/cdn/keyvalues"
	"github.com/warmfront/warmfront/edge/event"
	"github.com/warmfront/warmfront/edge/function/quickjs"
	"github.com/warmfront/warmfront/edge/reroute"
)

// Fuel is how much work a run may take: its compute utilization is what it took, in
// hundredths of this. It is of the order of a millisecond of CloudFront's, and 4 to 15 here
// (compatibility.md, 413), in slices of which each leaves the core to others (gate.go).
const Fuel = 500_000

// startFuel is for compiling code and running it up to the end of its module.
const startFuel = 10 * Fuel

// maxLog is how many bytes of a run's log are kept.
const maxLog = 10 << 10

// Engine runs functions for all nodes of a process. Its zero value is not of use: make it
// with NewEngine.
type Engine struct {
	js       quickjs.Engine
	gate     *gate
	programs programs
}

// NewEngine makes an engine, which starts when it is first needed; cacheDir is where it keeps
// what it compiles, so that the next process need not: "" for nowhere.
func NewEngine(cacheDir string) *Engine {
	return &Engine{
		js: quickjs.Engine{CacheDir: cacheDir}, gate: newGate(runtime.GOMAXPROCS(0)), programs: programs{byKey: map[string]*program{}},
	}
}

// Close frees what the engine holds. Nothing may run any more.
func (e *Engine) Close() error {
	e.programs.closeAll()
	return e.js.Close()
}

// Failure is why a function made nothing.
type Failure struct {
	Result event.Result
	// Message is for whoever wrote the function, and no viewer.
	Message string
}

func (f *Failure) Error() string { return f.Message }

// Run is one run of a function.
type Run struct {
	Event    *Event
	Function *functions.Function
	// Environment returns what functions may ask for beside the event, as JSON; nil for
	// nothing (see environment).
	Environment func() string
	// Values returns what a key value store holds.
	Values func(store string) *keyvalues.Values
	// Now is the time of the run.
	Now time.Time
	// Owner is the distribution: owners take turns.
	Owner string
	keep  bool // what was returned, in the report
}

// Report is what came of a run.
type Report struct {
	Returned Returned
	// Value is what the handler returned, however it is: of tests alone.
	Value quickjs.Value
	Logs  []string
	// Utilization is how much compute the run took, in hundredths of what it may.
	Utilization int
	Failure     *Failure
	slices      int // that it took
}

// version is the version of the runtime that a function was written for.
func version(f *functions.Function) (quickjs.Version, error) {
	switch f.Runtime {
	case "cloudfront-js-1.0":
		return quickjs.V1, nil
	case "cloudfront-js-2.0":
		return quickjs.V2, nil
	}
	return 0, fmt.Errorf("there is no runtime %.100q", f.Runtime)
}

// program returns a function's code, started.
func (e *Engine) program(f *functions.Function) (*program, error) {
	v, err := version(f)
	if err != nil {
		return nil, &Failure{event.FunctionExecution, err.Error()}
	}
	p := e.programs.named(programKey(f))
	p.once.Do(func() {
		h := &quickjs.Host{Now: time.Now(), Random: rand.Uint64, Ask: atStart(f), Pause: pauseStart}
		p.made, p.err = e.js.Compile(v, f.Code, h, startFuel)
	})
	return p, failure(p.err)
}

// atStart answers what code asks before its first event: which key value store is the
// function's, so that a handle of it may be made there (developer guide, "Helper methods for
// key value stores"). What a store holds is asked by runs.
func atStart(f *functions.Function) func(question, about, key string) (string, bool) {
	return func(question, about, key string) (string, bool) {
		if question != "store" {
			return "", false
		}
		return (&Run{Function: f}).ask(question, about, key)
	}
}

// pauseStart leaves the core to others while code that is long starts.
func pauseStart() error {
	time.Sleep(time.Millisecond)
	return nil
}

// Start compiles the engine, unless that was done: seconds of a core, or a fraction of one
// where it was compiled before on this machine.
func (e *Engine) Start() error { return e.js.Start() }

// prepare starts functions' code in the background; what it returns is closed when all are
// started, or cannot be.
func (e *Engine) prepare(all []*functions.Function) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, f := range all {
			_, _ = e.program(f) // whoever runs it is told
		}
	}()
	return done
}

// programKey is what a program is known by: code may ask for its stores as it starts.
func programKey(f *functions.Function) string {
	return f.Runtime + "\x00" + strings.Join(f.KeyValueStores, " ") + "\x00" + f.Code
}

// failure says what an error of the engine is to whoever wrote the function.
func failure(err error) error {
	var code *quickjs.CodeError
	var cut *quickjs.Cut
	switch {
	case err == nil:
		return nil
	case errors.As(err, &code), errors.As(err, &cut):
		return &Failure{event.FunctionExecution, err.Error()}
	}
	return fmt.Errorf("the function could not be run: %w", err)
}

// Test runs a function once: as an edge does, and in turn with edges' runs.
func (e *Engine) Test(ctx context.Context, r Run) (Report, error) {
	r.keep = true
	return e.run(ctx, r)
}

// run runs a function. The error is errThrottled, or about the engine.
func (e *Engine) run(ctx context.Context, r Run) (report Report, err error) {
	p, err := e.program(r.Function)
	if err != nil {
		return failed(err)
	}
	way, err := e.gate.pass(ctx, r.Owner, &p.long)
	if err != nil {
		return Report{}, err
	}
	defer way.close()
	i, err := e.programs.take(p)
	if err != nil {
		return Report{}, err
	}
	report, err = run(i, r, way.pause)
	if err != nil && !errors.Is(err, errThrottled) && ctx.Err() == nil {
		i.Close()
		return report, err
	}
	p.long.Store(report.slices > 1)
	e.programs.give(programKey(r.Function), p, i)
	return report, err
}

// failed makes a report of a failure, and an error of what is none of the function's.
func failed(err error) (Report, error) {
	var f *Failure
	if errors.As(err, &f) {
		return Report{Failure: f}, nil
	}
	return Report{}, err
}

// run runs a function in an instance; pause is called where it takes long.
func run(i *quickjs.Instance, r Run, pause func() error) (report Report, err error) {
	logged := 0
	var calls []reroute.Call
	h := &quickjs.Host{Now: r.Now, Random: rand.Uint64, Ask: r.asking(&calls), Pause: pause, Log: func(line string) {
		line = line[:min(len(line), maxLog-logged)]
		if logged += len(line); line != "" {
			report.Logs = append(report.Logs, line)
		}
	}}
	w := i.Event()
	r.Event.write(w)
	made, err := i.Run(w, h, Fuel)
	// A deep stack is work that no loop does.
	report.slices = int((made.Used+made.Stack/16)/quickjs.SliceFuel) + 1
	report.Utilization = min(100, (int(made.Used)*100+Fuel-1)/Fuel)
	switch cut := (*quickjs.Cut)(nil); {
	case errors.As(err, &cut):
		report.Failure = &Failure{event.FunctionExecution, cut.Error()}
		return report, nil
	case err != nil:
		return report, err
	case made.Failed != "":
		report.Failure = &Failure{event.FunctionExecution, made.Failed}
		return report, nil
	}
	if r.keep {
		report.Value = slices.Clone(made.Returned)
	}
	if report.Returned, err = Check(r.Event, made.Returned); err == nil {
		err = report.Returned.parse(calls)
	}
	if err != nil {
		report.Failure = &Failure{event.FunctionValidation, invalidValue(err)}
	}
	return report, nil
}

// ask answers the module cloudfront about the key value stores of the function.
func (r *Run) ask(question, store, key string) (string, bool) {
	switch question {
	case "store": // the one of that id, or the only one
		for _, id := range r.Function.KeyValueStores {
			if store == "" || strings.EqualFold(store, id) {
				return id, true
			}
		}
	case "environment":
		if r.Environment != nil {
			return r.Environment(), true
		}
	case "get":
		return r.Values(store).Get(key)
	case "meta":
		return describeStore(r.Values(store)), true
	}
	return "", false
}

// describeStore is what meta of a key value store tells.
func describeStore(v *keyvalues.Values) string {
	count, changed := 0, ""
	if v != nil {
		count = v.Count
		if v.LastModified != 0 {
			changed = time.UnixMilli(v.LastModified).UTC().Format("2006-01-02T15:04:05.000Z")
		}
	}
	return fmt.Sprintf(`{"creationDateTime":%q,"lastUpdatedDateTime":%q,"keyCount":%d}`, changed, changed, count)
}
