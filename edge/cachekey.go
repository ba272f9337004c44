package edge

import (
	"slices"
	"strings"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/rfc9111"
)

// cacheKey is the key of a request with that method: the distribution, the path,
// and what the cache policy selects (developer guide, "Understand the cache
// key"). Neither scheme nor port is part of it, the host only where the policy
// selects it. A GET's object answers a HEAD; a HEAD's is its own.
func (x *exchange) cacheKey(method string) string {
	c := &x.behavior.Cache
	var b strings.Builder
	b.Grow(len(x.plan.ID) + len(method) + len(x.path) + len(x.query) + len(x.encoding) + 5)
	// NUL occurs in no part.
	for _, part := range [...]string{x.plan.ID, method, x.path, x.query, x.encoding} {
		b.WriteString(part)
		b.WriteByte(0)
	}
	for _, name := range c.Headers.Names {
		b.WriteString(x.viewerField(name))
		b.WriteByte(0)
	}
	if selectsAny(c.Cookies) {
		b.WriteString(selectCookies(c.Cookies, x.req.Header.Joined("Cookie")))
	}
	return b.String()
}

// answersFor lists the URIs that an answer to this request stands for, so that an
// invalidation of any finds it: as the viewer wrote it and with the default root
// object, each with the query string where that is part of the key, as it was
// written and as far as it was selected, and each in its normal form too.
func (x *exchange) answersFor() []string {
	uris := make([]string, 0, 1)
	add := func(uri string) {
		if slices.Contains(uris, uri) {
			return
		}
		uris = append(uris, uri)
		if normal := cdn.NormalURI(uri); normal != uri && !slices.Contains(uris, normal) {
			uris = append(uris, normal)
		}
	}
	for _, p := range [...]string{x.req.Path, x.path} {
		if !selectsAny(x.behavior.Cache.Query) || x.req.Query == "" {
			add(p)
			continue
		}
		add(p + "?" + x.req.Query)
		if x.query == "" {
			add(p)
		} else {
			add(p + "?" + x.query)
		}
	}
	return uris
}

// variant identifies which variant of a response this request is given. It goes
// by what the origin is sent: what is not forwarded cannot have made a
// difference.
func (x *exchange) variant(vary []string) string {
	return rfc9111.Variant(vary, x.forwardedField)
}
