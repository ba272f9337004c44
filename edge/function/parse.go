package function

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"

	"github.com/warmfront/warmfront/edge/function/quickjs"
)

// ParseEvent reads the event that somebody tests a function with. What may be left out is
// given a value; what is wrong is said in words for them.
func ParseEvent(raw []byte) (*Event, error) {
	m, err := quickjs.ParseJSON(raw)
	if err != nil {
		return nil, errors.New("the event is not JSON")
	}
	if err := object(m, "the event"); err != nil {
		return nil, err
	}
	e := &Event{}
	about := m.Get("context")
	if err := object(about, "context"); err != nil {
		return nil, err
	}
	for name, at := range map[string]*string{"distributionDomainName": &e.Domain, "distributionId": &e.Distribution, "requestId": &e.RequestID, "eventType": &e.Type} {
		if v := about.Get(name); v != nil {
			if *at, err = text(v, "context.", name); err != nil {
				return nil, err
			}
		}
	}
	if e.Type != "viewer-request" && e.Type != "viewer-response" {
		return nil, errors.New(`context.eventType is neither "viewer-request" nor "viewer-response"`)
	}
	if viewer := m.Get("viewer"); viewer != nil {
		if err := object(viewer, "viewer"); err != nil {
			return nil, err
		}
		if e.IP, err = text(viewer.Get("ip"), "viewer", ".ip"); err != nil {
			return nil, err
		}
	}
	request, response := m.Get("request"), m.Get("response")
	if err := object(request, "request"); err != nil {
		return nil, err
	}
	if e.Request, err = parseRequest(request, "request"); err != nil || e.Type == "viewer-request" {
		return e, err
	}
	if err := object(response, "response"); err != nil {
		return nil, err
	}
	e.Response, err = parseResponse(response, "response")
	return e, err
}

// object refuses what is no object; what is what it is called by.
func object(v quickjs.Value, what string) error {
	if v.Kind() != quickjs.Object {
		return fmt.Errorf("%s is not an object", what)
	}
	return nil
}

// text reads a string; where and name are what it is called by.
func text(v quickjs.Value, where, name string) (string, error) {
	if v.Kind() != quickjs.String {
		return "", fmt.Errorf("%s%s is not a string", where, name)
	}
	return v[0].Text, nil
}

// parseRequest reads a request. Of an event's members only method and uri must be there.
func parseRequest(m quickjs.Value, what string) (r Request, err error) {
	if r.Method, err = text(m.Get("method"), what, ".method"); err != nil {
		return r, err
	}
	if r.URI, err = text(m.Get("uri"), what, ".uri"); err != nil {
		return r, err
	}
	for _, part := range [...]struct {
		name string
		at   *Items
	}{{"querystring", &r.Query}, {"headers", &r.Headers}, {"cookies", &r.Cookies}} {
		if *part.at, err = parseItems(m.Get(part.name), what, part.name); err != nil {
			return r, err
		}
	}
	return r, nil
}

func parseResponse(m quickjs.Value, what string) (r *Response, err error) {
	r = &Response{}
	status := m.Get("statusCode")
	if status.Kind() != quickjs.Number || status[0].Number != math.Trunc(status[0].Number) || math.Abs(status[0].Number) > math.MaxInt32 {
		return nil, fmt.Errorf("%s.statusCode is not an integer", what)
	}
	r.Status = int(status[0].Number)
	if d := m.Get("statusDescription"); d != nil {
		if r.Description, err = text(d, what, ".statusDescription"); err != nil {
			return nil, err
		}
	}
	if r.Headers, err = parseItems(m.Get("headers"), what, "headers"); err != nil {
		return nil, err
	}
	if r.Cookies, err = parseItems(m.Get("cookies"), what, "cookies"); err != nil {
		return nil, err
	}
	if body := m.Get("body"); body != nil {
		r.Bodied = true
		r.Body, err = parseBody(body, what+".body")
	}
	return r, err
}

// parseBody reads a body: a text, or data with an encoding.
func parseBody(v quickjs.Value, what string) ([]byte, error) {
	switch v.Kind() {
	case quickjs.String:
		return []byte(v[0].Text), nil
	case quickjs.Object:
	default:
		return nil, fmt.Errorf("%s is neither a string nor an object", what)
	}
	data, err := text(v.Get("data"), what, ".data")
	if err != nil {
		return nil, err
	}
	switch encoding, err := text(v.Get("encoding"), what, ".encoding"); {
	case err != nil:
		return nil, err
	case encoding == "text":
		return []byte(data), nil
	case encoding == "base64":
		b, err := base64.StdEncoding.DecodeString(data)
		if err != nil {
			return nil, fmt.Errorf("%s.data is not base64", what)
		}
		return b, nil
	}
	return nil, fmt.Errorf(`%s.encoding is neither "text" nor "base64"`, what)
}

// maxMembers bounds what functions may return of query arguments, headers or cookies.
const maxMembers = 2000

// parseItems reads query arguments, fields or cookies; none where there are no members.
func parseItems(v quickjs.Value, what, name string) (Items, error) {
	if v == nil {
		return nil, nil
	}
	if v.Kind() != quickjs.Object {
		return nil, fmt.Errorf("%s.%s is not an object", what, name)
	}
	count := v.Count()
	if count > maxMembers {
		return nil, fmt.Errorf("%s.%s has more than %d members", what, name, maxMembers)
	}
	// One array for all that have one value, which most have.
	items, values := make(Items, 0, count), make([]string, 0, 2*count)
	for m := range v.Each() {
		item := Item{Name: m[0].Name, Values: values[len(values) : len(values) : len(values)+1], Attributes: values[len(values)+1 : len(values)+1 : len(values)+2]}
		values = values[:len(values)+2]
		if err := parseItem(&item, m); err != nil {
			return nil, fmt.Errorf("%s.%s.%s%w", what, name, m[0].Name, err)
		}
		items = append(items, item)
	}
	return items, nil
}

// parseItem reads an item. The first of several values stands apart as well, and only
// whoever knows what the item was can tell which of the two was changed: it is Values[0],
// and those of multiValue follow, if there are any. An error goes on after the item's name.
func parseItem(item *Item, v quickjs.Value) error {
	if err := object(v, ""); err != nil {
		return err
	}
	if err := item.addValue(v); err != nil {
		return err
	}
	many := v.Get("multiValue")
	switch many.Kind() {
	case quickjs.Missing, quickjs.Null:
		return nil
	case quickjs.Array:
	default:
		return errors.New(".multiValue is not an array")
	}
	n := 0
	for one := range many.Each() {
		err := object(one, "")
		if err == nil {
			err = item.addValue(one)
		}
		if err != nil {
			return fmt.Errorf(".multiValue[%d]%w", n, err)
		}
		n++
	}
	return nil
}

func (i *Item) addValue(v quickjs.Value) error {
	value, err := text(v.Get("value"), "", ".value")
	if err != nil {
		return err
	}
	attributes := ""
	if a := v.Get("attributes"); a != nil {
		if attributes, err = text(a, "", ".attributes"); err != nil {
			return err
		}
	}
	i.Values, i.Attributes = append(i.Values, value), append(i.Attributes, attributes)
	return nil
}

// settle makes the values of items that were returned what they mean, given what the items
// were: a multiValue that was changed counts, else a value that was (developer guide,
// "Duplicate query strings, headers, and cookies").
func (i Items) settle(was Items) {
	for n := range i {
		item := &i[n]
		many, attributes := item.Values[1:], item.Attributes[1:]
		old := was.Get(item.Name)
		switch {
		case len(many) == 0:
			item.Values, item.Attributes = item.Values[:1], item.Attributes[:1]
		case (Item{Values: many, Attributes: attributes}).equal(old):
			first, its := item.Values[0], item.Attributes[0]
			item.Values, item.Attributes = many, attributes
			item.Values[0], item.Attributes[0] = first, its
		default:
			item.Values, item.Attributes = many, attributes
		}
	}
}

// pad makes a list of attributes as long as that of the values.
func pad(attributes []string, n int) []string {
	for len(attributes) < n {
		attributes = append(attributes, "")
	}
	return attributes
}
