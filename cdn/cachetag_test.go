package cdn

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestCacheTags(t *testing.T) {
	var many, kept []string
	for i := range 60 {
		many = append(many, fmt.Sprint("t", i))
		if i < 50 {
			kept = append(kept, fmt.Sprint("#t", i))
		}
	}
	for _, c := range []struct {
		value string
		want  []string
	}{
		{"", nil},
		{"a", []string{"#a"}},
		{"tag1,tag2, tag3 ,\ttag4", []string{"#tag1", "#tag2", "#tag3", "#tag4"}},
		{"Product:TV,product:tv", []string{"#product:tv"}},
		{",, ,a,", []string{"#a"}},
		{"two words,b", []string{"#b"}},
		{"caf\u00e9,b\x7f,c", []string{"#c"}},
		{strings.Repeat("x", 257) + "," + strings.Repeat("y", 256), []string{"#" + strings.Repeat("y", 256)}},
		{"!#$%&'()*+-./~", []string{"#!#$%&'()*+-./~"}},
		{strings.Join(many, ","), kept},
		{strings.Repeat("a,", 60) + "b", []string{"#a", "#b"}},
	} {
		if got := CacheTags(c.value); !slices.Equal(got, c.want) {
			t.Errorf("%.60q: %q, want %q", c.value, got, c.want)
		}
	}
}

func TestAnInvalidationOfATag(t *testing.T) {
	at := func(n uint64) Version { return Version{1, n} }
	x := Invalidations{}.With([]string{"/a", "#Brand:Acme"}, at(1)).With([]string{"#x*"}, at(2)).With([]string{"/b"}, at(3))
	for name, want := range map[string]Version{
		"#brand:acme": at(1), "#brand:acm": {}, "#brand:acme2": {}, "#x*": at(2), "#xy": {}, "#x": {}, "/a": at(1), "/brand:acme": {}, "#": {},
	} {
		if got := x.Newest(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if x.Tagged() != at(2) {
		t.Errorf("the newest of any tag is %v", x.Tagged())
	}
	if x = x.With([]string{"/*"}, at(4)); x.Newest("#other") != at(4) || x.Tagged() != at(2) {
		t.Errorf("after everything: %v, %v", x.Newest("#other"), x.Tagged())
	}
}

func TestCompileCacheTagConfig(t *testing.T) {
	for name, ok := range map[string]bool{"x-amz-meta-cache-tag": true, "Cache-Tag": true, "": false, "a b": false, "a:b": false, "caf\u00e9": false, strings.Repeat("x", 257): false} {
		config := strings.Replace(siteConfig, "</DistributionConfig>", "<CacheTagConfig><HeaderName>"+name+"</HeaderName></CacheTagConfig></DistributionConfig>", 1)
		p, err := Compile(&Distribution{ID: "E1", Config: config}, access)
		if (err == nil) != ok || ok && (p.CacheTagHeader != name || slices.ContainsFunc(p.Ignored, func(s string) bool { return strings.HasPrefix(s, "CacheTag") })) {
			t.Errorf("%.20q: %v", name, err)
		}
		if err != nil && ErrorCode(err) != "InvalidArgument" {
			t.Errorf("%.20q: %s", name, ErrorCode(err))
		}
	}
}
