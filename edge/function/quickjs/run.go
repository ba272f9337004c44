package quickjs

import (
	"errors"
	"strings"
	"time"
)

// A Cut is a run, or a start, that was ended because it took too much.
type Cut struct {
	// Memory is whether it was memory, else it was work.
	Memory bool
	// Why is what the engine said.
	Why error
}

func (c *Cut) Error() string {
	if c.Memory {
		return "The function exceeded the memory that it may use."
	}
	return "The function exceeded the compute that it may use."
}

func (c *Cut) Unwrap() error { return c.Why }

// Made is what came of a run.
type Made struct {
	// Returned is what the handler returned; Missing for undefined. Its nodes are the
	// instance's, until the next run.
	Returned Value
	// Failed is why it returned nothing: what it threw. "" if it did.
	Failed string
	// Used is how much fuel it took.
	Used int32
	// Stack is how deep its stack went, in bytes.
	Stack int32
}

// Run calls the handler with an event and lets it take as much fuel. The error is a
// *Cut, h.Pause's, or about the engine. Whatever came of it, the next run finds nothing of this one.
func (i *Instance) Run(event *Writer, h *Host, fuel int32) (Made, error) {
	defer i.reset()
	i.begin(h, fuel)
	if err := i.enter(event); err != nil {
		return Made{Used: i.used(fuel), Stack: i.depth()}, i.cut(err)
	}
	if strings.HasPrefix(i.made.Failed, "InternalError: out of memory") || i.made.Failed == "null" {
		return Made{Used: i.used(fuel), Stack: i.depth()}, &Cut{Memory: true, Why: errOutOfMemory}
	}
	if !i.done {
		i.made.Failed = "The function returned a promise that is never settled."
	}
	i.made.Used, i.made.Stack = i.used(fuel), i.depth()
	made := i.made
	i.host, i.made = nil, Made{}
	return made, nil
}

// SliceFuel is how much work a run does at a time, before the host is asked whether it may go
// on: a fifth of a millisecond to one. Few functions take as much in all.
const SliceFuel = 20_000

func (i *Instance) begin(h *Host, fuel int32) {
	i.host, i.made, i.done, i.stopped = h, Made{}, false, nil
	slice := fuel
	if h != nil && h.Pause != nil {
		slice = min(fuel, SliceFuel)
	}
	i.budget = fuel - slice
	i.now = time.Unix(0, 0)
	if h != nil {
		i.now = h.Now
	}
	i.fuel.Set(uint64(uint32(slice)))
}

// outOfFuel gives a run more fuel, or ends it.
func (i *Instance) outOfFuel() {
	if !i.spend(0) {
		panic(errNoFuel)
	}
	if i.host != nil && i.host.Pause != nil {
		if i.stopped = i.host.Pause(); i.stopped != nil {
			panic(i.stopped)
		}
	}
}

var errNoFuel = errors.New("no fuel is left")

// argumentsAt is where the arguments of a call are, beside where its result is.
const argumentsAt = resultAddress + 16

func (i *Instance) enter(event *Writer) error {
	arg, err := i.newValue(event)
	if err != nil {
		return err
	}
	for n, v := range [...]value{i.handler, arg} {
		i.memory.WriteUint64Le(argumentsAt+8*uint32(n), uint64(v))
	}
	r, err := i.call("JS_Call", uint64(i.context), uint64(i.run), uint64(undefined), 2, argumentsAt)
	if err != nil {
		return err
	}
	if value(r).tag() == tagException {
		i.done, i.made.Failed = true, i.exception()
	}
	if err := errors.Join(i.free(value(r)), i.free(arg)); err != nil {
		return err
	}
	return i.settle()
}

// used is how much of the fuel is gone.
func (i *Instance) used(fuel int32) int32 {
	return fuel - max(0, int32(uint32(i.fuel.Get()))) - i.budget
}

// depth is how deep the stack went, in bytes.
func (i *Instance) depth() int32 { return int32(i.engine.metered.stackTop) - int32(i.low.Get()) }

// spend takes fuel for work that the host did; false once none is left.
func (i *Instance) spend(n int32) bool {
	left := int32(uint32(i.fuel.Get())) - n
	for left <= 0 && i.budget > 0 {
		slice := min(i.budget, SliceFuel)
		i.budget, left = i.budget-slice, left+slice
	}
	i.fuel.Set(uint64(uint32(left)))
	return left > 0
}

// cut says what an error in the engine was.
func (i *Instance) cut(err error) error {
	var code *CodeError
	switch {
	case err == nil, errors.As(err, &code):
		return err
	case i.stopped != nil:
		return i.stopped
	case int32(uint32(i.fuel.Get())) <= 0:
		return &Cut{Why: err}
	}
	return &Cut{Memory: true, Why: err}
}
