package paths

import "strings"

// Match reports whether a viewer's path (no query string) matches a cache
// behavior's path pattern. "*" stands for zero or more characters, slashes
// included; "?" for exactly one. The leading slash of the pattern is optional
// and case counts (CloudFront developer guide, "Path pattern").
func Match(pattern, path string) bool {
	pattern = strings.TrimPrefix(pattern, "/")
	path = strings.TrimPrefix(path, "/")
	// Two positions to return to make this linear in practice: after a mismatch
	// only the last star can take one character more.
	p, s, star, mark := 0, 0, -1, 0
	for s < len(path) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, s
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == path[s]):
			p++
			s++
		case star >= 0:
			mark++
			p, s = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// Fits returns how much of the beginning of a pattern that does not match a path does fit
// it: what follows has nothing in the path to stand for. Where that is the whole pattern, the
// path goes on where the pattern ends.
func Fits(pattern, path string) string {
	for n := len(pattern); n > 0; n-- {
		if Match(pattern[:n]+"*", path) {
			return pattern[:n]
		}
	}
	return ""
}
