package quickjs

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"math"
	"strconv"
)

// Kind is the kind of a JavaScript value.
type Kind uint8

// The kinds of values. There is no Missing value: it is what Get returns of a member that
// is not there.
const (
	Missing Kind = iota
	Null
	False
	True
	Number
	String
	Array
	Object
)

// Node is one value, or the beginning of it: what is in it follows.
type Node struct {
	// Name is what the object has it under.
	Name   string
	Text   string
	Number float64
	size   int32 // how many nodes it is of, itself one of them
	Kind   Kind
}

// Value is a value and all that is in it, in order: never more than the data of JSON. It
// shares no memory with the instance it came from.
type Value []Node

// Kind returns a value's kind.
func (v Value) Kind() Kind {
	if len(v) == 0 {
		return Missing
	}
	return v[0].Kind
}

// Get returns a member of an object.
func (v Value) Get(name string) Value {
	if v.Kind() == Object {
		for m := range v.Each() {
			if m[0].Name == name {
				return m
			}
		}
	}
	return nil
}

// Each yields the members of an object, or what is in an array, in order.
func (v Value) Each() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		for at := int32(1); int(at) < len(v); at += v[at].size {
			if !yield(v[at : at+v[at].size]) {
				return
			}
		}
	}
}

// Count returns how many members, or elements, a value has.
func (v Value) Count() (n int) {
	for range v.Each() {
		n++
	}
	return n
}

// JSON writes a value as JSON.stringify does; nothing for what is missing.
func (v Value) JSON() string {
	if len(v) == 0 {
		return ""
	}
	return string(v.append(nil))
}

func (v Value) append(b []byte) []byte {
	switch v[0].Kind {
	case False, True:
		return strconv.AppendBool(b, v[0].Kind == True)
	case Number:
		if n := v[0].Number; !math.IsNaN(n) && !math.IsInf(n, 0) {
			quoted, _ := json.Marshal(n) // a finite number always can be
			return append(b, quoted...)
		}
	case String:
		return appendText(b, v[0].Text)
	case Array:
		b = append(b, '[')
		for one := range v.Each() {
			b = append(one.append(b), ',')
		}
		return closed(b, '[', ']')
	case Object:
		b = append(b, '{')
		for m := range v.Each() {
			b = append(appendText(b, m[0].Name), ':')
			b = append(m.append(b), ',')
		}
		return closed(b, '{', '}')
	}
	return append(b, "null"...)
}

// closed puts the end of an array or an object in the place of its last comma.
func closed(b []byte, begin, end byte) []byte {
	if b[len(b)-1] == begin {
		return append(b, end)
	}
	b[len(b)-1] = end
	return b
}

func appendText(b []byte, s string) []byte {
	var w bytes.Buffer
	e := json.NewEncoder(&w)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always can be
	return append(b, bytes.TrimSuffix(w.Bytes(), []byte("\n"))...)
}

// maxNodes bounds what is read of a value.
const maxNodes = 50_000

var errTooMuch = errors.New("it holds too many values")

// ParseJSON reads a value. Of members of one name the last counts, at the place of the first, as in JavaScript.
func ParseJSON(text []byte) (Value, error) {
	r := jsonReader{d: json.NewDecoder(bytes.NewReader(text))}
	if err := r.read(""); err != nil {
		return nil, err
	}
	if _, err := r.d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more follows")
	}
	return r.v, nil
}

type jsonReader struct {
	d *json.Decoder
	v Value
}

// read reads the next value, which has a name in an object.
func (r *jsonReader) read(name string) error {
	t, err := r.d.Token()
	if err != nil {
		return err
	}
	at := len(r.v)
	if at >= maxNodes {
		return errTooMuch
	}
	r.v = append(r.v, Node{Name: name, size: 1})
	n := &r.v[at]
	switch t := t.(type) {
	case nil:
		n.Kind = Null
	case bool:
		if n.Kind = False; t {
			n.Kind = True
		}
	case float64:
		n.Kind, n.Number = Number, t
	case string:
		n.Kind, n.Text = String, t
	case json.Delim:
		if n.Kind = Array; t == '{' {
			n.Kind = Object
		}
		err = r.inside(n.Kind == Object)
		r.v[at].size = int32(len(r.v) - at)
	}
	return err
}

// inside reads what is in an array or an object, and its end.
func (r *jsonReader) inside(object bool) error {
	first := len(r.v)
	seen := map[string]int{}
	for r.d.More() {
		name := ""
		if object {
			t, err := r.d.Token()
			if err != nil {
				return err
			}
			name, _ = t.(string)
		}
		at := len(r.v)
		if err := r.read(name); err != nil {
			return err
		}
		if !object {
			continue
		}
		if before, twice := seen[name]; twice {
			r.replace(first, before, at, seen)
			continue
		}
		seen[name] = at
	}
	_, err := r.d.Token()
	return err
}

// replace puts the member that was read last, at the end, in the place of one before it.
func (r *jsonReader) replace(first, before, last int, seen map[string]int) {
	old := int(r.v[before].size)
	moved := append(Value(nil), r.v[last:]...)
	rest := append(Value(nil), r.v[before+old:last]...)
	r.v = append(append(r.v[:before], moved...), rest...)
	for at := first; at < len(r.v); at += int(r.v[at].size) {
		seen[r.v[at].Name] = at
	}
}
