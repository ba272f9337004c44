package cloudfront

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// What a stranger can send. A distribution with all its quotas used is a few
// hundred kilobytes; three thousand invalidation paths, the quota, are more
// items than any other list can hold.
const (
	MaxBody  = 1 << 20 // bytes
	maxDepth = 32      // the deepest shape has 12 levels
	maxList  = 10_000  // items
	maxFound = 16      // violations told in one answer
)

// ReadBody reads a request's body, at most MaxBody of it.
func ReadBody(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, MaxBody+1))
	if err == nil && len(body) > MaxBody {
		err = tooLarge()
	}
	return body, err
}

func tooLarge() *Error {
	return CodeRequestEntityTooLarge.Errorf("The request body is larger than %d bytes.", MaxBody)
}

// Decode reads the body of a request into v, a pointer to the operation's
// shape, and holds it to the API model. Its errors are of type *Error:
//
//   - MissingBody, RequestEntityTooLarge;
//   - MalformedInput for what is not XML, has a document type, is in another
//     namespace than the version's, or has an element that is unknown, given
//     twice, or not of its type; the message names the element;
//   - MalformedXML for required members that are missing and values outside
//     their enumeration or limits, all of them in one message with their paths,
//     in the words of AWS ("Value null at 'distributionConfig.comment' failed to
//     satisfy constraint: Member must not be null");
//   - InconsistentQuantities for a Quantity that is not the number of Items.
func Decode(body []byte, version string, v any) error {
	if len(body) > MaxBody {
		return tooLarge()
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return CodeMissingBody.Errorf("This operation requires a body. Ensure that the body is present and the Content-Type header is set.")
	}
	d := newDecoder(body)
	d.strict, d.space = true, namespace(version)
	if err := d.document(reflect.ValueOf(v).Elem()); err != nil {
		return err
	}
	switch n := len(d.violations); {
	case n == 1:
		return CodeMalformedXML.Errorf("1 validation error detected: %s", d.violations[0])
	case n > 1:
		return CodeMalformedXML.Errorf("%d validation errors detected: %s", n, strings.Join(d.violations, "; "))
	case d.quantity != nil:
		return d.quantity
	}
	return nil
}

// Unmarshal reads a document into v, a pointer to its shape, as a client reads
// CloudFront's answers: whatever the version, and past elements and rules that
// it does not know. It is for documents that were accepted before.
func Unmarshal(doc []byte, v any) error {
	return newDecoder(doc).document(reflect.ValueOf(v).Elem())
}

type decoder struct {
	xml        *xml.Decoder
	strict     bool
	space      string   // that elements must be in, when strict
	open       []string // the names of the elements that the decoder is in
	violations []string
	quantity   *Error // the first Quantity that is wrong
}

func newDecoder(doc []byte) *decoder {
	doc = bytes.TrimPrefix(doc, []byte("\ufeff")) // encoding/xml takes a byte order mark for text
	return &decoder{xml: xml.NewDecoder(bytes.NewReader(doc))}
}

func malformed(format string, args ...any) error {
	return CodeMalformedInput.Errorf(format, args...)
}

// next returns the next start, end or text of the document; nil at its end.
func (d *decoder) next() (xml.Token, error) {
	for {
		t, err := d.xml.Token()
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			if len(d.open) > 0 {
				return nil, malformed("Could not parse XML in element %s: %v.", d.here(), err)
			}
			return nil, malformed("Could not parse XML: %v.", err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			if d.open = append(d.open, clip(t.Name.Local)); len(d.open) > maxDepth {
				return nil, malformed("Element %s is nested too deep.", clip(t.Name.Local))
			}
			if d.strict && t.Name.Space != "" && t.Name.Space != d.space {
				return nil, malformed("Element %s is in namespace %q, not in %q.", d.here(), clip(t.Name.Space), d.space)
			}
			return t, nil
		case xml.EndElement:
			d.open = d.open[:len(d.open)-1]
			return t, nil
		case xml.CharData:
			return t, nil
		case xml.Directive:
			// A document type can define entities; nothing here needs one.
			return nil, malformed("A document type declaration is not allowed.")
		case xml.ProcInst:
			if t.Target != "xml" {
				return nil, malformed("A processing instruction is not allowed.")
			}
		}
	}
}

// here names the element that was started last, and for Items, of which there are
// many, whose they are.
func (d *decoder) here() string {
	n := len(d.open)
	if n > 1 && d.open[n-1] == "Items" {
		return "Items of " + d.open[n-2]
	}
	return d.open[n-1]
}

// document decodes the root element, whose name is that of its shape. Only when
// reading leniently may it differ: AWS names the roots of some responses after
// the member and not after the shape.
func (d *decoder) document(v reflect.Value) error {
	root := ""
	for {
		t, err := d.next()
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case nil:
			if root == "" {
				return malformed("The document has no root element.")
			}
			return nil
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return malformed("There is text outside the root element.")
			}
		case xml.StartElement:
			want := v.Type().Name()
			if root != "" || d.strict && t.Name.Local != want {
				return malformed("Unexpected root element %s; expected one %s.", clip(t.Name.Local), want)
			}
			root = t.Name.Local
			// AWS gives paths from the operation's input: a body that is a
			// member of it is the first step, one that is the input is not.
			path := lowerFirst(root)
			if strings.HasSuffix(root, "Request") {
				path = ""
			}
			if err := d.structure(root, path, v); err != nil {
				return err
			}
		}
	}
}

// structure decodes the members of the element that was just started.
func (d *decoder) structure(element, path string, v reflect.Value) error {
	s := shapeOf(v.Type())
	seen := make([]bool, len(s.fields))
	for {
		t, err := d.next()
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.EndElement:
			if d.strict {
				d.checkMembers(s, element, path, seen, v)
			}
			return nil
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return malformed("Unexpected text in element %s.", element)
			}
		case xml.StartElement:
			i := slices.IndexFunc(s.fields, func(f field) bool { return f.name == t.Name.Local })
			switch {
			case i < 0 && d.strict:
				return malformed("Unexpected element %s in %s.", clip(t.Name.Local), element)
			case i < 0:
				if err := d.skip(); err != nil {
					return err
				}
				continue
			case seen[i]:
				return malformed("Element %s is given twice in %s.", t.Name.Local, element)
			}
			seen[i] = true
			if err := d.member(s.fields[i], join(path, t.Name.Local), v.Field(i)); err != nil {
				return err
			}
		}
	}
}

func (d *decoder) checkMembers(s shape, element, path string, seen []bool, v reflect.Value) {
	for i, f := range s.fields {
		if f.required && !seen[i] {
			d.violate("null", join(path, f.name), "Member must not be null")
		}
	}
	if d.quantity != nil || s.quantity < 0 || !seen[s.quantity] {
		return
	}
	given, actual := reflect.Indirect(v.Field(s.quantity)).Int(), v.Field(s.list).Len()
	if given != int64(actual) {
		d.quantity = CodeInconsistentQuantities.Errorf("The specified quantity of %s (%d) does not match the actual quantity supplied (%d).", element, given, actual)
	}
}

func (d *decoder) member(f field, path string, v reflect.Value) error {
	var err error
	if f.item == "" {
		err = d.value(f.name, path, v)
	} else {
		err = d.list(f, path, v)
	}
	if err == nil && d.strict && (f.min != "" || f.max != "") {
		d.checkLimits(f, path, reflect.Indirect(v))
	}
	return err
}

func (d *decoder) list(f field, path string, v reflect.Value) error {
	v.Set(reflect.MakeSlice(v.Type(), 0, 0)) // an empty list is not an absent one
	here := d.here()
	for {
		t, err := d.next()
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.EndElement:
			return nil
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return malformed("Unexpected text in element %s.", here)
			}
		case xml.StartElement:
			if t.Name.Local != f.item {
				return malformed("Unexpected element %s in %s; expected %s.", clip(t.Name.Local), here, f.item)
			}
			n := v.Len()
			if n == maxList {
				return malformed("%s has more than %d items.", here, maxList)
			}
			v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
			if err := d.value(f.item, fmt.Sprintf("%s.%d.member", path, n+1), v.Index(n)); err != nil {
				return err
			}
		}
	}
}

func (d *decoder) value(element, path string, v reflect.Value) error {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	_, isTime := v.Interface().(time.Time)
	if v.Kind() == reflect.Struct && !isTime {
		return d.structure(element, path, v)
	}
	s, err := d.text(element)
	if err != nil {
		return err
	}
	if err := parse(s, v); err != nil {
		return malformed("The value %q of element %s is not valid: %v.", clip(s), element, err)
	}
	if e, ok := v.Interface().(enumeration); ok && d.strict && !slices.Contains(e.values(), s) {
		d.violate("'"+clip(s)+"'", path, "Member must satisfy enum value set: ["+strings.Join(e.values(), ", ")+"]")
	}
	return nil
}

// text returns the text of the element that was just started, up to its end.
func (d *decoder) text(element string) (string, error) {
	var b []byte
	for {
		t, err := d.next()
		if err != nil {
			return "", err
		}
		switch t := t.(type) {
		case xml.CharData:
			b = append(b, t...)
		case xml.StartElement:
			return "", malformed("Unexpected element %s in %s, which holds text.", clip(t.Name.Local), element)
		case xml.EndElement:
			return string(b), nil
		}
	}
}

// enumeration is what the generated enumerations implement.
type enumeration interface{ values() []string }

func parse(s string, v reflect.Value) error {
	if v.Kind() == reflect.String {
		v.SetString(s)
		return nil
	}
	s = strings.TrimSpace(s)
	var err error
	switch v.Interface().(type) {
	case time.Time:
		var t time.Time
		t, err = time.Parse(time.RFC3339, s)
		v.Set(reflect.ValueOf(t))
	case []byte:
		var b []byte
		b, err = base64.StdEncoding.DecodeString(s)
		v.SetBytes(b)
	case bool:
		var b bool
		if b = s == "true"; !b && s != "false" {
			return errors.New("it is neither true nor false")
		}
		v.SetBool(b)
	case int:
		err = parseInt(s, 32, v)
	case int64:
		err = parseInt(s, 64, v)
	case float64:
		var f float64
		if f, err = strconv.ParseFloat(s, 64); err != nil || f-f != 0 { // Inf and NaN are not in XML's decimal
			return errors.New("it is not a number")
		}
		v.SetFloat(f)
	default:
		panic("cloudfront: " + v.Type().String() + " is in no shape")
	}
	return err
}

func parseInt(s string, bits int, v reflect.Value) error {
	n, err := strconv.ParseInt(s, 10, bits)
	if err != nil {
		return fmt.Errorf("it is not a whole number of %d bits", bits)
	}
	v.SetInt(n)
	return nil
}

func (d *decoder) skip() error {
	for outside := len(d.open) - 1; len(d.open) > outside; {
		if _, err := d.next(); err != nil {
			return err
		}
	}
	return nil
}

// checkLimits holds a member to the model's least and greatest length, or value
// of a number.
func (d *decoder) checkLimits(f field, path string, v reflect.Value) {
	what, value := "have length", fmt.Sprintf("'%s'", clip(fmt.Sprint(v.Interface())))
	var n float64
	switch v.Kind() {
	case reflect.String:
		n = float64(utf8.RuneCountInString(v.String()))
	case reflect.Slice:
		n = float64(v.Len())
		value = fmt.Sprintf("of length %d", v.Len())
	case reflect.Float64:
		what, n = "have value", v.Float()
	case reflect.Int, reflect.Int64:
		what, n = "have value", float64(v.Int())
	}
	for _, l := range []struct {
		limit, words string
		sign         float64
	}{{f.min, "greater than or equal to", 1}, {f.max, "less than or equal to", -1}} {
		limit, err := strconv.ParseFloat(l.limit, 64)
		if err == nil && (n-limit)*l.sign < 0 {
			d.violate(value, path, fmt.Sprintf("Member must %s %s %s", what, l.words, l.limit))
		}
	}
}

func (d *decoder) violate(value, path, constraint string) {
	if len(d.violations) < maxFound {
		d.violations = append(d.violations, fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: %s", value, path, constraint))
	}
}

func join(path, name string) string {
	if path == "" {
		return lowerFirst(name)
	}
	return path + "." + lowerFirst(name)
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

// clip keeps what a stranger sent short enough to be told back.
func clip(s string) string {
	const most = 128
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
