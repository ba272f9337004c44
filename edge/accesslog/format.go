package accesslog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/warmfront/warmfront/cdn/logs"
)

// Format is how records become text: which fields, in which order, and what is
// around them.
type Format struct {
	fields  []field
	kind    Kind
	divider string
	cookies bool
	keeps   Selection
}

// Kind is one of the forms that CloudFront has (developer guide, "Supported log file
// formats").
type Kind string

// The kinds: W3C has a header that names the fields, Plain is the same without, JSON
// is an object a line, all of whose values are strings. Parquet is made of lines whose
// values have tabs between them, whatever divider is asked for, by who writes the file.
const (
	W3C   Kind = "w3c"
	Plain Kind = "plain"
	JSON  Kind = "json"

	Parquet Kind = "parquet"
)

// Standard is the format of standard logs (legacy): all 33 fields. Cookies are written
// only if that is asked for.
func Standard(cookies bool) *Format {
	return &Format{kind: W3C, cookies: cookies, keeps: Selection{Cookies: cookies}}
}

// NewFormat makes a format of chosen fields. A divider of "" is a tab.
func NewFormat(kind Kind, names []string, divider string) (*Format, error) {
	if kind != W3C && kind != Plain && kind != JSON && kind != Parquet {
		return nil, fmt.Errorf("there is no format %.20q: use w3c, json, plain or parquet", kind)
	}
	f := &Format{kind: kind, divider: divider, cookies: true}
	if divider == "" || kind == Parquet {
		f.divider = "\t"
	}
	known := byName(standardFields(), sharedFields(), furtherFields())
	for _, name := range names {
		field, found := known[name]
		if !found {
			return nil, fmt.Errorf("there is no field %.64q", name)
		}
		f.fields = append(f.fields, field)
	}
	if len(f.fields) == 0 {
		return nil, fmt.Errorf("a log needs at least one field")
	}
	f.keeps = keeps(names)
	return f, nil
}

// Realtime is the format of real-time logs: values with a tab between them, in the
// order that CloudFront has for all fields, in whatever order they were asked for
// (belief 580). What is no field is left out.
func Realtime(names []string) *Format {
	f := &Format{kind: Plain, divider: "\t", fields: []field{}, keeps: keeps(names)}
	known := byName(standardFields(), sharedFields(), realtimeFields())
	for _, name := range logs.RealtimeFields() {
		if field, found := known[name]; found && slices.Contains(names, name) {
			f.fields = append(f.fields, field)
		}
	}
	return f
}

// keeps is what records have to keep for fields of those names.
func keeps(names []string) Selection {
	has := func(of ...string) bool {
		return slices.ContainsFunc(of, func(n string) bool { return slices.Contains(names, n) })
	}
	return Selection{
		Cookies:  has("cs(Cookie)", "cs-cookie"),
		Headers:  slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "cs-header") || strings.HasPrefix(n, "cmcd-") }),
		LookedUp: has("c-country", "asn", "s-ip"),
	}
}

// Keeps says what records have to keep for the format.
func (f *Format) Keeps() Selection {
	return f.keeps
}

// Header is how a file begins, "" for nothing.
func (f *Format) Header() string {
	switch {
	case f.fields == nil:
		return Header
	case f.kind != W3C:
		return ""
	}
	names := make([]string, 0, len(f.fields))
	for _, x := range f.fields {
		names = append(names, x.name)
	}
	return "#Version: 1.0\n#Fields: " + strings.Join(names, " ") + "\n"
}

// Append appends a record as one line, its end included.
func (f *Format) Append(b []byte, r *Record) []byte {
	if f.fields == nil {
		return r.Append(b, f.cookies)
	}
	if f.kind == JSON {
		return f.appendObject(b, r)
	}
	for i := range f.fields {
		b = f.fields[i].append(b, r)
		b = append(b[:len(b)-1], f.divider...) // instead of the tab
	}
	if len(f.fields) > 0 {
		b = b[:len(b)-len(f.divider)]
	}
	return append(b, '\n')
}

// appendObject needs no escapes of JSON's: values are made of what is printable of
// ASCII, without the quotation mark and the backslash.
func (f *Format) appendObject(b []byte, r *Record) []byte {
	b = append(b, '{')
	for i := range f.fields {
		b = append(append(append(b, '"'), f.fields[i].name...), `":"`...)
		b = f.fields[i].append(b, r)
		b = append(b[:len(b)-1], `",`...)
	}
	b[len(b)-1] = '}'
	return append(b, '\n')
}
