package rfc9111

import (
	"net/url"
	"strings"

	"github.com/warmfront/warmfront/edge/message"
)

// Invalidated returns the URIs, as path and query, whose stored responses an
// unsafe request has made stale (section 4.4): its own and those that Location and
// Content-Location of the answer name, if that is no error. URIs of another host
// than those named are nobody's to invalidate; which port and scheme they name
// does not matter, for they are no part of what names a stored response here.
func Invalidated(method string, status int, uri string, answer message.Header, hosts ...string) []string {
	switch method {
	case "GET", "HEAD", "OPTIONS", "TRACE":
		return nil
	}
	if status < 200 || status >= 400 {
		return nil
	}
	uris := []string{uri}
	for _, name := range [...]string{"Location", "Content-Location"} {
		if u, ok := resolve(uri, answer.Get(name), hosts); ok && u != uris[len(uris)-1] {
			uris = append(uris, u)
		}
	}
	return uris
}

// AnswersGET reports whether the answer to a POST is also one to a GET of its URI:
// it says so by naming it in Content-Location, and says for how long (RFC 9110
// section 9.3.3). Whether it is stored is for [Judge] to say.
func AnswersGET(method string, status int, uri string, answer message.Header, hosts ...string) bool {
	if method != "POST" || status != 200 || !answer.Has("Content-Location") {
		return false
	}
	d, targeted := governing(answer)
	if !d.MaxAge.Set && !d.SMaxAge.Set && (targeted || !answer.Has("Expires")) {
		return false
	}
	u, ok := resolve(uri, answer.Get("Content-Location"), hosts)
	return ok && u == uri
}

// resolve returns what reference names, seen from uri, if it is on one of the
// hosts: a path and a query.
func resolve(uri, reference string, hosts []string) (string, bool) {
	if reference == "" {
		return "", false
	}
	base, err := url.ParseRequestURI(uri)
	if err != nil {
		return "", false
	}
	u, err := base.Parse(reference)
	if err != nil || u.Opaque != "" || u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https" || u.Host != "" && !named(hosts, u.Hostname()) {
		return "", false
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	return path, true
}

func named(hosts []string, host string) bool {
	for _, h := range hosts {
		if strings.EqualFold(h, strings.TrimSuffix(host, ".")) {
			return true
		}
	}
	return false
}
