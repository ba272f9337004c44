package document

import (
	"slices"
	"strings"
	"testing"
)

func TestWhatWasNotReadIsTold(t *testing.T) {
	e, err := Parse(`<C xmlns="x"><A> 7 </A><B><D>x</D><E>false</E></B><L><Quantity>2</Quantity><Items><I>a &amp; b</I><I>c</I></Items></L><F>aGk=</F><G>on</G></C>`)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := e.Int(1, "A"); n != 7 || err != nil {
		t.Error(n, err)
	}
	if n, err := e.Int(1, "Z"); n != 1 || err != nil {
		t.Error(n, err)
	}
	if _, err := e.Int(1, "B", "D"); err == nil {
		t.Error("x is a number")
	}
	if s := e.Aside("B").String("D"); s != "x" || e.Aside("B", "Z", "Y") != nil {
		t.Error(s)
	}
	if b, err := e.Bytes("F"); string(b) != "hi" || err != nil {
		t.Error(b, err)
	}
	if l := e.Aside("L").Texts(); !slices.Equal(l, []string{"a & b", "c"}) {
		t.Error(l)
	}
	if got := e.Unread(); !slices.Equal(got, []string{"C/L/Quantity", "C/L/Items/I", "C/L/Items/I", "C/G"}) {
		t.Error(got)
	}
	e.Texts("L")
	if got := e.Unread(); !slices.Equal(got, []string{"C/G"}) {
		t.Error(got)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, doc := range []string{"", "<a>", "<a/><b/>", "<!DOCTYPE a><a/>", strings.Repeat("<a>", 33) + strings.Repeat("</a>", 33), "<a>&x;</a>"} {
		if _, err := Parse(doc); err == nil {
			t.Errorf("%.40q is a document", doc)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("<C><A>x &amp; y</A><B/></C>")
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Parse(text)
		if err != nil || len(text) > 1000 {
			return
		}
		// What is written reads as the same.
		again, err := Parse(e.XML())
		if err != nil || again.XML() != e.XML() {
			t.Errorf("%q is written as %q, which reads as %v, %v", text, e.XML(), again, err)
		}
	})
}
