package span

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

// valid is the example of W3C Trace Context.
const valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestTraceparent(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{valid, valid},
		{" " + valid + "\t", valid},
		{valid[:53] + "00", valid[:53] + "00"},
		{valid[:53] + "ff", valid[:53] + "01"}, // flags that are not known are not handed on
		{"cc-" + valid[3:], valid},
		{"cc-" + valid[3:] + "-more", valid},
		{"cc-" + valid[3:] + ".more", ""},
		{"ff-" + valid[3:], ""},
		{valid + "-more", ""},
		{valid[:54], ""},
		{strings.ToUpper(valid), ""},
		{strings.Replace(valid, "4bf9", "4bg9", 1), ""},
		{"00-00000000000000000000000000000000-00f067aa0ba902b7-01", ""},
		{"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", ""},
		{strings.ReplaceAll(valid, "-", "_"), ""},
		{"", ""},
	} {
		if got := Parse(c.in, "").String(); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
	if got := Parse(valid, "a=1").State; got != "a=1" {
		t.Errorf("the state is %q", got)
	}
	if got := Parse(valid, strings.Repeat("a", 513)).State; got != "" {
		t.Errorf("a state of %d bytes is handed on", len(got))
	}
}

// TestOption has the data as dnsdist's documentation and tests have it.
func TestOption(t *testing.T) {
	trace, id := "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	for _, c := range []struct{ name, data, want string }{
		{"with flags", "0000" + trace + id + "00", "00-" + trace + "-" + id + "-00"},
		{"sampled", "0000" + trace + id + "01", valid},
		{"without flags", "0000" + trace + id, valid},
		{"without a span", "0000" + trace, "00-" + trace + "-" + trace[:16] + "-01"},
		{"another version", "0100" + trace + id, ""},
		{"no trace", "0000" + strings.Repeat("0", 32) + id, ""},
		{"cut off", "0000" + trace[:30], ""},
		{"empty", "", ""},
		{"too long", "0000" + trace + id + "0100", ""},
	} {
		data, err := hex.DecodeString(c.data)
		if err != nil {
			t.Fatal(err)
		}
		if got := ParseOption(data).String(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if got := hex.EncodeToString(Parse(valid, "").AppendOption(nil)); got != "0000"+trace+id+"01" {
		t.Error(got)
	}
}

func FuzzContext(f *testing.F) {
	f.Add(valid, "a=1", []byte{0, 0})
	f.Add("", "", Parse(valid, "").AppendOption(nil))
	f.Fuzz(func(t *testing.T, parent, state string, option []byte) {
		if c := Parse(parent, state); c.Valid() {
			if again := Parse(c.String(), c.State); again != c {
				t.Errorf("%q becomes %+v, and that %+v", parent, c, again)
			}
		}
		if c := ParseOption(option); c.Valid() {
			if again := ParseOption(c.AppendOption(nil)); again != c {
				t.Errorf("%x becomes %x", option, again.AppendOption(nil))
			}
		}
		if c := Parse(parent, state); !c.Valid() && c.String() != "" {
			t.Error("what is no context is written")
		}
	})
}

func TestNobodyTraces(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() {
		s := From(With(t.Context(), nil))
		c := s.Child(Start{Name: "x"})
		c.Set()
		c.End("")
		c.EndWith(nil)
		if c != nil || c.Context().Valid() || c.Recorded() {
			t.Fatal("there is a span")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if a, b := New(), New(); !a.Valid() || a == b || !a.Sampled() {
		t.Error("new contexts are not")
	}
	if !bytes.Equal(New().AppendOption(nil)[:2], []byte{0, 0}) {
		t.Error("the version is not 0")
	}
}
