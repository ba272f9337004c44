package quickjs

import (
	"context"
	"fmt"
)

// The flags of JS_Eval, JS_WriteObject and JS_ReadObject (quickjs.h).
const (
	evalModule, evalCompileOnly = 1 << 0, 1 << 5
	objectBytecode              = 1 << 0
)

// A CodeError is code that cannot be compiled, or that fails before it has a handler.
type CodeError struct{ Message string }

func (e *CodeError) Error() string { return e.Message }

// compile makes bytecode of the source of a module.
func (i *Instance) compile(name, source string) ([]byte, error) {
	at, err := i.put(source)
	if err != nil {
		return nil, err
	}
	file, err := i.put(name)
	if err != nil {
		return nil, err
	}
	c := caller{i: i}
	v := value(c.call("JS_Eval", uint64(i.context), uint64(at), uint64(len(source)), uint64(file), evalModule|evalCompileOnly))
	c.call("free", uint64(at))
	c.call("free", uint64(file))
	if c.err != nil {
		return nil, c.err
	}
	if v.tag() == tagException {
		return nil, &CodeError{i.exception()}
	}
	const sizeAt = resultAddress + 8
	p := c.call("JS_WriteObject", uint64(i.context), sizeAt, uint64(v), objectBytecode)
	n, _ := i.memory.ReadUint32Le(sizeAt)
	b, ok := i.memory.Read(uint32(p), n)
	if c.err != nil {
		return nil, c.err
	}
	if p == 0 || !ok {
		return nil, errOutOfMemory
	}
	return append([]byte(nil), b...), nil
}

// load runs the bytecode of a module.
func (i *Instance) load(code []byte) error {
	at, err := i.put(string(code))
	if err != nil {
		return err
	}
	c := caller{i: i}
	v := value(c.call("JS_ReadObject", uint64(i.context), uint64(at), uint64(len(code)), objectBytecode))
	c.call("free", uint64(at))
	if c.err == nil && v.tag() == tagException {
		return &CodeError{i.exception()}
	}
	if c.err == nil && int32(c.call("JS_ResolveModule", uint64(i.context), uint64(v))) < 0 {
		return &CodeError{i.exception()}
	}
	promise := value(c.call("JS_EvalFunction", uint64(i.context), uint64(v)))
	if c.err == nil && promise.tag() == tagException {
		return &CodeError{i.exception()}
	}
	if c.err == nil {
		c.err = i.settle()
	}
	const pending, rejected = 0, 2
	switch state := c.call("JS_PromiseState", uint64(i.context), uint64(promise)); {
	case c.err != nil:
		return c.err
	case state == pending:
		return &CodeError{"The code waits for something that never happens."}
	case state == rejected:
		reason := value(c.call("JS_PromiseResult", uint64(i.context), uint64(promise)))
		s, err := i.text(reason)
		if err != nil {
			return err
		}
		return &CodeError{s}
	}
	return i.free(promise)
}

// jobFuel is what a promise's reaction takes besides its own loops.
const jobFuel = 20

// settle lets everything happen that promises wait for.
func (i *Instance) settle() error {
	for {
		n, err := i.call("JS_ExecutePendingJob", uint64(i.runtime), uint64(resultAddress))
		if err != nil {
			return err
		}
		switch {
		case int32(n) == 0:
			return nil
		case int32(n) < 0:
			return &CodeError{i.exception()}
		}
		if !i.spend(jobFuel) { // or jobs that make jobs would never end
			return errNoFuel
		}
	}
}

// Program is code that has run up to the last line of its module, and has a handler.
type Program struct {
	engine *Engine
	memory *snapshot
}

// Compile compiles a function's source, and runs it up to its last line with as much fuel;
// h answers what it asks meanwhile. The error is a *CodeError, a *Cut, or about the engine.
func (e *Engine) Compile(v Version, source string, h *Host, fuel int32) (*Program, error) {
	if err := e.Start(); err != nil {
		return nil, err
	}
	code, err := e.bytecode(v, source, h, fuel)
	if err != nil {
		return nil, err
	}
	i, err := e.restore(context.Background(), e.bases[v])
	if err != nil {
		return nil, err
	}
	defer i.Close()
	i.begin(h, fuel)
	if err := i.load(code); err != nil {
		return nil, i.cut(err)
	}
	if i.handler, err = i.takeGlobal("$handler"); err != nil {
		return nil, i.cut(err)
	}
	if i.handler.tag() == tagUndefined {
		return nil, &CodeError{"The function code has no function named handler."}
	}
	memory, err := i.snapshot(e.bases[v])
	return &Program{e, memory}, err
}

// Check compiles a function's source without running it. Of h only Pause is asked.
func (e *Engine) Check(v Version, source string, h *Host, fuel int32) error {
	if err := e.Start(); err != nil {
		return err
	}
	_, err := e.bytecode(v, source, h, fuel)
	return err
}

func (e *Engine) bytecode(v Version, source string, h *Host, fuel int32) ([]byte, error) {
	i, err := e.restore(context.Background(), e.compilers[v])
	if err != nil {
		return nil, err
	}
	defer i.Close()
	i.begin(h, fuel)
	// What is said last hands the handler over, and nothing else can see it.
	code, err := i.compile("function.js", source+"\n;globalThis.$handler = typeof handler === 'function' ? handler : undefined;")
	if err != nil {
		return nil, i.cut(err)
	}
	return code, nil
}

// New makes an instance of the program.
func (p *Program) New() (*Instance, error) {
	i, err := p.engine.restore(context.Background(), p.memory)
	if err != nil {
		return nil, fmt.Errorf("a runtime for the function: %w", err)
	}
	return i, nil
}
