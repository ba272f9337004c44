package authority

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		"a": "a", "A.Example.": "a.example", "a:80": "a", "a:": "a", "1.2.3.4:8080": "1.2.3.4", "[::1]:443": "[::1]", "[FE80::A]": "[fe80::a]", "x_y-1": "x_y-1",
		"": "", ":80": "", "a b": "", "a/b": "", "a@b": "", "a:b": "", "a:123456": "", "[::1": "", "[]": "", "[::g]": "", "[::1]x": "", "é": "", "a\x00": "",
		strings.Repeat("a", 256): "",
	} {
		got, ok := Parse([]byte(in))
		if ok != (want != "") || ok && string(got) != want {
			t.Errorf("%q: %q, %v", in, got, ok)
		}
	}
}
