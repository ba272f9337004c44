package api_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/warmfront/warmfront/control/cloudfront"
)

// leaves lists the texts of a document with their paths and namespaces, in order:
// what it says, whatever the white space and comments.
func leaves(t *testing.T, doc []byte) []string {
	t.Helper()
	var out, path []string
	d := xml.NewDecoder(bytes.NewReader(doc))
	text, leaf := "", false
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("%v in %s", err, doc)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			path = append(path, tok.Name.Local)
			text, leaf = "", true
		case xml.CharData:
			text += string(tok)
		case xml.EndElement:
			if leaf {
				out = append(out, tok.Name.Space+strings.Join(path, "/")+"="+text)
			}
			path, leaf = path[:len(path)-1], false
		}
	}
}

// TestComesBackAsSent sends a document and holds every element of it to what is
// given back: nothing is lost, changed or put in another order, and what is added
// is CloudFront's defaults.
func TestComesBackAsSent(t *testing.T) {
	current := string(must(os.ReadFile("testdata/distribution.xml"))(t))
	for _, version := range []string{cloudfront.Version, "2018-11-05"} {
		t.Run(version, func(t *testing.T) {
			f := newFixture(t)
			sent := strings.ReplaceAll(current, cloudfront.Version, version)
			resp := f.do(request("POST", "/"+version+"/distribution", sent))
			body := must(io.ReadAll(resp.Body))(t)
			if resp.StatusCode != 201 {
				t.Fatalf("%d: %s", resp.StatusCode, body)
			}
			id, found := strings.CutPrefix(resp.Header.Get("Location"), "https://cloudfront.amazonaws.com/"+version+"/distribution/")
			if !found {
				t.Fatalf("location %q", resp.Header.Get("Location"))
			}

			kept := leaves(t, []byte(f.journal.State().Distributions[id].Config))
			want := leaves(t, []byte(current))
			if strings.Join(kept, "\n") != strings.Join(want, "\n") {
				t.Errorf("the journal has\n%s\nwant\n%s", strings.Join(kept, "\n"), strings.Join(want, "\n"))
			}

			resp = f.do(request("GET", "/"+version+"/distribution/"+id+"/config", ""))
			shown := leaves(t, must(io.ReadAll(resp.Body))(t))
			rest := shown
			for _, line := range leaves(t, []byte(sent)) {
				at := slices.Index(rest, line)
				if at < 0 {
					t.Fatalf("%s is not shown, or not in its place, in\n%s", line, strings.Join(shown, "\n"))
				}
				rest = rest[at+1:]
			}
			if slices.Index(shown, "http://cloudfront.amazonaws.com/doc/"+version+"/DistributionConfig/Staging=false") < 0 {
				t.Errorf("no default is filled in: %s", strings.Join(shown, "\n"))
			}

			// What was shown is accepted as an update, as clients do it, and shown the
			// same.
			resp = f.do(request("GET", "/"+version+"/distribution/"+id+"/config", ""))
			etag := resp.Header.Get("ETag")
			body = must(io.ReadAll(resp.Body))(t)
			update := request("PUT", "/"+version+"/distribution/"+id+"/config", string(body))
			update.Header.Set("If-Match", etag)
			if resp := f.do(update); resp.StatusCode != 200 || resp.Header.Get("ETag") == etag {
				t.Fatalf("%d: %s", resp.StatusCode, must(io.ReadAll(resp.Body))(t))
			}
			again := must(io.ReadAll(f.do(request("GET", "/"+version+"/distribution/"+id+"/config", "")).Body))(t)
			if !bytes.Equal(again, body) {
				t.Errorf("after the update it is\n%s\nand was\n%s", again, body)
			}
		})
	}
}
