package message

import (
	"reflect"
	"testing"
)

func TestHeaderComparesNamesWithoutCaseAndKeepsOrder(t *testing.T) {
	h := Header{{"A", "1"}, {"b", "2"}, {"a", "3"}}
	if h.Get("a") != "1" || h.Joined("A") != "1, 3" || h.Joined("B") != "2" || h.Has("c") || h.Joined("c") != "" {
		t.Errorf("%v", h)
	}
	h.Set("a", "4")
	if want := (Header{{"b", "2"}, {"a", "4"}}); !reflect.DeepEqual(h, want) {
		t.Errorf("got %v, want %v", h, want)
	}
	if h.Size() != len("b: 2\r\na: 4\r\n") {
		t.Error(h.Size())
	}
	c := h.Clone(1)
	c.Set("b", "x")
	if h.Get("b") != "2" {
		t.Error("a clone shares its fields")
	}
}

func TestDropHopByHopFollowsConnection(t *testing.T) {
	h := Header{{"Connection", "close, X-Mine"}, {"x-mine", "1"}, {"Keep-Alive", "5"}, {"Transfer-Encoding", "chunked"}, {"ETag", `"a"`}}
	h.DropHopByHop()
	if want := (Header{{"ETag", `"a"`}}); !reflect.DeepEqual(h, want) {
		t.Errorf("got %v, want %v", h, want)
	}
}

func TestItems(t *testing.T) {
	for in, want := range map[string][]string{
		"": nil, " , ,": nil, "a": {"a"}, "a ,b": {"a", "b"}, `"x,y", z`: {`"x,y"`, "z"}, `"a\",b",c`: {`"a\",b"`, "c"}, `"open,x`: {`"open,x`}, `"\`: {`"\`},
	} {
		if got := Items(in); !reflect.DeepEqual(got, want) {
			t.Errorf("Items(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestCompactIsEqual(t *testing.T) {
	h := Header{{"Date", "today"}, {"X-Own", ""}, {"etag", `"a"`}, {"ETag", `"b"`}, {"", "no name"}}
	if c := h.Compact(); !reflect.DeepEqual(c, h) {
		t.Errorf("got %q, want %q", c, h)
	}
	if Header(nil).Compact() == nil {
		t.Error("none is not empty")
	}
}
