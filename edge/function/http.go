package function

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/warmfront/warmfront/edge/event"
	"github.com/warmfront/warmfront/edge/message"
)

// newEvent makes the event of a request, and of its answer where there is one.
func newEvent(kind string, in *event.Info, r *message.Request, resp *message.Response) *Event {
	e := &Event{
		Domain: in.Plan.Domain, Distribution: in.Plan.ID, RequestID: in.RequestID, Type: kind, IP: r.Viewer.Addr().Unmap().String(),
		Request: requestOf(r, in.Added),
	}
	if resp != nil {
		e.Response = responseOf(resp)
	}
	return e
}

// requestOf is a request as functions see it.
func requestOf(r *message.Request, added message.Header) Request {
	q := Request{Method: r.Method, URI: r.Path, Headers: make(Items, 0, len(r.Header)+1+len(added))}
	room := make([]string, 0, cap(q.Headers)+4)
	q.Query = queryOf(r.Query, &room)
	q.Headers.add("host", r.Host, &room)
	for _, f := range r.Header {
		name := lower(f.Name)
		switch {
		case name == "cookie":
			for pair := range strings.SplitSeq(f.Value, ";") {
				if name, value, _ := strings.Cut(strings.TrimSpace(pair), "="); name != "" {
					q.Cookies.add(name, value, &room)
				}
			}
		case !Disallowed(name) && !added.Has(name):
			q.Headers.add(name, f.Value, &room)
		}
	}
	for _, f := range added {
		q.Headers.add(lower(f.Name), f.Value, &room)
	}
	return q
}

// lower is a header's name as functions see it. What browsers and origins send most is there
// already.
func lower(name string) string {
	switch name {
	case "Accept":
		return "accept"
	case "Accept-Encoding":
		return "accept-encoding"
	case "Accept-Language":
		return "accept-language"
	case "Cookie":
		return "cookie"
	case "Referer":
		return "referer"
	case "User-Agent":
		return "user-agent"
	case "Cache-Control":
		return "cache-control"
	case "Content-Type":
		return "content-type"
	case "Content-Length":
		return "content-length"
	case "Date":
		return "date"
	case "Etag", "ETag":
		return "etag"
	case "Last-Modified":
		return "last-modified"
	case "Server":
		return "server"
	}
	return strings.ToLower(name)
}

// queryOf reads a query string as it is on the wire: nothing is decoded.
func queryOf(query string, room *[]string) (items Items) {
	for pair := range strings.SplitSeq(query, "&") {
		if name, value, _ := strings.Cut(pair, "="); name != "" {
			items.add(name, value, room)
		}
	}
	return items
}

// responseOf is an answer as functions see it.
func responseOf(resp *message.Response) *Response {
	a := &Response{Status: resp.Status, Description: http.StatusText(resp.Status), Headers: make(Items, 0, len(resp.Header))}
	room := make([]string, 0, len(resp.Header))
	for _, f := range resp.Header {
		name := lower(f.Name)
		switch {
		case name == "set-cookie":
			pair, attributes, _ := strings.Cut(f.Value, ";")
			if name, value, _ := strings.Cut(strings.TrimSpace(pair), "="); name != "" {
				item := a.Cookies.add(name, value, &room)
				item.Attributes = append(pad(item.Attributes, len(item.Values)-1), strings.TrimSpace(attributes))
			}
		case !Disallowed(name):
			a.Headers.add(name, f.Value, &room)
		}
	}
	return a
}

// apply makes a request of what a function returned, as far as it is another one than the
// function was given: what was not changed stays as it is on the wire. Nil: nothing was.
func (q *Request) apply(was *Request, r *message.Request, added message.Header) *message.Request {
	n := *r
	n.Path = q.URI
	if !same(q.Query, was.Query) {
		n.Query = q.Query.query()
	}
	headers, cookies := same(q.Headers, was.Headers), same(q.Cookies, was.Cookies)
	if n.Path == r.Path && n.Query == r.Query && headers && cookies {
		return nil
	}
	if headers && cookies {
		return &n
	}
	n.Header = kept(r.Header, q.Headers, was.Headers, func(name string) bool {
		return Disallowed(name) || name == "cookie" && cookies
	})
	for _, item := range q.Headers {
		if item.Name == "host" || added.Has(item.Name) || item.equal(was.Headers.Get(item.Name)) {
			continue // which is r.Host, the edge's own, and there already
		}
		for _, v := range item.Values {
			n.Header.Add(canonical(item.Name), v)
		}
	}
	if !cookies && len(q.Cookies) > 0 {
		var pairs []string
		for _, item := range q.Cookies {
			for _, v := range item.Values {
				pairs = append(pairs, item.Name+"="+v)
			}
		}
		n.Header.Add("Cookie", strings.Join(pairs, "; "))
	}
	return &n
}

// kept are the fields that stay as they are, of those that functions see what was not
// changed, of the others what hidden names.
func kept(h message.Header, now, was Items, hidden func(string) bool) message.Header {
	out := make(message.Header, 0, len(h)+4)
	for _, f := range h {
		name := lower(f.Name)
		item := now.Get(name)
		if hidden(name) || item != nil && item.equal(was.Get(name)) {
			out = append(out, f)
		}
	}
	return out
}

func (i Items) query() string {
	var b strings.Builder
	for _, item := range i {
		for _, v := range item.Values {
			if b.Len() > 0 {
				b.WriteByte('&')
			}
			b.WriteString(item.Name + "=" + v)
		}
	}
	return b.String()
}

// same reports whether items are what they were, in whichever order: JavaScript puts names
// that are numbers first.
func same(now, was Items) bool {
	if len(now) != len(was) {
		return false
	}
	for _, item := range now {
		if !item.equal(was.Get(item.Name)) {
			return false
		}
	}
	return true
}

// response makes an answer of what a function returned; resp is the one that it was given,
// nil at a viewer's request.
func (a *Response) response(was *Response, resp *message.Response) event.Outcome {
	made := &message.Response{Status: a.Status}
	if resp != nil {
		cookies := same(a.Cookies, was.Cookies)
		made.Header = kept(resp.Header, a.Headers, was.Headers, func(name string) bool { return Disallowed(name) || name == "set-cookie" && cookies })
		if cookies {
			a.Cookies = nil
		}
	} else {
		was = &Response{}
	}
	for _, item := range a.Headers {
		if item.Name == "content-length" || item.Name == "transfer-encoding" || resp != nil && item.equal(was.Headers.Get(item.Name)) {
			continue // what is sent decides them
		}
		for _, v := range item.Values {
			made.Header.Add(canonical(item.Name), v)
		}
	}
	for _, item := range a.Cookies {
		for n, v := range item.Values {
			cookie := item.Name + "=" + v
			if n < len(item.Attributes) && item.Attributes[n] != "" {
				cookie += "; " + item.Attributes[n]
			}
			made.Header.Add("Set-Cookie", cookie)
		}
	}
	switch {
	case len(a.Body) > 0:
		made.Body, made.Length = io.NopCloser(bytes.NewReader(a.Body)), int64(len(a.Body))
	case a.Bodied:
		return event.Outcome{Response: made, NoBody: true}
	}
	return event.Outcome{Response: made}
}

// canonical is a header's name with the first letter of each word capital.
func canonical(name string) string {
	b, up := []byte(name), true
	for n, c := range b {
		if up && c >= 'a' && c <= 'z' {
			b[n] = c - 'a' + 'A'
		}
		up = c == '-'
	}
	return string(b)
}

// TestEnvironment is what a function that is tested is told beside the event: a test is at
// no edge location.
func TestEnvironment(e *Event) string {
	if len(e.Request.Query) == 0 {
		return "{}"
	}
	quoted, _ := json.Marshal(e.Request.Query.query()) // a string always can be
	return `{"rawQueryString":` + string(quoted) + `}`
}
