package edge

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

func TestMissThenHitThenRefreshHit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, site{}, func(_ context.Context, _ int, r *message.Request) (*message.Response, error) {
			if r.Header.Get("If-None-Match") == `"a"` {
				return status(304, "", "ETag", `"a"`, "Cache-Control", "max-age=60"), nil
			}
			return ok("hello", "ETag", `"a"`, "Cache-Control", "max-age=60", "X-Cache", "Miss from elsewhere"), nil
		})
		for i, c := range []struct {
			wait   time.Duration
			xcache string
			age    string
			asked  int
			status string
		}{
			{0, "Miss", "", 1, "warmfront/NRT-1; fwd=uri-miss; fwd-status=200; stored; ttl=60"},
			{0, "Hit", "0", 1, "warmfront/NRT-1; hit; ttl=60"},
			{30 * time.Second, "Hit", "30", 1, "warmfront/NRT-1; hit; ttl=30"},
			{30 * time.Second, "RefreshHit", "0", 2, "warmfront/NRT-1; fwd=stale; fwd-status=304; stored; ttl=60"},
			{59 * time.Second, "Hit", "59", 2, "warmfront/NRT-1; hit; ttl=1"},
		} {
			n.advance(c.wait)
			r := n.get("/x")
			if r.Status != 200 || r.body != "hello" || r.xcache() != c.xcache || r.Header.Get("Age") != c.age || n.at.count() != c.asked || r.Header.Get("Cache-Status") != c.status {
				t.Errorf("%d: %d %q X-Cache %q Age %q asked %d %s", i, r.Status, r.body, r.xcache(), r.Header.Get("Age"), n.at.count(), r.Header.Get("Cache-Status"))
			}
			if strings.Contains(fmt.Sprint(r.Header), "elsewhere") {
				t.Error("the origin's X-Cache goes through")
			}
		}
	})
}

func TestTheDefaultIsADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, site{}, numbered())
		n.get("/x")
		n.advance(24*time.Hour - time.Second)
		if r := n.get("/x"); r.xcache() != "Hit" {
			t.Error(r.xcache())
		}
		n.advance(time.Second)
		if r := n.get("/x"); r.xcache() != "Miss" || r.body != "answer 2" {
			t.Errorf("%s %q", r.xcache(), r.body)
		}
	})
}

func TestWhatIsNotStored(t *testing.T) {
	zero := behavior{min: 0, def: 60, max: 600}
	for _, c := range []struct {
		name   string
		site   site
		header []string
		uri    string
	}{
		{"CachingDisabled", site{behaviors: []behavior{{policy: disabled}}}, []string{"Cache-Control", "max-age=600"}, "/x"},
		{"private with a minimum of 0", site{behaviors: []behavior{zero}}, []string{"Cache-Control", "private"}, "/x"},
		{"no-store", site{behaviors: []behavior{zero}}, []string{"Cache-Control", "no-store"}, "/x"},
		{"all headers forwarded", site{behaviors: []behavior{{def: 60, max: 60, forwarded: "<QueryString>false</QueryString><Headers><Items><Name>*</Name></Items></Headers>"}}}, nil, "/x"},
		{"RFC 9111 without anything to go by", site{strict: true}, nil, "/x"},
	} {
		n := newNetwork(t, c.site, numbered(c.header...))
		for i := 1; i <= 2; i++ {
			if r := n.get(c.uri); r.xcache() != "Miss" || r.body != fmt.Sprint("answer ", i) {
				t.Errorf("%s: %s %q", c.name, r.xcache(), r.body)
			}
		}
	}
}

func TestTheCacheKey(t *testing.T) {
	legacy := func(fwd string) site {
		return site{behaviors: []behavior{{def: 600, max: 600, forwarded: fwd}}}
	}
	for _, c := range []struct {
		name  string
		site  site
		a, b  *message.Request
		share bool
	}{
		{"the query does not count", site{}, request("/x?a=1"), request("/x?a=2"), true},
		{"the query counts", legacy("<QueryString>true</QueryString>"), request("/x?a=1"), request("/x?a=2"), false},
		{"one parameter counts", legacy("<QueryString>true</QueryString><QueryStringCacheKeys><Items><Name>a</Name></Items></QueryStringCacheKeys>"), request("/x?a=1&b=1"), request("/x?a=1&b=2"), true},
		{"one parameter differs", legacy("<QueryString>true</QueryString><QueryStringCacheKeys><Items><Name>a</Name></Items></QueryStringCacheKeys>"), request("/x?a=1&b=1"), request("/x?a=2&b=1"), false},
		{"cookies do not count", site{}, request("/x", "Cookie", "a=1"), request("/x", "Cookie", "a=2"), true},
		{"a cookie counts", legacy("<QueryString>false</QueryString><Cookies><Forward>whitelist</Forward><WhitelistedNames><Items><Name>s*</Name></Items></WhitelistedNames></Cookies>"), request("/x", "Cookie", "a=1; sid=1"), request("/x", "Cookie", "a=2; sid=2"), false},
		{"another cookie does not", legacy("<QueryString>false</QueryString><Cookies><Forward>whitelist</Forward><WhitelistedNames><Items><Name>s*</Name></Items></WhitelistedNames></Cookies>"), request("/x", "Cookie", "a=1; sid=1"), request("/x", "Cookie", "a=2; sid=1"), true},
		{"a header counts", legacy("<QueryString>false</QueryString><Headers><Items><Name>origin</Name></Items></Headers>"), request("/x", "Origin", "a"), request("/x", "Origin", "b"), false},
		{"encodings count as normalised", site{}, request("/x", "Accept-Encoding", "gzip, br"), request("/x", "Accept-Encoding", "br;q=0.1, gzip, zstd"), true},
		{"encodings differ", site{}, request("/x", "Accept-Encoding", "gzip"), request("/x", "Accept-Encoding", "gzip;q=0"), false},
		{"names of one distribution share", site{}, request("/x"), withHost(request("/x"), "www.e1.test"), true},
		{"case of the path counts", site{}, request("/x"), request("/X"), false},
		{"the scheme does not count", site{}, request("/x"), withScheme(request("/x"), "https"), true},
	} {
		n := newNetwork(t, c.site, numbered())
		first, second := n.do(c.a), n.do(c.b)
		if shared := first.body == second.body; shared != c.share || first.Status != 200 {
			t.Errorf("%s: %q and %q", c.name, first.body, second.body)
		}
	}
}

func request(uri string, h ...string) *message.Request { return (&network{}).request("GET", uri, h...) }
func withHost(r *message.Request, host string) *message.Request {
	r.Host = host
	return r
}
func withScheme(r *message.Request, scheme string) *message.Request {
	r.Scheme = scheme
	return r
}

func TestVary(t *testing.T) {
	headers := site{behaviors: []behavior{{def: 600, max: 600, forwarded: "<QueryString>false</QueryString><Headers><Items><Name>Host</Name></Items></Headers>"}}}
	// The older settings forward what they do not know: the answer may vary by it.
	n := newNetwork(t, headers, func(_ context.Context, i int, r *message.Request) (*message.Response, error) {
		return ok(fmt.Sprint(i, r.Header.Get("X-Lang")), "Vary", "X-Lang, Accept-Language"), nil
	})
	for _, c := range [][2]string{{"de", "1de"}, {"en", "2en"}, {"de", "1de"}, {"en", "2en"}, {"", "3"}, {"de", "1de"}} {
		// Accept-Language is not forwarded, so no answer can depend on it.
		if r := n.get("/x", "X-Lang", c[0], "Accept-Language", fmt.Sprint(n.at.count())); r.body != c[1] {
			t.Errorf("%q: %q, want %q", c[0], r.body, c[1])
		}
	}
}

func TestHead(t *testing.T) {
	n := newNetwork(t, site{}, func(_ context.Context, i int, r *message.Request) (*message.Response, error) {
		if r.Method == "HEAD" {
			return &message.Response{Status: 200, Length: 8}, nil
		}
		return ok(fmt.Sprint("answer ", i)), nil
	})
	head := func() reply { return n.do(n.request("HEAD", "/x")) }
	for i, want := range []string{"Miss", "Hit"} {
		if r := head(); r.xcache() != want || r.Body != nil || r.Length != 8 {
			t.Errorf("HEAD %d: %s, length %d", i, r.xcache(), r.Length)
		}
	}
	if r := n.get("/x"); r.xcache() != "Miss" || r.body != "answer 2" {
		t.Errorf("a HEAD's answer was given to a GET: %s %q", r.xcache(), r.body)
	}
	if r := head(); r.xcache() != "Hit" || n.at.count() != 2 || r.Length != 8 {
		t.Errorf("a GET's answer is not used for HEAD: %s", r.xcache())
	}
}

func TestConditionsAndRangesOnHits(t *testing.T) {
	n := newNetwork(t, site{}, func(context.Context, int, *message.Request) (*message.Response, error) {
		return ok("0123456789", "ETag", `"a"`, "Content-Type", "text/plain"), nil
	})
	n.get("/x")
	for _, c := range []struct {
		method  string
		header  []string
		status  int
		body    string
		content string // Content-Range
	}{
		{"GET", []string{"If-None-Match", `"a"`}, 304, "", ""},
		{"GET", []string{"If-None-Match", `"b"`}, 200, "0123456789", ""},
		{"GET", []string{"If-Match", `"b"`}, 412, "", ""},
		{"GET", []string{"Range", "bytes=2-4"}, 206, "234", "bytes 2-4/10"},
		{"GET", []string{"Range", "bytes=-3"}, 206, "789", "bytes 7-9/10"},
		{"GET", []string{"Range", "bytes=10-"}, 416, "", "bytes */10"},
		{"GET", []string{"Range", "bytes=4-5,1-2"}, 200, "0123456789", ""},
		{"GET", []string{"Range", "bytes=1-2", "If-Range", `"b"`}, 200, "0123456789", ""},
		{"HEAD", []string{"Range", "bytes=2-4"}, 200, "", ""},
		{"HEAD", []string{"If-None-Match", `"a"`}, 304, "", ""},
	} {
		r := n.do(n.request(c.method, "/x", c.header...))
		if r.Status != c.status || r.body != c.body || r.Header.Get("Content-Range") != c.content || r.Header.Get("ETag") != `"a"` {
			t.Errorf("%s %v: %d %q %v", c.method, c.header, r.Status, r.body, r.Header)
		}
	}
	if n.at.count() != 1 {
		t.Errorf("the origin was asked %d times", n.at.count())
	}
}

func TestARangeOfWhatIsNotStoredMayBringItWhole(t *testing.T) {
	n := newNetwork(t, site{}, func(_ context.Context, _ int, r *message.Request) (*message.Response, error) {
		return ok("0123456789"), nil // which ignores ranges
	})
	if r := n.get("/x", "Range", "bytes=2-4"); r.Status != 206 || r.body != "234" || r.xcache() != "Miss" {
		t.Errorf("%d %q", r.Status, r.body)
	}
	if r := n.get("/x"); r.body != "0123456789" || r.xcache() != "Hit" {
		t.Errorf("%q %s", r.body, r.xcache())
	}
}

func TestARangeOfWhatIsTooLargeToStoreIsPassedOn(t *testing.T) {
	n := newNetwork(t, site{}, func(_ context.Context, _ int, r *message.Request) (*message.Response, error) {
		if r.Header.Get("Range") == "bytes=2-4" {
			return status(206, "234", "Content-Range", "bytes 2-4/99999999999"), nil
		}
		resp := ok("")
		resp.Length = 99_999_999_999
		return resp, nil
	})
	if r := n.get("/x", "Range", "bytes=2-4"); r.Status != 206 || r.body != "234" || n.at.count() != 2 {
		t.Errorf("%d %q, asked %d times", r.Status, r.body, n.at.count())
	}
}

func TestErrorsAreKeptForTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		code := 404
		n := newNetwork(t, site{errors: "<CustomErrorResponse><ErrorCode>503</ErrorCode><ErrorCachingMinTTL>30</ErrorCachingMinTTL></CustomErrorResponse>"},
			func(_ context.Context, i int, _ *message.Request) (*message.Response, error) {
				return status(code, fmt.Sprint("error ", i)), nil
			})
		for _, c := range []struct {
			code int
			uri  string
			ttl  time.Duration
		}{{404, "/404", 10 * time.Second}, {503, "/503", 30 * time.Second}, {403, "/403", 0}} {
			code = c.code
			first := n.get(c.uri)
			if c.ttl > 0 {
				n.advance(c.ttl - time.Second)
				if r := n.get(c.uri); r.body != first.body || r.xcache() != "Error" || r.Status != c.code {
					t.Errorf("%d is not kept: %q %s", c.code, r.body, r.xcache())
				}
				n.advance(time.Second)
			}
			if r := n.get(c.uri); r.body == first.body {
				t.Errorf("%d is kept too long", c.code)
			}
		}
	})
}

func TestAnOriginThatFailsLeavesTheStaleCopy(t *testing.T) {
	least := site{behaviors: []behavior{{min: 10, def: 10, max: 600}}}
	for _, c := range []struct {
		name   string
		site   site
		cc     string
		fail   *message.Response // nil: no answer at all
		status int
		body   string
	}{
		{"500", site{}, "max-age=60", status(500, "broken"), 200, "answer 1"},
		{"no answer", site{}, "max-age=60", nil, 200, "answer 1"},
		{"stale-if-error=0", site{}, "max-age=60, stale-if-error=0", status(500, "broken"), 500, "broken"},
		{"must-revalidate", site{}, "max-age=60, must-revalidate", nil, 502, ""},
		{"404 is an answer", site{}, "max-age=60", status(404, "gone"), 404, "gone"},
		{"no-store kept for the minimum, 500", least, "no-store", status(500, "broken"), 500, "broken"},
		{"no-store kept for the minimum, no answer", least, "no-store", nil, 200, "answer 1"},
		{"no-store kept for the minimum, no answer and stale-if-error=0", least, "no-store, stale-if-error=0", nil, 502, ""},
		{"RFC 9111, 500", site{strict: true}, "max-age=60", status(500, "broken"), 500, "broken"},
		{"RFC 9111, 500 and stale-if-error", site{strict: true}, "max-age=60, stale-if-error=600", status(500, "broken"), 200, "answer 1"},
		{"RFC 9111, no answer", site{strict: true}, "max-age=60", nil, 200, "answer 1"},
		{"RFC 9111, no answer and must-revalidate", site{strict: true}, "max-age=60, must-revalidate", nil, 502, ""},
	} {
		for _, validator := range [][]string{{"ETag", `"a"`}, nil} {
			n := newNetwork(t, c.site, func(_ context.Context, i int, r *message.Request) (*message.Response, error) {
				switch {
				case i == 1:
					return ok("answer 1", append(validator, "Cache-Control", c.cc)...), nil
				case r.Header.Has("If-None-Match") != (validator != nil):
					t.Errorf("%s: asked with %v, stored with %v", c.name, r.Header, validator)
				case c.fail == nil:
					return nil, errRefused
				}
				return status(c.fail.Status, c.body), nil
			})
			n.get("/x")
			n.advance(61 * time.Second)
			r := n.get("/x")
			if r.Status != c.status || c.body != "" && r.body != c.body {
				t.Errorf("%s, %v: %d %q", c.name, validator, r.Status, r.body)
			}
			if c.status != 200 || c.site.strict {
				continue
			}
			if r := n.get("/x"); r.xcache() != "Hit" || n.at.count() != 2 {
				t.Errorf("%s, %v: the origin is not left alone: %s, asked %d times", c.name, validator, r.xcache(), n.at.count())
			}
			n.advance(10 * time.Second)
			if n.get("/x"); n.at.count() != 3 {
				t.Errorf("%s, %v: the origin is left alone for too long: asked %d times", c.name, validator, n.at.count())
			}
		}
	}
}

func TestAFailureIsKeptAsAnErrorIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, site{}, func(context.Context, int, *message.Request) (*message.Response, error) { return nil, &originError{504} })
		for range 3 {
			if r := n.get("/x"); r.Status != 504 || r.xcache() != "Error" || !strings.Contains(r.body, "as scripted") || r.Header.Get("Server") != "CloudFront" {
				t.Errorf("%d %s %s", r.Status, r.xcache(), r.body)
			}
		}
		if n.at.count() != 1 {
			t.Errorf("asked %d times", n.at.count())
		}
		n.advance(10 * time.Second)
		n.get("/x")
		if n.at.count() != 2 {
			t.Error("the failure is kept too long")
		}
	})
}

func TestStaleWhileRevalidate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, site{}, numbered("Cache-Control", "max-age=60, stale-while-revalidate=30"))
		n.get("/x")
		n.advance(70 * time.Second)
		if r := n.get("/x"); r.body != "answer 1" || r.xcache() != "Hit" {
			t.Errorf("%q %s", r.body, r.xcache())
		}
		synctest.Wait()
		if r := n.get("/x"); r.body != "answer 2" || r.xcache() != "Hit" || n.at.count() != 2 {
			t.Errorf("%q %s", r.body, r.xcache())
		}
		n.advance(91 * time.Second)
		if r := n.get("/x"); r.body != "answer 3" || r.xcache() != "Miss" {
			t.Errorf("beyond the window: %q %s", r.body, r.xcache())
		}
	})
}

func TestRFC9111RequestDirectives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, strict := range []bool{false, true} {
			n := newNetwork(t, site{strict: strict}, numbered("Cache-Control", "max-age=600"))
			if r := n.get("/x", "Cache-Control", "only-if-cached"); strict != (r.Status == 504) {
				t.Errorf("strict %v: only-if-cached of nothing: %d", strict, r.Status)
			}
			before := n.get("/x").body
			if r := n.get("/x", "Cache-Control", "no-cache"); strict == (r.body == before) {
				t.Errorf("strict %v: no-cache got %q", strict, r.body)
			}
		}
	})
}

func TestUnsafeMethodsForgetUnderRFC9111(t *testing.T) {
	for _, strict := range []bool{false, true} {
		n := newNetwork(t, site{strict: strict, behaviors: []behavior{{policy: optimized, methods: all7}}}, numbered("Cache-Control", "max-age=600"))
		n.get("/x")
		if r := n.do(n.request("POST", "/x")); r.Status != 200 || r.xcache() != "Miss" {
			t.Errorf("POST: %d %s", r.Status, r.xcache())
		}
		if r := n.get("/x"); strict == (r.xcache() == "Hit") {
			t.Errorf("strict %v: %s after a POST", strict, r.xcache())
		}
	}
}
