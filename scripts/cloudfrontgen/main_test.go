package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFresh fails when the generated files are not what model.tsv says.
func TestFresh(t *testing.T) {
	if err := run("../..", "", true); err != nil {
		t.Error(err)
	}
}

func TestCheckNoticesStaleFiles(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "control/cloudfront")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := run(root, "", false); err != nil {
		t.Fatal(err)
	}
	if err := run(root, "", true); err != nil {
		t.Errorf("just written: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "errors_gen.go"), []byte("package cloudfront\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := run(root, "", true); err == nil || !strings.Contains(err.Error(), "errors_gen.go is stale") {
		t.Errorf("a changed file gives %v", err)
	}
}

// TestExtract takes facts from a small service description: order of members,
// what is bound to path, query and headers, lists, enumerations, limits.
func TestExtract(t *testing.T) {
	path := filepath.Join(t.TempDir(), "service-2.json")
	if err := os.WriteFile(path, []byte(`{
	"operations": {"PutThing": {
		"http": {"method": "PUT", "requestUri": "/2020-05-31/thing/{Id}", "responseCode": 201},
		"input": {"shape": "PutThingRequest"}, "output": {"shape": "PutThingResult"},
		"errors": [{"shape": "TooBig"}, {"shape": "NoThing"}]}},
	"shapes": {
		"PutThingRequest": {"type": "structure", "required": ["Id", "Thing"], "payload": "Thing", "members": {
			"Thing": {"shape": "Thing", "locationName": "Thing"},
			"Id": {"shape": "string", "location": "uri", "locationName": "Id"},
			"Mode": {"shape": "string", "location": "querystring", "locationName": "Mode"},
			"IfMatch": {"shape": "string", "location": "header", "locationName": "If-Match"}}},
		"PutThingResult": {"type": "structure", "members": {"ETag": {"shape": "string", "location": "header", "locationName": "ETag"}}},
		"Thing": {"type": "structure", "required": ["Zeta"], "members": {
			"Zeta": {"shape": "Name", "documentation": "prose that must not be taken"},
			"Alpha": {"shape": "Colors"}, "Beta": {"shape": "Plain"}}},
		"Name": {"type": "string", "min": 1, "max": 64},
		"Colors": {"type": "list", "member": {"shape": "Color", "locationName": "Color"}},
		"Plain": {"type": "list", "member": {"shape": "string"}},
		"Color": {"type": "string", "enum": ["red", "blue"]},
		"string": {"type": "string"},
		"NoThing": {"type": "structure", "exception": true, "error": {"httpStatusCode": 404}},
		"TooBig": {"type": "structure", "exception": true, "error": {"httpStatusCode": 413}}}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	facts, err := extractFacts(path)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range strings.Split(strings.TrimSpace(string(facts)), "\n") {
		if !strings.HasPrefix(l, "#") {
			got = append(got, strings.ReplaceAll(l, "\t", "|"))
		}
	}
	want := []string{
		"operation|PutThing|PUT|/2020-05-31/thing/{Id}|201|NoThing,TooBig",
		"query|PutThing|Mode|string|optional",
		"request-header|PutThing|If-Match",
		"request|PutThing|Thing",
		"response-header|PutThing|ETag",
		"struct|Thing",
		"member|Zeta|string|required|1|64",
		"member|Alpha|list Color enum Color|optional|-|-",
		"member|Beta|list member string|optional|-|-",
		"enum|Color|red,blue",
		"error|NoThing|404",
		"error|TooBig|413",
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("got\n%s\nwant\n%s", g, w)
	}
}
