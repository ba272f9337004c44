package policy

import (
	"slices"
	"strings"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/paths"
	"github.com/warmfront/warmfront/edge/rfc9111"
)

// Key is the key of a request with that method: the distribution, the path,
// and what the cache policy selects (developer guide, "Understand the cache
// key"). Neither scheme nor port is part of it, the host only where the policy
// selects it. A GET's object answers a HEAD; a HEAD's is its own.
func (v *View) Key(method string) string {
	c := &v.Behavior.Cache
	b := v.Text.Begin()
	// NUL occurs in no part.
	for _, part := range [...]string{v.Plan.ID, method, v.Path, v.Query, v.Encoding} {
		b = append(append(b, part...), 0)
	}
	if v.Bound != "" {
		b = append(append(b, v.Bound...), 0)
	}
	for _, name := range c.Headers.Names {
		b = append(append(b, v.selected(name)...), 0)
	}
	if selectsAny(c.Cookies) {
		b = append(b, selectCookies(c.Cookies, v.Request.Header.Joined("Cookie"))...)
	}
	if v.Second {
		// Apart from what the node has as a cache of the primary one: who asks here has
		// it, and a fetch that waits for this one must not be waited for.
		b = append(b, 0, '2')
	}
	return v.Text.End(b)
}

// KeyPart is one part of a cache key.
type KeyPart struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// SpellKey takes a key that Key has made for a behavior apart again. The parts are in their
// order; a header or the cookies are there where the cache policy selects them, the others
// always.
func SpellKey(key string, b *cdn.Behavior) []KeyPart {
	values := strings.Split(key, "\x00")
	names := append([]string{"distribution", "method", "path", "query", "accept-encoding"}, b.Cache.Headers.Names...)
	if selectsAny(b.Cache.Cookies) {
		names = append(names, "cookies")
	}
	parts := make([]KeyPart, 0, len(names))
	for i, name := range names {
		if i >= 5 && i-5 < len(b.Cache.Headers.Names) {
			name = "header " + name
		}
		parts = append(parts, KeyPart{name, values[i]})
	}
	return parts
}

// URIs appends to uris those that an answer to this request stands for, so that
// an invalidation of any finds it: as the viewer wrote it and with the default
// root object, each with the query string where that is part of the key, as it
// was written and as far as it was selected, and each in its normal form too.
func (v *View) URIs(uris []string) []string {
	uris = v.addURI(uris, v.Request.Path)
	if v.Path != v.Request.Path {
		uris = v.addURI(uris, v.Path)
	}
	return uris
}

func (v *View) addURI(uris []string, path string) []string {
	if !selectsAny(v.Behavior.Cache.Query) || v.Request.Query == "" {
		return addNormal(uris, path)
	}
	uris = addNormal(uris, v.Text.Concat(path, "?", v.Request.Query))
	switch v.Query {
	case v.Request.Query:
		return uris
	case "":
		return addNormal(uris, path)
	}
	return addNormal(uris, v.Text.Concat(path, "?", v.Query))
}

func addNormal(uris []string, uri string) []string {
	if slices.Contains(uris, uri) {
		return uris
	}
	uris = append(uris, uri)
	if normal := paths.Normal(uri); normal != uri && !slices.Contains(uris, normal) {
		uris = append(uris, normal)
	}
	return uris
}

// Variant identifies which variant of a response this request is given. It goes
// by what the origin is sent: what is not forwarded cannot have made a
// difference.
func (v *View) Variant(vary []string) string {
	return rfc9111.Variant(vary, v.Field)
}
