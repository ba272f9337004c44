package function

import (
	"encoding/json"
	"slices"
	"strconv"
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

// add adds a value to an item, or the item.
func (i *Items) add(name, value string) *Item {
	if item := i.Get(name); item != nil {
		item.Values = append(item.Values, value)
		return item
	}
	*i = append(*i, Item{Name: name, Values: []string{value}})
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

// JSON is the event as the handler gets it.
func (e *Event) JSON() string {
	b := make([]byte, 0, 2048)
	b = append(b, `{"version":"1.0","context":{`...)
	for _, f := range [...][2]string{{"distributionDomainName", e.Domain}, {"distributionId", e.Distribution}, {"eventType", e.Type}, {"requestId", e.RequestID}} {
		if f[1] != "" {
			b = append(append(append(b, '"'), f[0]...), `":`...)
			b = append(appendString(b, f[1]), ',')
		}
	}
	if b[len(b)-1] == ',' {
		b = b[:len(b)-1]
	}
	b = append(appendString(append(b, `},"viewer":{"ip":`...), e.IP), `},"request":`...)
	b = e.Request.append(b)
	if e.Response != nil {
		b = e.Response.append(append(b, `,"response":`...))
	}
	return string(append(b, '}'))
}

func (r *Request) append(b []byte) []byte {
	b = appendString(append(b, `{"method":`...), r.Method)
	b = appendString(append(b, `,"uri":`...), r.URI)
	b = r.Query.append(append(b, `,"querystring":`...))
	b = r.Headers.append(append(b, `,"headers":`...))
	return append(r.Cookies.append(append(b, `,"cookies":`...)), '}')
}

func (r *Response) append(b []byte) []byte {
	b = strconv.AppendInt(append(b, `{"statusCode":`...), int64(r.Status), 10)
	if r.Description != "" {
		b = appendString(append(b, `,"statusDescription":`...), r.Description)
	}
	b = r.Headers.append(append(b, `,"headers":`...))
	return append(r.Cookies.append(append(b, `,"cookies":`...)), '}')
}

func (i Items) append(b []byte) []byte {
	b = append(b, '{')
	for n := range i {
		if n > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, i[n].Name), ':')
		b = i[n].append(b)
	}
	return append(b, '}')
}

func (i *Item) append(b []byte) []byte {
	b = append(b, '{')
	b = i.appendValue(b, 0)
	if len(i.Values) > 1 {
		b = append(b, `,"multiValue":[`...)
		for n := range i.Values {
			if n > 0 {
				b = append(b, ',')
			}
			b = append(i.appendValue(append(b, '{'), n), '}')
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

func (i *Item) appendValue(b []byte, n int) []byte {
	b = appendString(append(b, `"value":`...), i.Values[n])
	if n < len(i.Attributes) && i.Attributes[n] != "" {
		b = appendString(append(b, `,"attributes":`...), i.Attributes[n])
	}
	return b
}

// appendString writes a JSON string. Bytes that are no UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	for n := range len(s) {
		if c := s[n]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(s) // a string always can be
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
