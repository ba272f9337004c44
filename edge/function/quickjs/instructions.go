package quickjs

import (
	"errors"
	"fmt"
)

// The instructions of WebAssembly that are written, or that end a body (WebAssembly core
// specification 2.0, section 5.4).
const (
	opUnreachable, opLoop, opIf, opEnd = 0x00, 0x03, 0x04, 0x0b
	opReturn, opCall, opDrop           = 0x0f, 0x10, 0x1a
	opLocalGet, opLocalSet             = 0x20, 0x21
	opGlobalGet                        = 0x23
	opGlobalSet                        = 0x24
	opI64Load                          = 0x29
	opI32Const                         = 0x41
	opI32Eq, opI32LtS                  = 0x46, 0x48
	opI32LtU, opI32GtU                 = 0x49, 0x4b
	opI32Add, opI32Sub, opI32ShrU      = 0x6a, 0x6b, 0x76
	opMemorySize, opMemoryGrow         = 0x3f, 0x40
	opExtended                         = 0xfc
	extendedCopy, extendedFill         = 10, 11 // memory.copy, memory.fill

	blockEmpty = 0x40
)

// malformed is what reading a module panics with, for meter to return.
type malformed struct{ error }

// reader reads what is left of a module.
type reader struct{ b []byte }

func (r *reader) byte() byte { return r.bytes(1)[0] }

func (r *reader) bytes(n int) []byte {
	if n < 0 || n > len(r.b) {
		panic(malformed{errors.New("it ends early")})
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) u32() uint32 {
	var v uint32
	for shift := 0; ; shift += 7 {
		b := r.byte()
		v |= uint32(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
}

// s64 passes over a signed number.
func (r *reader) s64() {
	for r.byte() >= 0x80 { // the last byte of a number has no high bit
	}
}

// instruction reads one instruction with what belongs to it; of those that name a global,
// index is which, and of extended ones what they are.
func (r *reader) instruction() (op byte, index uint32) {
	switch op = r.byte(); {
	case op == 0x02 || op == opLoop || op == opIf: // block, loop, if: a type
		r.s64()
	case op == 0x0c || op == 0x0d || op == opCall || op >= opLocalGet && op <= 0x26 || op == 0xd2:
		index = r.u32() // br, br_if, call, local.…, global.…, table.…, ref.func
	case op == 0x0e: // br_table
		for range r.u32() + 1 {
			r.u32()
		}
	case op == 0x11: // call_indirect
		r.u32()
		r.u32()
	case op == 0x1c: // select with types
		r.bytes(int(r.u32()))
	case op >= 0x28 && op <= 0x3e: // loads and stores
		r.u32()
		r.u32()
	case op == opMemorySize || op == opMemoryGrow || op == 0xd0: // memory.size, memory.grow, ref.null
		r.byte()
	case op == opI32Const || op == 0x42:
		r.s64()
	case op == 0x43:
		r.bytes(4)
	case op == 0x44:
		r.bytes(8)
	case op == opExtended:
		index = r.extended()
	case op > 0xc4 && op != 0xd1:
		panic(malformed{fmt.Errorf("an unknown instruction %#x", op)})
	}
	return op, index
}

// extended reads what follows the prefix 0xfc.
func (r *reader) extended() uint32 {
	op := r.u32()
	switch {
	case op <= 7: // conversions
	case op == 8 || op == 10 || op == 12 || op == 14: // memory.init, memory.copy, table.init, table.copy
		r.u32()
		r.u32()
	case op <= 17: // data.drop, memory.fill, elem.drop, table.grow, table.size, table.fill
		r.u32()
	default:
		panic(malformed{fmt.Errorf("an unknown instruction 0xfc %d", op)})
	}
	return op
}
