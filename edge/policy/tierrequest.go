package policy

import (
	"strings"

	"github.com/warmfront/warmfront/edge/message"
)

// TierRequest makes the request to another edge of the network, which applies the
// same settings to it: it is the viewer's, as far as they look at it, so that key,
// variant and what the origin is asked come out the same there. Conditions and
// range are left to what it is for, unless the request is passed on as it is, with
// its body. It shares no string with the viewer's.
//
// Via and CDN-Loop are as the viewer sent them: the edges that a request goes
// through are one intermediary to all others, and the last of them says so (RFC
// 9110 section 7.6.3 lets such entries be combined).
func (v *View) TierRequest(passing bool) *message.Request {
	q := v.Request
	r := &message.Request{
		Method: q.Method, Scheme: q.Scheme, Host: q.Host, Path: q.Path, Query: q.Query, Major: q.Major, Minor: q.Minor,
		Header: make(message.Header, 0, len(q.Header)+1), Viewer: q.Viewer,
	}
	named := message.Items(q.Header.Joined("Connection"))
	for _, f := range q.Header {
		if readByEdges(f.Name) || v.forwards(f.Name, passing) && !listed(named, f.Name) {
			r.Header = append(r.Header, f)
		}
	}
	if cookies := selectCookies(v.Behavior.Forward.Cookies, q.Header.Joined("Cookie")); cookies != "" {
		r.Header.Add("Cookie", cookies)
	}
	for _, name := range v.Behavior.Forward.Named {
		if len(name) > len(ownPrefix) && ofConnection(strings.ToLower(name[len(ownPrefix):])) {
			if value, own := v.ownHeader(name); own && value != "" {
				r.Header.Set(name, value)
			}
		}
	}
	if passing {
		r.Body, r.Length, r.Trailer, r.Interim = q.Body, q.Length, q.Trailer, q.Interim
	}
	return r.Detached()
}

// readByEdges reports whether an edge makes something of a field for the key or the
// origin that is not forwarded as it is.
func readByEdges(name string) bool {
	switch strings.ToLower(name) {
	case "accept-encoding", "user-agent", "x-forwarded-for", "via", "cdn-loop":
		return true
	}
	return false
}
