package policies

import (
	"fmt"
	"strings"
	"testing"
)

// TestForwarding: the origin gets what either policy selects (compatibility.md 130).
func TestForwarding(t *testing.T) {
	none, all := Selection{}, Selection{Mode: SelectAll}
	names := func(n ...string) Selection { return Selection{SelectNames, n} }
	but := func(n ...string) Selection { return Selection{SelectAllExcept, n} }
	own := func(n ...string) Selection { return Selection{SelectAllAndNames, n} }
	for _, c := range []struct{ a, b, want Selection }{
		{none, none, none},
		{names("A"), none, names("A")},
		{names("A"), names("B"), names("A", "B")},
		{names("A"), all, all},
		{names("A"), but("a", "B"), but("B")},
		{names("A"), but("a"), all},
		{but("A", "B"), but("B", "C"), but("B")},
		{but("A"), but("B"), all},
		{but("A"), all, all},
		{none, but("A"), but("A")},
		{names("A"), own("CloudFront-Viewer-City"), all},
	} {
		for _, pair := range [][2]Selection{{c.a, c.b}, {c.b, c.a}} {
			got := union(pair[0], pair[1], strings.EqualFold)
			if got.Mode != c.want.Mode || len(got.Names) != len(c.want.Names) || len(got.Names) == 1 && fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("%v and %v: %v, want %v", pair[0], pair[1], got, c.want)
			}
		}
	}
	f := Forwards(&Cache{Headers: names("X-A", "CloudFront-Viewer-Country")}, &OriginRequest{Headers: but("Host")})
	if fmt.Sprint(f.Named) != "[X-A CloudFront-Viewer-Country]" || f.Headers.Mode != SelectAllExcept {
		t.Errorf("%+v", f)
	}
}
