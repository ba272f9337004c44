package quickjs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// value is a JavaScript value as QuickJS has it where pointers have 32 bits: a tag above
// 32 bits of a number or a pointer.
type value uint64

const (
	tagInt, tagUndefined, tagException = 0, 3, 6

	undefined = value(tagUndefined) << 32
)

func (v value) tag() uint32 { return uint32(v >> 32) }

func number(n int32) value { return value(uint32(n)) }

// handles are what the host keeps of a memory, and what a copy of it has at the same
// addresses.
type handles struct {
	runtime, context uint32
	run, handler     value
	// input is a buffer for what is handed in.
	input uint32
}

// Instance is a JavaScript runtime with a memory of its own, for one run at a time.
type Instance struct {
	handles
	engine *Engine
	module api.Module
	memory api.Memory
	// home is what the memory is before a run.
	home *snapshot
	// fuel, the stack's pointer, the lowest that it was, and how large the memory is.
	fuel, stack, low, pages api.MutableGlobal
	calls                   map[string]api.Function
	ctx                     context.Context
	now                     time.Time
	// host is asked in the run under way, and made is what it made.
	host *Host
	made Made
	done bool
	// budget is how much fuel the run may have beyond what it was given, and stopped why
	// the host ended it.
	budget  int32
	stopped error
	wire    []byte // what is handed in, and nodes what was returned, for their memory
	nodes   Value
	event   Writer
}

// inputBytes is the size of the buffer for what is handed in; larger things get one of
// their own.
const inputBytes = 16 << 10

// stackLimitAt is where a JSRuntime has the address that its stack must not reach, and
// stackReserve how far from the end that is: built-in functions may go deeper than they
// say.
const (
	stackLimitAt = 128
	stackReserve = 64 << 10
)

// gcThreshold is after how much new memory cycles are looked for: in QuickJS's count, which
// on WASI is eight bytes for each block.
const gcThreshold = 40 << 10

// setupFuel is for what this package itself runs.
const setupFuel = 1 << 30

type instanceKey struct{}

// of returns the instance that calls the host.
func of(ctx context.Context) *Instance { return ctx.Value(instanceKey{}).(*Instance) }

// instantiate makes an instance whose memory is as it was linked.
func (e *Engine) instantiate(ctx context.Context) (*Instance, error) {
	i := &Instance{engine: e, calls: map[string]api.Function{}, now: time.Unix(0, 0)}
	i.ctx = context.WithValue(ctx, instanceKey{}, i)
	m, err := e.runtime.InstantiateModule(i.ctx, e.compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return nil, fmt.Errorf("instantiate the engine: %w", err)
	}
	i.module, i.memory = m, m.Memory()
	for name, global := range map[string]*api.MutableGlobal{fuelGlobal: &i.fuel, stackGlobal: &i.stack, lowGlobal: &i.low, pagesGlobal: &i.pages} {
		*global, _ = m.ExportedGlobal(name).(api.MutableGlobal)
	}
	i.fuel.Set(setupFuel)
	return i, nil
}

// blank makes an instance with a context in which nothing has run; only with eval can
// source be compiled in it.
func (e *Engine) blank(ctx context.Context, eval bool) (*Instance, error) {
	i, err := e.instantiate(ctx)
	if err != nil {
		return nil, err
	}
	c := caller{i: i}
	c.call("_initialize")
	i.runtime = uint32(c.call("JS_NewRuntime"))
	i.context = uint32(c.call("JS_NewContextRaw", uint64(i.runtime)))
	intrinsics := []string{"BaseObjects", "Date", "RegExpCompiler", "RegExp", "JSON", "Proxy", "MapSet", "TypedArrays", "Promise", "BigInt", "WeakRef", "AToB"}
	if eval {
		intrinsics = append(intrinsics, "Eval")
	}
	for _, name := range intrinsics {
		if int32(c.call("JS_AddIntrinsic"+name, uint64(i.context))) < 0 && c.err == nil {
			c.err = fmt.Errorf("no %s", name)
		}
	}
	c.call("JS_SetGCThreshold", uint64(i.runtime), gcThreshold)
	i.input = uint32(c.call("malloc", inputBytes))
	// QuickJS looks at how deep its stack is, but not where it runs on WASI.
	i.memory.WriteUint32Le(i.runtime+stackLimitAt, e.metered.stackEnd+stackReserve)
	if c.err != nil {
		i.Close()
		return nil, c.err
	}
	return i, nil
}

// Close frees the instance.
func (i *Instance) Close() { _ = i.module.Close(context.Background()) }

// caller calls functions of the engine until one of them fails.
type caller struct {
	i   *Instance
	err error
}

func (c *caller) call(name string, args ...uint64) uint64 {
	if c.err != nil {
		return 0
	}
	var result uint64
	result, c.err = c.i.call(name, args...)
	return result
}

// call calls a function that the engine exports.
func (i *Instance) call(name string, args ...uint64) (uint64, error) {
	f := i.calls[name]
	if f == nil {
		if f = i.module.ExportedFunction(name); f == nil {
			return 0, fmt.Errorf("the engine has no %s", name)
		}
		i.calls[name] = f
	}
	var stack [8]uint64
	copy(stack[:], args)
	if err := f.CallWithStack(i.ctx, stack[:]); err != nil {
		return 0, err
	}
	return stack[0], nil
}

// put copies a text into the instance, with a zero at its end. The memory is free's, if it
// is not the input buffer.
func (i *Instance) put(text string) (uint32, error) {
	p, err := i.call("malloc", uint64(len(text)+1))
	if err != nil {
		return 0, err
	}
	if p == 0 || !i.memory.WriteString(uint32(p), text) || !i.memory.WriteByte(uint32(p)+uint32(len(text)), 0) {
		return 0, errOutOfMemory
	}
	return uint32(p), nil
}

func (i *Instance) drop(p uint32) { _, _ = i.call("free", uint64(p)) }

var errOutOfMemory = errors.New("out of memory")

// newString makes a string. A run has many of them: the memory they are handed over in is
// the same.
func (i *Instance) newString(text string) (value, error) {
	p := i.input
	if len(text) > inputBytes {
		var err error
		if p, err = i.put(text); err != nil {
			return 0, err
		}
		defer i.drop(p)
	} else if !i.memory.WriteString(p, text) {
		return 0, errOutOfMemory
	}
	v, err := i.call("JS_NewStringLen", uint64(i.context), uint64(p), uint64(len(text)))
	if err == nil && value(v).tag() == tagException {
		err = errOutOfMemory
	}
	return value(v), err
}

// Event is where an event may be written for the next run.
func (i *Instance) Event() *Writer {
	i.event.Reset()
	return &i.event
}

// newValue makes a value of what was written.
func (i *Instance) newValue(w *Writer) (value, error) {
	i.wire = w.appendTo(i.wire[:0])
	p := i.input
	if len(i.wire) > inputBytes {
		var err error
		if p, err = i.put(string(i.wire)); err != nil {
			return 0, err
		}
		defer i.drop(p)
	} else if !i.memory.Write(p, i.wire) {
		return 0, errOutOfMemory
	}
	v, err := i.call("JS_ReadObject", uint64(i.context), uint64(p), uint64(len(i.wire)), 0)
	if err == nil && value(v).tag() == tagException {
		err = errors.New(i.exception())
	}
	return value(v), err
}

// text returns a value as a string, as UTF-8.
func (i *Instance) text(v value) (string, error) {
	const lengthAt = resultAddress + 8
	p, err := i.call("JS_ToCStringLen2", uint64(i.context), lengthAt, uint64(v), 0)
	if err != nil {
		return "", err
	}
	n, _ := i.memory.ReadUint32Le(lengthAt)
	b, ok := i.memory.Read(uint32(p), n)
	if p == 0 || !ok {
		return "", errOutOfMemory
	}
	s := strings.ToValidUTF8(string(b), "\ufffd")
	_, err = i.call("JS_FreeCString", uint64(i.context), p)
	return s, err
}

func (i *Instance) free(v value) error {
	_, err := i.call("JS_FreeValue", uint64(i.context), uint64(v))
	return err
}

// exposeHost makes the function that calls the host a global one, for the modules of this
// package to take.
func (i *Instance) exposeHost() error {
	c := caller{i: i}
	name, err := i.put("$host")
	if err != nil {
		return err
	}
	defer i.drop(name)
	f := c.call("JS_NewCFunction2", uint64(i.context), uint64(i.engine.metered.hostFunction), uint64(name), 1, 0, 0)
	global := c.call("JS_GetGlobalObject", uint64(i.context))
	c.call("JS_SetPropertyStr", uint64(i.context), global, uint64(name), f)
	c.call("JS_FreeValue", uint64(i.context), global)
	return c.err
}

// takeGlobal returns a global and takes it out of the global object.
func (i *Instance) takeGlobal(name string) (value, error) {
	c := caller{i: i}
	at, err := i.put(name)
	if err != nil {
		return 0, err
	}
	defer i.drop(at)
	global := c.call("JS_GetGlobalObject", uint64(i.context))
	v := value(c.call("JS_GetPropertyStr", uint64(i.context), global, uint64(at)))
	atom := c.call("JS_NewAtom", uint64(i.context), uint64(at))
	c.call("JS_DeleteProperty", uint64(i.context), global, atom, 0)
	c.call("JS_FreeAtom", uint64(i.context), atom)
	c.call("JS_FreeValue", uint64(i.context), global)
	if c.err == nil && v.tag() == tagException {
		c.err = errors.New(i.exception())
	}
	return v, c.err
}

// exception takes the pending exception and describes it.
func (i *Instance) exception() string {
	c := caller{i: i}
	v := value(c.call("JS_GetException", uint64(i.context)))
	if c.err != nil {
		return c.err.Error()
	}
	s, err := i.text(v)
	if err != nil {
		return err.Error()
	}
	_ = i.free(v)
	return s
}

// ownAtoms is more than the engine has names of its own, and less than a context has.
const ownAtoms = 400

// atomNames are the engine's own names, by number.
func (i *Instance) atomNames() ([]string, error) {
	names := make([]string, ownAtoms)
	for n := 1; n < ownAtoms; n++ {
		const lengthAt = resultAddress + 8
		p, err := i.call("JS_AtomToCStringLen", uint64(i.context), lengthAt, uint64(n))
		if err != nil {
			return nil, err
		}
		size, _ := i.memory.ReadUint32Le(lengthAt)
		b, ok := i.memory.Read(uint32(p), size)
		if p == 0 || !ok {
			return nil, errOutOfMemory
		}
		names[n] = string(b)
		if _, err := i.call("JS_FreeCString", uint64(i.context), p); err != nil {
			return nil, err
		}
	}
	return names, nil
}
