package function

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// ParseEvent reads the event that somebody tests a function with. What may be left out is
// given a value; what is wrong is said in words for them.
func ParseEvent(raw []byte) (*Event, error) {
	if !json.Valid(raw) {
		return nil, errors.New("the event is not JSON")
	}
	m, err := object(string(raw), "the event")
	if err != nil {
		return nil, err
	}
	e := &Event{}
	about, err := object(m.get("context"), "context")
	if err != nil {
		return nil, err
	}
	for name, at := range map[string]*string{"distributionDomainName": &e.Domain, "distributionId": &e.Distribution, "requestId": &e.RequestID, "eventType": &e.Type} {
		if raw := about.get(name); raw != "" {
			if *at, err = text(raw, "context."+name); err != nil {
				return nil, err
			}
		}
	}
	if e.Type != "viewer-request" && e.Type != "viewer-response" {
		return nil, errors.New(`context.eventType is neither "viewer-request" nor "viewer-response"`)
	}
	if viewer := m.get("viewer"); viewer != "" {
		v, err := object(viewer, "viewer")
		if err != nil {
			return nil, err
		}
		if e.IP, err = text(v.get("ip"), "viewer.ip"); err != nil {
			return nil, err
		}
	}
	request, err := object(m.get("request"), "request")
	if err != nil {
		return nil, err
	}
	if e.Request, err = parseRequest(request, "request"); err != nil || e.Type == "viewer-request" {
		return e, err
	}
	response, err := object(m.get("response"), "response")
	if err != nil {
		return nil, err
	}
	e.Response, err = parseResponse(response, "response")
	return e, err
}

// parseRequest reads a request. Of an event's members only method and uri must be there.
func parseRequest(m members, what string) (r Request, err error) {
	if r.Method, err = text(m.get("method"), what+".method"); err != nil {
		return r, err
	}
	if r.URI, err = text(m.get("uri"), what+".uri"); err != nil {
		return r, err
	}
	for _, part := range [...]struct {
		name string
		at   *Items
	}{{"querystring", &r.Query}, {"headers", &r.Headers}, {"cookies", &r.Cookies}} {
		if *part.at, err = parseItems(m.get(part.name), what+"."+part.name); err != nil {
			return r, err
		}
	}
	return r, nil
}

func parseResponse(m members, what string) (r *Response, err error) {
	r = &Response{}
	if r.Status, err = strconv.Atoi(m.get("statusCode")); err != nil {
		return nil, fmt.Errorf("%s.statusCode is not an integer", what)
	}
	if d := m.get("statusDescription"); d != "" {
		if r.Description, err = text(d, what+".statusDescription"); err != nil {
			return nil, err
		}
	}
	if r.Headers, err = parseItems(m.get("headers"), what+".headers"); err != nil {
		return nil, err
	}
	if r.Cookies, err = parseItems(m.get("cookies"), what+".cookies"); err != nil {
		return nil, err
	}
	if body := m.get("body"); body != "" {
		r.Bodied = true
		r.Body, err = parseBody(body, what+".body")
	}
	return r, err
}

// parseBody reads a body: a text, or data with an encoding.
func parseBody(raw, what string) ([]byte, error) {
	if s, err := text(raw, what); err == nil {
		return []byte(s), nil
	}
	m, err := object(raw, what)
	if err != nil {
		return nil, fmt.Errorf("%s is neither a string nor an object", what)
	}
	data, err := text(m.get("data"), what+".data")
	if err != nil {
		return nil, err
	}
	switch encoding, err := text(m.get("encoding"), what+".encoding"); {
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

// parseItems reads query arguments, fields or cookies; none where there are no members.
func parseItems(raw, what string) (Items, error) {
	if raw == "" {
		return nil, nil
	}
	m, err := object(raw, what)
	if err != nil {
		return nil, err
	}
	items := make(Items, 0, len(m))
	for _, member := range m {
		item, err := parseItem(member.raw)
		if err != nil {
			return nil, fmt.Errorf("%s.%s%w", what, member.name, err)
		}
		item.Name = member.name
		items = append(items, item)
	}
	return items, nil
}

// parseItem reads an item. The first of several values stands apart as well, and only
// whoever knows what the item was can tell which of the two was changed: it is Values[0],
// and those of multiValue follow, if there are any. An error goes on after the item's name.
func parseItem(raw string) (item Item, err error) {
	m, err := object(raw, "")
	if err != nil {
		return item, err
	}
	if err := item.addValue(m); err != nil {
		return item, err
	}
	many := m.get("multiValue")
	if many == "" || many == "null" {
		return item, nil
	}
	list, ok := array(many)
	if !ok {
		return item, errors.New(".multiValue is not an array")
	}
	for n, one := range list {
		m, err := object(one, "")
		if err == nil {
			err = item.addValue(m)
		}
		if err != nil {
			return item, fmt.Errorf(".multiValue[%d]%w", n, err)
		}
	}
	return item, nil
}

func (i *Item) addValue(m members) error {
	value, err := text(m.get("value"), ".value")
	if err != nil {
		return err
	}
	attributes := ""
	if a := m.get("attributes"); a != "" {
		if attributes, err = text(a, ".attributes"); err != nil {
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
