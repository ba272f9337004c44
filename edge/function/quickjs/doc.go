// Package quickjs runs JavaScript that nobody has looked at: QuickJS, compiled to
// WebAssembly, in a linear memory of its own for each [Instance].
//
// It promises that code gets no further than its linear memory. Of the system there is the
// time at which a run began, which the host gives, and nothing else: no files, no
// environment, no sockets, no other clock; the modules std and os of QuickJS are never made. A
// run ends after as much work as it was given, whatever it does, for loops of any kind take
// fuel (wasm.go), and in as much memory. How much work something takes does not depend on
// the machine or on what else it does.
//
// An [Engine] compiles WebAssembly once. [Engine.Compile] compiles JavaScript, without
// running it, to bytecode, and runs that, up to the last line of the module, in a context
// that has no eval, nor any other way to make a function of a text. The memory is what is
// left of that: a [Program]. [Program.New] copies it, which takes far less time.
// [Instance.Run] calls the handler, lets promises be kept until nothing is left to do, and
// makes the memory what it was before (restore.go): no run finds anything of another one.
package quickjs
