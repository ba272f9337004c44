package edge

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/message"
)

const userAgent = "Amazon CloudFront"

// originRequest makes the request to the origin (developer guide, "Request
// behavior for custom origins" and "for Amazon S3 origins"). passing is set where
// the viewer's own request is handed on, body, range and conditions included,
// instead of one that fetches an object for all. It is still to be signed.
func (x *exchange) originRequest(passing bool) *message.Request {
	v := x.req
	r := &message.Request{
		Method: v.Method, Scheme: v.Scheme, Host: x.origin.Domain, Path: x.origin.Path + x.path,
		Query:  selectQuery(x.behavior.Cache.ForwardQuery, v.Query),
		Header: make(message.Header, 0, len(v.Header)+8), Viewer: v.Viewer,
	}
	if x.selectsHeader("Host") {
		r.Host = v.Host
	}
	named := message.Items(v.Header.Joined("Connection"))
	for _, f := range v.Header {
		if x.forwards(f.Name, passing) && !listed(named, f.Name) {
			r.Header = append(r.Header, f)
		}
	}
	for _, name := range x.behavior.Cache.Headers.Names {
		if value, ok := x.ownHeader(name); ok && value != "" {
			r.Header.Set(name, value)
		}
	}
	if cookies := selectCookies(x.behavior.Cache.Cookies, v.Header.Joined("Cookie")); cookies != "" {
		r.Header.Add("Cookie", cookies)
	}
	for _, name := range [...]string{"Accept-Encoding", "User-Agent"} {
		if value := x.forwardedField(name); value != "" {
			r.Header.Set(name, value)
		}
	}
	r.Header.Add("X-Forwarded-For", joined(v.Header.Joined("X-Forwarded-For"), v.Viewer.Addr().Unmap().String()))
	r.Header.Add("Via", joined(v.Header.Joined("Via"), strconv.Itoa(v.Major)+"."+strconv.Itoa(v.Minor)+x.edge.pseudonym))
	r.Header.Add("X-Amz-Cf-Id", x.id)
	for _, f := range x.origin.CustomHeaders {
		r.Header.Set(f.Name, f.Value)
	}
	if passing {
		r.Body, r.Length = v.Body, v.Length
	}
	return r
}

func joined(list, item string) string {
	if list == "" {
		return item
	}
	return list + ", " + item
}

func listed(names []string, name string) bool {
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// forwards reports whether a viewer's field goes to the origin as it is. Those
// that the edge makes itself do not.
func (x *exchange) forwards(name string, passing bool) bool {
	lower := strings.ToLower(name)
	switch {
	case neverForwarded(lower), strings.HasPrefix(lower, "cloudfront-"):
		return false
	}
	switch lower {
	case "host", "cookie", "accept-encoding", "user-agent", "x-forwarded-for", "via", "x-amz-cf-id", "content-length":
		return false
	case "if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "range":
		return passing
	}
	if x.selectsHeader(name) || strings.HasPrefix(lower, "content-") {
		return true
	}
	switch lower {
	case "authorization":
		return x.strict() || x.req.Method != "GET" && x.req.Method != "HEAD"
	case "accept", "accept-charset", "accept-language", "referer":
		return x.strict()
	}
	// Under a cache policy only what it names is forwarded; the older settings
	// forward whatever they do not know. RFC 9111 has caches forward it all.
	return x.strict() || x.behavior.Cache.Legacy
}

// neverForwarded lists, in lower case, what CloudFront removes whatever the
// settings say.
func neverForwarded(lower string) bool {
	switch lower {
	case "expect", "x-forwarded-proto", "x-real-ip":
		return true
	}
	return message.HopByHop(lower) || strings.HasPrefix(lower, "proxy-") || strings.HasPrefix(lower, "x-edge-")
}

func (x *exchange) selectsHeader(name string) bool {
	return chosen(x.behavior.Cache.Headers, name, strings.EqualFold)
}

// ownHeader returns the value of a field that the edge, not the viewer, makes.
func (x *exchange) ownHeader(name string) (string, bool) {
	switch strings.ToLower(name) {
	case "host":
		return "", true // is the request's Host, no field
	case "cloudfront-forwarded-proto":
		return x.req.Scheme, true
	case "cloudfront-viewer-http-version":
		if x.req.Major > 1 {
			return strconv.Itoa(x.req.Major) + ".0", true
		}
		return strconv.Itoa(x.req.Major) + "." + strconv.Itoa(x.req.Minor), true
	case "cloudfront-viewer-country":
		if x.edge.cfg.Country == nil {
			return "", true
		}
		return x.edge.cfg.Country(x.req.Viewer.Addr()), true
	}
	return "", strings.HasPrefix(strings.ToLower(name), "cloudfront-")
}

// viewerField is the value of a field that the cache policy selects, for the
// cache key.
func (x *exchange) viewerField(name string) string {
	if strings.EqualFold(name, "Host") {
		return x.req.Host
	}
	if value, own := x.ownHeader(name); own {
		return value
	}
	return x.req.Header.Joined(name)
}

// forwardedField is the value of a field as the origin gets it, for fields by
// which an answer may vary.
func (x *exchange) forwardedField(name string) string {
	switch strings.ToLower(name) {
	case "accept-encoding":
		switch {
		case x.encoding != "":
			return x.encoding
		case x.selectsHeader(name):
			return x.req.Header.Joined(name)
		}
		return "identity"
	case "user-agent":
		if !x.selectsHeader(name) {
			return userAgent
		}
	case "cookie":
		return selectCookies(x.behavior.Cache.Cookies, x.req.Header.Joined(name))
	case "host":
		return x.viewerField(name)
	}
	if value, own := x.ownHeader(name); own && x.selectsHeader(name) {
		return value
	}
	if x.selectsHeader(name) || x.forwards(name, false) {
		return x.req.Header.Joined(name)
	}
	return ""
}

// sign signs a request to an origin of a plan that has an access control. Fields
// that speak to S3 are not taken from viewers then: they would be signed for.
func (e *Edge) sign(r *message.Request, plan *cdn.Plan, o *cdn.Origin) error {
	ac := o.AccessControl
	if ac == nil || o.Kind != cdn.OriginS3 || ac.SigningBehavior == "never" ||
		ac.SigningBehavior == "no-override" && r.Header.Has("Authorization") {
		return nil
	}
	if e.cfg.Signer == nil {
		return fmt.Errorf("the origin %q has an access control, and this edge has no key to sign with", o.ID)
	}
	r.Header.Filter(func(f message.Field) bool {
		return !strings.HasPrefix(strings.ToLower(f.Name), "x-amz-") || strings.EqualFold(f.Name, "X-Amz-Cf-Id")
	})
	// Signatures go by the real clock, whatever freshness goes by.
	return e.cfg.Signer.Sign(r, o, plan.ARN, time.Now())
}
