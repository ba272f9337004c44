package span

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
)

// The fields of W3C Trace Context.
const (
	Traceparent = "Traceparent"
	Tracestate  = "Tracestate"
)

// Context is what a span is known by to other programs (W3C Trace Context, level 2). The zero Context is none.
type Context struct {
	TraceID [16]byte
	SpanID  [8]byte
	// Flags has bit 0 set where the span is recorded.
	Flags byte
	// State is the list of tracestate: what others want to be handed on. "" is none.
	State string
	// Remote is set on one that another program sent.
	Remote bool
}

const sampled = 1

// New returns a context of a new trace and a span in it that is said to be recorded, for who
// asks without recording anything itself.
func New() Context {
	c := Context{Flags: sampled}
	_, _ = rand.Read(c.TraceID[:]) // never fails, and is never zero
	_, _ = rand.Read(c.SpanID[:])
	return c
}

// Valid reports whether there is a context.
func (c Context) Valid() bool { return c.TraceID != [16]byte{} && c.SpanID != [8]byte{} }

// Sampled reports whether the span is recorded.
func (c Context) Sampled() bool { return c.Flags&sampled != 0 }

// ID is the trace's id as people write it, 32 hexadecimal digits.
func (c Context) ID() string { return hex.EncodeToString(c.TraceID[:]) }

// String is the value of traceparent, "" where there is no context.
func (c Context) String() string {
	if !c.Valid() {
		return ""
	}
	b := make([]byte, 0, traceparentSize)
	b = hex.AppendEncode(append(b, "00-"...), c.TraceID[:])
	b = hex.AppendEncode(append(b, '-'), c.SpanID[:])
	b = hex.AppendEncode(append(b, '-'), []byte{c.Flags & sampled})
	return string(b)
}

const (
	traceparentSize = len("00-") + 32 + len("-") + 16 + len("-01")
	// mostState is how much of tracestate has to be handed on (section 3.3.1.5); what is longer is not.
	mostState = 512
)

// Parse reads traceparent and tracestate as another program sent them. What is not valid is no context (section
// 4.3); of versions that are not known yet as much is read as of the first (section 3.2.4).
func Parse(traceparent, tracestate string) Context {
	p := strings.Trim(traceparent, " \t")
	if len(p) < traceparentSize || p[2] != '-' || p[35] != '-' || p[52] != '-' || p != strings.ToLower(p) {
		return Context{}
	}
	c := Context{Remote: true}
	var version, flags [1]byte
	for _, part := range []struct {
		to   []byte
		from string
	}{{version[:], p[:2]}, {c.TraceID[:], p[3:35]}, {c.SpanID[:], p[36:52]}, {flags[:], p[53:55]}} {
		if _, err := hex.Decode(part.to, []byte(part.from)); err != nil {
			return Context{}
		}
	}
	switch {
	case version[0] == 0xff, !c.Valid():
		return Context{}
	case len(p) > traceparentSize && (version[0] == 0 || p[traceparentSize] != '-'):
		return Context{}
	}
	c.Flags = flags[0] & sampled
	if len(tracestate) <= mostState {
		c.State = strings.Clone(tracestate) // an adapter may use its request's memory again
	}
	return c
}

// OptionCode is that of the EDNS option TRACEPARENT (difference 561), of the range for local use, which PowerDNS and dnsdist
// send and read.
const OptionCode = 65500

// The data of the option: a version, which is 0, a reserved octet, the trace's id, and then, as far as
// there are any, the span's id and the flags.
const (
	optionTrace = 2
	optionSpan  = optionTrace + 16
	optionFlags = optionSpan + 8
	optionSize  = optionFlags + 1
)

// AppendOption appends the data of the option.
func (c Context) AppendOption(b []byte) []byte {
	b = append(b, 0, 0)
	b = append(b, c.TraceID[:]...)
	b = append(b, c.SpanID[:]...)
	return append(b, c.Flags&sampled)
}

// ParseOption reads the data of the option. Older senders say no flags, and mean that they trace; who
// names a trace and no span is read as if the first half of the trace's id were the span's: there has to be one to
// begin below. What is not of the format is no context.
func ParseOption(b []byte) Context {
	c := Context{Remote: true, Flags: sampled}
	switch len(b) {
	case optionSpan:
		copy(c.SpanID[:], b[optionTrace:])
	case optionSize:
		c.Flags = b[optionFlags] & sampled
		fallthrough
	case optionFlags:
		copy(c.SpanID[:], b[optionSpan:])
	default:
		return Context{}
	}
	copy(c.TraceID[:], b[optionTrace:])
	if b[0] != 0 || !c.Valid() {
		return Context{}
	}
	return c
}
