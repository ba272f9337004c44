package function

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// FuzzRead: what is JSON is taken apart as encoding/json does it, and nothing that is not
// leads astray.
func FuzzRead(f *testing.F) {
	for _, s := range []string{
		`{}`, `[]`, ` { "a" : 1 , "b":[1,{"c":"]"}], "\u0061\n":"\"}" } `, `[1, -2.5e3 ,true,null,"x\\",{"a":{}},[[]]]`, `{"a":"\ud800","é":"` + "\xff" + `"}`, `{"a":`, `[`, `{"a"}`, `[,]`, `"x`, `{"a":1}}`, `12`, "",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		m, err := object(raw, "it")
		list, ok := array(raw)
		if !json.Valid([]byte(raw)) {
			return
		}
		var want map[string]json.RawMessage
		isObject := json.Unmarshal([]byte(raw), &want) == nil && want != nil
		if isObject != (err == nil) {
			t.Fatalf("%q: %v", raw, err)
		}
		got := map[string]json.RawMessage{}
		for _, one := range m {
			got[one.name] = json.RawMessage(one.raw)
		}
		if isObject && !sameJSON(got, want) {
			t.Errorf("%q: %q, want %q", raw, got, want)
		}
		var wantList []json.RawMessage
		isArray := json.Unmarshal([]byte(raw), &wantList) == nil && wantList != nil
		if isArray != ok || len(list) != len(wantList) {
			t.Fatalf("%q: %q, %v", raw, list, ok)
		}
		for n := range list {
			if list[n] != string(wantList[n]) {
				t.Errorf("%q: %q, want %q", raw, list[n], wantList[n])
			}
		}
		s, err := text(raw, "it")
		var wantText *string
		isText := json.Unmarshal([]byte(raw), &wantText) == nil && wantText != nil
		if isText != (err == nil) || isText && s != *wantText {
			t.Errorf("%q: %q, %v", raw, s, err)
		}
	})
}

func sameJSON(a, b map[string]json.RawMessage) bool {
	for name := range a {
		if !bytes.Equal(bytes.TrimSpace(a[name]), bytes.TrimSpace(b[name])) {
			return false
		}
	}
	return len(a) == len(b)
}

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
