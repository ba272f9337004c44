// Command cloudfrontgen writes the generated half of control/cloudfront: the
// wire shapes, their enumerations, the operations and the error codes of the
// CloudFront API 2020-05-31.
//
// It works from model.tsv, a committed table of facts (names, types, order,
// required or not, limits, URIs, status codes) without a word of anybody's
// documentation, so that a fresh machine with only Go can regenerate and check:
//
//	go run ./scripts/cloudfrontgen                       write the generated files
//	go run ./scripts/cloudfrontgen -check                fail if they are not what model.tsv says
//	go run ./scripts/cloudfrontgen -extract service-2.json[.gz]   take model.tsv anew
//
// The facts come from the service description that botocore ships
// (cloudfront/2020-05-31/service-2.json, Apache-2.0); it is the only published
// form that has success codes and error statuses. That they agree with what
// clients are compiled from is held by a test in control/cloudfront, which
// compares every shape with the types of aws-sdk-go-v2/service/cloudfront as
// pinned in go.mod: raise that pin, run the test, and take the facts anew when
// it fails. The SDK can be days ahead of the description; what the test still
// misses then is added to model.tsv by hand, under a comment that says so.
package main

import (
	"bytes"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

//go:embed model.tsv
var modelTSV []byte

func main() {
	check := flag.Bool("check", false, "compare instead of writing; exit 1 when a generated file is stale")
	extract := flag.String("extract", "", "take model.tsv from this botocore service-2.json or service-2.json.gz")
	root := flag.String("root", ".", "the repository's root `folder`")
	flag.Parse()
	if err := run(*root, *extract, *check); err != nil {
		fmt.Fprintln(os.Stderr, "cloudfrontgen:", err)
		os.Exit(1)
	}
}

func run(root, extract string, check bool) error {
	facts := modelTSV
	if extract != "" {
		var err error
		if facts, err = extractFacts(extract); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(root, "scripts/cloudfrontgen/model.tsv"), facts, 0o644); err != nil {
			return err
		}
	}
	m, err := parseModel(facts)
	if err != nil {
		return err
	}
	files, err := generate(m)
	if err != nil {
		return err
	}
	var stale []error
	for _, f := range files {
		path := filepath.Join(root, "control/cloudfront", f.name)
		if check {
			if have, err := os.ReadFile(path); err != nil || !bytes.Equal(have, f.text) {
				stale = append(stale, fmt.Errorf("%s is stale: run go run ./scripts/cloudfrontgen", path))
			}
		} else if err := os.WriteFile(path, f.text, 0o644); err != nil {
			return err
		}
	}
	return errors.Join(stale...)
}
