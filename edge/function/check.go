package function

import (
	"errors"
	"fmt"
	"strings"

	"github.com/warmfront/warmfront/edge/function/quickjs"
	"github.com/warmfront/warmfront/edge/reroute"
)

// Returned is what a handler returned, if it may: one of the two.
type Returned struct {
	Request  *Request
	Response *Response
	// Changes are those of the request's origin, and Target what they come to.
	Changes reroute.Changes
	Target  *reroute.Target
}

// maxBody bounds the body that a function may make.
const maxBody = 1 << 20

// Check reads what a handler returned for an event and holds it against what functions may
// do (developer guide, "CloudFront Functions event structure" and "Restrictions on all edge
// functions"). The error says what is wrong with it, in words for whoever wrote it.
func Check(e *Event, m quickjs.Value) (Returned, error) {
	if m == nil {
		return Returned{}, fmt.Errorf("the function returned no value")
	}
	if err := object(m, "the value returned"); err != nil {
		return Returned{}, err
	}
	if e.Type == "viewer-request" && m.Get("statusCode") == nil {
		r, err := parseRequest(m, "request")
		if err != nil {
			return Returned{}, err
		}
		return Returned{Request: &r}, r.check(&e.Request)
	}
	r, err := parseResponse(m, "response")
	if err != nil {
		return Returned{}, err
	}
	was := e.Response
	if was == nil {
		was = &Response{}
	}
	return Returned{Response: r}, r.check(was)
}

func (r *Request) check(was *Request) error {
	r.Query.settle(was.Query)
	r.Headers.settle(was.Headers)
	r.Cookies.settle(was.Cookies)
	switch {
	case r.Method != was.Method:
		return fmt.Errorf("request.method is read-only")
	case !strings.HasPrefix(r.URI, "/"):
		return fmt.Errorf("request.uri does not begin with /")
	case len(r.URI) > 8192 || strings.ContainsFunc(r.URI, notInURI) || strings.Contains(r.URI, "#") || strings.Contains(r.URI, "?"):
		return fmt.Errorf("request.uri is not the path of a URL")
	}
	for _, item := range r.Query {
		if !item.equal(was.Query.Get(item.Name)) && (item.Name == "" || strings.ContainsFunc(item.Name, notInQuery) || item.any(notInQuery)) {
			return fmt.Errorf("request.querystring.%.100s has characters that are to be encoded", item.Name)
		}
	}
	if err := checkHeaders("request.headers", r.Headers, was.Headers, "content-length", "host", "transfer-encoding", "via"); err != nil {
		return err
	}
	return checkCookies("request.cookies", r.Cookies)
}

func (r *Response) check(was *Response) error {
	r.Headers.settle(was.Headers)
	r.Cookies.settle(was.Cookies)
	switch {
	case r.Status < 200 || r.Status > 599:
		return fmt.Errorf("response.statusCode is not between 200 and 599")
	case strings.ContainsFunc(r.Description, notInField):
		return fmt.Errorf("response.statusDescription has characters that no header may have")
	case len(r.Body) > maxBody:
		return fmt.Errorf("response.body is larger than %d bytes", maxBody)
	}
	if err := checkHeaders("response.headers", r.Headers, was.Headers, "warning", "via"); err != nil {
		return err
	}
	return checkCookies("response.cookies", r.Cookies)
}

// tried is what a function may not do to headers: it has a sentence of its own.
type tried string

func (t tried) Error() string { return string(t) }

// invalidValue says what is wrong with what a function returned, in CloudFront's words as far
// as they are known (compatibility.md, 578).
func invalidValue(err error) string {
	var header tried
	if errors.As(err, &header) {
		return "The CloudFront function tried to " + string(header) + "."
	}
	return "The CloudFront function returned an invalid value: " + err.Error() + "."
}

// checkHeaders refuses fields that functions may not make, and changes of those that they
// may only read.
func checkHeaders(what string, headers, was Items, readOnly ...string) error {
	for _, item := range headers {
		switch {
		case !isToken(item.Name) || item.Name != strings.ToLower(item.Name):
			return fmt.Errorf("%s must have header names in lower case: %.100q is none", what, item.Name)
		case Disallowed(item.Name):
			return tried("add a disallowed header: " + what + "." + item.Name)
		case item.Name == "cookie" && what == "request.headers" || item.Name == "set-cookie" && what == "response.headers":
			return fmt.Errorf("%s.%s: cookies are among cookies, not headers", what, item.Name)
		case item.any(notInField):
			return fmt.Errorf("%s.%s has characters that no header may have", what, item.Name)
		}
	}
	for _, name := range readOnly {
		now, old := headers.Get(name), was.Get(name)
		switch {
		case now == nil && old == nil:
		case now == nil || old == nil || !(Item{Values: now.Values}).equal(&Item{Values: old.Values}):
			return tried("add, delete, or change a read-only header: " + what + "." + name)
		}
	}
	return nil
}

func checkCookies(what string, cookies Items) error {
	inCookie := func(r rune) bool { return notInField(r) || r == ';' }
	for _, item := range cookies {
		switch {
		case item.Name == "" || strings.ContainsFunc(item.Name, inCookie) || strings.ContainsAny(item.Name, "=,"):
			return fmt.Errorf("%s has the name %.100q, which is not that of a cookie", what, item.Name)
		case item.any(inCookie):
			return fmt.Errorf("%s.%.100s has characters that no cookie may have", what, item.Name)
		}
		for _, a := range item.Attributes {
			if strings.ContainsFunc(a, notInField) {
				return fmt.Errorf("%s.%.100s.attributes has characters that no header may have", what, item.Name)
			}
		}
	}
	return nil
}

func (i Item) any(bad func(rune) bool) bool {
	for _, v := range i.Values {
		if strings.ContainsFunc(v, bad) {
			return true
		}
	}
	return false
}

// Disallowed reports whether functions neither see nor make a header, by its name in lower
// case.
func Disallowed(name string) bool {
	switch name {
	case "connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "trailer", "upgrade",
		"x-accel-buffering", "x-accel-charset", "x-accel-limit-rate", "x-accel-redirect", "x-cache", "x-forwarded-proto", "x-real-ip":
		return true
	}
	return strings.HasPrefix(name, "x-amz-cf-") || strings.HasPrefix(name, "x-amzn-") || strings.HasPrefix(name, "x-edge-")
}

// isToken reports whether a name may be a field's (RFC 9110 section 5.6.2).
func isToken(s string) bool {
	for n := range len(s) {
		c := s[n]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != "" && len(s) <= 256
}

// notInField reports what no field's value may have (RFC 9110 section 5.5).
func notInField(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// notInURI reports what is to be encoded in a path.
func notInURI(r rune) bool { return r <= ' ' || r >= 0x7f }

// notInQuery reports what would end an argument, or is to be encoded in it.
func notInQuery(r rune) bool { return notInURI(r) || r == '&' || r == '#' }
