package accesslog

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn/logs"
	"github.com/warmfront/warmfront/edge/message"
)

// The fields one by one say what the line of all of them says.
func TestFormatsAgreeWithTheStandardLine(t *testing.T) {
	_, names, _ := strings.Cut(strings.TrimSpace(Header), "#Fields: ")
	all := strings.Split(names, " ")
	f, err := NewFormat(W3C, all, "")
	if err != nil {
		t.Fatal(err)
	}
	if f.Header() != Header || Standard(true).Header() != Header {
		t.Errorf("%q", f.Header())
	}
	full := example()
	full.Cookie, full.Referer, full.ForwardedFor, full.ContentRange, full.Query = "a=b", "http://x/", "192.0.2.1", "bytes 1-2/3", "a=\"b\""
	for i, r := range []*Record{example(), full, {ContentLength: -1}} {
		if got, want := string(f.Append(nil, r)), string(r.Append(nil, true)); got != want {
			t.Errorf("%d: got  %q\nwant %q", i, got, want)
		}
		if got, want := string(Standard(false).Append(nil, r)), string(r.Append(nil, false)); got != want {
			t.Errorf("%d: got  %q\nwant %q", i, got, want)
		}
	}
}

func TestFormats(t *testing.T) {
	r := example()
	r.Ended = time.UnixMilli(1731620046814)
	r.Behavior, r.Country, r.UserAgent, r.Query = "/a b*", "DE", `a"\b`, ""
	r.Distribution, r.ASN, r.OriginFirst, r.OriginLast = "E1", 64496, 251*time.Millisecond, 254*time.Millisecond
	for _, c := range []struct {
		kind    Kind
		fields  string
		divider string
		want    string
	}{
		{JSON, "date time timestamp(ms) timestamp cs(User-Agent) cs-uri-query c-country", "",
			`{"date":"2024-11-14","time":"21:34:06","timestamp(ms)":"1731620046814","timestamp":"1731620046.814","cs(User-Agent)":"a%22%5Cb","cs-uri-query":"-","c-country":"DE"}` + "\n"},
		{Plain, "c-ip sc-status cache-behavior-path-pattern", "", "192.0.2.100\t200\t/a%20b*\n"},
		{Plain, "c-ip cs-method c-port", "|", "192.0.2.100|GET|11040\n"},
		{W3C, "c-port distributionid asn origin-fbl origin-lbl", " ", "11040 E1 64496 0.251 0.254\n"},
	} {
		f, err := NewFormat(c.kind, strings.Fields(c.fields), c.divider)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(f.Append([]byte("kept"), r)); got != "kept"+c.want {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
		if (c.kind == W3C) != (f.Header() == "#Version: 1.0\n#Fields: "+c.fields+"\n") {
			t.Errorf("%s begins with %q", c.kind, f.Header())
		}
	}
	for _, wrong := range []struct {
		kind Kind
		name string
	}{{"raw", "date"}, {JSON, "no-such-field"}} {
		if _, err := NewFormat(wrong.kind, []string{wrong.name}, ""); err == nil {
			t.Errorf("%v is a format", wrong)
		}
	}
	if _, err := NewFormat(JSON, nil, ""); err == nil {
		t.Error("no field is a format")
	}
	if f, _ := NewFormat(JSON, []string{"cs(Cookie)", "asn"}, ""); f.Keeps() != (Selection{Cookies: true, LookedUp: true}) {
		t.Errorf("%+v", f.Keeps())
	}
	if Standard(false).Keeps() != (Selection{}) {
		t.Error("cookies are kept that nobody asked for")
	}
}

// Whatever a viewer sends, a line of JSON is an object of strings.
func FuzzJSON(f *testing.F) {
	format, err := NewFormat(JSON, slices.Concat(logs.StandardFields(), logs.FurtherFields()), "")
	if err != nil {
		f.Fatal(err)
	}
	f.Add("/x\ty", "a=\"b\n\\", "Moz\r\n")
	f.Fuzz(func(t *testing.T, path, query, agent string) {
		r := example()
		r.Path, r.Query, r.UserAgent, r.Cookie, r.Referer, r.Host, r.Method, r.ContentRange, r.Headers = path, query, agent, agent, path, query, agent, "bytes "+path, agent
		r.Request = &message.Request{}
		line := format.Append(nil, r)
		var object map[string]string
		if err := json.Unmarshal(line, &object); err != nil || len(object) != len(logs.StandardFields())+len(logs.FurtherFields()) || strings.Count(string(line), "\n") != 1 {
			t.Errorf("%q: %v", line, err)
		}
	})
}
