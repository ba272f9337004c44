package quickjs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"

	quickjswasi "github.com/aperturerobotics/go-quickjs-wasi-reactor"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// HeapBytes is how much memory a function may use, beyond what the engine itself does:
// CloudFront's maximum function memory (developer guide, "Quotas on CloudFront Functions").
const HeapBytes = 2 << 20

// maxPages bounds an instance's linear memory: what is linked, two stacks and the engine's
// own objects, 14 pages in all, and HeapBytes. QuickJS's own limit counts blocks, not their
// sizes, where it runs on WASI.
const maxPages = 14 + HeapBytes/pageSize

// Engine is the compiled engine. It is made when it is first needed, for that takes
// seconds of a core.
type Engine struct {
	// CacheDir is a folder for compiled code, so that the next process has it in
	// milliseconds. Empty, or not to be written: none. Whoever may write to it may run
	// code in this process.
	CacheDir string

	once     sync.Once
	err      error
	metered  metered
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	// compilers are memories in which source is compiled, bases those in which bytecode
	// runs, by version of the runtime.
	compilers, bases map[Version]*snapshot
	atoms            []string // the engine's own names, by number
}

// Version is a version of the runtime that code was written for.
type Version int

// The versions of the runtime.
const (
	V1 Version = 1 // cloudfront-js-1.0
	V2 Version = 2 // cloudfront-js-2.0
)

// Start compiles the engine, unless that was done.
func (e *Engine) Start() error {
	e.once.Do(func() { e.err = e.start() })
	return e.err
}

// Close frees what the engine holds. Nothing may run any more.
func (e *Engine) Close() error {
	e.once.Do(func() { e.err = errors.New("the engine is closed") })
	if e.runtime == nil {
		return nil
	}
	return e.runtime.Close(context.Background())
}

func (e *Engine) start() (err error) {
	if e.metered, err = meter(quickjswasi.QuickJSWASM); err != nil {
		return err
	}
	ctx := experimental.WithCompilationWorkers(context.Background(), min(4, runtime.GOMAXPROCS(0)))
	cfg := wazero.NewRuntimeConfig().WithMemoryLimitPages(maxPages).WithDebugInfoEnabled(false)
	if cache := e.cache(); cache != nil {
		cfg = cfg.WithCompilationCache(cache)
	}
	e.runtime = wazero.NewRuntimeWithConfig(ctx, cfg)
	if e.compiled, err = e.runtime.CompileModule(ctx, e.metered.module); err != nil {
		return fmt.Errorf("compile the engine: %w", err)
	}
	e.metered.module = nil
	if err := e.instantiateHost(ctx); err != nil {
		return fmt.Errorf("the engine's host: %w", err)
	}
	return e.prepare()
}

// cache is where compiled code is kept, nil where it cannot be.
func (e *Engine) cache() wazero.CompilationCache {
	if e.CacheDir == "" || os.MkdirAll(e.CacheDir, 0o700) != nil {
		return nil
	}
	cache, err := wazero.NewCompilationCacheWithDir(e.CacheDir)
	if err != nil {
		return nil
	}
	return cache
}

// prepare makes the memories that all others are copied from.
func (e *Engine) prepare() error {
	i, err := e.blank(context.Background(), false)
	if err != nil {
		return err
	}
	defer i.Close()
	if e.atoms, err = i.atomNames(); err != nil {
		return err
	}
	e.compilers, e.bases = map[Version]*snapshot{}, map[Version]*snapshot{}
	for _, v := range [...]Version{V1, V2} {
		if err := e.prepareVersion(v); err != nil {
			return fmt.Errorf("the runtime %d: %w", v, err)
		}
	}
	return nil
}

// prepareVersion makes those of one version of the runtime: what its modules were compiled
// in, where code that imports them can be compiled, and what they ran in.
func (e *Engine) prepareVersion(v Version) error {
	compiler, err := e.blank(context.Background(), true)
	if err != nil {
		return err
	}
	defer compiler.Close()
	i, err := e.blank(context.Background(), false)
	if err != nil {
		return err
	}
	defer i.Close()
	if err := i.exposeHost(); err != nil {
		return err
	}
	for _, m := range modules(v) {
		code, err := compiler.compile(m.name, m.source)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		if err := i.load(code); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	if i.run, err = i.takeGlobal("$run"); err != nil {
		return err
	}
	if e.bases[v], err = i.snapshot(nil); err != nil {
		return err
	}
	e.compilers[v], err = compiler.snapshot(nil)
	return err
}

// instantiateHost gives the engine what it imports: next to nothing.
func (e *Engine) instantiateHost(ctx context.Context) error {
	const wasi = "wasi_snapshot_preview1"
	b := e.runtime.NewHostModuleBuilder(wasi)
	for _, f := range e.compiled.ImportedFunctions() {
		module, name, _ := f.Import()
		if module != wasi {
			return fmt.Errorf("it imports %s.%s", module, name)
		}
		b = b.NewFunctionBuilder().WithGoModuleFunction(system(name), f.ParamTypes(), f.ResultTypes()).Export(name)
	}
	_, err := b.Instantiate(ctx)
	return err
}

// The results of WASI's functions that are used.
const (
	wasiSuccess, wasiBadDescriptor, wasiNotThere = 0, 8, 52
)

// system is a function of WASI as code that is not trusted gets it.
func system(name string) api.GoModuleFunc {
	switch name {
	case "clock_time_get":
		return func(ctx context.Context, m api.Module, stack []uint64) {
			m.Memory().WriteUint64Le(uint32(stack[2]), uint64(of(ctx).now.UnixNano()))
			stack[0] = wasiSuccess
		}
	case "environ_sizes_get":
		return func(_ context.Context, m api.Module, stack []uint64) {
			m.Memory().WriteUint32Le(uint32(stack[0]), 0)
			m.Memory().WriteUint32Le(uint32(stack[1]), 0)
			stack[0] = wasiSuccess
		}
	case "environ_get":
		return func(_ context.Context, _ api.Module, stack []uint64) { stack[0] = wasiSuccess }
	case "fd_prestat_get":
		return func(_ context.Context, _ api.Module, stack []uint64) { stack[0] = wasiBadDescriptor }
	case "proc_exit":
		return func(context.Context, api.Module, []uint64) { panic(errors.New("the engine gave up")) }
	case hostImport:
		return func(ctx context.Context, _ api.Module, stack []uint64) {
			switch uint32(stack[3]) {
			case hostMagic:
				of(ctx).called(uint32(stack[1]), uint32(stack[2]))
			case fuelMagic:
				of(ctx).outOfFuel()
			default:
				stack[0] = wasiNotThere
				return
			}
			stack[0] = wasiSuccess
		}
	}
	return func(_ context.Context, _ api.Module, stack []uint64) { stack[0] = wasiNotThere }
}
