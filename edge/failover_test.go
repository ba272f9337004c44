package edge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/originauth"
	"github.com/warmfront/warmfront/edge/upstream"
	"github.com/warmfront/warmfront/sigv4"
)

// withSecondOrigin makes the origin of a site's configuration the primary one of a
// group whose second is another, with a path and a header of its own.
func withSecondOrigin(config, statuses string) string {
	second := "<Origin><Id>p</Id><DomainName>second.test</DomainName><OriginPath>/copy</OriginPath><CustomHeaders><Items><OriginCustomHeader><HeaderName>X-Shared</HeaderName><HeaderValue>other</HeaderValue></OriginCustomHeader></Items></CustomHeaders>" +
		"<CustomOriginConfig><HTTPPort>80</HTTPPort><HTTPSPort>443</HTTPSPort><OriginProtocolPolicy>http-only</OriginProtocolPolicy></CustomOriginConfig></Origin>"
	if strings.Contains(config, "<S3OriginConfig>") {
		second = "<Origin><Id>p</Id><DomainName>copy.s3.us-west-2.amazonaws.com</DomainName><S3OriginConfig><OriginAccessIdentity/></S3OriginConfig><OriginAccessControlId>EOAC</OriginAccessControlId></Origin>"
	}
	codes := ""
	for _, c := range strings.Fields(statuses) {
		codes += "<StatusCode>" + c + "</StatusCode>"
	}
	group := "<OriginGroups><Items><OriginGroup><Id>g</Id><FailoverCriteria><StatusCodes><Items>" + codes + "</Items></StatusCodes></FailoverCriteria>" +
		"<Members><Items><OriginGroupMember><OriginId>o</OriginId></OriginGroupMember><OriginGroupMember><OriginId>p</OriginId></OriginGroupMember></Items></Members></OriginGroup></Items></OriginGroups>"
	config = strings.Replace(config, "</Items></Origins>", second+"</Items></Origins>"+group, 1)
	return strings.ReplaceAll(config, "<TargetOriginId>o<", "<TargetOriginId>g<")
}

// pairOf answers for two origins, and keeps which were asked.
type pairOf struct {
	mu              sync.Mutex
	asked           []string
	primary, second func(r *message.Request) (*message.Response, error)
}

func (p *pairOf) answer(_ context.Context, _ int, r *message.Request) (*message.Response, error) {
	name, answer := "primary", p.primary
	if strings.HasPrefix(r.Host, "second.") || strings.HasPrefix(r.Host, "copy.") {
		name, answer = "second", p.second
	}
	p.mu.Lock()
	p.asked = append(p.asked, name)
	p.mu.Unlock()
	return answer(r)
}

// turn returns which were asked since it was last called.
func (p *pairOf) turn() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := strings.Join(p.asked, " ")
	p.asked = nil
	return all
}

func answers(code int, body string, h ...string) func(*message.Request) (*message.Response, error) {
	return func(*message.Request) (*message.Response, error) { return status(code, body, h...), nil }
}

func fails(err error) func(*message.Request) (*message.Response, error) {
	return func(*message.Request) (*message.Response, error) { return nil, err }
}

// TestFailover holds the code to beliefs 100 and 101.
func TestFailover(t *testing.T) {
	good, spare := answers(200, "primary"), answers(200, "second")
	for _, c := range []struct {
		name, method    string
		primary, second func(*message.Request) (*message.Response, error)
		asked           string
		status          int
		body, why       string
	}{
		{"the primary is well", "GET", good, spare, "primary", 200, "primary", ""},
		{"a status that is configured", "GET", answers(503, "no"), spare, "primary second", 200, "second", "503"},
		{"of a 404 too", "GET", answers(404, "no"), spare, "primary second", 200, "second", "404"},
		{"a status that is not", "GET", answers(500, "no"), spare, "primary", 500, "no", ""},
		{"no connection", "GET", fails(&upstream.Error{Reason: upstream.Connect, Err: errors.New("refused")}), spare, "primary second", 200, "second", "OriginConnectError"},
		{"no answer in time", "GET", fails(&upstream.Error{Reason: upstream.ReadTimeout, Err: errors.New("late")}), spare, "primary second", 200, "second", "OriginReadTimeout"},
		{"both answer with errors", "GET", answers(503, "first"), answers(502, "then"), "primary second", 502, "then", "503"},
		{"the second is not there either", "GET", answers(503, "first"), fails(&upstream.Error{Reason: upstream.ConnectTimeout, Err: errors.New("late")}), "primary second", 504, "", "503"},
		{"HEAD", "HEAD", answers(503, ""), spare, "primary second", 200, "", "503"},
		{"OPTIONS", "OPTIONS", answers(503, ""), spare, "primary second", 200, "second", "503"},
		{"POST", "POST", answers(503, "no"), spare, "primary", 503, "no", ""},
		{"DELETE", "DELETE", fails(errRefused), spare, "primary", 502, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &pairOf{primary: c.primary, second: c.second}
			n := newNetwork(t, site{failover: "503 404", behaviors: []behavior{{policy: optimized, methods: all7}}}, p.answer)
			r := n.do(n.request(c.method, "/a"))
			if asked := p.turn(); asked != c.asked || r.Status != c.status || c.body != "" && r.body != c.body {
				t.Errorf("%s were asked: %d %q", asked, r.Status, r.body)
			}
			if says := strings.Contains(r.Header.Get("Cache-Status"), "detail=failover-"+c.why); says != (c.why != "") {
				t.Errorf("Cache-Status: %s", r.Header.Get("Cache-Status"))
			}
			if last := n.at.last(); strings.HasSuffix(c.asked, "second") && (last.Path != "/copy/a" || last.Host != "second.test" || last.Header.Joined("X-Shared") != "other" || last.Method != c.method) {
				t.Errorf("the second was asked %s %s %s %v", last.Method, last.Host, last.Path, last.Header)
			}
		})
	}
}

// TestWhatTheSecondOriginSaysIsCached like anything else, under the same key; the
// primary is asked first again.
func TestWhatTheSecondOriginSaysIsCached(t *testing.T) {
	p := &pairOf{primary: answers(503, "no"), second: answers(200, "second", "Cache-Control", "max-age=60")}
	n, log := newLogged(t, site{failover: "503"}, p.answer)
	line := n.logged(log, context.Background(), n.request("GET", "/a"), message.Delivery{})
	if line.Result != "Miss" || line.Detail != "OriginFailover" {
		t.Errorf("logged as %s, %s", line.Result, line.Detail)
	}
	p.turn()
	if r := n.get("/a"); r.xcache() != "Hit" || r.body != "second" || p.turn() != "" || strings.Contains(r.Header.Get("Cache-Status"), "failover") {
		t.Errorf("%s %q %s", r.xcache(), r.body, r.Header.Get("Cache-Status"))
	}
	if line := n.logged(log, context.Background(), n.request("GET", "/a"), message.Delivery{}); line.Detail != "Hit" {
		t.Errorf("a hit is logged as %s", line.Detail)
	}
	n.advance(2 * time.Minute)
	p.primary = answers(200, "primary", "Cache-Control", "max-age=60")
	if r := n.get("/a"); r.body != "primary" || p.turn() != "primary" {
		t.Errorf("then: %q", r.body)
	}
	families, err := n.edge.cfg.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "warmfront_edge_origin_failovers_total" && f.GetMetric()[0].GetCounter().GetValue() == 1 && f.GetMetric()[0].GetLabel()[0].GetValue() == "503" {
			return
		}
	}
	t.Error("the failover was not counted")
}

// TestAFailoverIsShared by all who wait, and its error is kept as an origin's is.
func TestAFailoverIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		p := &pairOf{primary: answers(503, "no"), second: func(*message.Request) (*message.Response, error) {
			<-g.open
			return ok("second"), nil
		}}
		n := newNetwork(t, site{failover: "503"}, p.answer)
		v := n.viewers(20, func(int) *message.Request { return n.request("GET", "/a") })
		close(g.open)
		v.wg.Wait()
		for _, r := range v.replies {
			if r.Status != 200 || r.body != "second" || !strings.Contains(r.Header.Get("Cache-Status"), "failover-503") {
				t.Errorf("%d %q %s", r.Status, r.body, r.Header.Get("Cache-Status"))
			}
		}
		if asked := p.turn(); asked != "primary second" {
			t.Errorf("asked: %s", asked)
		}
		p.second = fails(&upstream.Error{Reason: upstream.Connect, Err: errors.New("refused")})
		for range 3 {
			if r := n.get("/b"); r.Status != 502 || r.xcache() != "Error" {
				t.Errorf("both fail: %d %s", r.Status, r.xcache())
			}
		}
		if asked := p.turn(); asked != "primary second" {
			t.Errorf("within 10 s both were asked again: %s", asked)
		}
	})
}

// TestAStaleCopyStandsInForBothOrigins, not for one of them.
func TestAStaleCopyStandsInForBothOrigins(t *testing.T) {
	p := &pairOf{primary: answers(200, "old", "Cache-Control", "max-age=60", "ETag", `"a"`), second: answers(200, "second")}
	n := newNetwork(t, site{failover: "503"}, p.answer)
	n.get("/a")
	n.advance(2 * time.Minute)
	p.primary, p.second = answers(503, "no"), fails(errRefused)
	p.turn()
	if r := n.get("/a"); r.Status != 200 || r.body != "old" || p.turn() != "primary second" {
		t.Errorf("%d %q", r.Status, r.body)
	}
}

// TestOriginsOfAGroupAreToldApartByEntityTags: a date says nothing of the other's
// object.
func TestOriginsOfAGroupAreToldApartByEntityTags(t *testing.T) {
	const date = "Sun, 01 Feb 2026 00:00:00 GMT"
	confirming := func(tag, body string) func(*message.Request) (*message.Response, error) {
		return func(r *message.Request) (*message.Response, error) {
			h := []string{"Cache-Control", "max-age=60", "Last-Modified", date}
			if tag != "" {
				h = append(h, "ETag", tag)
			}
			if r.Header.Has("If-Modified-Since") && !r.Header.Has("If-None-Match") || tag != "" && r.Header.Get("If-None-Match") == tag {
				return status(304, "", h...), nil
			}
			return ok(body, h...), nil
		}
	}
	for _, c := range []struct{ name, first, second, xcache, body string }{
		{"the same tag", `"a"`, `"a"`, "RefreshHit", "of the primary"},
		{"another tag", `"a"`, `"b"`, "Miss", "of the second"},
		{"dates alone", "", "", "Miss", "of the second"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &pairOf{primary: confirming(c.first, "of the primary"), second: confirming(c.second, "of the second")}
			n := newNetwork(t, site{failover: "503"}, p.answer)
			n.get("/a")
			n.advance(2 * time.Minute)
			p.primary = answers(503, "no")
			if r := n.get("/a"); r.xcache() != c.xcache || r.body != c.body {
				t.Errorf("%s %q, want %s %q", r.xcache(), r.body, c.xcache, c.body)
			}
		})
	}
}

// TestSlicesOfTwoOriginsAreNeverMixed although one takes over in the middle.
func TestSlicesOfTwoOriginsAreNeverMixed(t *testing.T) {
	const size = 8*cache.SliceSize + 5
	for _, c := range []struct {
		name            string
		header          []string // beside the version's tag
		same, mustBreak bool
	}{
		{name: "one version", same: true},
		{name: "another version", mustBreak: true},
		{name: "one date, no tag", header: []string{"ETag", "", "Last-Modified", "Sun, 01 Feb 2026 00:00:00 GMT", "Date", "Sun, 01 Mar 2026 12:00:00 GMT"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			one, two := &film{size: size, header: c.header}, &film{size: size, header: c.header}
			two.version.Store(1)
			if c.same {
				two.version.Store(0)
			}
			var down atomic.Bool
			p := &pairOf{second: func(r *message.Request) (*message.Response, error) { return two.answer(context.Background(), 0, r) }}
			p.primary = func(r *message.Request) (*message.Response, error) {
				if down.Load() {
					return status(503, ""), nil
				}
				return one.answer(context.Background(), 0, r)
			}
			n := newNetwork(t, site{failover: "503"}, p.answer)
			if r := n.get("/film", "Range", "bytes=0-99"); r.body != one.part(0, 100) {
				t.Fatalf("%d, %d bytes", r.Status, len(r.body))
			}
			down.Store(true)
			r := n.get("/film")
			whole := []string{one.part(0, size), two.part(0, size)}
			switch {
			case r.err == nil && r.body != whole[0] && r.body != whole[1]:
				t.Errorf("%d: %d bytes of two versions", r.Status, len(r.body))
			case c.mustBreak && r.err == nil && r.body != whole[1]:
				t.Error("the second's version was not what came")
			case c.same && (r.err != nil || r.body != whole[0]):
				t.Errorf("two copies of one version: %v", r.err)
			}
			if r := n.get("/film"); r.err != nil || r.body != two.part(0, size) {
				t.Errorf("asked again: %v, %d bytes", r.err, len(r.body))
			}
		})
	}
}

// TestEachOriginOfAGroupIsSignedFor by its own access control, for its own region.
func TestEachOriginOfAGroupIsSignedFor(t *testing.T) {
	scopes := []string{}
	note := func(code int) func(r *message.Request) (*message.Response, error) {
		return func(r *message.Request) (*message.Response, error) {
			scopes = append(scopes, r.Header.Get("Authorization"))
			return status(code, ""), nil
		}
	}
	p := &pairOf{primary: note(403), second: note(200)}
	n := newNetwork(t, site{s3: true, failover: "403"}, p.answer)
	n.edge.fetcher.Signer = originauth.S3{Credentials: sigv4.Credentials{AccessKeyID: "AK", SecretAccessKey: "secret"}}
	if r := n.get("/a"); r.Status != 200 {
		t.Fatal(r.Status)
	}
	if len(scopes) != 2 || !strings.Contains(scopes[0], "/eu-west-1/s3/") || !strings.Contains(scopes[1], "/us-west-2/s3/") {
		t.Errorf("signed as %q", scopes)
	}
}

// TestWhatIsNotCachedFailsOverToo, its body streamed.
func TestWhatIsNotCachedFailsOverToo(t *testing.T) {
	p := &pairOf{primary: fails(errRefused), second: answers(200, "second")}
	n := newNetwork(t, site{failover: "503", behaviors: []behavior{{policy: disabled}}}, p.answer)
	for i := range 2 {
		r := n.get(fmt.Sprint("/a?", i))
		if r.Status != 200 || r.body != "second" || p.turn() != "primary second" || !strings.Contains(r.Header.Get("Cache-Status"), "fwd=bypass; fwd-status=200; detail=failover-OriginError") {
			t.Errorf("%d %q %s", r.Status, r.body, r.Header.Get("Cache-Status"))
		}
	}
	// A viewer that has left is no failure of the primary.
	ctx, leave := context.WithCancel(context.Background())
	p.primary = func(*message.Request) (*message.Response, error) {
		leave()
		return nil, ctx.Err()
	}
	n.doCtx(ctx, n.request("GET", "/b"))
	if asked := p.turn(); asked != "primary" {
		t.Errorf("the viewer had left: %s were asked", asked)
	}
}

// TestATierFailsOver for all who ask it: the origins are asked in one place.
func TestATierFailsOver(t *testing.T) {
	p := &pairOf{primary: answers(503, "no"), second: answers(200, "second", "Cache-Control", "max-age=60")}
	c := newCity(t, 2, site{failover: "503"}, p.answer)
	uri := c.owner("/p", 1)
	r := c.nodes[0].get(uri)
	if r.body != "second" || p.turn() != "primary second" || !strings.HasPrefix(r.Header.Joined("Cache-Status"), "warmfront/NRT-2; fwd=uri-miss") || !strings.Contains(r.Header.Joined("Cache-Status"), "failover-503") {
		t.Errorf("%q %s", r.body, r.Header.Joined("Cache-Status"))
	}
	c.apply(cdn.KindInvalidation, cdn.Invalidation{ID: "I1", Distribution: "E1", Paths: []string{"/*"}})
	p.second = fails(errRefused)
	if r := c.nodes[0].get(uri); r.Status != 502 || p.turn() != "primary second" {
		t.Errorf("both fail: %d", r.Status)
	}
}
