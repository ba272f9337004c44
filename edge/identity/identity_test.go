package identity

import (
	"regexp"
	"strings"
	"testing"
)

func TestIDs(t *testing.T) {
	form := regexp.MustCompile(`^[A-Za-z0-9_-]{54}==$`)
	one, other := NewRequests(), NewRequests()
	seen := map[string]bool{}
	for _, r := range []*Requests{&one, &other} {
		for range 100 {
			id := strings.Clone(r.Next())
			if !form.MatchString(id) || seen[id] {
				t.Fatalf("%q, seen before %v", id, seen[id])
			}
			seen[id] = true
		}
	}
	if n := testing.AllocsPerRun(100, func() { _ = one.Next() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestNamesOfANode(t *testing.T) {
	if a := Pseudonym("NRT-1"); !regexp.MustCompile(`^ [0-9a-f]{32}\.cloudfront\.net \(CloudFront\)$`).MatchString(a) || a != Pseudonym("NRT-1") || a == Pseudonym("NRT-2") {
		t.Errorf("%q", a)
	}
	if got := CacheName("NRT 1;é"); got != "warmfront/NRT_1__" {
		t.Errorf("%q", got)
	}
}
