package quickjs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Objects go in and come out as QuickJS itself writes them down (JS_ReadObject,
// JS_WriteObject), which takes it a quarter of the time of JSON: names are made atoms once
// for an event, nothing is quoted, and no toJSON is looked for. After the version and a
// checksum come the names that objects have members under, and then one value: a tag and
// what belongs to it.
const (
	wireVersion = 26
	// wireUnchecked stands for a checksum that is not to be looked at.
	wireUnchecked = math.MaxUint32

	wireNull, wireUndefined, wireFalse, wireTrue, wireInt32, wireFloat64, wireString, wireObject, wireArray = 1, 2, 3, 4, 5, 6, 7, 8, 9
)

// Writer writes a value for an instance. Its zero value is ready; Reset makes it so again.
type Writer struct {
	names, body []byte
	count       uint32
	// known are the names that occur again and again, by where they are among the names.
	known [16]struct {
		name string
		at   uint32
	}
	knows int
}

// Reset forgets what was written.
func (w *Writer) Reset() { w.names, w.body, w.count, w.knows = w.names[:0], w.body[:0], 0, 0 }

// Object begins an object of as many members: each a name, by Member or Known, and a value.
func (w *Writer) Object(members int) { w.body = appendU32(append(w.body, wireObject), uint32(members)) }

// Array begins an array of as many values.
func (w *Writer) Array(values int) { w.body = appendU32(append(w.body, wireArray), uint32(values)) }

// Text writes a string. Bytes that are no UTF-8 become U+FFFD.
func (w *Writer) Text(s string) { w.body = appendWireText(append(w.body, wireString), s) }

// Int writes an integer.
func (w *Writer) Int(n int32) {
	w.body = appendU32(append(w.body, wireInt32), uint32(n)<<1^uint32(n>>31))
}

// Member writes a name.
func (w *Writer) Member(name string) {
	if n, ok := index(name); ok { // which is no name for QuickJS
		w.body = appendU32(w.body, n<<1|1)
		return
	}
	w.body = appendU32(w.body, w.newName(name)<<1)
}

// Known writes a name that is likely to have been written before, and is no number.
func (w *Writer) Known(name string) {
	for n := range w.known[:w.knows] {
		if w.known[n].name == name {
			w.body = appendU32(w.body, w.known[n].at<<1)
			return
		}
	}
	at := w.newName(name)
	if w.knows < len(w.known) {
		w.known[w.knows].name, w.known[w.knows].at = name, at
		w.knows++
	}
	w.body = appendU32(w.body, at<<1)
}

func (w *Writer) newName(name string) uint32 {
	const text = 1
	w.names = appendWireText(append(w.names, text), name)
	w.count++
	return w.count
}

// index is the number that a name is, where the engine has a name as one: below 2^31.
func index(name string) (n uint32, ok bool) {
	if len(name) == 0 || len(name) > 10 || name[0] == '0' && len(name) > 1 {
		return 0, false
	}
	whole := uint64(0)
	for _, c := range []byte(name) {
		if c < '0' || c > '9' {
			return 0, false
		}
		whole = whole*10 + uint64(c-'0')
	}
	return uint32(whole), whole <= math.MaxInt32
}

// appendWireText writes how long a string is, whether its characters have two bytes, and
// the characters: of ISO 8859-1, or UTF-16.
func appendWireText(b []byte, s string) []byte {
	ascii, most, count := true, rune(0), uint32(0)
	for n := range len(s) {
		ascii = ascii && s[n] < utf8.RuneSelf
	}
	if ascii {
		return append(appendU32(b, uint32(len(s))<<1), s...)
	}
	for _, r := range s {
		most = max(most, r)
		count += uint32(utf16.RuneLen(r))
	}
	if most <= 0xff {
		b = appendU32(b, count<<1)
		for _, r := range s {
			b = append(b, byte(r))
		}
		return b
	}
	b = appendU32(b, count<<1|1)
	for _, r := range s {
		if r >= 0x10000 {
			first, second := utf16.EncodeRune(r)
			b = append(b, byte(first), byte(first>>8), byte(second), byte(second>>8))
			continue
		}
		b = append(b, byte(r), byte(r>>8))
	}
	return b
}

// appendTo writes down all that was written, as JS_ReadObject reads it.
func (w *Writer) appendTo(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(append(b, wireVersion), wireUnchecked)
	b = append(appendU32(b, w.count), w.names...)
	return append(b, w.body...)
}

// errNotData is of a value that is not of JSON's kinds only.
var errNotData = errors.New("it is not data alone")

// wireReader reads what JS_WriteObject wrote. An instance is not trusted to have done it
// well.
type wireReader struct {
	reader
	text  string // all of it, which what is read is cut from
	names []string
	v     Value
}

// readWire reads a value, given the names of the engine's own atoms and where there is room. What is undefined in an
// object is left out, as JSON does. The error is errNotData, errTooMuch, or of what
// JS_WriteObject never writes.
func readWire(text string, atoms []string, room Value) (v Value, err error) {
	defer func() {
		if r := recover(); r != nil {
			bad, ok := r.(malformed)
			if !ok {
				panic(r)
			}
			v, err = nil, bad.error
		}
	}()
	r := &wireReader{reader: reader{b: []byte(text)}, text: text, v: room}
	r.bytes(5) // the version and the checksum
	n := r.u32()
	if int(n) > len(r.b) {
		return nil, errTooMuch
	}
	r.names = make([]string, n)
	for i := range r.names {
		if r.byte() != 0 {
			r.names[i] = r.string()
			continue
		}
		at := binary.LittleEndian.Uint32(r.bytes(4))
		if int(at) >= len(atoms) {
			return nil, fmt.Errorf("the atom %d is not known", at)
		}
		r.names[i] = atoms[at]
	}
	err = r.read("")
	return r.v, err
}

// read reads the next value, which has a name in an object.
func (r *wireReader) read(name string) error {
	at := len(r.v)
	if at >= maxNodes {
		return errTooMuch
	}
	r.v = append(r.v, Node{Name: name, size: 1, Kind: Null})
	n := &r.v[at]
	switch tag := r.byte(); tag {
	case wireNull, wireUndefined:
	case wireFalse:
		n.Kind = False
	case wireTrue:
		n.Kind = True
	case wireInt32:
		u := r.u32()
		n.Kind, n.Number = Number, float64(int32(u>>1)^-int32(u&1))
	case wireFloat64:
		n.Kind, n.Number = Number, math.Float64frombits(binary.LittleEndian.Uint64(r.bytes(8)))
	case wireString:
		n.Kind, n.Text = String, r.string()
	case wireObject:
		n.Kind = Object
		return r.inside(at, r.member)
	case wireArray:
		n.Kind = Array
		return r.inside(at, func() error { return r.read("") })
	default:
		return errNotData
	}
	return nil
}

// inside reads what is in an array or an object.
func (r *wireReader) inside(at int, one func() error) error {
	for range r.u32() {
		if err := one(); err != nil {
			return err
		}
	}
	r.v[at].size = int32(len(r.v) - at)
	return nil
}

func (r *wireReader) member() error {
	name := r.name()
	if len(r.b) > 0 && r.b[0] == wireUndefined {
		r.byte()
		return nil
	}
	return r.read(name)
}

// name reads what an object has a member under: a number, or one of the names.
func (r *wireReader) name() string {
	n := r.u32()
	switch {
	case n&1 != 0:
		return strconv.FormatUint(uint64(n>>1), 10)
	case n == 0 || int(n>>1) > len(r.names):
		panic(malformed{errors.New("a name that is not there")})
	}
	return r.names[n>>1-1]
}

// string reads a string; half of a surrogate pair becomes U+FFFD.
func (r *wireReader) string() string {
	n := r.u32()
	if n&1 != 0 {
		units := make([]uint16, 0, min(n>>1, uint32(len(r.b))))
		for range n >> 1 {
			units = append(units, binary.LittleEndian.Uint16(r.bytes(2)))
		}
		return string(utf16.Decode(units))
	}
	from := len(r.text) - len(r.b)
	b := r.bytes(int(n >> 1))
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return ofBytes(string(b))
		}
	}
	return r.text[from : from+len(b)]
}
