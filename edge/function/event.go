package function

import (
	"slices"

	"github.com/warmfront/warmfront/edge/function/quickjs"
)

// Item is a query argument, a header field or a cookie: its values in order, of which there
// is at least one (developer guide, "CloudFront Functions event structure").
type Item struct {
	Name   string
	Values []string
	// Attributes are a response's cookie's, one for each value.
	Attributes []string
}

// Items are in order, each name once.
type Items []Item

// Get returns an item, nil if there is none.
func (i Items) Get(name string) *Item {
	for n := range i {
		if i[n].Name == name {
			return &i[n]
		}
	}
	return nil
}

// add adds a value to an item, or the item. Those of one value have it in room, as long as
// there is any.
func (i *Items) add(name, value string, room *[]string) *Item {
	if item := i.Get(name); item != nil {
		item.Values = append(item.Values, value)
		return item
	}
	if len(*room) == cap(*room) {
		*room = make([]string, 0, 16)
	}
	at := len(*room)
	*room = append(*room, value)
	*i = append(*i, Item{Name: name, Values: (*room)[at : at+1 : at+1]})
	return &(*i)[len(*i)-1]
}

func (i Item) equal(o *Item) bool {
	n := len(i.Values)
	return o != nil && slices.Equal(i.Values, o.Values) && slices.Equal(pad(i.Attributes, n), pad(o.Attributes, n))
}

// Request is the request of an event.
type Request struct {
	Method, URI             string
	Query, Headers, Cookies Items
}

// Response is the response of an event.
type Response struct {
	Status           int
	Description      string
	Headers, Cookies Items
	// Body is what takes the body's place, nil for none; it is not shown to functions.
	Body []byte
	// Bodied is whether there is one: an empty one takes the body away.
	Bodied bool
}

// Event is what a handler is called with.
type Event struct {
	// Domain, Distribution and RequestID are "" where they are not known.
	Domain, Distribution, RequestID string
	// Type is "viewer-request" or "viewer-response".
	Type     string
	IP       string
	Request  Request
	Response *Response // at a viewer's response
}

// write writes the event as the handler gets it.
func (e *Event) write(w *quickjs.Writer) {
	members := 4
	if e.Response != nil {
		members++
	}
	w.Object(members)
	member(w, "version", "1.0")
	w.Known("context")
	e.writeContext(w)
	w.Known("viewer")
	w.Object(1)
	member(w, "ip", e.IP)
	w.Known("request")
	e.Request.write(w)
	if e.Response != nil {
		w.Known("response")
		e.Response.write(w)
	}
}

func (e *Event) writeContext(w *quickjs.Writer) {
	all := [...][2]string{{"distributionDomainName", e.Domain}, {"distributionId", e.Distribution}, {"eventType", e.Type}, {"requestId", e.RequestID}}
	known := 0
	for _, f := range all {
		if f[1] != "" {
			known++
		}
	}
	w.Object(known)
	for _, f := range all {
		if f[1] != "" {
			member(w, f[0], f[1])
		}
	}
}

// member writes a member that is a text.
func member(w *quickjs.Writer, name, value string) {
	w.Known(name)
	w.Text(value)
}

func (r *Request) write(w *quickjs.Writer) {
	w.Object(5)
	member(w, "method", r.Method)
	member(w, "uri", r.URI)
	w.Known("querystring")
	r.Query.write(w)
	w.Known("headers")
	r.Headers.write(w)
	w.Known("cookies")
	r.Cookies.write(w)
}

func (r *Response) write(w *quickjs.Writer) {
	members := 3
	if r.Description != "" {
		members++
	}
	w.Object(members)
	w.Known("statusCode")
	w.Int(int32(r.Status))
	if r.Description != "" {
		member(w, "statusDescription", r.Description)
	}
	w.Known("headers")
	r.Headers.write(w)
	w.Known("cookies")
	r.Cookies.write(w)
}

func (i Items) write(w *quickjs.Writer) {
	w.Object(len(i))
	for n := range i {
		w.Member(i[n].Name)
		i[n].write(w)
	}
}

func (i *Item) write(w *quickjs.Writer) {
	if len(i.Values) == 1 {
		i.writeValue(w, 0, 0)
		return
	}
	i.writeValue(w, 0, 1)
	w.Known("multiValue")
	w.Array(len(i.Values))
	for n := range i.Values {
		i.writeValue(w, n, 0)
	}
}

// writeValue writes a value and its attributes, in an object with so many members more.
func (i *Item) writeValue(w *quickjs.Writer, n, more int) {
	attributes := ""
	if n < len(i.Attributes) {
		attributes = i.Attributes[n]
	}
	if attributes != "" {
		more++
	}
	w.Object(1 + more)
	member(w, "value", i.Values[n])
	if attributes != "" {
		member(w, "attributes", attributes)
	}
}
