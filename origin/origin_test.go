package origin

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"hash/crc32"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/sigv4"
)

const account = "123456789012"

type keys map[string]Key

func (k keys) Lookup(id string) (Key, bool) { v, ok := k[id]; return v, ok }

var (
	owner  = sigv4.Credentials{AccessKeyID: "AKIAOWNER", SecretAccessKey: "owner's secret"}
	edge   = sigv4.Credentials{AccessKeyID: "AKIAEDGE", SecretAccessKey: "edge's secret"}
	nobody = sigv4.Credentials{}
)

func testKeys() keys {
	return keys{
		owner.AccessKeyID: {Key: sigv4.Key{Secret: owner.SecretAccessKey}},
		edge.AccessKeyID:  {Key: sigv4.Key{Secret: edge.SecretAccessKey}, OriginAccess: true},
	}
}

// rig is a server over real sockets and a client of it.
type rig struct {
	t    testing.TB
	s    *Server
	url  string
	stop func() error
}

func start(t testing.TB, dir string, change func(*Config)) *rig {
	t.Helper()
	cfg := Config{Addr: "127.0.0.1:0", Dir: dir, Keys: testKeys(), Account: account}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	var stopped bool
	g := &rig{t: t, s: s, url: "http://" + s.Addr().String(), stop: func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		err := <-done
		if cerr := s.Close(); err == nil {
			err = cerr
		}
		return err
	}}
	t.Cleanup(func() {
		if err := g.stop(); err != nil {
			t.Error(err)
		}
	})
	return g
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) code() string {
	var e struct{ Code string }
	_ = xml.Unmarshal([]byte(a.body), &e)
	return e.Code
}

// do sends a request signed by who (anonymous: nobody). Headers are given as
// "Name: value"; Host among them is the request's host.
func (g *rig) do(who sigv4.Credentials, method, target, body string, headers ...string) answer {
	g.t.Helper()
	r, err := http.NewRequest(method, g.url+target, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	payload := hexOf(body)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		switch name {
		case "Host":
			r.Host = value
		case "X-Amz-Content-Sha256":
			payload = value
		default:
			r.Header.Set(name, value)
		}
	}
	if who != nobody {
		sigv4.Sign(r, who, sigv4.Scope{Region: "us-east-1", Service: "s3"}, payload, time.Now())
	}
	return g.send(r)
}

func hexOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func (g *rig) send(r *http.Request) answer {
	g.t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		g.t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

func (g *rig) want(status int, who sigv4.Credentials, method, target, body string, headers ...string) answer {
	g.t.Helper()
	a := g.do(who, method, target, body, headers...)
	if a.status != status {
		g.t.Fatalf("%s %s: status %d, want %d\n%s", method, target, a.status, status, a.body)
	}
	return a
}

func withDemo(t testing.TB) *rig {
	g := start(t, t.TempDir(), nil)
	g.want(200, owner, "PUT", "/demo", "")
	return g
}

func TestObjectRoundTrip(t *testing.T) {
	dir := t.TempDir()
	g := start(t, dir, nil)
	g.want(200, owner, "PUT", "/demo", "")
	put := g.want(200, owner, "PUT", "/demo/a/b%20c%2B.html", "<p>hello</p>", "Content-Type: text/html", "Cache-Control: max-age=60", "Content-Encoding: aws-chunked, br", "X-Amz-Meta-Colour: blue", "X-Amz-Tagging: a=b&c=d")
	const etag = `"e6cd5d5e2b0e4a0d8d6d3d8fc0b2c5d4"`
	if put.header.Get("ETag") == "" || put.header.Get("ETag") == etag {
		t.Errorf("ETag %s", put.header.Get("ETag"))
	}
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	g = start(t, dir, nil)
	for _, method := range []string{"GET", "HEAD"} {
		got := g.want(200, owner, method, "/demo/a/b%20c%2B.html", "")
		for name, want := range map[string]string{
			"Content-Type": "text/html", "Cache-Control": "max-age=60", "Content-Encoding": "br", "X-Amz-Meta-Colour": "blue", "X-Amz-Tagging-Count": "2",
			"ETag": put.header.Get("ETag"), "Content-Length": "12", "Accept-Ranges": "bytes", "Server": "AmazonS3", "Access-Control-Allow-Origin": "",
		} {
			if v := got.header.Get(name); v != want {
				t.Errorf("%s %s: %q, want %q", method, name, v, want)
			}
		}
		if want := map[string]string{"GET": "<p>hello</p>", "HEAD": ""}[method]; got.body != want {
			t.Errorf("%s: %q", method, got.body)
		}
	}
	if a := g.do(owner, "GET", "/demo/nothing", ""); a.status != 404 || a.code() != "NoSuchKey" {
		t.Errorf("missing: %d %s", a.status, a.body)
	}
	g.want(204, owner, "DELETE", "/demo/a/b%20c%2B.html", "")
	g.want(404, owner, "HEAD", "/demo/a/b%20c%2B.html", "")
	g.want(204, owner, "DELETE", "/demo", "")
	if a := g.do(owner, "GET", "/demo", ""); a.status != 404 || a.code() != "NoSuchBucket" {
		t.Errorf("bucket gone: %d %s", a.status, a.body)
	}
}

func TestHostileKeysOverHTTP(t *testing.T) {
	g := withDemo(t)
	for _, k := range []string{"../x", "..", "/", "//", "/lead", "a//b", "a/", "./a", "a/./b/../c", "\u1234 \u00e9", "a+b&c=d?e#f%25", strings.Repeat("k", 1024), "policy", "tagging"} {
		path := "/demo/" + strings.ReplaceAll(url.PathEscape(k), "%2F", "/")
		r := g.want(200, owner, "PUT", path, k)
		got := g.want(200, owner, "GET", path, "")
		if got.body != k || got.header.Get("ETag") != r.header.Get("ETag") {
			t.Errorf("%q: got %q", k, got.body)
		}
		listed := g.want(200, owner, "GET", "/demo?list-type=2&encoding-type=url&prefix="+url.QueryEscape(k), "")
		var l struct{ Contents []struct{ Key string } }
		if err := xml.Unmarshal([]byte(listed.body), &l); err != nil || len(l.Contents) == 0 {
			t.Errorf("%q is not listed: %s", k, listed.body)
		} else if name, _ := url.QueryUnescape(l.Contents[0].Key); name != k {
			t.Errorf("%q listed as %q", k, name)
		}
		g.want(204, owner, "DELETE", path, "")
	}
	if a := g.do(owner, "PUT", "/demo/"+strings.Repeat("k", 1025), ""); a.code() != "KeyTooLongError" {
		t.Errorf("long key: %d %s", a.status, a.body)
	}
	if a := g.do(owner, "PUT", "/demo/%ff", ""); a.code() != "InvalidURI" {
		t.Errorf("key not UTF-8: %d %s", a.status, a.body)
	}
}

func TestConditionalAndRange(t *testing.T) {
	g := withDemo(t)
	etag := g.want(200, owner, "PUT", "/demo/k", "0123456789", "Cache-Control: max-age=9").header.Get("ETag")
	now := time.Now().UTC()
	before, after := now.Add(-time.Hour).Format(http.TimeFormat), now.Add(time.Hour).Format(http.TimeFormat)
	tests := []struct {
		headers []string
		status  int
		body    string
		rng     string
	}{
		{[]string{"If-None-Match: " + etag}, 304, "", ""},
		{[]string{"If-None-Match: *"}, 304, "", ""},
		{[]string{`If-None-Match: "x", W/` + etag}, 304, "", ""},
		{[]string{`If-None-Match: "x"`}, 200, "0123456789", ""},
		{[]string{`If-None-Match: "x"`, "If-Modified-Since: " + after}, 200, "0123456789", ""},
		{[]string{"If-Modified-Since: " + after}, 304, "", ""},
		{[]string{"If-Modified-Since: " + before}, 200, "0123456789", ""},
		{[]string{"If-Modified-Since: nonsense"}, 200, "0123456789", ""},
		{[]string{"If-Match: " + etag}, 200, "0123456789", ""},
		{[]string{`If-Match: "x"`}, 412, "", ""},
		{[]string{"If-Match: " + etag, "If-Unmodified-Since: " + before}, 200, "0123456789", ""},
		{[]string{"If-Unmodified-Since: " + before}, 412, "", ""},
		{[]string{"Range: bytes=2-4"}, 206, "234", "bytes 2-4/10"},
		{[]string{"Range: bytes=2-"}, 206, "23456789", "bytes 2-9/10"},
		{[]string{"Range: bytes=-3"}, 206, "789", "bytes 7-9/10"},
		{[]string{"Range: bytes=-30"}, 206, "0123456789", "bytes 0-9/10"},
		{[]string{"Range: bytes=8-99"}, 206, "89", "bytes 8-9/10"},
		{[]string{"Range: bytes=10-"}, 416, "", ""},
		{[]string{"Range: bytes=-0"}, 416, "", ""},
		{[]string{"Range: bytes=4-2"}, 200, "0123456789", ""},
		{[]string{"Range: bytes=0-1,4-5"}, 200, "0123456789", ""},
		{[]string{"Range: lines=0-1"}, 200, "0123456789", ""},
		{[]string{"Range: bytes=0-1", "If-Range: " + etag}, 206, "01", "bytes 0-1/10"},
		{[]string{"Range: bytes=0-1", `If-Range: "x"`}, 200, "0123456789", ""},
		{[]string{"Range: bytes=0-1", "If-Range: " + before}, 200, "0123456789", ""},
		{[]string{"Range: bytes=0-1", `If-Match: "x"`}, 412, "", ""},
		{[]string{"Range: bytes=0-1", "If-None-Match: " + etag}, 304, "", ""},
	}
	for _, tt := range tests {
		for _, method := range []string{"GET", "HEAD"} {
			a := g.do(owner, method, "/demo/k", "", tt.headers...)
			if a.status != tt.status || a.header.Get("Content-Range") != tt.rng {
				t.Errorf("%s %v: %d %q", method, tt.headers, a.status, a.header.Get("Content-Range"))
			}
			if method == "GET" && a.status < 300 && a.body != tt.body {
				t.Errorf("%v: %q", tt.headers, a.body)
			}
			if a.status == 304 && (a.body != "" || a.header.Get("ETag") != etag || a.header.Get("Cache-Control") != "max-age=9") {
				t.Errorf("%s %v: %q %v", method, tt.headers, a.body, a.header)
			}
			if method == "GET" && a.status == 412 && a.code() != "PreconditionFailed" || method == "GET" && a.status == 416 && a.code() != "InvalidRange" {
				t.Errorf("%v: %s", tt.headers, a.body)
			}
		}
	}
	if a := g.want(200, owner, "GET", "/demo/k?response-content-type=text%2Fx&response-cache-control=no-store", ""); a.header.Get("Content-Type") != "text/x" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("overridden: %v", a.header)
	}
	g.want(200, owner, "PUT", "/demo/empty", "")
	if a := g.want(416, owner, "GET", "/demo/empty", "", "Range: bytes=0-"); a.code() != "InvalidRange" {
		t.Errorf("range of nothing: %s", a.body)
	}
}

func TestConditionalWrites(t *testing.T) {
	g := withDemo(t)
	g.want(404, owner, "PUT", "/demo/k", "x", `If-Match: "x"`)
	etag := g.want(200, owner, "PUT", "/demo/k", "one", "If-None-Match: *").header.Get("ETag")
	g.want(412, owner, "PUT", "/demo/k", "two", "If-None-Match: *")
	g.want(412, owner, "PUT", "/demo/k", "two", `If-Match: "x"`)
	g.want(412, owner, "DELETE", "/demo/k", "", `If-Match: "x"`)
	g.want(501, owner, "PUT", "/demo/k", "two", "If-None-Match: "+etag)
	g.want(412, owner, "PUT", "/demo/copy", "", "X-Amz-Copy-Source: demo/k", `X-Amz-Copy-Source-If-Match: "x"`)
	g.want(412, owner, "PUT", "/demo/copy", "", "X-Amz-Copy-Source: demo/k", "X-Amz-Copy-Source-If-None-Match: "+etag)
	g.want(200, owner, "PUT", "/demo/copy", "", "X-Amz-Copy-Source: demo/k", "X-Amz-Copy-Source-If-Match: "+etag)
	if a := g.want(200, owner, "GET", "/demo/copy", ""); a.body != "one" {
		t.Errorf("copy: %q", a.body)
	}
	g.want(200, owner, "PUT", "/demo/k", "two", "If-Match: "+etag)
	g.want(204, owner, "DELETE", "/demo/k", "", "If-Match: *")
}

func TestCopyKeepsOrReplacesMetadata(t *testing.T) {
	g := withDemo(t)
	g.want(200, owner, "PUT", "/demo/a%20%2B%C3%A9", "x", "Content-Type: text/css", "X-Amz-Meta-A: 1", "X-Amz-Tagging: t=1")
	g.want(200, owner, "PUT", "/demo/kept", "", "X-Amz-Copy-Source: /demo/a%20%2B%C3%A9")
	g.want(200, owner, "PUT", "/demo/replaced", "", "X-Amz-Copy-Source: /demo/a%20%2B%C3%A9", "X-Amz-Metadata-Directive: REPLACE", "Content-Type: text/plain")
	if a := g.want(200, owner, "HEAD", "/demo/kept", ""); a.header.Get("Content-Type") != "text/css" || a.header.Get("X-Amz-Meta-A") != "1" || a.header.Get("X-Amz-Tagging-Count") != "1" {
		t.Errorf("kept: %v", a.header)
	}
	if a := g.want(200, owner, "HEAD", "/demo/replaced", ""); a.header.Get("Content-Type") != "text/plain" || a.header.Get("X-Amz-Meta-A") != "" {
		t.Errorf("replaced: %v", a.header)
	}
	for source, code := range map[string]string{"demo/none": "NoSuchKey", "none/k": "NoSuchBucket", "demo": "InvalidArgument", "demo/kept?versionId=7": "InvalidArgument", "demo/%zz": "InvalidArgument"} {
		if a := g.do(owner, "PUT", "/demo/c", "", "X-Amz-Copy-Source: "+source); a.code() != code {
			t.Errorf("from %s: %d %s", source, a.status, a.body)
		}
	}
}

func TestListing(t *testing.T) {
	g := withDemo(t)
	for _, k := range []string{"a", "b/1", "b/2", "c/x/1", "d"} {
		g.want(200, owner, "PUT", "/demo/"+k, k)
	}
	type listing struct {
		IsTruncated           bool
		NextContinuationToken string
		NextMarker            string
		Contents              []struct {
			Key, ETag, LastModified string
			Size                    int
		}
		CommonPrefixes []struct{ Prefix string }
	}
	list := func(query string) (l listing) {
		t.Helper()
		a := g.want(200, owner, "GET", "/demo?"+query, "")
		if a.header.Get("Content-Type") != "application/xml" {
			t.Errorf("Content-Type %q", a.header.Get("Content-Type"))
		}
		if err := xml.Unmarshal([]byte(a.body), &l); err != nil {
			t.Fatal(err)
		}
		return l
	}
	names := func(l listing) string {
		var s []string
		for _, c := range l.Contents {
			s = append(s, c.Key)
		}
		for _, p := range l.CommonPrefixes {
			s = append(s, p.Prefix)
		}
		return strings.Join(s, " ")
	}
	for query, want := range map[string]string{
		"list-type=2":                           "a b/1 b/2 c/x/1 d",
		"list-type=2&delimiter=/":               "a d b/ c/",
		"list-type=2&delimiter=/&prefix=b/":     "b/1 b/2",
		"list-type=2&delimiter=/&prefix=c":      "c/",
		"list-type=2&start-after=b/1":           "b/2 c/x/1 d",
		"delimiter=/&marker=b/":                 "d c/",
		"marker=b/2&max-keys=1":                 "c/x/1",
		"list-type=2&max-keys=0":                "",
		"list-type=2&prefix=nothing":            "",
		"list-type=2&prefix=b%2F&max-keys=1000": "b/1 b/2",
	} {
		if got := names(list(query)); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	var all []string
	for token := ""; ; {
		l := list("list-type=2&delimiter=/&max-keys=1&continuation-token=" + url.QueryEscape(token))
		all = append(all, names(l))
		if token = l.NextContinuationToken; !l.IsTruncated {
			break
		}
	}
	if got := strings.Join(all, " "); got != "a b/ c/ d" {
		t.Errorf("in pages: %q", got)
	}
	if a := g.want(200, owner, "GET", "/", ""); !strings.Contains(a.body, "<Name>demo</Name>") {
		t.Errorf("buckets: %s", a.body)
	}
	if a := g.want(200, owner, "GET", "/demo?versions", ""); !strings.Contains(a.body, "<VersionId>null</VersionId>") {
		t.Errorf("versions: %s", a.body)
	}
}

func TestBodyIntegrity(t *testing.T) {
	g := withDemo(t)
	crc := func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte{byte(crc32.ChecksumIEEE([]byte(s)) >> 24), byte(crc32.ChecksumIEEE([]byte(s)) >> 16), byte(crc32.ChecksumIEEE([]byte(s)) >> 8), byte(crc32.ChecksumIEEE([]byte(s)))})
	}
	chunked := func(s, sum string) string {
		return strconv.FormatInt(int64(len(s)), 16) + "\r\n" + s + "\r\n0\r\nx-amz-checksum-crc32:" + sum + "\r\n\r\n"
	}
	streaming := []string{"X-Amz-Content-Sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER", "X-Amz-Decoded-Content-Length: 5", "X-Amz-Trailer: x-amz-checksum-crc32", "Content-Encoding: aws-chunked"}
	tests := []struct {
		name, body string
		headers    []string
		code       string // "": stored
	}{
		{"plain", "hello", nil, ""},
		{"another hash", "hello", []string{"X-Amz-Content-Sha256: " + hexOf("jello")}, "XAmzContentSHA256Mismatch"},
		{"Content-MD5", "hello", []string{"Content-Md5: XUFAKrxLKna5cZ2REBfFkg=="}, ""},
		{"wrong Content-MD5", "jello", []string{"Content-Md5: XUFAKrxLKna5cZ2REBfFkg=="}, "BadDigest"},
		{"no MD5 at all", "hello", []string{"Content-Md5: x"}, "InvalidDigest"},
		{"checksum", "hello", []string{"X-Amz-Checksum-Crc32: " + crc("hello")}, ""},
		{"wrong checksum", "jello", []string{"X-Amz-Checksum-Crc32: " + crc("hello")}, "BadDigest"},
		{"trailer", chunked("hello", crc("hello")), streaming, ""},
		{"wrong trailer", chunked("jello", crc("hello")), streaming, "BadDigest"},
		{"short", chunked("hell", crc("hell")), streaming, "IncompleteBody"},
		{"not chunked", "hello\r\n", streaming, "InvalidRequest"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := &rig{t: t, s: g.s, url: g.url}
			g.do(owner, "DELETE", "/demo/k", "")
			a := g.do(owner, "PUT", "/demo/k", tt.body, tt.headers...)
			if a.code() != tt.code || (tt.code == "") != (a.status == 200) {
				t.Fatalf("%d %s, want %s", a.status, a.body, tt.code)
			}
			if tt.code != "" {
				g.want(404, owner, "HEAD", "/demo/k", "")
				return
			}
			got := g.want(200, owner, "GET", "/demo/k", "", "X-Amz-Checksum-Mode: ENABLED")
			if got.body != "hello" || got.header.Get("Content-Encoding") != "" {
				t.Errorf("%q %v", got.body, got.header)
			}
			if wantSum := strings.Contains(strings.Join(tt.headers, ""), "rc32"); wantSum != (got.header.Get("X-Amz-Checksum-Crc32") == crc("hello")) || wantSum != (a.header.Get("X-Amz-Checksum-Crc32") == crc("hello")) {
				t.Errorf("checksum %q, %q", got.header.Get("X-Amz-Checksum-Crc32"), a.header.Get("X-Amz-Checksum-Crc32"))
			}
		})
	}
}

func TestMultipart(t *testing.T) {
	dir := t.TempDir()
	g := start(t, dir, nil)
	g.want(200, owner, "PUT", "/demo", "")
	if a := g.want(200, owner, "GET", "/demo?uploads", ""); strings.Contains(a.body, "<Upload>") {
		t.Errorf("uploads of a new bucket: %s", a.body)
	}
	var made struct {
		UploadID string `xml:"UploadId"`
	}
	a := g.want(200, owner, "POST", "/demo/big?uploads", "", "Content-Type: video/mp4")
	if err := xml.Unmarshal([]byte(a.body), &made); err != nil || made.UploadID == "" {
		t.Fatal(a.body)
	}
	q := "/demo/big?uploadId=" + made.UploadID
	piece := strings.Repeat("x", 5<<20)
	e1 := g.want(200, owner, "PUT", q+"&partNumber=1", piece).header.Get("ETag")
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	g = start(t, dir, nil)
	g.want(200, owner, "PUT", "/demo/tail", "0123456789")
	var part struct{ ETag string }
	if err := xml.Unmarshal([]byte(g.want(200, owner, "PUT", q+"&partNumber=7", "", "X-Amz-Copy-Source: demo/tail", "X-Amz-Copy-Source-Range: bytes=2-4").body), &part); err != nil {
		t.Fatal(err)
	}
	if a := g.want(200, owner, "GET", q+"&max-parts=1", ""); !strings.Contains(a.body, "<NextPartNumberMarker>1<") || !strings.Contains(a.body, "<IsTruncated>true<") {
		t.Errorf("parts: %s", a.body)
	}
	if a := g.want(200, owner, "GET", q+"&part-number-marker=1", ""); !strings.Contains(a.body, "<PartNumber>7<") || strings.Contains(a.body, "<PartNumber>1<") {
		t.Errorf("parts after 1: %s", a.body)
	}
	if a := g.want(200, owner, "GET", "/demo?uploads&prefix=b", ""); !strings.Contains(a.body, made.UploadID) {
		t.Errorf("uploads: %s", a.body)
	}
	complete := func(parts ...string) answer {
		doc := "<CompleteMultipartUpload>"
		for _, p := range parts {
			n, etag, _ := strings.Cut(p, " ")
			doc += "<Part><PartNumber>" + n + "</PartNumber><ETag>" + strings.ReplaceAll(etag, `"`, "&quot;") + "</ETag></Part>"
		}
		return g.do(owner, "POST", q, doc+"</CompleteMultipartUpload>")
	}
	for code, parts := range map[string][]string{
		"InvalidPart":      {"1 " + part.ETag},
		"InvalidPartOrder": {"7 " + part.ETag, "1 " + e1},
		"MalformedXML":     {},
	} {
		if a := complete(parts...); a.code() != code {
			t.Errorf("%v: %d %s", parts, a.status, a.body)
		}
	}
	a = complete("1 "+e1, "7 "+part.ETag)
	if a.status != 200 || !strings.Contains(a.body, "-2&#34;</ETag>") {
		t.Fatalf("complete: %d %s", a.status, a.body)
	}
	head := g.want(200, owner, "HEAD", "/demo/big", "")
	if head.header.Get("Content-Length") != strconv.Itoa(5<<20+3) || !strings.HasSuffix(head.header.Get("ETag"), `-2"`) || head.header.Get("Content-Type") != "video/mp4" {
		t.Errorf("%v", head.header)
	}
	g.want(304, owner, "GET", "/demo/big", "", "If-None-Match: "+head.header.Get("ETag"))
	g.want(200, owner, "HEAD", "/demo/big", "", "If-Match: "+head.header.Get("ETag"))
	if a := g.want(206, owner, "GET", "/demo/big?partNumber=2", ""); a.body != "234" || a.header.Get("X-Amz-Mp-Parts-Count") != "2" {
		t.Errorf("part 2: %q %v", a.body, a.header)
	}
	g.want(416, owner, "GET", "/demo/big?partNumber=3", "")
	if a := g.want(200, owner, "GET", "/demo/big?attributes", "", "X-Amz-Object-Attributes: ETag,ObjectParts,ObjectSize"); !strings.Contains(a.body, "-2</ETag>") || !strings.Contains(a.body, "<TotalPartsCount>2<") {
		t.Errorf("attributes: %s", a.body)
	}
	if a := g.do(owner, "DELETE", q, ""); a.code() != "NoSuchUpload" {
		t.Errorf("abort after completing: %s", a.body)
	}
	if a := g.do(owner, "PUT", "/demo/big?uploadId=none&partNumber=10001", "x"); a.code() != "InvalidArgument" {
		t.Errorf("part 10001: %s", a.body)
	}
}
