package cache

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/rfc9111"
)

// headFormat is the first byte of an object's head on the disk. Heads of another
// format are nobody's.
const headFormat = 3

// encodeHead writes what the disk keeps of an object beside its key, body and
// birth. Order is not kept: it means nothing after a restart.
func encodeHead(o *Object) []byte {
	e := headWriter{b: make([]byte, 0, 512)}
	e.b = append(e.b, headFormat)
	if o.Body == nil {
		e.number(0)
	} else {
		e.number(1)
		e.b = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(e.b, o.Body.id[0]), o.Body.id[1])
	}
	e.number(int64(o.Status))
	e.strings(o.Vary)
	e.text(o.Variant)
	e.number(int64(len(o.Header)))
	for _, f := range o.Header {
		e.text(f.Name)
		e.text(f.Value)
	}
	e.number(o.Length)
	e.number(o.Received.UnixNano())
	e.number(int64(o.InitialAge))
	l := &o.Lifetime
	for _, d := range [...]time.Duration{l.Fresh, l.WhileRevalidate, l.OnFailure, l.Unreachable} {
		e.number(int64(d))
	}
	e.text(string(l.Source))
	e.strings(o.URIs)
	e.strings(o.Tags)
	compressed := int64(0)
	if o.Compressed {
		compressed = 1
	}
	e.number(compressed)
	e.text(o.OriginTag)
	if o.Ahead != 0 { // in a sandbox
		e.number(int64(o.Ahead))
	}
	return e.b
}

type headWriter struct{ b []byte }

func (e *headWriter) number(n int64) { e.b = binary.AppendVarint(e.b, n) }

func (e *headWriter) text(s string) {
	e.b = append(binary.AppendUvarint(e.b, uint64(len(s))), s...)
}

func (e *headWriter) strings(list []string) {
	e.number(int64(len(list)))
	for _, s := range list {
		e.text(s)
	}
}

var errHead = errors.New("the head of a stored object cannot be read")

// decodeHead reads what encodeHead wrote. The object has no key or birth yet, and
// of its body, if it has one, the name.
func decodeHead(b []byte) (*Object, error) {
	if len(b) == 0 || b[0] != headFormat {
		return nil, errHead
	}
	d := headReader{b: b[1:]}
	var body *Body
	if d.number() == 1 && len(d.b) >= 16 {
		body = &Body{id: bodyID{binary.LittleEndian.Uint64(d.b), binary.LittleEndian.Uint64(d.b[8:])}}
		d.b = d.b[16:]
	}
	o := &Object{Body: body, Status: int(d.number()), Vary: d.strings(), Variant: d.text()}
	for range d.count() {
		o.Header = append(o.Header, message.Field{Name: d.text(), Value: d.text()})
	}
	o.Length = d.number()
	o.Received = time.Unix(0, d.number())
	o.InitialAge = time.Duration(d.number())
	l := &o.Lifetime
	for _, at := range [...]*time.Duration{&l.Fresh, &l.WhileRevalidate, &l.OnFailure, &l.Unreachable} {
		*at = time.Duration(d.number())
	}
	l.Source, l.Store = rfc9111.Source(d.text()), true
	o.URIs, o.Tags = d.strings(), d.strings()
	o.Compressed, o.OriginTag = d.number() == 1, d.text()
	if len(d.b) != 0 {
		o.Ahead = time.Duration(d.number())
		d.bad = d.bad || o.Ahead == 0 // is never written
	}
	if d.bad || len(d.b) != 0 {
		return nil, errHead
	}
	return o, nil
}

type headReader struct {
	b   []byte
	bad bool
}

func (d *headReader) number() int64 {
	n, size := binary.Varint(d.b)
	if size <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[size:]
	return n
}

func (d *headReader) text() string {
	n, size := binary.Uvarint(d.b)
	if size <= 0 || n > uint64(len(d.b)-size) {
		d.bad, d.b = true, nil
		return ""
	}
	s := string(d.b[size : size+int(n)])
	d.b = d.b[size+int(n):]
	return s
}

// count is how many things follow, each of at least one byte.
func (d *headReader) count() int {
	n := d.number()
	if n < 0 || n > int64(len(d.b)) {
		d.bad, d.b = true, nil
		return 0
	}
	return int(n)
}

func (d *headReader) strings() []string {
	var list []string
	for range d.count() {
		list = append(list, d.text())
	}
	return list
}
