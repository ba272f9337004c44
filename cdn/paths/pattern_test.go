package paths

import (
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, path string
		want          bool
	}{
		{"*", "/", true}, {"*", "/a/b", true}, {"/a", "/a", true}, {"a", "/a", true}, {"/a", "/A", false},
		{"*.jpg", "/a/b/c.jpg", true}, {"*.jpg", "/a.jpg2", false}, {"/a?c", "/abc", true}, {"/a?c", "/ac", false},
		{"/api/*", "/api/", true}, {"/api/*", "/api", false}, {"a*b*c", "/aXXbYYbc", true}, {"a*b*c", "/aXXbYY", false},
		{"images/*.jp?g", "/images/x/y.jpeg", true}, {"?", "/", false}, {"/a*", "/a", true},
	} {
		if got := Match(c.pattern, c.path); got != c.want {
			t.Errorf("Match(%q, %q) = %v", c.pattern, c.path, got)
		}
	}
}

func TestFits(t *testing.T) {
	for _, c := range []struct{ pattern, path, want string }{
		{"images/*.png", "/images/a/b.jpg", "images/*."}, {"images/*", "/image/a", "image"}, {"/api/v?/*", "/api/v/x", "/api/v?"},
		{"a", "/ab", "a"}, {"x", "/ab", ""}, {"/A", "/a", "/"}, {"*.css", "/", "*"}, {"", "/a", ""},
	} {
		if got := Fits(c.pattern, c.path); got != c.want {
			t.Errorf("Fits(%q, %q) = %q, want %q", c.pattern, c.path, got, c.want)
		}
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("a*b?c", "/axxbyc")
	f.Fuzz(func(t *testing.T, pattern, path string) {
		if len(pattern) > 64 || len(path) > 64 {
			return
		}
		if got, want := Match(pattern, path), slowMatch(strings.TrimPrefix(pattern, "/"), strings.TrimPrefix(path, "/")); got != want {
			t.Errorf("Match(%q, %q) = %v", pattern, path, got)
		}
	})
}

// slowMatch is the definition, as a table over both strings.
func slowMatch(pattern, path string) bool {
	row := make([]bool, len(path)+1)
	row[0] = true
	for i := range len(pattern) {
		next := make([]bool, len(path)+1)
		next[0] = row[0] && pattern[i] == '*'
		for j := range len(path) {
			switch pattern[i] {
			case '*':
				next[j+1] = next[j] || row[j+1]
			case '?':
				next[j+1] = row[j]
			default:
				next[j+1] = row[j] && pattern[i] == path[j]
			}
		}
		row = next
	}
	return row[len(path)]
}
