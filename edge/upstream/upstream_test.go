package upstream

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/edge/message"
)

func TestGuard(t *testing.T) {
	nodes := map[string]cdn.Node{
		"control": {Role: cdn.RoleControl, Addr: netip.MustParseAddr("203.0.113.1"), HTTPPort: 8800},
		"NRT-1":   {Role: cdn.RoleEdge, Addr: netip.MustParseAddr("127.20.0.1"), HTTPPort: 8080, HTTPSPort: 8443, PeerPort: 7947, GossipPort: 7946, MetricsPort: 9100},
		"origin":  {Role: cdn.RoleOrigin, Addr: netip.MustParseAddr("203.0.113.2"), HTTPPort: 9000},
	}
	open, sandbox := Guard{ServicePorts: []uint16{8800}}, Guard{Sandbox: true, ServicePorts: []uint16{8800}}
	allow := Guard{Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}
	for _, c := range []struct {
		addr                 string
		open, sandbox, allow bool
	}{
		{"93.184.216.34:80", true, true, true},
		{"93.184.216.34:8800", true, true, true}, // somebody else's port
		{"[2606:2800::1]:443", true, true, true},
		{"127.0.0.1:3000", false, true, false},
		{"127.0.0.1:8800", false, false, false},
		{"10.1.2.3:80", false, true, true},
		{"10.2.2.3:80", false, true, false},
		{"[::1]:80", false, true, false},
		{"[fd00::1]:80", false, true, false},
		{"[::ffff:127.0.0.1]:80", false, true, false},
		{"[64:ff9b::7f00:1]:80", false, true, false},
		{"100.64.0.1:80", false, true, false},
		{"169.254.169.254:80", false, false, false},
		{"[::ffff:169.254.169.254]:80", false, false, false},
		{"[64:ff9b::a9fe:a9fe]:80", false, false, false},
		{"[fe80::1%eth0]:80", false, false, false},
		{"[fd00:ec2::254]:80", false, false, false},
		{"100.100.100.200:80", false, false, false},
		{"168.63.129.16:80", false, false, false},
		{"0.0.0.0:80", false, false, false},
		{"[::]:80", false, false, false},
		{"224.0.0.1:80", false, false, false},
		{"203.0.113.1:8800", false, false, false}, // control
		{"203.0.113.1:80", true, true, true},
		{"127.20.0.1:7947", false, false, false}, // peers of an edge
		{"127.20.0.1:8080", false, true, false},  // its viewers' port: a stacked distribution
		{"203.0.113.2:9000", true, true, true},   // an origin's port is an origin
	} {
		a := netip.MustParseAddrPort(c.addr)
		for _, g := range []struct {
			name  string
			guard Guard
			want  bool
		}{{"open", open, c.open}, {"sandbox", sandbox, c.sandbox}, {"allow", allow, c.allow}} {
			if why := g.guard.Check(a, nodes); (why == "") != g.want {
				t.Errorf("%s, %s: %q", c.addr, g.name, why)
			}
		}
	}
}

func TestPlace(t *testing.T) {
	u, err := New(Config{S3Endpoint: "http://127.0.0.1:9000", Names: map[string]string{"api.test": "127.0.0.1:3000", "plain.test": "10.0.0.1", "*.elb.amazonaws.com": "127.0.0.1:8081"}})
	if err != nil {
		t.Fatal(err)
	}
	real, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	custom := func(domain string, p origins.Protocol) *origins.Origin {
		return &origins.Origin{Domain: domain, Protocol: p, HTTPPort: 8080, HTTPSPort: 8443}
	}
	bucket := func(domain string) *origins.Origin {
		return &origins.Origin{Domain: domain, Kind: origins.S3, HTTPPort: 80, HTTPSPort: 443}
	}
	for _, c := range []struct {
		u                  *Upstream
		origin             *origins.Origin
		viewer             string
		scheme, host, addr string
	}{
		{u, custom("a.test", origins.HTTPOnly), "https", "http", "a.test", "a.test:8080"},
		{u, custom("a.test", origins.HTTPSOnly), "http", "https", "a.test", "a.test:8443"},
		{u, custom("a.test", origins.MatchViewer), "http", "http", "a.test", "a.test:8080"},
		{u, custom("a.test", origins.MatchViewer), "https", "https", "a.test", "a.test:8443"},
		{u, custom("192.0.2.1", origins.HTTPOnly), "http", "http", "192.0.2.1", "192.0.2.1:8080"},
		{u, custom("api.test", origins.HTTPSOnly), "http", "https", "api.test", "127.0.0.1:3000"},
		{u, custom("plain.test", origins.HTTPOnly), "http", "http", "plain.test", "10.0.0.1:8080"},
		{u, custom("my-alb-1.us-east-1.elb.amazonaws.com", origins.HTTPOnly), "http", "http", "my-alb-1.us-east-1.elb.amazonaws.com", "127.0.0.1:8081"},
		{u, custom("elb.amazonaws.com", origins.HTTPOnly), "http", "http", "elb.amazonaws.com", "elb.amazonaws.com:8080"},
		{u, bucket("demo.s3.us-east-1.amazonaws.com"), "https", "http", "127.0.0.1", "127.0.0.1:9000"},
		{u, bucket("demo.s3.amazonaws.com"), "https", "http", "127.0.0.1", "127.0.0.1:9000"},
		{u, custom("demo.s3-website-us-east-1.amazonaws.com", origins.HTTPOnly), "http", "http", "127.0.0.1", "127.0.0.1:9000"},
		{u, custom("ec2.us-east-1.amazonaws.com", origins.HTTPOnly), "http", "http", "ec2.us-east-1.amazonaws.com", "ec2.us-east-1.amazonaws.com:8080"},
		{real, bucket("demo.s3.us-east-1.amazonaws.com"), "http", "https", "demo.s3.us-east-1.amazonaws.com", "demo.s3.us-east-1.amazonaws.com:443"},
	} {
		p := c.u.place(c.origin, c.viewer)
		if p.scheme != c.scheme || p.host != c.host || p.addr != c.addr {
			t.Errorf("%s from %s: %+v", c.origin.Domain, c.viewer, p)
		}
	}
}

func TestSettingsAreCheckedOnce(t *testing.T) {
	for _, c := range []Config{{S3Endpoint: "127.0.0.1:9000"}, {S3Endpoint: "ftp://a"}, {S3Endpoint: "http://a/path"}, {Names: map[string]string{"a": ""}}, {Names: map[string]string{"a": "b:port"}}, {Names: map[string]string{"a": "b:0"}}} {
		if _, err := New(c); err == nil || !strings.HasPrefix(err.Error(), "--") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// names resolves from a table.
func names(table map[string][]string) func(context.Context, string) ([]netip.Addr, error) {
	return func(_ context.Context, host string) ([]netip.Addr, error) {
		var out []netip.Addr
		for _, a := range table[host] {
			out = append(out, netip.MustParseAddr(a))
		}
		if out == nil {
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		}
		return out, nil
	}
}

func request(path string) *message.Request {
	return &message.Request{Method: "GET", Scheme: "http", Host: "named.test", Path: path, Header: message.Header{{Name: "User-Agent", Value: "x"}}}
}

func TestFailuresHaveTheirReasons(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	for _, c := range []struct {
		name   string
		domain string
		dial   func(ctx context.Context, address string) (net.Conn, error)
		want   Reason
		status int
		dials  int
		after  time.Duration
	}{
		{"no such name", "gone.test", nil, DNS, 502, 0, 0},
		{"metadata behind a name", "metadata.test", nil, NotAllowed, 502, 0, 0},
		{"loopback behind a name", "loop.test", nil, NotAllowed, 502, 0, 0},
		{"refused", "a.test", func(context.Context, string) (net.Conn, error) { return nil, refused }, Connect, 502, 3, 0},
		{"no answer to connecting", "a.test", func(ctx context.Context, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, ConnectTimeout, 504, 3, 6 * time.Second},
		// CloudFront asks as often as its connection attempts say (developer guide,
		// "Connection attempts").
		{"silent", "a.test", func(context.Context, string) (net.Conn, error) {
			c, end := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, end) }()
			return c, nil
		}, ReadTimeout, 504, 3, 90 * time.Second},
		{"no HTTP", "a.test", answering("SSH-2.0-OpenSSH\r\n\r\n"), BadResponse, 502, 1, 0},
		{"header too large", "a.test", answering("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 40_000) + "\r\n\r\n"), HeaderTooBig, 502, 1, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			dials := 0
			u, err := New(Config{
				Lookup: names(map[string][]string{"a.test": {"93.184.216.34"}, "metadata.test": {"169.254.169.254"}, "loop.test": {"127.0.0.1"}}),
				Dial: func(ctx context.Context, _, address string) (net.Conn, error) {
					dials++
					return c.dial(ctx, address)
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer u.Close()
			began := time.Now()
			o := &origins.Origin{Domain: c.domain, HTTPPort: 80, ConnectAttempts: 3, ConnectTimeout: 2 * time.Second, ReadTimeout: 30 * time.Second}
			_, err = u.Do(t.Context(), o, request("/"))
			var failed *Error
			if !errors.As(err, &failed) || failed.Reason != c.want || failed.Status() != c.status || failed.Sentence() == "" {
				t.Errorf("%s: %v", c.name, err)
			}
			if dials != c.dials || time.Since(began) != c.after {
				t.Errorf("%s: %d dials, %v", c.name, dials, time.Since(began))
			}
		})
	}
}

// answering is an origin that says text to whatever it is asked, and closes.
func answering(text string) func(context.Context, string) (net.Conn, error) {
	return func(context.Context, string) (net.Conn, error) {
		c, end := net.Pipe()
		go func() {
			_, _ = end.Read(make([]byte, 10_000))
			_, _ = io.WriteString(end, text)
			_ = end.Close()
		}()
		return c, nil
	}
}

func TestAttemptsBeginAtTheNextAddressAndGoOnlyToAllowedOnes(t *testing.T) {
	var dialed []string
	u, err := New(Config{
		Lookup: names(map[string][]string{"a.test": {"10.0.0.1", "93.184.216.34", "93.184.216.35"}}),
		Dial: func(_ context.Context, _, address string) (net.Conn, error) {
			dialed = append(dialed, address)
			return nil, syscall.ECONNREFUSED
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = u.Do(t.Context(), &origins.Origin{Domain: "a.test", HTTPPort: 80, ConnectAttempts: 3}, request("/"))
	if got := strings.Join(dialed, " "); err == nil || got != "93.184.216.34:80 93.184.216.35:80 93.184.216.35:80 93.184.216.34:80 93.184.216.34:80 93.184.216.35:80" {
		t.Errorf("%s, %v", got, err)
	}
}

func TestTheViewersLeavingIsNoFailureOfTheOrigin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, err := New(Config{Lookup: names(map[string][]string{"a.test": {"93.184.216.34"}}), Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, leave := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, leave)
		_, err = u.Do(ctx, &origins.Origin{Domain: "a.test", HTTPPort: 80}, request("/"))
		var failed *Error
		if errors.As(err, &failed) || !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestABodyThatStopsIsEndedByTheReadTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, err := New(Config{Lookup: names(map[string][]string{"a.test": {"93.184.216.34"}}), Dial: func(context.Context, string, string) (net.Conn, error) {
			c, end := net.Pipe()
			go func() {
				_, _ = end.Read(make([]byte, 10_000))
				_, _ = io.WriteString(end, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
				_, _ = io.Copy(io.Discard, end)
			}()
			return c, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := u.Do(t.Context(), &origins.Origin{Domain: "a.test", HTTPPort: 80, ReadTimeout: 5 * time.Second}, request("/"))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Close()
		// A viewer that is slow to take what is there does not count.
		<-time.After(time.Minute)
		began := time.Now()
		got, err := io.ReadAll(resp.Body)
		var failed *Error
		if string(got) != "half" || !errors.As(err, &failed) || failed.Reason != ReadTimeout || time.Since(began) != 5*time.Second {
			t.Errorf("%q %v after %v", got, err, time.Since(began))
		}
	})
}

// TestOverRealSockets: the request arrives as it was written, connections are
// used again, TLS is verified by the origin's name.
func TestOverRealSockets(t *testing.T) {
	var conns []string
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conns = append(conns, r.RemoteAddr)
		w.Header().Set("X-B", "2")
		w.Header().Set("X-A", "1")
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s %s %q", r.Method, r.RequestURI, r.Host, body)
	})
	plain, secure := httptest.NewServer(handler), httptest.NewTLSServer(handler)
	defer plain.Close()
	defer secure.Close()
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	u, err := New(Config{Roots: roots, Names: map[string]string{"named.test": plain.Listener.Addr().String(), "example.com": secure.Listener.Addr().String(), "wrong.test": secure.Listener.Addr().String()}})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	for _, path := range []string{"/a%2Fb/../c|d", "//x/y", "/%zz"} {
		resp, err := u.Do(t.Context(), &origins.Origin{Domain: "named.test", HTTPPort: 80}, request(path))
		if err != nil {
			t.Fatal(path, err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Close()
		want := "GET " + path + ` named.test ""`
		if path == "/%zz" { // net/http's own server refuses it: it was sent as it is
			want = "400 Bad Request"
		}
		if string(got) != want || err != nil {
			t.Errorf("%s: %q %v", path, got, err)
		}
	}
	if conns[0] != conns[1] {
		t.Error("the connection was not used again")
	}
	post := request("/p")
	post.Method, post.Body, post.Length = "POST", strings.NewReader("data"), -1
	resp, err := u.Do(t.Context(), &origins.Origin{Domain: "example.com", Protocol: origins.HTTPSOnly, HTTPSPort: 443}, post)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(resp.Body)
	resp.Close()
	if string(got) != `POST /p named.test "data"` || err != nil || resp.Header.Get("X-A") != "1" || resp.Length != int64(len(got)) {
		t.Errorf("%q %v %v", got, err, resp.Header)
	}
	_, err = u.Do(t.Context(), &origins.Origin{Domain: "wrong.test", Protocol: origins.HTTPSOnly, HTTPSPort: 443}, request("/"))
	var failed *Error
	if !errors.As(err, &failed) || failed.Reason != TLS {
		t.Errorf("another name's certificate: %v", err)
	}
	_, err = u.Do(t.Context(), &origins.Origin{Domain: "named.test", Protocol: origins.HTTPSOnly, HTTPSPort: 443}, request("/"))
	if !errors.As(err, &failed) || failed.Reason != TLS {
		t.Errorf("TLS to a plain port: %v", err)
	}
}

func TestServicesThatRegisterNowhereAreNoOrigins(t *testing.T) {
	g := Guard{Sandbox: true, Services: func() []netip.AddrPort {
		return []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:7947"), netip.MustParseAddrPort("[::ffff:203.0.113.9]:8800")}
	}}
	for addr, refused := range map[string]bool{
		"10.0.0.1:7947": true, "[::ffff:10.0.0.1]:7947": true, "203.0.113.9:8800": true, "[64:ff9b::203.0.113.9]:8800": true,
		"10.0.0.1:80": false, "10.0.0.2:7947": false, "203.0.113.9:443": false,
	} {
		if why := g.Check(netip.MustParseAddrPort(addr), nil); (why != "") != refused {
			t.Errorf("%s: %q", addr, why)
		}
	}
}
