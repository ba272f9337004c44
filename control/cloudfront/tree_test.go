package cloudfront

import (
	"bytes"
	"encoding/xml"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// node is an element as a test sees it, without the package's own reader.
type node struct {
	name, space, text string
	kids              []*node
}

func parseTree(t *testing.T, doc []byte) *node {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(doc))
	stack := []*node{{}}
	for {
		tok, err := d.Token()
		if err == io.EOF {
			if len(stack[0].kids) != 1 {
				t.Fatalf("%d roots in %s", len(stack[0].kids), doc)
			}
			return stack[0].kids[0]
		}
		if err != nil {
			t.Fatalf("%v in %s", err, doc)
		}
		top := stack[len(stack)-1]
		switch tok := tok.(type) {
		case xml.StartElement:
			n := &node{name: tok.Name.Local, space: tok.Name.Space}
			top.kids = append(top.kids, n)
			stack = append(stack, n)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			top.text += string(tok)
		}
	}
}

// canonical is the tree as text with members in the order of their names;
// items of a list, which all have one name, stay in their order.
func (n *node) canonical() string {
	slices.SortStableFunc(n.kids, func(a, b *node) int { return strings.Compare(a.name, b.name) })
	var b strings.Builder
	b.WriteString("<" + n.name + " " + n.space + ">")
	if len(n.kids) == 0 {
		b.WriteString(n.text)
	}
	for _, k := range n.kids {
		b.WriteString("\n" + k.canonical())
	}
	b.WriteString("</>")
	return b.String()
}

func (n *node) document() []byte {
	var b bytes.Buffer
	var write func(n *node, attr string)
	write = func(n *node, attr string) {
		b.WriteString("<" + n.name + attr + ">")
		if len(n.kids) == 0 {
			xml.EscapeText(&b, []byte(n.text))
		}
		for _, k := range n.kids {
			write(k, "")
		}
		b.WriteString("</" + n.name + ">")
	}
	write(n, ` xmlns="`+n.space+`"`)
	return b.Bytes()
}

// countItems makes every Quantity the number of the items beside it, and tells
// how many were not.
func (n *node) countItems() (wrong int) {
	var quantity, list *node
	for _, k := range n.kids {
		wrong += k.countItems()
		switch k.name {
		case "Quantity":
			quantity = k
		case "Items", "IpamCidrConfigs":
			list = k
		}
	}
	if quantity != nil {
		count := 0
		if list != nil {
			count = len(list.kids)
		}
		if quantity.text != strconv.Itoa(count) {
			quantity.text = strconv.Itoa(count)
			wrong++
		}
	}
	return wrong
}

// golden is a request as the Go SDK's own golden files have it.
type golden struct {
	op, method, path, query string
	body                    []byte
}

// goldenRequests reads them from the SDK's module, which go.mod pins: one for
// every operation.
func goldenRequests(t testing.TB) []golden {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-sdk-go-v2/service/cloudfront").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "request_snapshot", "*.request.snap"))
	if err != nil {
		t.Fatal(err)
	}
	var all []golden
	for _, f := range files {
		all = append(all, readGolden(t, f))
	}
	if len(all) != len(Operations()) {
		t.Fatalf("%d golden requests for %d operations", len(all), len(Operations()))
	}
	return all
}
