package policy

import (
	"strconv"
	"strings"

	"github.com/warmfront/warmfront/edge/message"
)

const userAgent = "Amazon CloudFront"

// Asking says what a request to the origin is for and who asks.
type Asking struct {
	// Passing is set where the viewer's own request is handed on, body, range and
	// conditions included, instead of one that fetches an object for all.
	Passing bool
	// Via is the member that the edge adds to Via, without the protocol's version;
	// ID the request's X-Amz-Cf-Id, and CDNLoop the edge's member of CDN-Loop (RFC
	// 8586).
	Via, ID, CDNLoop string
}

// OriginRequest makes the request to the origin (developer guide, "Request
// behavior for custom origins" and "for Amazon S3 origins"). It shares no string
// with the viewer's, and is still to be signed.
func (v *View) OriginRequest(a Asking) *message.Request {
	q, passing := v.Request, a.Passing
	r := &message.Request{
		Method: q.Method, Scheme: q.Scheme, Host: v.Origin.Domain, Path: v.Origin.Path + v.Path,
		Query:  selectQuery(v.Text, v.Behavior.Forward.Query, q.Query),
		Header: make(message.Header, 0, len(q.Header)+8), Viewer: q.Viewer,
	}
	switch {
	case v.Origin.Host != "":
		r.Host = v.Origin.Host
	case v.selectsHeader("Host"):
		r.Host = q.Host
	}
	named := message.Items(q.Header.Joined("Connection"))
	for _, f := range q.Header {
		if v.forwards(f.Name, passing) && !listed(named, f.Name) {
			r.Header = append(r.Header, f)
		}
	}
	for _, name := range v.Behavior.Forward.Named {
		if value, ok := v.ownHeader(name); ok && value != "" {
			r.Header.Set(name, value)
		}
	}
	if cookies := selectCookies(v.Behavior.Forward.Cookies, q.Header.Joined("Cookie")); cookies != "" {
		r.Header.Add("Cookie", cookies)
	}
	for _, name := range [...]string{"Accept-Encoding", "User-Agent"} {
		if value := v.Field(name); value != "" {
			r.Header.Set(name, value)
		}
	}
	r.Header.Add("X-Forwarded-For", joined(q.Header.Joined("X-Forwarded-For"), q.Viewer.Addr().Unmap().String()))
	r.Header.Add("Via", joined(q.Header.Joined("Via"), strconv.Itoa(q.Major)+"."+strconv.Itoa(q.Minor)+a.Via))
	r.Header.Add("X-Amz-Cf-Id", a.ID)
	r.Header.Add("CDN-Loop", joined(q.Header.Joined("CDN-Loop"), a.CDNLoop))
	for _, f := range v.Origin.CustomHeaders {
		r.Header.Set(f.Name, f.Value)
	}
	if passing {
		r.Body, r.Length, r.Trailer, r.Upgrade, r.Interim = q.Body, q.Length, q.Trailer, q.Upgrade, q.Interim
	}
	return r.Detached()
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
func (v *View) forwards(name string, passing bool) bool {
	lower := strings.ToLower(name)
	switch {
	case neverForwarded(lower), strings.HasPrefix(lower, "cloudfront-"):
		return false
	}
	switch lower {
	case "host", "cookie", "accept-encoding", "user-agent", "x-forwarded-for", "via", "x-amz-cf-id", "cdn-loop", "content-length":
		return false
	case "if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "range":
		return passing
	}
	if v.selectsHeader(name) || strings.HasPrefix(lower, "content-") {
		return true
	}
	switch lower {
	case "authorization":
		return v.Strict() || v.Request.Method != "GET" && v.Request.Method != "HEAD"
	case "accept", "accept-charset", "accept-language", "referer":
		return v.Strict()
	}
	// Under a cache policy only what it names is forwarded; the older settings
	// forward whatever they do not know. RFC 9111 has caches forward it all.
	return v.Strict() || v.Behavior.Cache.Legacy
}

// neverForwarded lists, in lower case, what CloudFront removes whatever the
// settings say.
func neverForwarded(lower string) bool {
	switch lower {
	case "expect", "x-forwarded-proto", "x-real-ip":
		return true
	}
	return message.HopByHop(lower) || strings.HasPrefix(lower, "proxy-") || strings.HasPrefix(lower, "x-edge-") ||
		strings.HasPrefix(lower, "warmfront-") || // edges say those to one another
		strings.HasPrefix(lower, "x-warmfront-") // are for edges, see edge/explain
}

func (v *View) selectsHeader(name string) bool {
	return chosen(v.Behavior.Forward.Headers, name, strings.EqualFold)
}

// selected is the value of a field that the cache policy selects, for the
// cache key.
func (v *View) selected(name string) string {
	if strings.EqualFold(name, "Host") {
		return v.Request.Host
	}
	if value, own := v.ownHeader(name); own {
		return value
	}
	return v.Request.Header.Joined(name)
}

// Field is the value of a field as the origin gets it, for fields by
// which an answer may vary.
func (v *View) Field(name string) string {
	switch strings.ToLower(name) {
	case "accept-encoding":
		switch {
		case v.Encoding != "":
			return v.Encoding
		case v.selectsHeader(name):
			return v.Request.Header.Joined(name)
		}
		return "identity"
	case "user-agent":
		if !v.selectsHeader(name) {
			return userAgent
		}
	case "cookie":
		return selectCookies(v.Behavior.Forward.Cookies, v.Request.Header.Joined(name))
	case "host":
		return v.selected(name)
	}
	if value, own := v.ownHeader(name); own && listed(v.Behavior.Forward.Named, name) {
		return value
	}
	if v.selectsHeader(name) || v.forwards(name, false) {
		return v.Request.Header.Joined(name)
	}
	return ""
}
