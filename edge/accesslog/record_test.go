package accesslog

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

// example is the first line of the developer guide's example of a log.
func example() *Record {
	return &Record{
		Ended: time.Date(2019, 12, 4, 22, 2, 31, 999, time.FixedZone("CET", 3600)), Location: "LAX1", Distribution: "E1", Domain: "d111111abcdef8.cloudfront.net",
		RequestID: "SOX4xwn4XV6Q4rgb7XiVGOHms_BGlTAC4KyHmureZmBNrjGdRLiNIQ==",
		Viewer:    netip.MustParseAddrPort("192.0.2.100:11040"), Method: "GET", Protocol: "https", Major: 2, Host: "d111111abcdef8.cloudfront.net", Path: "/index.html",
		UserAgent:  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/78.0.3904.108 Safari/537.36",
		TLSVersion: "TLSv1.2", Cipher: "ECDHE-RSA-AES128-GCM-SHA256",
		Status: 200, Result: "Hit", ResponseResult: "Hit", Detail: "Hit", ContentType: "text/html", ContentLength: 78,
		Sent: 392, Received: 23, Took: 1499 * time.Microsecond, FirstByte: 500 * time.Microsecond,
	}
}

const exampleLine = "2019-12-04\t21:02:31\tLAX1\t392\t192.0.2.100\tGET\td111111abcdef8.cloudfront.net\t/index.html\t200\t-\t" +
	"Mozilla/5.0%20(Windows%20NT%2010.0;%20Win64;%20x64)%20AppleWebKit/537.36%20(KHTML,%20like%20Gecko)%20Chrome/78.0.3904.108%20Safari/537.36\t" +
	"-\t-\tHit\tSOX4xwn4XV6Q4rgb7XiVGOHms_BGlTAC4KyHmureZmBNrjGdRLiNIQ==\td111111abcdef8.cloudfront.net\thttps\t23\t0.001\t-\tTLSv1.2\t" +
	"ECDHE-RSA-AES128-GCM-SHA256\tHit\tHTTP/2.0\t-\t-\t11040\t0.001\tHit\ttext/html\t78\t-\t-\n"

func TestLineIsAsInTheDeveloperGuide(t *testing.T) {
	if got := string(example().Append(nil, true)); got != exampleLine {
		t.Errorf("got  %q\nwant %q", got, exampleLine)
	}
	if n := len(strings.Fields(Header)) - len(strings.Fields("#Version: 1.0 #Fields:")); n != 33 || strings.Count(exampleLine, "\t") != 32 {
		t.Errorf("%d fields are named", n)
	}
}

// fields is a record's line, by the names of its fields.
func fields(t *testing.T, r *Record, cookies bool) map[string]string {
	t.Helper()
	line := string(r.Append([]byte("kept"), cookies))
	if !strings.HasPrefix(line, "kept") || strings.Count(line, "\n") != 1 || line[len(line)-1] != '\n' {
		t.Fatalf("%q is not one line behind what was there", line)
	}
	values := strings.Split(strings.TrimSuffix(line[len("kept"):], "\n"), "\t")
	_, names, _ := strings.Cut(Header, "#Fields: ")
	by := map[string]string{}
	for i, name := range strings.Fields(names) {
		by[name] = values[i]
	}
	if len(values) != len(by) {
		t.Fatalf("%d values for %d fields", len(values), len(by))
	}
	return by
}

func TestFields(t *testing.T) {
	for _, c := range []struct {
		change func(*Record)
		want   map[string]string
	}{
		{func(r *Record) { *r = Record{ContentLength: -1} }, map[string]string{
			"x-edge-location": "-", "cs(Host)": "-", "sc-status": "000", "c-port": "0", "time-taken": "0.000", "sc-content-len": "-", "cs-bytes": "0", "ssl-protocol": "-", "sc-range-end": "-",
		}},
		{func(r *Record) { r.Viewer = netip.MustParseAddrPort("[::ffff:192.0.2.7]:80") }, map[string]string{"c-ip": "192.0.2.7", "c-port": "80"}},
		{func(r *Record) { r.Viewer = netip.MustParseAddrPort("[2001:db8::1%eth0]:65535") }, map[string]string{"c-ip": "2001:db8::1", "c-port": "65535"}},
		{func(r *Record) { r.Took, r.FirstByte = 82_400*time.Microsecond, time.Hour }, map[string]string{"time-taken": "0.082", "time-to-first-byte": "3600.000"}},
		{func(r *Record) { r.Took = -time.Second }, map[string]string{"time-taken": "0.000"}},
		{func(r *Record) { r.ContentRange = "bytes 10-19/200" }, map[string]string{"sc-range-start": "10", "sc-range-end": "19"}},
		{func(r *Record) { r.ContentRange = "bytes */200" }, map[string]string{"sc-range-start": "-", "sc-range-end": "-"}},
		{func(r *Record) { r.ContentRange = "lines 1-2/3" }, map[string]string{"sc-range-start": "-", "sc-range-end": "-"}},
		{func(r *Record) { r.Major, r.Minor = 1, 0 }, map[string]string{"cs-protocol-version": "HTTP/1.0"}},
		{func(r *Record) { r.Result, r.Detail = "Error", "ClientCommError" }, map[string]string{
			"x-edge-result-type": "Error", "x-edge-response-result-type": "Hit", "x-edge-detailed-result-type": "ClientCommError",
		}},
		{func(r *Record) { r.Query, r.Path = "a=b&c=%20", "/a b/\u00e4" }, map[string]string{"cs-uri-query": "a=b&c=%2520", "cs-uri-stem": "/a%20b/%C3%A4"}},
		{func(r *Record) { r.UserAgent = "\t\n\r\x00\x7f<>\"#%{}|\\^~[]`' \xff-_.!*(),;:@&=+$/?" }, map[string]string{
			"cs(User-Agent)": "%09%0A%0D%00%7F%3C%3E%22%23%25%7B%7D%7C%5C%5E%7E%5B%5D%60%27%20%FF-_.!*(),;:@&=+$/?",
		}},
	} {
		r := example()
		c.change(r)
		got := fields(t, r, false)
		for name, want := range c.want {
			if got[name] != want {
				t.Errorf("%s: %q, want %q", name, got[name], want)
			}
		}
	}
}

func TestCookiesAreWrittenIfAskedFor(t *testing.T) {
	r := example()
	r.Cookie = "session=secret; a=b"
	if got := fields(t, r, false)["cs(Cookie)"]; got != "-" {
		t.Errorf("%q", got)
	}
	if got := fields(t, r, true)["cs(Cookie)"]; got != "session=secret;%20a=b" {
		t.Errorf("%q", got)
	}
}

// Nothing a viewer sends makes a line of its own, or a field.
func FuzzLine(f *testing.F) {
	f.Add("/x\ty", "a=b\n", "Moz\r\n#Version: 1.0", "c=1")
	f.Fuzz(func(t *testing.T, path, query, agent, cookie string) {
		r := example()
		r.Path, r.Query, r.UserAgent, r.Cookie, r.Referer, r.ForwardedFor, r.Host, r.Method, r.ContentType, r.ContentRange =
			path, query, agent, cookie, agent, cookie, path, query, agent, "bytes "+path
		for name, value := range fields(t, r, true) {
			for _, c := range []byte(value) {
				if c <= ' ' || c >= 127 {
					t.Errorf("%s holds the byte %q", name, c)
				}
			}
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	r, line := example(), make([]byte, 0, usualLine)
	b.ReportAllocs()
	for b.Loop() {
		line = r.Append(line[:0], false)
	}
}
