// Package document reads configuration documents, and knows what was read of them.
//
// Parse makes a tree of elements of the XML. Whoever compiles it asks for what it acts
// on, by name; what says something and was never asked for is found by Unread, so that
// it can be told and is not silently dropped.
package document

import (
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Element is one element of a configuration document: its local name, its text
// and its children in order. Namespaces are dropped. It keeps which fields were
// present, which the API promises to give back.
type Element struct {
	Name     string
	Text     string
	Children []*Element

	// read is set when somebody asks for the element, so that what was never
	// asked for can be reported instead of silently dropped.
	read bool
}

const maxDocumentDepth = 32

// Parse reads a configuration document. It refuses directives (and with
// them entity definitions) and more than 32 levels.
func Parse(doc string) (*Element, error) {
	d := xml.NewDecoder(strings.NewReader(doc))
	var root *Element
	var stack []*Element
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) && root != nil {
			return root, nil
		}
		if err != nil {
			return nil, fmt.Errorf("the XML document is not well formed: %w", err)
		}
		switch t := tok.(type) {
		case xml.Directive:
			return nil, errors.New("the XML document contains a directive, which is not allowed")
		case xml.StartElement:
			e := &Element{Name: t.Name.Local}
			if len(stack) == 0 {
				if root != nil {
					return nil, errors.New("the XML document has more than one root element")
				}
				root = e
			} else {
				parent := stack[len(stack)-1]
				parent.Children = append(parent.Children, e)
			}
			if len(stack) == maxDocumentDepth {
				return nil, fmt.Errorf("the XML document is nested more than %d levels deep", maxDocumentDepth)
			}
			stack = append(stack, e)
		case xml.EndElement:
			e := stack[len(stack)-1]
			if len(e.Children) > 0 {
				e.Text = ""
			}
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(stack) > 0 {
				stack[len(stack)-1].Text += string(t)
			}
		}
	}
}

// Child returns the first child of that name, or nil. All reading methods accept
// a nil Element and see it as absent.
func (e *Element) Child(name string) *Element {
	if e == nil {
		return nil
	}
	for _, c := range e.Children {
		if c.Name == name {
			c.read = true
			return c
		}
	}
	return nil
}

// At follows child names from e.
func (e *Element) At(names ...string) *Element {
	for _, n := range names {
		e = e.Child(n)
	}
	return e
}

// String returns the text of the element at names, "" where it is absent.
func (e *Element) String(names ...string) string {
	if c := e.At(names...); c != nil {
		return c.Text
	}
	return ""
}

// Bool returns whether the element at names says true.
func (e *Element) Bool(names ...string) bool { return e.String(names...) == "true" }

// Int returns the number at names, or def where it is absent or empty.
func (e *Element) Int(def int64, names ...string) (int64, error) {
	s := strings.TrimSpace(e.String(names...))
	if s == "" {
		return def, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the element %s holds %q, which is not a whole number", strings.Join(names, "/"), s)
	}
	return n, nil
}

// Items returns the members of a CloudFront list (Quantity and Items).
func (e *Element) Items(names ...string) []*Element {
	list := e.At(names...)
	list.Child("Quantity")
	items := list.Child("Items")
	if items == nil {
		return nil
	}
	for _, c := range items.Children {
		c.read = true
	}
	return items.Children
}

// Texts returns the texts of the members of a list of plain values.
func (e *Element) Texts(names ...string) []string {
	var out []string
	for _, c := range e.Items(names...) {
		out = append(out, c.Text)
	}
	return out
}

// Bytes returns what the element at names holds in base64.
func (e *Element) Bytes(names ...string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(e.String(names...)))
	if err != nil {
		return nil, fmt.Errorf("the element %s does not hold base64", strings.Join(names, "/"))
	}
	return b, nil
}

// Aside returns a copy of the element at names, nil where it is absent. What is read
// of the copy still counts as unread: it is kept for later, and nobody acts on it yet.
func (e *Element) Aside(names ...string) *Element {
	for _, n := range names {
		if e == nil {
			return nil
		}
		i := slices.IndexFunc(e.Children, func(c *Element) bool { return c.Name == n })
		if i < 0 {
			return nil
		}
		e = e.Children[i]
	}
	c := &Element{Name: e.Name, Text: e.Text}
	for _, child := range e.Children {
		c.Children = append(c.Children, child.Aside())
	}
	return c
}

// XML writes the element.
func (e *Element) XML() string {
	var b strings.Builder
	e.write(&b)
	return b.String()
}

func (e *Element) write(b *strings.Builder) {
	b.WriteString("<" + e.Name + ">")
	_ = xml.EscapeText(b, []byte(e.Text)) // a Builder takes everything
	for _, c := range e.Children {
		c.write(b)
	}
	b.WriteString("</" + e.Name + ">")
}

// Unread returns the paths of the leaves that say something and were never read, in the
// document's order.
func (e *Element) Unread() []string { return e.unread("", nil) }

func (e *Element) unread(prefix string, out []string) []string {
	path := prefix + e.Name
	if len(e.Children) == 0 {
		switch strings.ToLower(strings.TrimSpace(e.Text)) {
		case "", "0", "false", "none", "off", "disabled":
			return out
		}
		if !e.read {
			out = append(out, path)
		}
		return out
	}
	for _, c := range e.Children {
		out = c.unread(path+"/", out)
	}
	return out
}
