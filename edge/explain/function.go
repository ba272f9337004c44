package explain

import (
	"fmt"
	"strings"

	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/edge/event"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/reroute"
)

// What Functions says of the request that the rest is about.
const (
	// LambdaNotRun: whatever it does elsewhere it would do because somebody asked.
	LambdaNotRun = "the Lambda function at viewer-request is not run by being asked about, for what it may do elsewhere: what follows is of the request as it came, which it may change or answer"
	OnlyResponse = "a function sees the viewer's response alone: what follows is of the request as it came"
	Ran          = "what follows is of the request as the function left it: "
	Made         = "the function at viewer-request answers in place of the cache"
	Failed       = "the function at viewer-request fails, and the viewer is told so"
)

// Function is what a function at the viewer's request has done, or would do.
type Function struct {
	Name string `json:"name"`
	// Utilization is how much compute it took, in hundredths of what it may; 0 of a Lambda
	// function.
	Utilization int      `json:"compute_utilization"`
	Changes     []Change `json:"changes,omitempty"`
	Answer      *Answer  `json:"answer,omitempty"`
	// Result is CloudFront's result type where it failed, and Error why, in words for its
	// author, which no viewer is told.
	Result string `json:"result,omitempty"`
	Error  string `json:"error,omitempty"`
}

// Change is one thing that a function changed: a method, uri, querystring, header, cookie or
// origin. From is left out of what was added, To of what was removed.
type Change struct {
	What string  `json:"what"`
	Name string  `json:"name,omitempty"`
	From *string `json:"from,omitempty"`
	To   *string `json:"to,omitempty"`
}

// Answer is what a function answers with.
type Answer struct {
	Status   int    `json:"status"`
	Location string `json:"location,omitempty"`
	Bytes    int64  `json:"bytes"` // of the body
}

// Asked is a request and where it goes, before or after a function.
type Asked struct {
	Request *message.Request
	Target  reroute.Target
}

// FunctionOf says what a function did, of which r tells: o is what came of it, and before
// and after are the request.
func FunctionOf(r *event.Report, o event.Outcome, before, after Asked) *Function {
	f := &Function{Name: r.Function, Utilization: r.Utilization, Error: r.Why}
	switch {
	case o.Fault != nil:
		f.Result = string(o.Fault.Result)
	case o.Response != nil:
		f.Answer = &Answer{o.Response.Status, o.Response.Header.Get("Location"), max(0, o.Response.Length)}
		if o.Response.Body == nil {
			f.Answer.Bytes = 0
		}
	default:
		f.Changes = changes(before, after)
	}
	return f
}

// changes are in the order of the request's parts, headers and cookies in that of their names
// there.
func changes(before, after Asked) []Change {
	var all []Change
	add := func(what, name, from, to string, was, is bool) {
		if was == is && from == to {
			return
		}
		c := Change{What: what, Name: name}
		if was {
			c.From = &from
		}
		if is {
			c.To = &to
		}
		all = append(all, c)
	}
	a, b := before.Request, after.Request
	add("method", "", a.Method, b.Method, true, true)
	add("uri", "", a.Path, b.Path, true, true)
	add("querystring", "", a.Query, b.Query, true, true)
	for _, name := range namesOf(a.Header, b.Header) {
		add("header", name, a.Header.Joined(name), b.Header.Joined(name), a.Header.Has(name), b.Header.Has(name))
	}
	was, is := cookiesOf(a.Header), cookiesOf(b.Header)
	for _, name := range namesOf(was, is) {
		add("cookie", name, was.Joined(name), is.Joined(name), was.Has(name), is.Has(name))
	}
	if before.Target.Origin != after.Target.Origin || before.Target.Second != after.Target.Second {
		add("origin", "", targetText(before.Target), targetText(after.Target), true, true)
	}
	return all
}

// namesOf are the names of fields, in lower case, each once; cookies have changes of their
// own.
func namesOf(headers ...message.Header) (names []string) {
	seen := map[string]bool{"cookie": true}
	for _, h := range headers {
		for _, f := range h {
			if name := strings.ToLower(f.Name); !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

// cookiesOf are the cookies of a request, as if each was a field.
func cookiesOf(h message.Header) (cookies message.Header) {
	for pair := range strings.SplitSeq(h.Joined("Cookie"), ";") {
		if name, value, _ := strings.Cut(strings.TrimSpace(pair), "="); name != "" {
			cookies.Add(name, value)
		}
	}
	return cookies
}

// targetText is an origin with what of it matters to where a request goes.
func targetText(t reroute.Target) string {
	s := originText(t.Origin)
	if t.Second != nil {
		s += ", or " + originText(t.Second) + " once that has failed"
	}
	return s
}

func originText(o *origins.Origin) string {
	s := o.ID + " at " + o.Domain + o.Path
	if o.Host != "" && o.Host != o.Domain {
		s += ", told Host " + o.Host
	}
	if o.Shield != "" {
		s += ", Origin Shield in " + o.Shield
	}
	if o.AccessControl != nil || o.AccessIdentity != nil {
		s += ", signed for"
	}
	return s
}

func (f *Function) lines(l *lines) {
	if f == nil {
		return
	}
	did := "changes nothing"
	switch {
	case f.Result != "":
		did = "fails, " + f.Result + ": " + strings.TrimSuffix(f.Error, ".")
	case f.Answer != nil:
		did = fmt.Sprintf("answers %d, with %d bytes", f.Answer.Status, f.Answer.Bytes)
		if f.Answer.Location != "" {
			did = fmt.Sprintf("answers %d, location %s", f.Answer.Status, f.Answer.Location)
		}
	case len(f.Changes) > 0:
		did = "changes the request"
	}
	l.add("function", "%s: %s; compute utilization %d", f.Name, did, f.Utilization)
	for _, c := range f.Changes {
		l.add("changed", "%s", c)
	}
}

// String is "header accept: a -> b".
func (c Change) String() string {
	what := strings.TrimSuffix(c.What+" "+c.Name, " ")
	switch {
	case c.From == nil:
		return what + " added: " + text(*c.To)
	case c.To == nil:
		return what + " removed: " + text(*c.From)
	}
	return what + ": " + text(*c.From) + " -> " + text(*c.To)
}

// text is a value to be read, not to be trusted.
func text(s string) string {
	const most = 300
	switch {
	case s == "":
		return "(empty)"
	case len(s) > most:
		s = s[:most] + "..."
	}
	return strings.ToValidUTF8(s, "?")
}
