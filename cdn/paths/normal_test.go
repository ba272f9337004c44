package paths

import (
	"net/url"
	"testing"
)

func TestNormal(t *testing.T) {
	for in, want := range map[string]string{
		"/": "/", "/a/b": "/a/b", "/a//b": "/a//b", "/a/../b": "/b", "/../../b": "/b", "/a/.": "/a/", "/a/..": "/",
		"/%7Ex": "/~x", "/%61": "/a", "/a/%2e%2E/b": "/b", "/a%2fb": "/a%2Fb", "/...": "/...", "/.hidden": "/.hidden", "/a/./b": "/a/b",
		"/caf%c3%a9": "/caf%C3%A9", "/caf\u00e9": "/caf%C3%A9", "/a b": "/a%20b", "/\"x\"": "/%22x%22", "/\x7f\xff": "/%7F%FF",
		"/100%": "/100%25", "/%zz": "/%25zz", "/%0%41": "/%250A", "/a?b=%7e&c=/../%c3": "/a?b=~&c=/../%C3", "/x/../a?b": "/a?b", "/a?.": "/a?.",
	} {
		if got := Normal(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// FuzzNormal: normalising is done once and for all, and changes no meaning.
func FuzzNormal(f *testing.F) {
	f.Add("/a/../%7e\u00e9%2f%c3?x=%41/..")
	f.Fuzz(func(t *testing.T, uri string) {
		if uri == "" || uri[0] != '/' {
			return
		}
		normal := Normal(uri)
		if again := Normal(normal); again != normal {
			t.Errorf("%q: %q, then %q", uri, normal, again)
		}
		is, err := url.PathUnescape(NormalEscapes(uri))
		if err != nil {
			t.Errorf("%q: %v", uri, err)
		}
		if was, err := url.PathUnescape(uri); err == nil && was != is {
			t.Errorf("%q means %q, normalised %q", uri, was, is)
		}
	})
}
