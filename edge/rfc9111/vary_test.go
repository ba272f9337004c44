package rfc9111

import (
	"reflect"
	"testing"

	"github.com/warmfront/warmfront/edge/message"
)

func TestVariant(t *testing.T) {
	names := VaryNames(header("Vary", "B, a", "Vary", "b"))
	if !reflect.DeepEqual(names, []string{"a", "b"}) {
		t.Fatal(names)
	}
	of := func(h message.Header) string { return Variant(names, h.Joined) }
	same := of(header("A", "x,  y", "B", "1"))
	if same != of(header("a", "x", "a", "y", "b", " 1 ")) {
		t.Error("white space and lines make a difference")
	}
	for _, other := range []message.Header{header("A", "y,x", "B", "1"), header("A", "x,y"), header("A", "x,y,1")} {
		if of(other) == same {
			t.Errorf("%v is the same variant", other)
		}
	}
	if Variant(nil, nil) != "" {
		t.Error("a response that does not vary has a variant")
	}
}

func TestSelects(t *testing.T) {
	names := VaryNames(header("Vary", "Accept-Language, Foo"))
	variant := Variant(names, header("Accept-Language", "en, de", "Foo", "1, 2").Joined)
	for _, c := range []struct {
		content string
		request message.Header
		want    bool
	}{
		{"", header("Accept-Language", "en, de", "Foo", "1,2"), true},
		{"", header("Accept-Language", "DE,  eN", "Foo", "1", "Foo", "2"), true},
		{"", header("Accept-Language", "de;q=1.0,en;q=1", "Foo", "1,2"), true},
		{"", header("Accept-Language", "en;q=0.9, de", "Foo", "1,2"), false},
		{"", header("Accept-Language", "en", "Foo", "1,2"), false},
		{"", header("Foo", "1,2"), false},
		{"", header("Accept-Language", "en, de", "Foo", "2,1"), false},
		{"de", header("Accept-Language", "fr;q=0.5, de;q=1.0", "Foo", "1,2"), true},
		{"de", header("Accept-Language", "fr;q=0.5, DE", "Foo", "1,2"), true},
		{"de", header("Accept-Language", "fr, de", "Foo", "1,2"), false}, // either may be given
		{"de", header("Accept-Language", "fr, de;q=0.9", "Foo", "1,2"), false},
		{"de", header("Accept-Language", "de;q=0", "Foo", "1,2"), false},
		{"de, fr", header("Accept-Language", "de", "Foo", "1,2"), false},
		{"*", header("Accept-Language", "*", "Foo", "1,2"), false},
		{"de", header("Accept-Language", "de", "Foo", "3"), false},
	} {
		stored := header("Content-Language", c.content)
		if got := Selects(names, variant, stored, c.request.Joined); got != c.want {
			t.Errorf("%q for %v: %v", c.content, c.request, got)
		}
	}
	if !Selects(nil, "", nil, nil) {
		t.Error("a response that does not vary is not selected")
	}
}

// FuzzSelects: a request is given what was stored for one of the same fields, and
// where no language is known for nobody of another variant.
func FuzzSelects(f *testing.F) {
	f.Add("en, de;q=0.5", "1", "de", "2")
	f.Add("*;q=0, a;q=1.000, b;q=2", "", "\"a,b\"", ",")
	f.Fuzz(func(t *testing.T, language, foo, otherLanguage, otherFoo string) {
		names := []string{"accept-language", "foo"}
		of := func(l, f string) func(string) string {
			return func(n string) string {
				if n == "foo" {
					return f
				}
				return l
			}
		}
		a, b := Variant(names, of(language, foo)), Variant(names, of(otherLanguage, otherFoo))
		if !Selects(names, a, nil, of(language, foo)) {
			t.Fatalf("%q is not selected by its own request", a)
		}
		if Selects(names, a, nil, of(otherLanguage, otherFoo)) != (a == b) {
			t.Fatalf("%q and %q", a, b)
		}
	})
}
