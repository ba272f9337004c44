package edge

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/geo"
)

// words are the names in s, sorted.
func words(s string) []string {
	out := strings.Fields(s)
	slices.Sort(out)
	return out
}

// storedFor is the lifetime that an answer says it was stored with, -1 where it was not.
func storedFor(r reply) time.Duration {
	m := regexp.MustCompile(`stored; ttl=(\d+)`).FindStringSubmatch(r.Header.Get("Cache-Status"))
	if m == nil {
		return -1
	}
	s, _ := strconv.Atoi(m[1])
	return time.Duration(s) * time.Second
}

// TestManagedCachePolicies is the developer guide's table of them, row by row, as they act
// (belief 463): lifetimes, what is in the key and reaches the origin, and encodings.
func TestManagedCachePolicies(t *testing.T) {
	const (
		none      = -1 // not stored
		day, year = 24 * time.Hour, 365 * 24 * time.Hour
		methods   = " X-Http-Method X-Http-Method-Override X-Method-Override"
		amplify   = "Authorization CloudFront-Viewer-Country Host"
	)
	for _, c := range []struct {
		name, id        string
		least, def, max time.Duration
		headers         string
		cookies         bool
		query           string // names among those asked; all: whatever there is
		encoding        string // of a viewer that takes both
	}{
		{"CachingOptimized", "658327ea-f89d-4fab-a63d-7e88639e58f6", time.Second, day, year, "", false, "", "br,gzip"},
		{"CachingOptimizedForUncompressedObjects", "b2884449-e4de-46a7-ac36-70bc7f1ddd6d", time.Second, day, year, "", false, "", "identity"},
		{"CachingDisabled", "4135ea2d-6df8-44a3-9df3-4b5a84be39ad", none, none, none, "", false, "", "identity"},
		{"Amplify", "2e54312d-136d-493c-8eb9-b001f22f67d2", 2 * time.Second, 2 * time.Second, 600 * time.Second, amplify, true, "all", "br,gzip"},
		{"Elemental-MediaPackage", "08627262-05a9-4f76-9ded-b50ca2e3a84f", none, day, year, "Origin", false, "aws.manifestfilter end m start", "gzip"},
		{"UseOriginCacheControlHeaders", "83da9c7e-98b4-4e11-a168-04f0df8e2c65", none, none, year, "Host Origin" + methods, true, "", "br,gzip"},
		{"UseOriginCacheControlHeaders-QueryStrings", "4cc15a8a-d715-48a4-82b8-cc0b614638fe", none, none, year, "Host Origin" + methods, true, "all", "br,gzip"},
		{"Amplify-Default", "4d1d2f1d-3a71-49ad-9e08-7ea5d843a556", none, none, year, amplify + " Accept", true, "all", "br,gzip"},
		{"Amplify-DefaultNoCookies", "a6bad946-36c3-4c33-aa98-362c74a7fb13", none, none, year, amplify + " Accept", false, "all", "br,gzip"},
		{"Amplify-ImageOptimization", "1c6db51a-a33f-469a-8245-dae26771f530", none, none, year, "Accept Authorization Host", false, "all", "br,gzip"},
		{"Amplify-StaticContent", "7e5fad67-ee98-4ad0-b05a-394999eefc1a", none, none, year, "Authorization Host", false, "", "br,gzip"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cc := ""
			n := newNetwork(t, site{behaviors: []behavior{{policy: c.id}}}, func(_ context.Context, i int, _ *message.Request) (*message.Response, error) {
				return ok(fmt.Sprint("answer ", i), "Cache-Control", cc), nil
			})
			n.edge.cfg.Locate = func(a netip.Addr) geo.Place {
				return geo.Place{Country: map[bool]string{true: "JP", false: "DE"}[a == netip.MustParseAddr("192.0.2.7")]}
			}
			for i, l := range []struct {
				says string
				want time.Duration
			}{{"max-age=0", c.least}, {"", c.def}, {"max-age=999999999", c.max}} {
				if cc = l.says; storedFor(n.get(fmt.Sprint("/", i))) != l.want {
					t.Errorf("%q: stored for %v, want %v", l.says, storedFor(n.get(fmt.Sprint("/again", i))), l.want)
				}
			}
			if c.max == none {
				return
			}
			cc = "max-age=600"
			// differs asks for one thing by two requests that differ.
			asked := 0
			differs := func(change func(*message.Request)) (differ bool, origin *message.Request) {
				asked++
				a, b := n.request("GET", fmt.Sprint("/key", asked)), n.request("GET", fmt.Sprint("/key", asked))
				change(b)
				differ = n.do(a).body != n.do(b).body
				return differ, n.at.last()
			}
			var headers, query []string
			for _, name := range words("Accept Accept-Language Authorization CloudFront-Viewer-Country Host Origin Referer User-Agent X-Custom" + methods) {
				differ, origin := differs(func(r *message.Request) {
					switch name {
					case "Host":
						r.Host = "www.e1.test"
					case "CloudFront-Viewer-Country":
						r.Viewer = netip.MustParseAddrPort("198.51.100.1:1")
					default:
						r.Header.Add(name, "other")
					}
				})
				sent := origin.Header.Joined(name) == "other" || name == "Host" && origin.Host == "www.e1.test" || origin.Header.Joined(name) == "DE"
				if differ {
					headers = append(headers, name)
				}
				if sent != differ {
					t.Errorf("%s: in the key %v, sent to the origin %v", name, differ, sent)
				}
			}
			if want := words(c.headers); !slices.Equal(headers, want) {
				t.Errorf("headers in the key: %q, want %q", headers, want)
			}
			if differ, origin := differs(func(r *message.Request) { r.Header.Add("Cookie", "a=1") }); differ != c.cookies || origin.Header.Has("Cookie") != c.cookies {
				t.Errorf("cookies in the key: %v, want %v", differ, c.cookies)
			}
			for _, name := range words("aws.manifestfilter end m other start") {
				if differ, _ := differs(func(r *message.Request) { r.Query = name + "=1" }); differ {
					query = append(query, name)
				}
			}
			if c.query == "all" {
				c.query = "aws.manifestfilter end m other start"
			}
			if want := words(c.query); !slices.Equal(query, want) {
				t.Errorf("parameters in the key: %q, want %q", query, want)
			}
			n.get("/encodings", "Accept-Encoding", "br, gzip")
			if got := n.at.last().Header.Get("Accept-Encoding"); got != c.encoding {
				t.Errorf("Accept-Encoding: %q, want %q", got, c.encoding)
			}
		})
	}
}

// TestManagedOriginRequestPolicies is the developer guide's table of them, row by row
// (belief 464): what of a viewer's request the origin gets beside a cache policy that
// selects nothing.
func TestManagedOriginRequestPolicies(t *testing.T) {
	const (
		viewers = "Accept Access-Control-Request-Headers Access-Control-Request-Method Authorization Origin Referer User-Agent X-Custom"
		cors    = "Access-Control-Request-Headers Access-Control-Request-Method Origin"
		own     = "CloudFront-Forwarded-Proto CloudFront-Is-Android-Viewer CloudFront-Is-Desktop-Viewer CloudFront-Is-IOS-Viewer CloudFront-Is-Mobile-Viewer " +
			"CloudFront-Is-SmartTV-Viewer CloudFront-Is-Tablet-Viewer CloudFront-Viewer-Address CloudFront-Viewer-City CloudFront-Viewer-Country CloudFront-Viewer-Country-Name " +
			"CloudFront-Viewer-Country-Region CloudFront-Viewer-Country-Region-Name CloudFront-Viewer-Http-Version CloudFront-Viewer-Latitude CloudFront-Viewer-Longitude " +
			"CloudFront-Viewer-Postal-Code CloudFront-Viewer-TLS CloudFront-Viewer-Time-Zone"
	)
	for _, c := range []struct {
		name, id, headers    string
		host, cookies, query bool
	}{
		{"AllViewer", "216adef6-5c7f-47e4-b989-5492eafa07d3", viewers, true, true, true},
		// Metro code and ASN are not known here (133).
		{"AllViewerAndCloudFrontHeaders-2022-06", "33f36d7e-f396-46d9-90e0-52428a34d9dc", viewers + " " + own, true, true, true},
		{"AllViewerExceptHostHeader", "b689b0a8-53d0-40ab-baf2-68738e2966ac", viewers, false, true, true},
		{"CORS-CustomOrigin", "59781a5b-3903-41f3-afcb-af62929ccde1", "Origin", false, false, false},
		{"CORS-S3Origin", "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf", cors, false, false, false},
		{"Elemental-MediaTailor-PersonalizedManifests", "775133bc-15f2-49f9-abea-afb2e0bf67d2", cors + " User-Agent", false, false, true},
		{"HostHeaderOnly", "bf0718e1-ba1e-49d1-88b1-f726733018ae", "", true, false, false},
		{"UserAgentRefererHeaders", "acba4595-bd28-49b8-b9fe-13317c0390fa", "Referer User-Agent", false, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(t, site{behaviors: []behavior{{policy: optimized, more: "<OriginRequestPolicyId>" + c.id + "</OriginRequestPolicyId>"}}}, numbered())
			n.edge.cfg.Locate = func(netip.Addr) geo.Place {
				return geo.Place{Country: "JP", CountryName: "Japan", RegionCode: "13", Region: "Tokyo", City: "Tokyo", PostalCode: "100", TimeZone: "Asia/Tokyo", Precision: geo.CityLevel}
			}
			r := n.request("GET", "/a?q=1", "Cookie", "a=1")
			for _, name := range words(viewers) {
				r.Header.Add(name, "mine")
			}
			r.Scheme, r.TLSVersion, r.Cipher = "https", "TLSv1.3", "TLS_AES_128_GCM_SHA256"
			n.do(r)
			got := n.at.last()
			var headers []string
			for _, f := range got.Header {
				if f.Value == "mine" || strings.HasPrefix(f.Name, "CloudFront-") {
					headers = append(headers, f.Name)
				}
			}
			slices.Sort(headers)
			if want := words(c.headers); !slices.Equal(headers, want) {
				t.Errorf("headers %q\nwant %q", headers, want)
			}
			if (got.Host == "de1.warmfront.test") != c.host || got.Header.Has("Cookie") != c.cookies || (got.Query == "q=1") != c.query {
				t.Errorf("host %s, cookies %q, query %q", got.Host, got.Header.Get("Cookie"), got.Query)
			}
			if got.Header.Get("X-Forwarded-For") != "192.0.2.7" {
				t.Errorf("X-Forwarded-For: %q", got.Header.Get("X-Forwarded-For"))
			}
		})
	}
}

// TestManagedResponseHeadersPolicies is the developer guide's table of them, row by row
// (belief 465), for a simple request, a preflight, and an origin that has words of its own.
func TestManagedResponseHeadersPolicies(t *testing.T) {
	const (
		allow    = "Access-Control-Allow-Origin: *\n"
		simple   = "Access-Control-Allow-Headers: *\nAccess-Control-Allow-Methods: GET, HEAD\n" + allow
		all      = "Access-Control-Allow-Headers: *\nAccess-Control-Allow-Methods: GET, HEAD, PUT, POST, PATCH, DELETE, OPTIONS\n" + allow
		expose   = "Access-Control-Expose-Headers: *\n"
		security = "Referrer-Policy: strict-origin-when-cross-origin\nStrict-Transport-Security: max-age=31536000\nX-Content-Type-Options: nosniff\nX-Frame-Options: SAMEORIGIN\nX-XSS-Protection: 1; mode=block\n"
		// What an origin says stays, but for X-Content-Type-Options.
		secured = "Referrer-Policy: own\nStrict-Transport-Security: own\nX-Content-Type-Options: nosniff\nX-Frame-Options: own\nX-XSS-Protection: own\n"
		ours    = "Referrer-Policy: own\nStrict-Transport-Security: own\nX-Content-Type-Options: own\nX-Frame-Options: own\nX-XSS-Protection: own\n"
		said    = "Access-Control-Allow-Origin: own\n"
	)
	for _, c := range []struct{ name, id, simple, preflight, own string }{
		{"SimpleCORS", "60669652-455b-4ae9-85a4-c4c02393f86c", allow, simple, said + ours},
		{"CORS-With-Preflight", "5cc3b908-e619-4b99-88e5-2cf7f45965bd", allow + expose, all, said + expose + ours},
		{"SecurityHeadersPolicy", "67f7725c-6f97-4210-82d7-5512b31e9d03", security, security, said + secured},
		{"CORS-and-SecurityHeadersPolicy", "e61eb60c-9c35-4d20-a928-2b84e02af89c", allow + security, simple + security, said + secured},
		{"CORS-with-preflight-and-SecurityHeadersPolicy", "eaab4381-ed33-4a86-88ca-d9558dc6cd63", allow + expose + security, all + security, said + expose + secured},
	} {
		t.Run(c.name, func(t *testing.T) {
			var words []string
			for _, line := range strings.Split(strings.TrimSpace(said+ours), "\n") {
				name, value, _ := strings.Cut(line, ": ")
				words = append(words, name, value)
			}
			n := newNetwork(t, site{behaviors: []behavior{{policy: disabled, methods: all7, more: "<ResponseHeadersPolicyId>" + c.id + "</ResponseHeadersPolicyId>"}}},
				func(_ context.Context, _ int, r *message.Request) (*message.Response, error) {
					if strings.HasSuffix(r.Path, "/own") {
						return ok("", words...), nil
					}
					return ok(""), nil
				})
			ask := func(method, uri string, h ...string) string {
				var lines []string
				for _, f := range n.do(n.request(method, uri, append(h, "Origin", "https://a.test")...)).Header {
					if p := strings.ToLower(f.Name); strings.HasPrefix(p, "access-control") || strings.HasPrefix(p, "x-frame") || strings.HasPrefix(p, "x-content") || strings.HasPrefix(p, "x-xss") || p == "referrer-policy" || p == "strict-transport-security" {
						lines = append(lines, f.Name+": "+f.Value+"\n")
					}
				}
				slices.Sort(lines)
				return strings.Join(lines, "")
			}
			for _, got := range [][3]string{
				{"simple", ask("GET", "/x"), c.simple},
				{"preflight", ask("OPTIONS", "/x", "Access-Control-Request-Method", "PUT"), c.preflight},
				{"the origin's own", ask("GET", "/own"), c.own},
			} {
				if got[1] != got[2] {
					t.Errorf("%s: %s\nwant %s", got[0], got[1], got[2])
				}
			}
		})
	}
}
