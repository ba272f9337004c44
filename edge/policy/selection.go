package policy

import (
	"slices"
	"strings"

	"github.com/warmfront/warmfront/cdn/paths"
	"github.com/warmfront/warmfront/cdn/policies"
	"github.com/warmfront/warmfront/edge/message"
)

func selectsAll(s policies.Selection) bool { return s.Mode == policies.SelectAll }
func selectsAny(s policies.Selection) bool { return s.Mode != policies.SelectNone }

// chosen reports whether s selects name, given how one of its names compares.
func chosen(s policies.Selection, name string, same func(selected, name string) bool) bool {
	listed := slices.ContainsFunc(s.Names, func(n string) bool { return same(n, name) })
	switch s.Mode {
	case policies.SelectAll:
		return true
	case policies.SelectNames:
		return listed
	case policies.SelectAllExcept:
		return !listed
	}
	return false
}

// selectQuery keeps the parameters that s selects, in their order, as they are
// written. Names compare with case.
func selectQuery(text *message.Text, s policies.Selection, query string) string {
	switch {
	case s.Mode == policies.SelectNone || query == "":
		return ""
	case s.Mode == policies.SelectAll:
		return query
	}
	kept := text.Begin()
	for p := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(p, "=")
		if !chosen(s, name, func(a, b string) bool { return a == b }) {
			continue
		}
		if len(kept) > 0 {
			kept = append(kept, '&')
		}
		kept = append(kept, p...)
	}
	return text.End(kept)
}

// selectCookies keeps the cookies that s selects, in their order. Names compare
// with case, and may hold "*" and "?" (developer guide, "Cache content based on
// cookies").
func selectCookies(s policies.Selection, cookies string) string {
	if s.Mode == policies.SelectNone || cookies == "" {
		return ""
	}
	var kept []string
	for c := range strings.SplitSeq(cookies, ";") {
		c = strings.Trim(c, " \t")
		name, _, _ := strings.Cut(c, "=")
		if c != "" && chosen(s, name, paths.Match) {
			kept = append(kept, c)
		}
	}
	return strings.Join(kept, "; ")
}

// normalEncoding is what a viewer's Accept-Encoding counts as: the encodings the
// cache policy has on and the viewer takes, brotli first (developer guide,
// "Compressed objects", normalized Accept-Encoding). Empty: none.
func normalEncoding(accept string, c policies.Cache) string {
	if accept == "" || !c.Gzip && !c.Brotli {
		return ""
	}
	var br, gzip bool
	for item := range message.Members(accept) {
		name, params, _ := strings.Cut(item, ";")
		if params != "" && refused(params) {
			continue
		}
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "br":
			br = c.Brotli
		case "gzip", "x-gzip":
			gzip = c.Gzip
		}
	}
	switch {
	case br && gzip:
		return "br,gzip"
	case br:
		return "br"
	case gzip:
		return "gzip"
	}
	return ""
}

// refused reports whether an item's weight is 0 (RFC 9110 section 12.4.2).
func refused(params string) bool {
	q, ok := strings.CutPrefix(strings.ToLower(strings.ReplaceAll(params, " ", "")), "q=")
	return ok && strings.Trim(q, "0.") == "" && q != ""
}
