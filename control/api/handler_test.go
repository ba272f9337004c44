package api_test

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/api"
	"github.com/warmfront/warmfront/control/cloudfront"
	"github.com/warmfront/warmfront/control/store"
	"github.com/warmfront/warmfront/sigv4"
)

const listPath = "/2020-05-31/distribution"

func TestWhoMayCall(t *testing.T) {
	f := newFixture(t)
	sign := func(r *http.Request, key, secret, service string, at time.Time) *http.Request {
		r.Header.Del("Authorization")
		sigv4.Sign(r, sigv4.Credentials{AccessKeyID: key, SecretAccessKey: secret}, sigv4.Scope{Region: "eu-central-1", Service: service}, sigv4.EmptySHA256, at)
		return r
	}
	list := func() *http.Request { return httptest.NewRequest("GET", "http://localhost:8800"+listPath, nil) }
	now := time.Now()
	changed := request("POST", listPath, "<a/>")
	changed.Body = io.NopCloser(strings.NewReader("<b/>"))
	for _, c := range []struct {
		name string
		r    *http.Request
		code cloudfront.Code // "" for an answer
		want int
	}{
		{"signed, whatever the region", sign(list(), testKey, testSecret, api.Service, now), "", 200},
		{"not signed", list(), "MissingAuthenticationToken", 403},
		{"a wrong secret", sign(list(), testKey, "wrong", api.Service, now), "SignatureDoesNotMatch", 403},
		{"an unknown key", sign(list(), "AKIDUNKNOWN", testSecret, api.Service, now), "InvalidClientTokenId", 403},
		{"for another service", sign(list(), testKey, testSecret, "s3", now), "SignatureDoesNotMatch", 403},
		{"signed long ago", sign(list(), testKey, testSecret, api.Service, now.Add(-time.Hour)), "SignatureDoesNotMatch", 403},
		{"another body than was signed", changed, "SignatureDoesNotMatch", 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp := f.do(c.r)
			if resp.StatusCode != c.want {
				t.Errorf("status %d, want %d", resp.StatusCode, c.want)
			}
			if c.code != "" {
				if got := errorCode(t, resp); got != string(c.code) {
					t.Errorf("code %s, want %s", got, c.code)
				}
			}
		})
	}
	if f.journal.changes != 0 {
		t.Error("the journal has changed")
	}
}

func TestNames(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		host, origin string
		want         int
	}{
		{"127.0.0.1:8800", "", 200},
		{"[::1]:8800", "", 200},
		{"10.77.0.2", "", 200},
		{"localhost:8800", "", 200},
		{"LOCALHOST", "", 200},
		{"control:8800", "", 200},
		{"control.localhost", "", 200},
		{"control.warmfront.test:8800", "", 200},
		{"control.warmfront.test.", "", 200},
		{"rebound.example.com:8800", "", 403},
		{"notwarmfront.test", "", 403},
		{"localhost.example.com", "", 403},
		{"127.0.0.1.example.com", "", 403},
		{"", "", 403},
		{"localhost:8800", "http://localhost:8800", 200},
		{"localhost:8800", "https://LOCALHOST:8800", 200},
		{"localhost:8800", "http://localhost:8080", 403}, // a site of the front door
		{"localhost:8800", "https://www.example.com", 403},
		{"localhost:8800", "null", 403},
		{"localhost:8800", "://", 403},
	} {
		r := httptest.NewRequest("GET", listPath, nil)
		r.Host = c.host
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		sigv4.Sign(r, sigv4.Credentials{AccessKeyID: testKey, SecretAccessKey: testSecret}, sigv4.Scope{Region: "us-east-1", Service: api.Service}, sigv4.EmptySHA256, time.Now())
		resp := f.do(r)
		if resp.StatusCode != c.want {
			t.Errorf("host %q, origin %q: %d, want %d", c.host, c.origin, resp.StatusCode, c.want)
		}
		if c.want == 403 {
			if code := errorCode(t, resp); code != "AccessDenied" {
				t.Errorf("host %q, origin %q: %s", c.host, c.origin, code)
			}
		}
	}
	cfg := configFor(f.journal)
	cfg.Hosts = func(host string) bool { return host == "cdn.example.com" }
	f.handler = api.Handler(cfg)
	if resp := f.do(request("GET", listPath, "")); resp.StatusCode != 403 {
		t.Errorf("a host that the caller does not allow: %d", resp.StatusCode)
	}
}

func TestWhatIsNoOperation(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		method, target, body string
		code                 cloudfront.Code
		status               int
	}{
		{"GET", "/", "", "UnknownOperationException", 404},
		{"GET", "/index.html", "", "UnknownOperationException", 404},
		{"GET", "/2020-05-31/no-such-thing", "", "UnknownOperationException", 404},
		{"PATCH", "/2020-05-31/distribution", "", "UnknownOperationException", 404},
		{"GET", "/2999-12-31/distribution", "", "UnknownOperationException", 404},
		{"POST", "/2020-05-31/distribution", "", "MissingBody", 400},
		{"POST", "/2020-05-31/distribution", "<DistributionConfig>", "MalformedInput", 400},
		{"POST", "/2020-05-31/distribution", "<DistributionConfig/>", "MalformedXML", 400},
		{"POST", "/2020-05-31/distribution", "<Tags/>", "MalformedInput", 400},
		{"POST", "/2020-05-31/distribution", strings.Repeat(" ", 1<<20+1), "RequestEntityTooLarge", 413},
		{"GET", "/2020-05-31/distribution?MaxItems=none", "", "InvalidArgument", 400},
		{"GET", "/2020-05-31/distribution?MaxItems=0", "", "InvalidArgument", 400},
		{"GET", "/2020-05-31/tagging", "", "InvalidArgument", 400},
	} {
		resp := f.do(request(c.method, c.target, c.body))
		if got := errorCode(t, resp); got != string(c.code) || resp.StatusCode != c.status {
			t.Errorf("%s %s: %s %d, want %s %d", c.method, c.target, got, resp.StatusCode, c.code, c.status)
		}
	}
	if f.journal.changes != 0 {
		t.Error("the journal has changed")
	}
}

// unsupported are the operations that say that they are not served
// (docs/compatibility.md lists them).
var unsupported = regexp.MustCompile(`Tenant|ConnectionGroup|(Create|Describe|Get|Update|Publish|Test|Delete)ConnectionFunction|ListConnectionFunctions|` +
	`^(Create|Get|Update|Delete|List)(AnycastIpList|VpcOrigin|TrustStore)s?$|ResourcePolicy|DomainAssociation|DomainConflicts|DnsConfiguration|ManagedCertificate|OwnedResource`)

func TestEveryOperation(t *testing.T) {
	f := newFixture(t)
	label := regexp.MustCompile(`\{[A-Za-z]+\}`)
	served := 0
	for _, op := range cloudfront.Operations() {
		target := label.ReplaceAllString(op.URI, "EXAMPLE")
		query := []string{}
		for _, q := range op.Query {
			if q.Required {
				query = append(query, q.Name+"=1")
			}
		}
		if len(query) > 0 {
			sep := "?"
			if strings.Contains(target, "?") {
				sep = "&"
			}
			target += sep + strings.Join(query, "&")
		}
		resp := f.do(request(op.Method, target, "<x/>"))
		body := must(io.ReadAll(resp.Body))(t)
		refused := strings.Contains(string(body), "<Code>UnsupportedOperation</Code>")
		if refused != unsupported.MatchString(op.Name) {
			t.Errorf("%s: %d %s", op.Name, resp.StatusCode, body)
		}
		if refused && (resp.StatusCode != 400 || !strings.Contains(string(body), "operation "+op.Name+". ")) {
			t.Errorf("%s: %d %s", op.Name, resp.StatusCode, body)
		}
		if !refused {
			served++
		}
	}
	if served != 118 {
		t.Errorf("%d operations are served", served)
	}
	if f.journal.changes != 0 {
		t.Error("the journal has changed")
	}
}

// TestEveryAnswerHasARequestID and, where it has a body, a well-formed document in
// the namespace of the version that was asked in.
func TestEveryAnswerHasARequestID(t *testing.T) {
	f := newFixture(t)
	seen := map[string]bool{}
	for _, version := range []string{"2020-05-31", "2018-11-05", "2012-07-01"} {
		for _, r := range []*http.Request{
			request("GET", "/"+version+"/distribution", ""),
			request("GET", "/"+version+"/distribution/ENONE", ""),
			request("GET", "/"+version+"/cache-policy", ""),
			httptest.NewRequest("GET", "http://localhost/"+version+"/distribution", nil), // not signed
		} {
			resp := f.do(r)
			id := resp.Header.Get("x-amzn-RequestId")
			if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(id) || seen[id] {
				t.Errorf("%s: request id %q", r.URL, id)
			}
			seen[id] = true
			body := must(io.ReadAll(resp.Body))(t)
			var doc struct {
				XMLName   xml.Name
				RequestID string `xml:"RequestId"`
			}
			if err := xml.Unmarshal(body, &doc); err != nil || doc.XMLName.Space != "http://cloudfront.amazonaws.com/doc/"+version+"/" {
				t.Errorf("%s: %v in %s", r.URL, err, body)
			}
			if resp.StatusCode >= 400 && doc.RequestID != id {
				t.Errorf("%s: %s in the body, %s in the header", r.URL, doc.RequestID, id)
			}
			if got := resp.Header.Get("Content-Type"); got != "text/xml" {
				t.Errorf("%s: %s", r.URL, got)
			}
		}
	}
}

func TestARandomSourceThatFails(t *testing.T) {
	for name, random := range map[string]io.Reader{"broken": strings.NewReader(""), "stuck": stuck{}} {
		j := newMemory()
		cfg := configFor(j)
		cfg.Random = random
		f := &fixture{t: t, journal: j, handler: api.Handler(cfg)}
		for i := range 2 {
			resp := f.do(request("POST", "/2020-05-31/origin-access-control", accessDocument("name-"+string(rune('a'+i)))))
			if i == 0 && name == "stuck" {
				if resp.StatusCode != 201 {
					t.Errorf("%s: the first id: %d", name, resp.StatusCode)
				}
				continue
			}
			if code := errorCode(t, resp); code != "InternalFailure" || resp.StatusCode != 500 {
				t.Errorf("%s: %s %d", name, code, resp.StatusCode)
			}
		}
	}
}

// deposed is the journal of a control that leads no more.
type deposed struct {
	*memory
	err error
}

func (d deposed) Propose(context.Context, func(*cdn.State) ([]cdn.Change, error)) (cdn.Version, error) {
	return cdn.Version{}, fmt.Errorf("write the journal: %w", d.err)
}

// TestAControlThatLeadsNoMore asks for another try, which AWS's tools make by
// themselves.
func TestAControlThatLeadsNoMore(t *testing.T) {
	for _, err := range []error{store.ErrNotLeader, store.ErrUnknown} {
		j := newMemory()
		cfg := configFor(j)
		cfg.Journal = deposed{j, err}
		f := &fixture{t: t, journal: j, handler: api.Handler(cfg)}
		resp := f.do(request("POST", "/2020-05-31/origin-access-control", accessDocument("name")))
		if code := errorCode(t, resp); code != "ServiceUnavailable" || resp.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%v: %s %d", err, code, resp.StatusCode)
		}
	}
}

// stuck always gives the same.
type stuck struct{}

func (stuck) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func accessDocument(name string) string {
	return `<OriginAccessControlConfig xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/"><Name>` + name + `</Name>` +
		`<SigningProtocol>sigv4</SigningProtocol><SigningBehavior>always</SigningBehavior><OriginAccessControlOriginType>s3</OriginAccessControlOriginType></OriginAccessControlConfig>`
}

func TestAnotherProofThanASignature(t *testing.T) {
	cfg := configFor(newMemory())
	cfg.Authenticate = func(r *http.Request, _ []byte) error {
		if _, err := r.Cookie("session"); err != nil {
			return cdn.Errorf("AccessDenied", "Sign in first.")
		}
		return nil
	}
	f := &fixture{t: t, handler: api.Handler(cfg)}
	r := httptest.NewRequest("GET", "http://127.0.0.1:8800/2020-05-31/distribution", nil)
	if code := errorCode(t, f.do(r)); code != "AccessDenied" {
		t.Errorf("without it: %s", code)
	}
	r.AddCookie(&http.Cookie{Name: "session", Value: "good"})
	if resp := f.do(r); resp.StatusCode != http.StatusOK {
		t.Errorf("with it: %s", resp.Status)
	}
}
