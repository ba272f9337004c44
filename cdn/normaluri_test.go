package cdn

import (
	"net/url"
	"testing"
)

func TestNormalURI(t *testing.T) {
	for in, want := range map[string]string{
		"/": "/", "/a/b": "/a/b", "/a//b": "/a//b", "/a/../b": "/b", "/../../b": "/b", "/a/.": "/a/", "/a/..": "/",
		"/%7Ex": "/~x", "/%61": "/a", "/a/%2e%2E/b": "/b", "/a%2fb": "/a%2Fb", "/...": "/...", "/.hidden": "/.hidden", "/a/./b": "/a/b",
		"/caf%c3%a9": "/caf%C3%A9", "/caf\u00e9": "/caf%C3%A9", "/a b": "/a%20b", "/\"x\"": "/%22x%22", "/\x7f\xff": "/%7F%FF",
		"/100%": "/100%25", "/%zz": "/%25zz", "/%0%41": "/%250A", "/a?b=%7e&c=/../%c3": "/a?b=~&c=/../%C3", "/x/../a?b": "/a?b", "/a?.": "/a?.",
	} {
		if got := NormalURI(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

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
		if got := index.Newest(NormalURI(c.uri)) == v; got != c.want {
			t.Errorf("%q matches %q: %v", c.path, c.uri, got)
		}
	}
}

// FuzzNormalURI: normalising is done once and for all, and changes no meaning.
func FuzzNormalURI(f *testing.F) {
	f.Add("/a/../%7e\u00e9%2f%c3?x=%41/..")
	f.Fuzz(func(t *testing.T, uri string) {
		if uri == "" || uri[0] != '/' {
			return
		}
		normal := NormalURI(uri)
		if again := NormalURI(normal); again != normal {
			t.Errorf("%q: %q, then %q", uri, normal, again)
		}
		is, err := url.PathUnescape(normalEscapes(uri))
		if err != nil {
			t.Errorf("%q: %v", uri, err)
		}
		if was, err := url.PathUnescape(uri); err == nil && was != is {
			t.Errorf("%q means %q, normalised %q", uri, was, is)
		}
	})
}
