package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// botocore's service description, as far as facts are taken from it.
type description struct {
	Operations map[string]struct {
		HTTP struct {
			Method, RequestURI string
			ResponseCode       int
		}
		Input, Output *struct{ Shape, LocationName string }
		Errors        []struct{ Shape string }
	}
	Shapes map[string]*describedShape
}

type describedShape struct {
	Type      string
	Members   describedMembers
	Member    *describedMember
	Required  []string
	Payload   string
	Enum      []string
	Min, Max  *json.Number
	Exception bool
	Error     *struct{ HTTPStatusCode int }
}

type describedMember struct {
	name                          string
	Shape, Location, LocationName string
}

// describedMembers keeps the order of the description, which is the order in
// which AWS writes the elements.
type describedMembers []describedMember

func (m *describedMembers) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		member := describedMember{name: name.(string)}
		if err := d.Decode(&member); err != nil {
			return err
		}
		*m = append(*m, member)
	}
	return nil
}

// extractFacts returns the text of model.tsv for a service description.
func extractFacts(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return nil, err
		}
	}
	var d description
	if err := json.NewDecoder(r).Decode(&d); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	x := &extraction{description: d, structs: map[string]bool{}, enums: map[string]bool{}}
	x.line("# Facts of the CloudFront API 2020-05-31: names, types, order and limits only.")
	x.line("# Taken by cloudfrontgen -extract; the kinds of line are described in model.go.")
	for _, name := range slices.Sorted(maps.Keys(d.Operations)) {
		if err := x.operation(name); err != nil {
			return nil, fmt.Errorf("operation %s: %w", name, err)
		}
	}
	for len(x.queue) > 0 {
		name := x.queue[0]
		x.queue = x.queue[1:]
		if err := x.structure(name); err != nil {
			return nil, fmt.Errorf("shape %s: %w", name, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(x.enums)) {
		x.line("enum", name, strings.Join(d.Shapes[name].Enum, ","))
	}
	for _, name := range slices.Sorted(maps.Keys(d.Shapes)) {
		if s := d.Shapes[name]; s.Exception {
			if s.Error == nil {
				return nil, fmt.Errorf("error %s has no status", name)
			}
			x.line("error", name, fmt.Sprint(s.Error.HTTPStatusCode))
		}
	}
	return x.out.Bytes(), nil
}

type extraction struct {
	description
	out            bytes.Buffer
	queue          []string
	structs, enums map[string]bool
}

func (x *extraction) line(fields ...string) {
	x.out.WriteString(strings.Join(fields, "\t"))
	x.out.WriteByte('\n')
}

func (x *extraction) operation(name string) error {
	o := x.Operations[name]
	var errs []string
	for _, e := range o.Errors {
		errs = append(errs, e.Shape)
	}
	slices.Sort(errs)
	x.line("operation", name, o.HTTP.Method, o.HTTP.RequestURI, fmt.Sprint(o.HTTP.ResponseCode), strings.Join(errs, ","))
	if err := x.side(name, "request", o.Input.Shape, o.Input.LocationName); err != nil {
		return err
	}
	if o.Output == nil {
		return nil
	}
	return x.side(name, "response", o.Output.Shape, "")
}

// side writes what an operation takes or gives: query parameters, headers and
// the body, whose shape is a payload member or the members that are bound to
// nothing else.
func (x *extraction) side(op, side, shape, root string) error {
	s := x.Shapes[shape]
	bound := 0
	for _, m := range s.Members {
		switch m.Location {
		case "":
			continue
		case "querystring":
			x.line("query", op, m.LocationName, x.Shapes[m.Shape].Type, required(s, m.name))
		case "header":
			x.line(side+"-header", op, m.LocationName)
		case "uri":
			if m.name != m.LocationName {
				return fmt.Errorf("label %s is bound to %s", m.name, m.LocationName)
			}
		default:
			return fmt.Errorf("location %s is not handled", m.Location)
		}
		bound++
	}
	if s.Payload != "" {
		i := slices.IndexFunc(s.Members, func(m describedMember) bool { return m.name == s.Payload })
		payload := s.Members[i]
		if x.Shapes[payload.Shape].Type == "blob" {
			x.line(side, op, "blob")
			return nil
		}
		shape, root = payload.Shape, payload.LocationName
	} else if bound == len(s.Members) {
		return nil
	}
	// The package rests on this: a body's root element, its shape and the Go
	// type have one name. (AWS names two response roots after the member.)
	if side == "request" && root != shape {
		return fmt.Errorf("request root %s is not its shape %s", root, shape)
	}
	x.line(side, op, shape)
	x.enqueue(shape)
	return nil
}

func (x *extraction) enqueue(shape string) {
	if !x.structs[shape] {
		x.structs[shape] = true
		x.queue = append(x.queue, shape)
	}
}

func (x *extraction) structure(name string) error {
	s := x.Shapes[name]
	x.line("struct", name)
	for _, m := range s.Members {
		if m.Location != "" {
			continue
		}
		if m.LocationName != "" && m.LocationName != m.name {
			return fmt.Errorf("member %s is called %s on the wire", m.name, m.LocationName)
		}
		typ, err := x.typeOf(m.Shape)
		if err != nil {
			return err
		}
		shape := x.Shapes[m.Shape]
		x.line("member", m.name, typ, required(s, m.name), limit(shape.Min), limit(shape.Max))
	}
	return nil
}

func (x *extraction) typeOf(shape string) (string, error) {
	s := x.Shapes[shape]
	switch s.Type {
	case "string":
		if len(s.Enum) > 0 {
			x.enums[shape] = true
			return "enum " + shape, nil
		}
		return "string", nil
	case "structure":
		x.enqueue(shape)
		return "struct " + shape, nil
	case "list":
		item := s.Member.LocationName
		if item == "" {
			item = "member" // REST-XML's name for list items without one
		}
		typ, err := x.typeOf(s.Member.Shape)
		return "list " + item + " " + typ, err
	case "integer", "long", "boolean", "double", "float", "timestamp", "blob":
		return s.Type, nil
	}
	return "", fmt.Errorf("type %s is not handled", s.Type)
}

func required(s *describedShape, member string) string {
	if slices.Contains(s.Required, member) {
		return "required"
	}
	return "optional"
}

func limit(n *json.Number) string {
	if n == nil {
		return "-"
	}
	return n.String()
}
