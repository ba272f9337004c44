package main

import (
	"bufio"
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// model is what model.tsv says. Its lines, tab-separated, are of these kinds:
//
//	operation NAME METHOD URI STATUS ERRORS      and then, of that operation:
//	query OPERATION NAME TYPE required|optional
//	request-header OPERATION NAME                response-header OPERATION NAME
//	request OPERATION SHAPE                      response OPERATION SHAPE|blob
//	struct NAME                                  and then its members, in order:
//	member NAME TYPE required|optional MIN MAX   limits of length, or of value for numbers
//	enum NAME VALUES
//	error CODE STATUS
//
// where TYPE is string, integer, long, boolean, double, float, timestamp, blob,
// "enum NAME", "struct NAME" or "list ITEM-ELEMENT TYPE".
type model struct {
	operations []*operation
	structs    []*structure
	enums      []enumeration
	errors     []errorCode
}

type operation struct {
	name, method, uri, status       string
	errors                          []string
	query                           []queryParam
	request, response               string
	requestHeaders, responseHeaders []string
}

type queryParam struct {
	name, typ string
	required  bool
}

type structure struct {
	name    string
	members []member
}

type member struct {
	name, typ string
	required  bool
	min, max  string // "" without a limit
}

type enumeration struct {
	name   string
	values []string
}

type errorCode struct {
	name   string
	status int
}

func parseModel(tsv []byte) (*model, error) {
	m := &model{}
	lines := bufio.NewScanner(bytes.NewReader(tsv))
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		if err := m.add(strings.Split(lines.Text(), "\t")); err != nil {
			return nil, fmt.Errorf("model.tsv:%d: %w", n, err)
		}
	}
	return m, lines.Err()
}

func (m *model) add(f []string) error {
	want := map[string]int{
		"operation": 6, "query": 5, "request-header": 3, "response-header": 3, "request": 3, "response": 3,
		"struct": 2, "member": 6, "enum": 3, "error": 3,
	}
	if want[f[0]] != len(f) {
		return fmt.Errorf("kind %q with %d fields is not known", f[0], len(f))
	}
	var op *operation
	if len(m.operations) > 0 {
		op = m.operations[len(m.operations)-1]
	}
	switch f[0] {
	case "operation":
		m.operations = append(m.operations, &operation{name: f[1], method: f[2], uri: f[3], status: f[4], errors: split(f[5])})
	case "query":
		op.query = append(op.query, queryParam{name: f[2], typ: f[3], required: f[4] == "required"})
	case "request-header":
		op.requestHeaders = append(op.requestHeaders, f[2])
	case "response-header":
		op.responseHeaders = append(op.responseHeaders, f[2])
	case "request":
		op.request = f[2]
	case "response":
		op.response = f[2]
	case "struct":
		m.structs = append(m.structs, &structure{name: f[1]})
	case "member":
		s := m.structs[len(m.structs)-1]
		s.members = append(s.members, member{f[1], f[2], f[3] == "required", strings.Trim(f[4], "-"), strings.Trim(f[5], "-")})
	case "enum":
		m.enums = append(m.enums, enumeration{f[1], split(f[2])})
	case "error":
		status, err := strconv.Atoi(f[2])
		if err != nil {
			return err
		}
		m.errors = append(m.errors, errorCode{f[1], status})
	}
	return nil
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}
