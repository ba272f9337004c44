package operator_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/operator"
	"github.com/warmfront/warmfront/sigv4"
)

const (
	testKey    = "AKIDEXAMPLE"
	testSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

var (
	testNetwork = operator.Network{Zone: "warmfront.test", Version: "1.2.3", Sandbox: true, CA: "PEM"}
	testNodes   = operator.Nodes{Head: cdn.Version{Epoch: 1, Number: 7}, Nodes: []operator.Node{{
		Node: cdn.Node{ID: "FRA-1", Role: cdn.RoleEdge, POP: "FRA", K: 1}, Applied: cdn.Version{Epoch: 1, Number: 6},
		LeaseLeft: 3 * time.Second, Incarnation: 2, Gossip: "alive", Fault: "slow",
	}, {Node: cdn.Node{ID: "NRT-1", Role: cdn.RoleEdge, POP: "NRT", K: 1}, Fenced: true, Incarnation: 1}}}
	testClock        = operator.Clock{Now: time.Unix(1700000000, 0).UTC(), Ahead: 25 * time.Hour, Waiting: []string{"FRA-1"}}
	testRoundTrips   = operator.RoundTrips{Ways: []operator.Way{{From: "FRA", To: "NRT", Time: 210 * time.Millisecond}}, Silent: []string{"SYD-1"}}
	testInvalidation = operator.Invalidation{
		ID: "I1", Distribution: "E1", Paths: []string{"/*"}, CreateTime: time.Unix(1700000000, 0).UTC(), Version: cdn.Version{Epoch: 1, Number: 7},
		Status: operator.InProgress, WhenIsolated: "serve-stale", Edges: 3, Acknowledged: 1, Fenced: []string{"IAD-1"}, QuietLeft: time.Second,
		Waiting: []operator.Waiting{{Node: "NRT-1", Incarnation: 1, Replaced: true, LeaseLeft: time.Second, Endless: true}},
	}
)

// desk is what the interface asks, and what it was told to do.
type desk struct {
	forgotten []string
	faults    []operator.Fault
	moves     []operator.MoveClock
}

func (d *desk) config() operator.Config {
	return operator.Config{
		Keys: func(id string) (sigv4.Key, bool) { return sigv4.Key{Secret: testSecret}, id == testKey },
		Zone: "warmfront.test", Now: time.Now,
		Network:    func() operator.Network { return testNetwork },
		Nodes:      func() operator.Nodes { return testNodes },
		RoundTrips: func(context.Context) operator.RoundTrips { return testRoundTrips },
		Invalidation: func(distribution, id string) (operator.Invalidation, error) {
			if distribution != "E1" {
				return operator.Invalidation{}, cdn.Errorf("NoSuchDistribution", "There is no distribution %q.", distribution)
			}
			if id != "I1" {
				return operator.Invalidation{}, cdn.Errorf("NoSuchInvalidation", "There is no invalidation %q.", id)
			}
			return testInvalidation, nil
		},
		Forget: func(_ context.Context, id string) error {
			switch id {
			case "FRA-1":
				d.forgotten = append(d.forgotten, id)
				return nil
			case "broken":
				return errors.New("the disk is full")
			}
			return cdn.Errorf("NoSuchNode", "No node called %q is registered.", id)
		},
		Fault: func(_ context.Context, f operator.Fault) (operator.Faulted, error) {
			if f.Target == "nobody" {
				return operator.Faulted{}, cdn.Errorf("NoSuchResource", "No node is called %q.", f.Target)
			}
			d.faults = append(d.faults, f)
			return operator.Faulted{Nodes: []string{"FRA-1"}}, nil
		},
		Clock: func() operator.Clock { return testClock },
		MoveClock: func(_ context.Context, m operator.MoveClock) (operator.Clock, error) {
			d.moves = append(d.moves, m)
			return testClock, nil
		},
		PAC: func(city string) (string, error) {
			if city != "Tokyo" {
				return "", errors.New("there is no such city")
			}
			return "function FindProxyForURL() {}", nil
		},
	}
}

func signed(method, target, body string) *http.Request {
	return signedWith(testKey, testSecret, operator.Service, method, target, body)
}

func signedWith(id, secret, service, method, target, body string) *http.Request {
	r := httptest.NewRequest(method, "http://127.0.0.1:8800"+target, strings.NewReader(body))
	sum := sha256.Sum256([]byte(body))
	sigv4.Sign(r, sigv4.Credentials{AccessKeyID: id, SecretAccessKey: secret},
		sigv4.Scope{Region: "us-east-1", Service: service}, hex.EncodeToString(sum[:]), time.Now())
	return r
}

func unsigned(method, target, body string) *http.Request {
	return httptest.NewRequest(method, "http://127.0.0.1:8800"+target, strings.NewReader(body))
}

func serve(cfg operator.Config, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	operator.Handler(cfg).ServeHTTP(w, r)
	return w
}

// answer serves a request that must be granted.
func answer[T any](t *testing.T, cfg operator.Config, r *http.Request) (v T) {
	t.Helper()
	w := serve(cfg, r)
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%s %s: %d, %v, %s", r.Method, r.URL.Path, w.Code, w.Header(), w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestWhatIsAnswered(t *testing.T) {
	var d desk
	if got := answer[operator.Network](t, d.config(), signed("GET", "/warmfront/v1/network", "")); got != testNetwork {
		t.Errorf("the network is %+v", got)
	}
	if got := answer[operator.Nodes](t, d.config(), signed("GET", "/warmfront/v1/nodes", "")); !reflect.DeepEqual(got, testNodes) {
		t.Errorf("the nodes are %+v", got)
	}
	if got := answer[operator.Invalidation](t, d.config(), signed("GET", "/warmfront/v1/distributions/E1/invalidations/I1", "")); !reflect.DeepEqual(got, testInvalidation) {
		t.Errorf("the invalidation is %+v", got)
	}
	if got := answer[operator.RoundTrips](t, d.config(), signed("GET", "/warmfront/v1/round-trips", "")); !reflect.DeepEqual(got, testRoundTrips) {
		t.Errorf("the round trips are %+v", got)
	}
	if got := answer[operator.Clock](t, d.config(), signed("GET", "/warmfront/v1/clock", "")); !reflect.DeepEqual(got, testClock) {
		t.Errorf("the clock is %+v", got)
	}
	answer[operator.Clock](t, d.config(), signed("POST", "/warmfront/v1/clock", `{"advance_ns":5}`))
	answer[operator.Clock](t, d.config(), signed("POST", "/warmfront/v1/clock", `{"reset":true}`))
	if want := []operator.MoveClock{{Advance: 5}, {Reset: true}}; !reflect.DeepEqual(d.moves, want) {
		t.Errorf("moved: %v", d.moves)
	}
	answer[struct{}](t, d.config(), signed("DELETE", "/warmfront/v1/nodes/FRA-1", ""))
	if len(d.forgotten) != 1 || d.forgotten[0] != "FRA-1" {
		t.Errorf("forgotten: %v", d.forgotten)
	}
	got := answer[operator.Faulted](t, d.config(), signed("POST", "/warmfront/v1/faults", `{"kind":"slow","target":"FRA","delay_ns":5}`))
	if want := (operator.Fault{Kind: "slow", Target: "FRA", Delay: 5}); len(d.faults) != 1 || d.faults[0] != want || len(got.Nodes) != 1 {
		t.Errorf("faults %v, answered %v", d.faults, got)
	}
}

// refused is a request and how it is answered.
type refused struct {
	name   string
	r      *http.Request
	status int
	code   string
}

func (test refused) check(t *testing.T, cfg operator.Config) {
	t.Helper()
	w := serve(cfg, test.r)
	var e struct{ Code, Message string }
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%s: answered %q as %q: %v", test.name, w.Body, w.Header().Get("Content-Type"), err)
		return
	}
	if w.Code != test.status || e.Code != test.code || e.Message == "" {
		t.Errorf("%s: %d %s %q, want %d %s", test.name, w.Code, e.Code, e.Message, test.status, test.code)
	}
}

func TestWhatIsNotAuthentic(t *testing.T) {
	tampered := signed("POST", "/warmfront/v1/faults", `{"kind":"heal","target":"all"}`)
	tampered.Body = unsigned("POST", "/", `{"kind":"stop","target":"all"}`).Body
	elsewhere := signed("GET", "/warmfront/v1/nodes", "")
	elsewhere.Method = "DELETE"
	elsewhere.URL.Path = "/warmfront/v1/nodes/FRA-1"
	late := signed("GET", "/warmfront/v1/nodes", "")
	var d desk
	for _, test := range []refused{
		{"no signature", unsigned("GET", "/warmfront/v1/network", ""), 403, "MissingAuthenticationToken"},
		{"no signature of nodes", unsigned("GET", "/warmfront/v1/nodes", ""), 403, "MissingAuthenticationToken"},
		{"no signature of an invalidation", unsigned("GET", "/warmfront/v1/distributions/E1/invalidations/I1", ""), 403, "MissingAuthenticationToken"},
		{"no signature of round trips", unsigned("GET", "/warmfront/v1/round-trips", ""), 403, "MissingAuthenticationToken"},
		{"no signature of a forget", unsigned("DELETE", "/warmfront/v1/nodes/FRA-1", ""), 403, "MissingAuthenticationToken"},
		{"no signature of a fault", unsigned("POST", "/warmfront/v1/faults", `{"kind":"stop","target":"all"}`), 403, "MissingAuthenticationToken"},
		{"no signature of a clock", unsigned("POST", "/warmfront/v1/clock", `{"reset":true}`), 403, "MissingAuthenticationToken"},
		{"another key", signedWith("AKIDOTHER", testSecret, operator.Service, "GET", "/warmfront/v1/nodes", ""), 403, "InvalidClientTokenId"},
		{"another secret", signedWith(testKey, "guess", operator.Service, "GET", "/warmfront/v1/nodes", ""), 403, "SignatureDoesNotMatch"},
		{"another service", signedWith(testKey, testSecret, "cloudfront", "GET", "/warmfront/v1/nodes", ""), 403, "SignatureDoesNotMatch"},
		{"another body", tampered, 403, "SignatureDoesNotMatch"},
		{"another path", elsewhere, 403, "SignatureDoesNotMatch"},
	} {
		test.check(t, d.config())
	}
	cfg := d.config()
	cfg.Now = func() time.Time { return time.Now().Add(time.Hour) }
	refused{"an hour late", late, 403, "SignatureDoesNotMatch"}.check(t, cfg)
	if len(d.forgotten)+len(d.faults)+len(d.moves) != 0 {
		t.Errorf("done all the same: %+v", d)
	}
}

func TestWhatIsRefused(t *testing.T) {
	short := signed("GET", "/warmfront/v1/nodes", "")
	short.Body = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF))
	var d desk
	for _, test := range []refused{
		{"a node that is not there", signed("DELETE", "/warmfront/v1/nodes/XXX-1", ""), 404, "NoSuchNode"},
		{"an invalidation of nothing", signed("GET", "/warmfront/v1/distributions/E2/invalidations/I1", ""), 404, "NoSuchDistribution"},
		{"an invalidation that is not there", signed("GET", "/warmfront/v1/distributions/E1/invalidations/I2", ""), 404, "NoSuchInvalidation"},
		{"a store that fails", signed("DELETE", "/warmfront/v1/nodes/broken", ""), 500, "InternalError"},
		{"a fault of nobody", signed("POST", "/warmfront/v1/faults", `{"kind":"stop","target":"nobody"}`), 404, "NoSuchResource"},
		{"an unknown field", signed("POST", "/warmfront/v1/faults", `{"kind":"stop","target":"all","forever":true}`), 400, "InvalidArgument"},
		{"no JSON", signed("POST", "/warmfront/v1/faults", `stop`), 400, "InvalidArgument"},
		{"two documents", signed("POST", "/warmfront/v1/faults", `{"kind":"stop","target":"all"}{}`), 400, "InvalidArgument"},
		{"no body", signed("POST", "/warmfront/v1/faults", ""), 400, "InvalidArgument"},
		{"too large a body", signed("POST", "/warmfront/v1/faults", strings.Repeat(" ", 64<<10+1)), 413, "TooLarge"},
		{"a body that breaks off", short, 400, "InvalidArgument"},
		{"a clock that is moved and reset", signed("POST", "/warmfront/v1/clock", `{"advance_ns":1,"reset":true}`), 400, "InvalidArgument"},
		{"a clock that is not moved", signed("POST", "/warmfront/v1/clock", `{}`), 400, "InvalidArgument"},
		{"a clock of another form", signed("POST", "/warmfront/v1/clock", `{"advance":"25h"}`), 400, "InvalidArgument"},
		{"another path", signed("GET", "/warmfront/v1/secrets", ""), 404, "NoSuchResource"},
		{"another method", signed("PUT", "/warmfront/v1/nodes", ""), 404, "NoSuchResource"},
		{"a city that is not there", unsigned("GET", "/proxy/Atlantis.pac", ""), 404, "NoSuchResource"},
		{"another file", unsigned("GET", "/proxy/Tokyo.txt", ""), 404, "NoSuchResource"},
		{"a PAC that is posted", unsigned("POST", "/proxy/Tokyo.pac", ""), 404, "NoSuchResource"},
	} {
		test.check(t, d.config())
	}
	cfg := d.config()
	cfg.Fault, cfg.Clock, cfg.MoveClock, cfg.PAC = nil, nil, nil, nil
	refused{"the clock outside a sandbox", signed("GET", "/warmfront/v1/clock", ""), 403, "NotASandbox"}.check(t, cfg)
	refused{"a clock that is moved outside a sandbox", signed("POST", "/warmfront/v1/clock", `{"advance_ns":1}`), 403, "NotASandbox"}.check(t, cfg)
	refused{"a fault outside a sandbox", signed("POST", "/warmfront/v1/faults", `{"kind":"stop","target":"all"}`), 403, "NotASandbox"}.check(t, cfg)
	refused{"a PAC without a proxy", unsigned("GET", "/proxy/Tokyo.pac", ""), 404, "NoSuchResource"}.check(t, cfg)
	if len(d.forgotten)+len(d.faults) != 0 {
		t.Errorf("done all the same: %+v", d)
	}
}

func TestAPageCannotCall(t *testing.T) {
	for _, request := range []func() *http.Request{
		func() *http.Request { return unsigned("GET", "/proxy/Tokyo.pac", "") },
		func() *http.Request { return signed("GET", "/warmfront/v1/nodes", "") },
		func() *http.Request { return unsigned("GET", "/elsewhere", "") },
	} {
		rebound := request()
		rebound.Host = "rebound.example:8800"
		foreign := request()
		foreign.Header.Set("Origin", "https://evil.example")
		var d desk
		refused{"by another name " + rebound.URL.Path, rebound, 403, "AccessDenied"}.check(t, d.config())
		refused{"from another origin " + foreign.URL.Path, foreign, 403, "AccessDenied"}.check(t, d.config())
		cfg := d.config()
		cfg.Hosts = func(host string) bool { return host == "cdn.example.com" }
		refused{"by an address where a name is asked for", request(), 403, "AccessDenied"}.check(t, cfg)
	}
}

func TestPAC(t *testing.T) {
	var d desk
	for _, host := range []string{"127.0.0.1:8800", "localhost:8800", "control.warmfront.test:8800"} {
		r := unsigned("GET", "/proxy/Tokyo.pac", "")
		r.Host = host
		w := serve(d.config(), r)
		if w.Code != http.StatusOK || w.Body.String() != "function FindProxyForURL() {}" {
			t.Errorf("by %s: %d %s", host, w.Code, w.Body)
		}
		// A page that includes it as a script must not run it.
		if h := w.Header(); h.Get("Content-Type") != "application/x-ns-proxy-autoconfig" || h.Get("X-Content-Type-Options") != "nosniff" ||
			h.Get("Cross-Origin-Resource-Policy") != "same-origin" {
			t.Errorf("header %v", h)
		}
	}
}

func TestAnotherProofThanASignature(t *testing.T) {
	var d desk
	cfg := d.config()
	cfg.Authenticate = func(r *http.Request, body []byte) error {
		if c, err := r.Cookie("session"); err != nil || c.Value != "good" || string(body) != `{"kind":"heal","target":"all"}` {
			return cdn.Errorf("AccessDenied", "Sign in first.")
		}
		return nil
	}
	r := unsigned("POST", "/warmfront/v1/faults", `{"kind":"heal","target":"all"}`)
	refused{"no cookie", r.Clone(t.Context()), 403, "AccessDenied"}.check(t, cfg)
	r = unsigned("POST", "/warmfront/v1/faults", `{"kind":"heal","target":"all"}`)
	r.AddCookie(&http.Cookie{Name: "session", Value: "good"})
	answer[operator.Faulted](t, cfg, r)
}
