package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/warmfront/warmfront/journal/mutant"
	"github.com/warmfront/warmfront/sim/explore/search"
)

func TestFlags(t *testing.T) {
	if mutant.Enabled {
		t.Skip("this build breaks rules")
	}
	for args, want := range map[string]string{
		"-seeds 0":            "use 1 or more",
		"-parallel 0":         "use 1 or more",
		"-o xml":              "use text or json",
		"-trace":              "-trace goes with -seed",
		"-seed 1 -trace -o x": "use text or json",
		"once":                "only flags are known",
	} {
		if _, err := parse(strings.Fields(args)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("explore %s: %v, want %q", args, err, want)
		}
	}
	o, err := parse(strings.Fields("-mutants A -seeds 1"))
	if err != nil {
		t.Fatal(err)
	}
	if err := run(o, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "-tags mutants") {
		t.Errorf("a build that breaks no rule says %v", err)
	}
}

// What a run prints is the same each time, with the trace and without.
func TestASeedIsRunAgain(t *testing.T) {
	var digests []string
	for _, args := range []string{"-seed 3", "-seed 3 -trace", "-seed 3 -o json"} {
		o, err := parse(strings.Fields(args))
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := run(o, &out, io.Discard); err != nil {
			t.Fatalf("explore %s: %v", args, err)
		}
		if o.output == "json" {
			var r report
			if err := json.Unmarshal(out.Bytes(), &r); err != nil {
				t.Fatal(err)
			}
			if r.Tally.Runs != 1 || r.Tally.Reads == 0 {
				t.Errorf("the report says %+v", r.Tally)
			}
			digests = append(digests, r.Trace)
			continue
		}
		_, digest, _ := strings.Cut(out.String(), "SHA-256 ")
		digests = append(digests, strings.TrimSpace(digest))
	}
	if digests[0] == "" || digests[0] != digests[1] || digests[0] != digests[2] {
		t.Errorf("three runs of a seed gave the digests %q", digests)
	}
}

func TestWhatWasFoundIsAnError(t *testing.T) {
	for _, output := range []string{"text", "json"} {
		r := report{Violations: make([]search.Found, 1)}
		if err := r.print(options{output: output}, io.Discard); !errors.Is(err, errFound) {
			t.Errorf("-o %s: %v", output, err)
		}
	}
}
