package cdn

import (
	"testing"

	"github.com/warmfront/warmfront/cdn/paths"
)

func TestAnInvalidationMatchesEveryEquivalent(t *testing.T) {
	for _, c := range []struct {
		path, uri string
		want      bool
	}{
		{"/caf%c3%a9", "/caf%C3%A9", true},
		{"/caf%C3%A9", "/caf\u00e9", true},
		{"/%7Ex", "/~x", true},
		{"/~x", "/%7ex", true},
		{"/a%2fb", "/a%2Fb", true},
		{"/a%2Fb", "/a/b", false}, // an escaped slash is not a slash
		{"/caf%c3*", "/caf%C3%A9", true},
		{"/x/../a*", "/abc", true},
		{"/a/.*", "/a/.hidden", true},
		{"/a/.*", "/a/b", false},
		{"/a?b=%7e", "/a?b=~", true},
		{"*", "/\u00e9", true},
	} {
		v := Version{1, 7}
		index := Invalidations{}.With([]string{c.path}, v)
		if got := index.Newest(paths.Normal(c.uri)) == v; got != c.want {
			t.Errorf("%q matches %q: %v", c.path, c.uri, got)
		}
	}
}
