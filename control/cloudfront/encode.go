package cloudfront

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// timeLayout is how CloudFront writes a moment in a body.
const timeLayout = "2006-01-02T15:04:05.000Z"

// Marshal returns the document of a shape in the namespace of a version, for
// responses Params.Version. Where a shape has both Quantity and a list, the
// Quantity written is the length of the list, whatever v says: it cannot be
// inconsistent.
func Marshal(version string, v any) []byte {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	rv := reflect.Indirect(reflect.ValueOf(v))
	name := rv.Type().Name()
	fmt.Fprintf(&b, `<%s xmlns="%s">`, name, namespace(version))
	encodeMembers(&b, rv)
	fmt.Fprintf(&b, "</%s>", name)
	return b.Bytes()
}

func encodeMembers(b *bytes.Buffer, v reflect.Value) {
	s := shapeOf(v.Type())
	for i, f := range s.fields {
		fv := v.Field(i)
		if i == s.quantity {
			text(b, f.name, strconv.Itoa(v.Field(s.list).Len()))
			continue
		}
		if !f.required && fv.IsZero() {
			continue
		}
		if f.item == "" {
			encode(b, f.name, fv)
			continue
		}
		b.WriteString("<" + f.name + ">")
		for j := range fv.Len() {
			encode(b, f.item, fv.Index(j))
		}
		b.WriteString("</" + f.name + ">")
	}
}

func encode(b *bytes.Buffer, name string, v reflect.Value) {
	v = reflect.Indirect(v)
	switch x := v.Interface().(type) {
	case time.Time:
		text(b, name, x.UTC().Format(timeLayout))
		return
	case []byte:
		text(b, name, base64.StdEncoding.EncodeToString(x))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		b.WriteString("<" + name + ">")
		encodeMembers(b, v)
		b.WriteString("</" + name + ">")
	case reflect.String:
		text(b, name, v.String())
	case reflect.Bool:
		text(b, name, strconv.FormatBool(v.Bool()))
	case reflect.Int, reflect.Int64:
		text(b, name, strconv.FormatInt(v.Int(), 10))
	case reflect.Float64:
		text(b, name, strconv.FormatFloat(v.Float(), 'f', -1, 64))
	default:
		panic("cloudfront: " + v.Type().String() + " is in no shape")
	}
}

func text(b *bytes.Buffer, name, value string) {
	b.WriteString("<" + name + ">")
	_ = xml.EscapeText(b, []byte(value)) // a bytes.Buffer takes everything
	b.WriteString("</" + name + ">")
}

// shape is what the struct tags say of a type.
type shape struct {
	fields         []field
	quantity, list int // indices of the member Quantity and of the list it counts, else -1
}

type field struct {
	name     string
	item     string // of a list: the element of each item
	required bool
	min, max string // limits of length, or of value for numbers; "" without
}

func shapeOf(t reflect.Type) shape {
	s := shape{fields: make([]field, t.NumField()), quantity: -1, list: -1}
	for i := range s.fields {
		tag := t.Field(i).Tag
		f := field{required: tag.Get("required") != "", min: tag.Get("min"), max: tag.Get("max")}
		f.name, f.item, _ = strings.Cut(tag.Get("xml"), ">")
		switch {
		case f.name == "Quantity":
			s.quantity = i
		case f.item != "":
			s.list = i
		}
		s.fields[i] = f
	}
	if s.list < 0 {
		s.quantity = -1
	}
	return s
}
