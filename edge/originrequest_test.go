package edge

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/edge/originauth"
	"github.com/warmfront/warmfront/sigv4"
)

func TestWhatTheOriginIsSent(t *testing.T) {
	viewer := []string{
		"Accept", "text/html", "Accept-Language", "de", "Cookie", "sid=1; other=2", "Referer", "http://a", "Authorization", "Basic x",
		"X-Custom", "mine", "User-Agent", "curl", "X-Forwarded-For", "203.0.113.1", "Via", "1.0 proxy", "Connection", "close, X-Named", "X-Named", "1",
		"Expect", "100-continue", "TE", "trailers", "Proxy-X", "1", "X-Forwarded-Proto", "https", "X-Real-IP", "1.1.1.1", "X-Edge-Y", "1",
		"CloudFront-Viewer-Country", "XX", "Accept-Encoding", "br, gzip", "Range", "bytes=0-1", "If-None-Match", `"a"`, "Content-Type", "text/plain",
		"X-Amz-Cf-Id", "forged", "X-Shared", "forged",
	}
	forward := behavior{def: 60, max: 60, forwarded: "<QueryString>false</QueryString><Cookies><Forward>whitelist</Forward><WhitelistedNames><Items><Name>sid</Name></Items></WhitelistedNames></Cookies>" +
		"<Headers><Items><Name>Host</Name><Name>Accept-Language</Name><Name>CloudFront-Viewer-Country</Name><Name>CloudFront-Forwarded-Proto</Name></Items></Headers>"}
	for _, c := range []struct {
		name string
		site site
		want map[string]string // "" for absent
		host string
	}{
		{"cache policy that selects nothing", site{}, map[string]string{
			"Accept": "", "Accept-Language": "", "Cookie": "", "Referer": "", "Authorization": "", "X-Custom": "", "User-Agent": "Amazon CloudFront",
			"X-Forwarded-For": "203.0.113.1, 192.0.2.7", "X-Named": "", "Accept-Encoding": "br,gzip", "X-Shared": "secret", "CloudFront-Viewer-Country": "", "Content-Type": "text/plain",
			"Range": "bytes=0-1048575",
		}, "origin.test"},
		{"older settings", site{behaviors: []behavior{forward}}, map[string]string{
			"Accept": "", "Accept-Language": "de", "Cookie": "sid=1", "Authorization": "", "X-Custom": "mine", "CloudFront-Viewer-Country": "JP",
			"CloudFront-Forwarded-Proto": "http", "Accept-Encoding": "identity", "X-Named": "",
		}, "de1.warmfront.test"},
		{"RFC 9111", site{strict: true}, map[string]string{
			"Accept": "text/html", "Accept-Language": "de", "Authorization": "Basic x", "X-Custom": "mine", "Cookie": "", "X-Named": "", "Range": "bytes=0-1",
		}, "origin.test"},
	} {
		n := newNetwork(t, c.site, numbered("Cache-Control", "public, max-age=60"))
		n.get("/x", viewer...)
		got := n.at.last()
		for name, want := range c.want {
			if got.Header.Joined(name) != want {
				t.Errorf("%s: %s is %q, want %q", c.name, name, got.Header.Joined(name), want)
			}
		}
		for _, name := range []string{"Expect", "TE", "Proxy-X", "X-Forwarded-Proto", "X-Real-IP", "X-Edge-Y", "Connection", "If-None-Match"} {
			if got.Header.Has(name) {
				t.Errorf("%s: %s is sent: %q", c.name, name, got.Header.Joined(name))
			}
		}
		if got.Host != c.host || got.Path != "/base/x" || len(got.Header.Get("X-Amz-Cf-Id")) != 56 || !strings.HasPrefix(got.Header.Get("Via"), "1.0 proxy, 1.1 ") {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

func TestWhatIsPassedOnKeepsItsConditions(t *testing.T) {
	n := newNetwork(t, site{behaviors: []behavior{{policy: disabled}}}, numbered())
	n.get("/x", "Range", "bytes=0-1", "If-None-Match", `"a"`)
	if h := n.at.last().Header; h.Get("Range") == "" || h.Get("If-None-Match") == "" {
		t.Errorf("%v", h)
	}
}

func TestRequestsToBucketsAreSigned(t *testing.T) {
	key := sigv4.Credentials{AccessKeyID: "AKEDGE", SecretAccessKey: "secret"}
	n := newNetwork(t, site{s3: true, behaviors: []behavior{{policy: optimized, methods: all7}}}, numbered())
	n.edge.fetcher.Signer = originauth.S3{Credentials: key}
	verify := func(method, uri string, header ...string) *sigv4.Signed {
		t.Helper()
		req := n.request(method, uri, header...)
		if method == "PUT" {
			req.Body, req.Length = strings.NewReader("data"), 4
		}
		n.do(req)
		r := n.at.last()
		path, err := url.PathUnescape(r.Path)
		if err != nil {
			t.Fatal(err)
		}
		hr := &http.Request{Method: r.Method, Host: r.Host, Header: http.Header{}, URL: &url.URL{Path: path, RawPath: r.Path, RawQuery: r.Query}}
		for _, f := range r.Header {
			hr.Header.Add(f.Name, f.Value)
		}
		v := sigv4.Verifier{Service: "s3", Region: "eu-west-1", Lookup: func(id string) (sigv4.Key, bool) {
			return sigv4.Key{Secret: key.SecretAccessKey}, id == key.AccessKeyID
		}}
		signed, err := v.Verify(hr, "", time.Now())
		if err != nil {
			t.Fatalf("%s %s: %v", method, uri, err)
		}
		if got := r.Header.Get(originauth.SourceARN); got != "arn:aws:cloudfront::1:distribution/E1" || !signed.Covers(originauth.SourceARN) || r.Host != "demo.s3.eu-west-1.amazonaws.com" {
			t.Errorf("%s: source %q, signed: %v", method, got, signed.SignedHeaders)
		}
		return signed
	}
	for _, uri := range []string{"/a.html", "/a%20b/%C3%A9+c.html", "/a/../b", "/%zz"[:1]} {
		verify("GET", uri)
		verify("HEAD", uri)
	}
	if s := verify("PUT", "/x", "X-Amz-Acl", "public-read", originauth.SourceARN, "forged", "Authorization", "Basic x"); s.Payload != sigv4.UnsignedPayload {
		t.Error(s.Payload)
	}
	if n.at.last().Header.Has("X-Amz-Acl") {
		t.Error("a viewer's words to S3 are signed for")
	}
	n.edge.fetcher.Signer = nil
	if r := n.get("/unsigned"); r.Status != 502 {
		t.Errorf("without a key: %d", r.Status)
	}
}

func TestSigningBehavior(t *testing.T) {
	for _, c := range []struct {
		behavior, authorization string
		signed                  bool
	}{{"always", "Basic x", true}, {"never", "", false}, {"no-override", "", true}, {"no-override", "Basic x", false}} {
		n := newNetwork(t, site{s3: true, behaviors: []behavior{{policy: optimized, methods: all7}}}, numbered())
		n.edge.fetcher.Signer = originauth.S3{}
		n.apply(cdn.KindAccessControlPut, origins.AccessControl{ID: "EOAC", OriginType: "s3", SigningBehavior: c.behavior})
		r := n.request("DELETE", "/x")
		if c.authorization != "" {
			r.Header.Add("Authorization", c.authorization)
		}
		n.do(r)
		if got := strings.HasPrefix(n.at.last().Header.Get("Authorization"), "AWS4"); got != c.signed {
			t.Errorf("%+v: signed %v", c, got)
		}
	}
}

func TestWhatOfTheQueryTheOriginGets(t *testing.T) {
	older := func(forwarded string) site {
		return site{behaviors: []behavior{{def: 60, max: 60, forwarded: forwarded}}}
	}
	const a = "<QueryStringCacheKeys><Items><Name>a</Name></Items></QueryStringCacheKeys>"
	for _, c := range []struct {
		name string
		site site
		want string
	}{
		{"a cache policy without", site{}, ""},
		{"a cache policy that names some", site{behaviors: []behavior{{policy: "08627262-05a9-4f76-9ded-b50ca2e3a84f"}}}, "m=3"},
		{"older settings without", older("<QueryString>false</QueryString>"), ""},
		{"older settings", older("<QueryString>true</QueryString>"), "a=1&b=2&m=3"},
		// Developer guide: "Forward all, cache based on allow list".
		{"older settings with keys", older("<QueryString>true</QueryString>" + a), "a=1&b=2&m=3"},
	} {
		n := newNetwork(t, c.site, numbered())
		n.get("/x?a=1&b=2&m=3")
		if got := n.at.last().Query; got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
