package function

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseEventSaysWhatIsWrong(t *testing.T) {
	const context = `"context":{"eventType":"viewer-request"}`
	request := func(more string) string { return `{` + context + `,"request":{"method":"GET","uri":"/"` + more + `}}` }
	for raw, want := range map[string]string{
		``: "not JSON", `{`: "not JSON", `[]`: "the event is not an object", `{}`: "context is not an object",
		`{"context":{}}`:                                              "context.eventType",
		`{"context":{"eventType":1}}`:                                 "context.eventType is not a string",
		`{` + context + `}`:                                           "request is not an object",
		`{` + context + `,"request":{}}`:                              "request.method is not a string",
		request(`,"headers":[]`):                                      "request.headers is not an object",
		request(`,"headers":{"a":1}`):                                 "request.headers.a is not an object",
		request(`,"headers":{"a":{}}`):                                "request.headers.a.value is not a string",
		request(`,"cookies":{"a":{"value":1}}`):                       "request.cookies.a.value is not a string",
		request(`,"querystring":{"a":{"value":"1","multiValue":{}}}`): "request.querystring.a.multiValue is not an array",
		request(`,"querystring":{"a":{"value":"1","multiValue":[{"value":"1"},{}]}}`):                                      "request.querystring.a.multiValue[1].value is not a string",
		`{"context":{"eventType":"viewer-response"},"request":{"method":"GET","uri":"/"},"response":{"statusCode":"200"}}`: "response.statusCode is not an integer",
	} {
		if _, err := ParseEvent([]byte(raw)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", raw, err, want)
		}
	}
	e, err := ParseEvent([]byte(request(`,"headers":{"a":{"value":"1","multiValue":null}, "b" : {"value":"\u0032","multiValue":[{"value":"2"},{"value":"3"}]}}`)))
	want := Items{{Name: "a", Values: []string{"1"}, Attributes: []string{""}}, {Name: "b", Values: []string{"2", "2", "3"}, Attributes: []string{"", "", ""}}}
	if err != nil || !reflect.DeepEqual(e.Request.Headers, want) {
		t.Errorf("%+v, %v", e, err)
	}
}
