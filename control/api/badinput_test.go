package api_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warmfront/warmfront/control/cloudfront"
)

// node is one element of a document that is about to be broken.
type node struct {
	name, space, text string
	parent            *node
	children          []*node
}

func readTree(t *testing.T, doc []byte) *node {
	t.Helper()
	root := &node{}
	at := root
	d := xml.NewDecoder(bytes.NewReader(doc))
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return root.children[0]
		}
		if err != nil {
			t.Fatal(err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			n := &node{name: tok.Name.Local, space: tok.Name.Space, parent: at}
			at.children = append(at.children, n)
			at = n
		case xml.CharData:
			at.text += string(tok)
		case xml.EndElement:
			at = at.parent
		}
	}
}

func (n *node) write(b *strings.Builder) {
	fmt.Fprintf(b, "<%s xmlns=%q>", n.name, n.space)
	for _, c := range n.children {
		c.write(b)
	}
	if len(n.children) == 0 {
		_ = xml.EscapeText(b, []byte(n.text))
	}
	b.WriteString("</" + n.name + ">")
}

func (n *node) document() string {
	var b strings.Builder
	n.write(&b)
	return b.String()
}

// each calls f for the node and all below it.
func (n *node) each(f func(*node)) {
	f(n)
	for _, c := range n.children {
		c.each(f)
	}
}

func (n *node) index() int { return slices.Index(n.parent.children, n) }

// breaking is one way to break a document at an element; undo mends it.
type breaking struct {
	name  string
	alter func(*node) (undo func())
	// accepted is set where a document may still be one: what was removed may be
	// optional.
	accepted bool
}

func breakings() []breaking {
	text := func(name, with string, accepted bool) breaking {
		return breaking{name, func(n *node) func() {
			if len(n.children) > 0 {
				return nil
			}
			old := n.text
			n.text = with
			return func() { n.text = old }
		}, accepted}
	}
	rename := func(name, with string) breaking {
		return breaking{name, func(n *node) func() {
			old := n.name
			n.name = with
			return func() { n.name = old }
		}, false}
	}
	return []breaking{
		{"removed", func(n *node) func() {
			siblings := n.parent.children
			i := n.index()
			n.parent.children = slices.Delete(slices.Clone(siblings), i, i+1)
			return func() { n.parent.children = siblings }
		}, true},
		{"given twice", func(n *node) func() {
			siblings := n.parent.children
			n.parent.children = slices.Insert(slices.Clone(siblings), n.index(), n)
			return func() { n.parent.children = siblings }
		}, false},
		rename("renamed", "Strange"), rename("in lower case", "id"),
		{"in a wrong namespace", func(n *node) func() {
			old := n.space
			n.space = "http://s3.amazonaws.com/doc/2006-03-01/"
			return func() { n.space = old }
		}, false},
		{"in the namespace of another version", func(n *node) func() {
			old := n.space
			n.space = strings.Replace(old, "2020-05-31", "2018-11-05", 1)
			return func() { n.space = old }
		}, false},
		{"with a stranger in it", func(n *node) func() {
			old := n.children
			n.children = append(slices.Clone(old), &node{name: "Stranger", space: n.space})
			return func() { n.children = old }
		}, false},
		text("without its text", "", true), text("with other text", "\u2603 no such value", true), text("with a number", "-2147483649", true), text("with much text", strings.Repeat("x", 5000), true),
	}
}

// TestBrokenDocuments breaks a document at every element in every way: what is
// refused is refused as CloudFront's error, in a sentence that names the element or
// the one around it, and leaves the journal as it was.
func TestBrokenDocuments(t *testing.T) {
	f := newFixture(t)
	whole := must(os.ReadFile("testdata/distribution.xml"))(t)
	if resp := f.do(request("POST", listPath, string(whole))); resp.StatusCode != http.StatusCreated {
		t.Fatalf("the whole document: %d %s", resp.StatusCode, must(io.ReadAll(resp.Body))(t))
	}
	f = newFixture(t) // without it, for its reference and aliases
	root := readTree(t, whole)
	before := f.journal.State()
	refused, accepted := 0, 0
	root.each(func(n *node) {
		for _, b := range breakings() {
			if n == root && (b.name == "removed" || b.name == "given twice") {
				continue
			}
			name := n.name
			undo := b.alter(n)
			if undo == nil {
				continue
			}
			doc := root.document()
			undo()
			resp := f.do(request("POST", listPath, doc))
			body := string(must(io.ReadAll(resp.Body))(t))
			if resp.StatusCode == http.StatusCreated && b.accepted {
				accepted++
				f.journal.state = before
				continue
			}
			refused++
			if resp.StatusCode < 400 || resp.StatusCode >= 500 || !strings.Contains(body, "<Code>") {
				t.Errorf("%s %s: %d %s", name, b.name, resp.StatusCode, body)
			}
			if n != root && !namesIt(n, body) {
				t.Errorf("%s %s: the sentence does not name it: %s", name, b.name, body)
			}
			if f.journal.State() != before {
				t.Fatalf("%s %s: the journal has changed", name, b.name)
			}
		}
	})
	if refused < 800 || accepted < 50 {
		t.Errorf("%d were refused, %d accepted", refused, accepted)
	}
}

// namesIt tells whether an error names the element, or what it is in: an item of a
// list is told by the list, and whose values do not go together by the other one.
func namesIt(n *node, body string) bool {
	body = strings.ToLower(body)
	for at := n; at.parent != nil; at = at.parent {
		if at.name != "Items" && strings.Contains(body, strings.ToLower(at.name)) {
			return true
		}
	}
	return false
}

// TestHostileBodies sends what is made to be costly.
func TestHostileBodies(t *testing.T) {
	f := newFixture(t)
	whole := string(must(os.ReadFile("testdata/distribution.xml"))(t))
	start := strings.Index(whole, "<DistributionConfig")
	lol := `<!DOCTYPE lolz [<!ENTITY a "lol">`
	for c := 'b'; c <= 'j'; c++ {
		lol += fmt.Sprintf(`<!ENTITY %c "%s">`, c, strings.Repeat(fmt.Sprintf("&%c;", c-1), 10))
	}
	before := f.journal.State().Version
	for _, c := range []struct {
		name, body string
		code       cloudfront.Code
		says       string
	}{
		{"10 MB", "<DistributionConfig>" + strings.Repeat("a", 10<<20), cloudfront.CodeRequestEntityTooLarge, "1048576 bytes"},
		{"10 MB after a document", whole + strings.Repeat(" ", 10<<20), cloudfront.CodeRequestEntityTooLarge, "1048576 bytes"},
		{"entities of entities", lol + "]>" + strings.Replace(whole[start:], "index.html", "&j;", 1), cloudfront.CodeMalformedInput, "document type"},
		{"a file as entity", `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>` + strings.Replace(whole[start:], "index.html", "&x;", 1), cloudfront.CodeMalformedInput, "document type"},
		{"an entity that is not defined", strings.Replace(whole, "index.html", "&x;", 1), cloudfront.CodeMalformedInput, "&x;"},
		{"a processing instruction", whole[:start] + `<?xml-stylesheet href="a"?>` + whole[start:], cloudfront.CodeMalformedInput, "processing instruction"},
		{"depth", "<DistributionConfig>" + strings.Repeat("<Origins>", 100_000), cloudfront.CodeMalformedInput, "Origins"},
		{"elements", "<DistributionConfig><Aliases><Items>" + strings.Repeat("<CNAME/>", 100_000), cloudfront.CodeMalformedInput, "Items"},
		{"attributes", "<DistributionConfig " + attributes(60_000) + "/>", cloudfront.CodeMalformedXML, "distributionConfig"},
		{"many aliases", manyAliases(9000), cloudfront.CodeTooManyDistributionCNAMEs, "CNAMEs"},
		{"no XML", `{"DistributionConfig": {}}`, cloudfront.CodeMalformedInput, "root element"},
		{"another root", strings.ReplaceAll(whole, "DistributionConfig", "Distribution"), cloudfront.CodeMalformedInput, "Distribution"},
		{"two roots", whole + "<DistributionConfig/>", cloudfront.CodeMalformedInput, "DistributionConfig"},
		{"cut off", whole[:len(whole)-30], cloudfront.CodeMalformedInput, "IsIPV6Enabled"},
		{"bytes that are no UTF-8", strings.Replace(whole, "index.html", "\xff\xfe", 1), cloudfront.CodeMalformedInput, "UTF-8"},
		{"another encoding", strings.Replace(whole, "UTF-8", "UTF-16", 1), cloudfront.CodeMalformedInput, "UTF-16"},
		{"a NUL", strings.Replace(whole, "index.html", "\x00", 1), cloudfront.CodeMalformedInput, "U+0000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			began := time.Now()
			resp := f.do(request("POST", listPath, c.body))
			body := string(must(io.ReadAll(resp.Body))(t))
			if !strings.Contains(body, "<Code>"+string(c.code)+"</Code>") || resp.StatusCode != c.code.Status() || !strings.Contains(body, strings.ReplaceAll(c.says, "&", "&amp;")) {
				t.Errorf("%d %.500s, want %s with %q", resp.StatusCode, body, c.code, c.says)
			}
			if len(body) > 8<<10 {
				t.Errorf("the answer has %d bytes", len(body))
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
			if v := f.journal.State().Version; v != before {
				t.Errorf("the journal is at %v, was at %v", v, before)
			}
		})
	}
}

func attributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ` a%d="1"`, i)
	}
	return b.String()
}

func manyAliases(n int) string {
	cfg := siteDocument()
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("a%d.example.com", i)
	}
	cfg.Aliases = &cloudfront.Aliases{Items: names}
	return string(cloudfront.Marshal(cloudfront.Version, cfg))
}

func siteDocument() *cloudfront.DistributionConfig {
	return &cloudfront.DistributionConfig{
		CallerReference:      "document",
		Origins:              cloudfront.Origins{Items: []cloudfront.Origin{{Id: "bucket", DomainName: "demo.s3.us-east-1.amazonaws.com", S3OriginConfig: &cloudfront.S3OriginConfig{}}}},
		DefaultCacheBehavior: cloudfront.DefaultCacheBehavior{TargetOriginId: "bucket", ViewerProtocolPolicy: cloudfront.ViewerProtocolPolicyAllowAll, CachePolicyId: new(cachingOptimized)},
	}
}

// TestALongBodyIsNotRead: a body that is too long is refused before it is here, over
// a real connection, chunked or not.
func TestALongBodyIsNotRead(t *testing.T) {
	f := newFixture(t)
	for _, length := range []int64{10 << 20, -1} {
		sent := &endless{}
		r := must(http.NewRequestWithContext(t.Context(), "POST", f.server.URL+listPath, io.LimitReader(sent, 1<<30)))(t)
		r.ContentLength = length
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 of no use")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			// The connection may be closed while the body is under way.
			if sent.n.Load() > 64<<20 {
				t.Errorf("length %d: %d bytes were taken, then %v", length, sent.n.Load(), err)
			}
			continue
		}
		if code := errorCode(t, resp); code != "RequestEntityTooLarge" || resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("length %d: %d %s", length, resp.StatusCode, code)
		}
		_ = resp.Body.Close()
		if sent.n.Load() > 64<<20 {
			t.Errorf("length %d: %d bytes were taken", length, sent.n.Load())
		}
	}
}

// endless is a body without end, and counts what is taken of it.
type endless struct{ n atomic.Int64 }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	e.n.Add(int64(len(p)))
	return len(p), nil
}
