package quickjs

import (
	"errors"
	"fmt"
	"slices"
)

// What is changed of the engine's WebAssembly module before it is compiled. None of it
// renumbers anything: what is new comes last in its section.
//
//   - Each loop takes one off a global, fuel, and calls the host when there is none, which
//     gives more or ends the run. JavaScript's loops are loops of the interpreter; and those of built-in functions, which ask
//     nobody whether to go on ([].indexOf over a length of 2^53), are loops too. Copying
//     and filling memory takes fuel by its size.
//   - The stack in linear memory, which nothing guards, is moved to where it has room, and
//     whoever moves its pointer below its end traps.
//   - How far down that stack went is kept in a global, and how large the memory is in
//     another, so that a memory can be made what it was without looking at all of it
//     (restore.go), and small again after it grew.
//   - One function more is in the table, that JavaScript can call and that calls the host:
//     by an import that nothing else calls.
const (
	fuelGlobal  = "fuel"
	stackGlobal = "stack" // the stack's pointer
	lowGlobal   = "low"   // the lowest that it was
	pagesGlobal = "pages" // how large the memory is for the engine

	pageSize   = 64 << 10
	stackPages = 8 // of the moved stack
	stackGuard = 8 << 10

	bytesPerFuel = 6 // as a power of two

	// resultAddress is where the host leaves the value that its function returns, at the
	// beginning of linear memory, where nothing is linked to.
	resultAddress = 24
	// hostMagic and fuelMagic are the fourth argument by which the host knows that its
	// function was called, or that no fuel is left, and not that somebody polls.
	hostMagic, fuelMagic = 0x77666a73, 0x77666a74
)

// metered is the changed module, and what its host has to know of it.
type metered struct {
	module []byte
	// hostFunction is where in the table the function is that calls the host.
	hostFunction uint32
	// stackEnd is the lowest address of the stack, stackTop where it begins.
	stackEnd, stackTop uint32
}

// The sections that are changed, by their numbers in a module.
const (
	sectionCustom, sectionType, sectionImport, sectionFunction, sectionTable, sectionMemory = 0, 1, 2, 3, 4, 5
	sectionGlobal, sectionExport, sectionElement, sectionCode                               = 6, 7, 9, 10
)

// hostImport is the import that the host's function is called by.
const hostImport = "poll_oneoff"

// meter changes the module of the engine.
func meter(module []byte) (m metered, err error) {
	defer func() {
		if r := recover(); r != nil {
			bad, ok := r.(malformed)
			if !ok {
				panic(r)
			}
			err = fmt.Errorf("the engine's module: %w", bad.error)
		}
	}()
	if len(module) < 8 {
		return m, errors.New("the engine's module is empty")
	}
	c := changes{}
	out := slices.Clone(module[:8])
	for r := (&reader{b: module[8:]}); len(r.b) > 0; {
		id, body := r.byte(), &reader{b: r.bytes(int(r.u32()))}
		if id == sectionCustom {
			continue // names and debug information, which nobody reads
		}
		changed := c.section(id, body)
		out = append(out, id)
		out = appendU32(out, uint32(len(changed)))
		out = append(out, changed...)
	}
	if c.hostType < 0 || c.hostCall < 0 || c.growType < 0 || c.fuelType < 0 || c.stackTop == 0 {
		return m, errors.New("the engine's module lacks what its host is to be called by")
	}
	return metered{out, c.tableSize, c.stackTop - stackPages*pageSize, c.stackTop}, nil
}

// changes is what is known of a module while its sections are gone through in order.
type changes struct {
	hostType, hostCall  int // the type of functions that JavaScript calls; the host's import
	growType, fuelType  int // of a function of a number to a number, and of nothing to nothing
	imported, functions uint32
	tableSize           uint32
	globals             uint32
	stackTop            uint32
	pages               uint32   // that the memory begins with
	params              []uint32 // of each type
	types               []uint32 // of each function
}

func (c *changes) section(id byte, r *reader) []byte {
	switch id {
	case sectionType:
		return c.readTypes(r)
	case sectionImport:
		return c.readImports(r)
	case sectionFunction:
		return c.addFunction(r)
	case sectionTable:
		return c.growTable(r)
	case sectionMemory:
		return c.growMemory(r)
	case sectionGlobal:
		return c.addGlobal(r)
	case sectionExport:
		for n, name := range [...]string{fuelGlobal, lowGlobal, pagesGlobal} {
			r = &reader{b: appendOne(r, append(appendName(nil, name), appendU32([]byte{3}, c.globals+uint32(n))...))}
		}
		return appendOne(r, append(appendName(nil, stackGlobal), 3, 0))
	case sectionElement:
		segment := append(appendS32([]byte{0, opI32Const}, int32(c.tableSize)), opEnd, 1)
		return appendOne(r, appendU32(segment, c.host()))
	case sectionCode:
		return c.meterCode(r)
	}
	return r.b
}

// The globals that are added, by number.
func (c *changes) fuel() uint32 { return c.globals }
func (c *changes) low() uint32  { return c.globals + 1 }
func (c *changes) size() uint32 { return c.globals + 2 }

// The functions that are added, by number.
func (c *changes) host() uint32 { return c.imported + c.functions }
func (c *changes) grow() uint32 { return c.imported + c.functions + 1 }
func (c *changes) more() uint32 { return c.imported + c.functions + 2 }

// readTypes finds the type of a function that JavaScript can call: (context, this, count,
// arguments) to a value.
func (c *changes) readTypes(r *reader) []byte {
	whole := r.b
	c.hostType, c.hostCall, c.growType, c.fuelType = -1, -1, -1, -1
	for i := range int(r.u32()) {
		if form := r.byte(); form != 0x60 {
			panic(malformed{fmt.Errorf("a type of the form %#x", form)})
		}
		params := r.bytes(int(r.u32()))
		results := r.bytes(int(r.u32()))
		c.params = append(c.params, uint32(len(params)))
		if string(params) == "\x7f\x7e\x7f\x7f" && string(results) == "\x7e" {
			c.hostType = i
		}
		if string(params) == "\x7f" && string(results) == "\x7f" {
			c.growType = i
		}
		if len(params)+len(results) == 0 {
			c.fuelType = i
		}
	}
	return whole
}

func (c *changes) readImports(r *reader) []byte {
	whole := r.b
	for i := range int(r.u32()) {
		r.bytes(int(r.u32())) // module
		name := string(r.bytes(int(r.u32())))
		if kind := r.byte(); kind != 0 {
			panic(malformed{fmt.Errorf("an import of the kind %d", kind)})
		}
		r.u32()
		if name == hostImport {
			c.hostCall = i
		}
		c.imported++
	}
	return whole
}

func (c *changes) addFunction(r *reader) []byte {
	counted := &reader{b: r.b}
	c.functions = counted.u32()
	for range c.functions {
		c.types = append(c.types, counted.u32())
	}
	for _, t := range [...]int{c.hostType, c.growType, c.fuelType} { // host, grow and more
		r = &reader{b: appendOne(r, appendU32(nil, uint32(t)))}
	}
	return r.b
}

func (c *changes) growTable(r *reader) []byte {
	if n, kind, limits := r.u32(), r.byte(), r.byte(); n != 1 || kind != 0x70 || limits != 1 {
		panic(malformed{errors.New("not one table of functions with a limit")})
	}
	c.tableSize = r.u32()
	return appendU32(appendU32([]byte{1, 0x70, 1}, c.tableSize+1), c.tableSize+1)
}

// growMemory makes room for the stack behind all that is linked.
func (c *changes) growMemory(r *reader) []byte {
	if n, limits := r.u32(), r.byte(); n != 1 || limits != 0 {
		panic(malformed{errors.New("not one memory without a limit")})
	}
	c.pages = r.u32() + stackPages
	c.stackTop = c.pages * pageSize
	return appendU32([]byte{1, 0}, c.pages)
}

// addGlobal has the first global, the stack's pointer, begin elsewhere, and adds the others.
func (c *changes) addGlobal(r *reader) []byte {
	c.globals = r.u32()
	if t, mutable, op := r.byte(), r.byte(), r.byte(); c.globals == 0 || t != 0x7f || mutable != 1 || op != opI32Const {
		panic(malformed{errors.New("the first global is not the stack's pointer")})
	}
	r.s64()
	out := appendU32(nil, c.globals+3)
	out = appendS32(append(out, 0x7f, 1, opI32Const), int32(c.stackTop))
	out = append(out, r.b...)
	for _, initial := range [...]uint32{0, c.stackTop, c.pages} { // fuel, low and size
		out = append(appendS32(append(out, 0x7f, 1, opI32Const), int32(initial)), opEnd)
	}
	return out
}

func (c *changes) meterCode(r *reader) []byte {
	n := r.u32()
	out := appendU32(nil, n+3)
	for i := range n {
		body := &reader{b: r.bytes(int(r.u32()))}
		changed := c.meterBody(body, c.params[c.types[i]])
		out = append(appendU32(out, uint32(len(changed))), changed...)
	}
	host := []byte{0, opLocalGet, 0, opLocalGet, 2, opLocalGet, 3}
	host = append(appendS32(append(host, opI32Const), hostMagic), opCall)
	host = append(appendU32(host, uint32(c.hostCall)), opDrop, opI32Const, 0, opI64Load, 3, resultAddress, opEnd)
	out = append(appendU32(out, uint32(len(host))), host...)
	grow := c.growBody()
	out = append(appendU32(out, uint32(len(grow))), grow...)
	more := appendS32([]byte{0, opI32Const, 0, opI32Const, 0, opI32Const, 0, opI32Const}, fuelMagic)
	more = append(appendU32(append(more, opCall), uint32(c.hostCall)), opDrop, opEnd)
	return append(appendU32(out, uint32(len(more))), more...)
}

// growBody is the code of what takes the place of memory.grow: what the memory has already,
// because it was larger, is given out again.
func (c *changes) growBody() []byte {
	const delta, want = 0, 1 // a parameter and a local
	b := []byte{1, 1, 0x7f}
	// if delta > maxPages { return -1 }
	b = appendS32(append(b, opLocalGet, delta, opI32Const), maxPages)
	b = append(b, opI32GtU, opIf, blockEmpty, opI32Const, 0x7f, opReturn, opEnd)
	// want = pages + delta; if want > memory.size { if memory.grow(want - memory.size) == -1 { return -1 } }
	b = appendU32(append(b, opGlobalGet), c.size())
	b = append(b, opLocalGet, delta, opI32Add, opLocalSet, want)
	b = append(b, opLocalGet, want, opMemorySize, 0, opI32GtU, opIf, blockEmpty)
	b = append(b, opLocalGet, want, opMemorySize, 0, opI32Sub, opMemoryGrow, 0, opI32Const, 0x7f, opI32Eq, opIf, blockEmpty)
	b = append(b, opI32Const, 0x7f, opReturn, opEnd, opEnd)
	// pages, delta = want, pages; return delta
	b = append(appendU32(append(b, opGlobalGet), c.size()), opLocalSet, delta)
	b = append(b, opLocalGet, want)
	b = appendU32(append(b, opGlobalSet), c.size())
	return append(b, opLocalGet, delta, opEnd)
}

// meterBody changes the code of one function with so many parameters.
func (c *changes) meterBody(r *reader, params uint32) []byte {
	groups, locals, declared := r.u32(), params, []byte(nil)
	for range groups {
		n := r.u32()
		locals += n
		declared = append(appendU32(declared, n), r.byte())
	}
	// One local more, for the size of what is copied or filled.
	out := append(append(appendU32(nil, groups+1), declared...), 1, 0x7f)
	for len(r.b) > 0 {
		at := r.b
		op, index := r.instruction()
		if op == opExtended && (index == extendedCopy || index == extendedFill) {
			out = appendU32(append(out, opLocalSet), locals)
			out = appendU32(append(out, opGlobalGet), c.fuel())
			out = appendU32(append(out, opLocalGet), locals)
			out = appendU32(append(out, opI32Const, bytesPerFuel, opI32ShrU, opI32Sub, opGlobalSet), c.fuel())
			out = appendU32(append(out, opLocalGet), locals)
		}
		switch op {
		case opMemorySize:
			out = appendU32(append(out, opGlobalGet), c.size())
		case opMemoryGrow:
			out = appendU32(append(out, opCall), c.grow())
		default:
			out = append(out, at[:len(at)-len(r.b)]...)
		}
		switch {
		case op == opLoop:
			out = appendU32(append(out, opGlobalGet), c.fuel())
			out = appendU32(append(out, opI32Const, 1, opI32Sub, opGlobalSet), c.fuel())
			out = appendU32(append(out, opGlobalGet), c.fuel())
			out = append(out, opI32Const, 1, opI32LtS, opIf, blockEmpty, opCall)
			out = append(appendU32(out, c.more()), opEnd)
		case op == opGlobalSet && index == 0:
			out = appendS32(append(out, opGlobalGet, 0, opI32Const), int32(c.stackTop-stackPages*pageSize+stackGuard))
			out = append(out, opI32LtS, opIf, blockEmpty, opUnreachable, opEnd)
			out = appendU32(append(out, opGlobalGet, 0, opGlobalGet), c.low())
			out = append(out, opI32LtU, opIf, blockEmpty, opGlobalGet, 0)
			out = append(appendU32(append(out, opGlobalSet), c.low()), opEnd)
		}
	}
	return out
}

// appendOne adds one item to a vector.
func appendOne(r *reader, item []byte) []byte {
	n := r.u32()
	return append(append(appendU32(nil, n+1), r.b...), item...)
}

func appendName(b []byte, s string) []byte { return append(appendU32(b, uint32(len(s))), s...) }

func appendU32(b []byte, v uint32) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

func appendS32(b []byte, v int32) []byte {
	for v < -64 || v > 63 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v)&0x7f)
}
