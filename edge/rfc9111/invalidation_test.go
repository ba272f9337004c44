package rfc9111

import (
	"slices"
	"testing"
)

func TestInvalidated(t *testing.T) {
	for _, c := range []struct {
		method            string
		status            int
		uri               string
		location, content string
		want              []string
	}{
		{"GET", 200, "/a", "/b", "", nil},
		{"HEAD", 200, "/a", "", "", nil},
		{"POST", 200, "/a?q=1", "", "", []string{"/a?q=1"}},
		{"POST", 500, "/a", "/b", "", nil},
		{"POST", 404, "/a", "/b", "", nil},
		{"POST", 101, "/a", "/b", "", nil},
		{"M-SEARCH", 204, "/a", "", "", []string{"/a"}},
		{"POST", 303, "/a", "/b?q=2", "", []string{"/a", "/b?q=2"}},
		{"PUT", 201, "/dir/a", "b", "c", []string{"/dir/a", "/dir/b", "/dir/c"}},
		{"PUT", 201, "/dir/a", "../b", "", []string{"/dir/a", "/b"}},
		{"PUT", 201, "/a", "/b", "/b", []string{"/a", "/b"}},
		{"PUT", 201, "/a", "", "/a", []string{"/a"}},
		{"DELETE", 200, "/a", "http://www.example.org/b", "https://WWW.example.org:8443/c", []string{"/a", "/b", "/c"}},
		{"DELETE", 200, "/a", "//origin.example.net", "http://other.example.org/c", []string{"/a", "/"}},
		{"DELETE", 200, "/a%2Fb", "c%20d", "", []string{"/a%2Fb", "/c%20d"}},
		{"DELETE", 200, "/a", "mailto:x@www.example.org", "ftp://www.example.org/c", []string{"/a"}},
		{"DELETE", 200, "/a", "http://[::1/", "%zz", []string{"/a"}},
	} {
		answer := header()
		if c.location != "" {
			answer.Add("Location", c.location)
		}
		if c.content != "" {
			answer.Add("Content-Location", c.content)
		}
		if got := Invalidated(c.method, c.status, c.uri, answer, "www.example.org", "origin.example.net"); !slices.Equal(got, c.want) {
			t.Errorf("%s %s %d, %q %q: %q, want %q", c.method, c.uri, c.status, c.location, c.content, got, c.want)
		}
	}
}

func TestAnswersGET(t *testing.T) {
	for _, c := range []struct {
		method  string
		status  int
		content string
		cc      []string
		want    bool
	}{
		{"POST", 200, "/a?q=1", []string{"Cache-Control", "max-age=60"}, true},
		{"POST", 200, "http://www.example.org/a?q=1", []string{"Expires", at(day)}, true},
		{"POST", 200, "?q=1", []string{"CDN-Cache-Control", "max-age=60"}, true},
		{"POST", 200, "/a", []string{"Cache-Control", "max-age=60"}, false},
		{"POST", 200, "", []string{"Cache-Control", "max-age=60"}, false},
		{"POST", 200, "/a?q=1", nil, false},
		{"POST", 200, "/a?q=1", []string{"CDN-Cache-Control", "no-store", "Expires", at(day)}, false},
		{"POST", 201, "/a?q=1", []string{"Cache-Control", "max-age=60"}, false},
		{"PUT", 200, "/a?q=1", []string{"Cache-Control", "max-age=60"}, false},
	} {
		answer := header(c.cc...)
		if c.content != "" {
			answer.Add("Content-Location", c.content)
		}
		if got := AnswersGET(c.method, c.status, "/a?q=1", answer, "www.example.org"); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
