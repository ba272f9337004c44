package viewer

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/warmfront/warmfront/edge/proxyproto"
	"github.com/warmfront/warmfront/geo"
)

// fixture is a router and an edge on loopback, and what looks at them.
type fixture struct {
	network *Network
	edge    *httptest.Server // plain HTTP
	secure  *httptest.Server
	subnets chan netip.Prefix // what the router was told of each viewer
}

const zone = "zone.test"

// newFixture answers d1.zone.test with 127.0.0.1, where the edge says who it
// believes the viewer is.
func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{subnets: make(chan netip.Prefix, 100)}
	key, err := proxyproto.DeriveKey([]byte("a secret of the right length....."))
	if err != nil {
		t.Fatal(err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		w.Header().Set("X-Amz-Cf-Pop", "FRA86-P1")
		_, _ = fmt.Fprintf(w, "%s sees %s", r.Host, host)
	})
	f.edge, f.secure = httptest.NewUnstartedServer(handler), httptest.NewUnstartedServer(handler)
	for _, s := range []*httptest.Server{f.edge, f.secure} {
		s.Listener = proxyproto.Listener(s.Listener, key)
		t.Cleanup(s.Close)
	}
	f.edge.Start()
	f.secure.EnableHTTP2 = true
	f.secure.StartTLS()
	f.network = &Network{
		Zone: zone, Resolver: &Resolver{Servers: []string{f.router(t)}}, HTTPPort: port(f.edge), HTTPSPort: port(f.secure),
		Header: func(from, to netip.AddrPort) []byte { return proxyproto.Header(from, to, key, time.Now()) },
		Domain: func(host string) string { return map[string]string{"www.alias.test": "d1." + zone}[host] },
	}
	return f
}

func port(s *httptest.Server) uint16 {
	u, _ := url.Parse(s.URL)
	return netip.MustParseAddrPort(u.Host).Port()
}

// router is a DNS server for one name that keeps the subnets it is sent.
func (f *fixture) router(t *testing.T) string {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			var q dnsmessage.Message
			if q.Unpack(buf[:n]) != nil {
				continue
			}
			_, _ = pc.WriteTo(f.answer(q), from)
		}
	}()
	return pc.LocalAddr().String()
}

func (f *fixture) answer(q dnsmessage.Message) []byte {
	a := dnsmessage.Message{Header: dnsmessage.Header{ID: q.ID, Response: true, Authoritative: true}, Questions: q.Questions}
	for _, rr := range q.Additionals {
		if opt, ok := rr.Body.(*dnsmessage.OPTResource); ok {
			for _, o := range opt.Options {
				b := append([]byte(nil), o.Data[4:]...)
				for len(b) != 4 && len(b) != 16 {
					b = append(b, 0)
				}
				addr, _ := netip.AddrFromSlice(b)
				f.subnets <- netip.PrefixFrom(addr, int(o.Data[2]))
				o.Data[3] = 16
				a.Additionals = append(a.Additionals, rr)
			}
		}
	}
	name := q.Questions[0].Name
	switch {
	case !strings.HasSuffix(name.String(), "."+zone+"."):
		a.RCode = dnsmessage.RCodeRefused
	case name.String() != "d1."+zone+".":
		a.RCode = dnsmessage.RCodeNameError
	case q.Questions[0].Type == dnsmessage.TypeA:
		a.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET, TTL: 60},
			Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
		}}
	}
	b, err := a.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

func run(t *testing.T, p interface{ Run(context.Context) error }) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

func (f *fixture) proxy(t *testing.T) *Proxy {
	t.Helper()
	db, err := geo.Open(geo.Config{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewProxy(ProxyConfig{
		Listen: "127.0.0.1:0", Cities: map[string]string{"SYD": "127.0.0.1:0"}, Home: "FRA", Place: db.ParseFrom,
		Network: f.network, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	run(t, p)
	return p
}

func TestProxyMakesItsUserAViewerElsewhere(t *testing.T) {
	f := newFixture(t)
	p := f.proxy(t)
	city := p.listeners[1].Addr().String()
	for _, c := range []struct{ name, proxy, viewer, subnet string }{
		{"by user", "http://NRT@" + p.Addr().String(), "127.120.9.9", "127.120.9.0/24"},
		{"by a city's name", "http://S%C3%A3o%20Paulo@" + p.Addr().String(), "127.150.9.9", "127.150.9.0/24"},
		{"by an address", "http://203.0.113.9@" + p.Addr().String(), "203.0.113.9", "203.0.113.0/24"},
		{"at home", "http://" + p.Addr().String(), "127.86.9.9", "127.86.9.0/24"},
		{"by port", "http://" + city, "127.143.9.9", "127.143.9.0/24"},
	} {
		for _, scheme := range []string{"http", "https"} {
			t.Run(c.name+" "+scheme, func(t *testing.T) {
				proxy, err := url.Parse(c.proxy)
				if err != nil {
					t.Fatal(err)
				}
				client := http.Client{Transport: &http.Transport{
					Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the fixture's certificate names another host
				}}
				defer client.CloseIdleConnections()
				answer, err := client.Get(scheme + "://d1." + zone + "/")
				if err != nil {
					t.Fatal(err)
				}
				defer answer.Body.Close()
				b, _ := io.ReadAll(answer.Body)
				if want := "d1." + zone + " sees " + c.viewer; string(b) != want {
					t.Errorf("%d %q, want %q", answer.StatusCode, b, want)
				}
				if got := (<-f.subnets).String(); got != c.subnet {
					t.Errorf("the router was told %s, want %s", got, c.subnet)
				}
			})
		}
	}
}

func TestProxyGoesNowhereElse(t *testing.T) {
	f := newFixture(t)
	p := f.proxy(t)
	for _, c := range []struct {
		target string
		status int
	}{
		{"d1." + zone + ":443", 200}, {"www.alias.test:443", 200}, {"d1.localhost:443", 200},
		{fmt.Sprintf("d1.%s:%d", zone, f.network.HTTPSPort), 200},
		{"d1." + zone + ":22", 403}, {"unknown." + zone + ":443", 403}, {"example.com:443", 403},
		{"127.0.0.1:443", 403}, {"[::1]:443", 403}, {"d1." + zone + ":99999", 403},
	} {
		conn, err := net.Dial("tcp", p.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", c.target, c.target)
		answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: http.MethodConnect})
		if err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != c.status {
			t.Errorf("CONNECT %s: %s, want %d", c.target, answer.Status, c.status)
		}
		_ = conn.Close()
	}
}

func TestProxySaysWhatItDoesNotUnderstand(t *testing.T) {
	p := newFixture(t).proxy(t)
	answer, err := http.Get("http://" + p.Addr().String() + "/")
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != 400 {
		t.Errorf("used as a server: %s", answer.Status)
	}
	proxy, _ := url.Parse("http://Atlantis@" + p.Addr().String())
	client := http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy)}}
	defer client.CloseIdleConnections()
	answer, err = client.Get("http://d1." + zone + "/")
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != 400 {
		t.Errorf("from a city that does not exist: %s", answer.Status)
	}
}

func TestGetTellsWhoServedWhom(t *testing.T) {
	f := newFixture(t)
	p := f.proxy(t)
	roots := x509.NewCertPool()
	roots.AddCert(f.secure.Certificate())
	f.network.Domain = func(string) string { return "d1." + zone }
	g := Getter{Proxy: p.Addr().String(), Roots: roots}
	var body strings.Builder
	got, err := g.Get(t.Context(), "https://example.com/x", "Sydney", &body)
	if err != nil {
		t.Fatal(err)
	}
	if got.Place != "Sydney, Australia" || got.Viewer != "127.143.9.9" || got.Edge != "127.0.0.1" || got.POP != "FRA86-P1" ||
		got.Status != 200 || got.Scope != 16 || got.Bytes != int64(body.Len()) || got.FirstByte <= 0 || got.Proto != "HTTP/2.0" {
		t.Errorf("got %+v", got)
	}
	for _, c := range []struct{ url, from, want string }{
		{"https://example.com:22/", "SYD", "ports 80 and 443"}, {"ftp://x/", "", "https://"}, {"https://example.com/", "Atlantis", "Atlantis"},
	} {
		if _, err := g.Get(t.Context(), c.url, c.from, io.Discard); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s from %q: %v, want %q", c.url, c.from, err, c.want)
		}
	}
	f.network.Domain = nil
	if _, err := g.Get(t.Context(), "https://nobody."+zone+"/", "", io.Discard); err == nil || !strings.Contains(err.Error(), "NXDOMAIN") {
		t.Errorf("an unknown name: %v", err)
	}
}

func TestFrontDoorPassesOnByTheNameThatIsAskedFor(t *testing.T) {
	f := newFixture(t)
	door, err := NewFrontDoor(FrontDoorConfig{
		HTTP: "127.0.0.1:0", HTTPS: "127.0.0.1:0", Viewer: netip.MustParseAddr("127.86.9.9"), Network: f.network,
		Nearest: func() (netip.Addr, bool) { return netip.MustParseAddr("127.0.0.1"), true }, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	run(t, door)
	for _, host := range []string{"d1." + zone, "d1.localhost:8080", "unknown.example"} {
		r, _ := http.NewRequest(http.MethodGet, "http://"+door.HTTPAddr().String()+"/", nil)
		r.Host = host
		r.Close = true
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if want := host + " sees 127.86.9.9"; string(b) != want {
			t.Errorf("%q, want %q", b, want)
		}
	}
	c, err := tls.Dial("tcp", door.HTTPSAddr().String(), &tls.Config{ServerName: "d1." + zone, InsecureSkipVerify: true}) //nolint:gosec // as above
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	select {
	case <-f.subnets:
	default:
		t.Error("the router was not asked")
	}
}

func TestLookupSaysWhyThereIsNoAnswer(t *testing.T) {
	f := newFixture(t)
	viewer := netip.MustParseAddr("2001:db8:1:2:3::1")
	for name, want := range map[string]string{"nobody." + zone: "NXDOMAIN", "example.com": "REFUSED"} {
		if _, err := f.network.Resolver.Lookup(t.Context(), name, viewer); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	a, err := f.network.Resolver.Lookup(t.Context(), "d1."+zone, viewer)
	if err != nil || len(a.Addrs) != 1 {
		t.Errorf("an IPv6 viewer falls back to A: %v, %v", a, err)
	}
	silent := &Resolver{Servers: []string{"127.0.0.1:1"}, Timeout: 100 * time.Millisecond}
	if _, err := silent.Lookup(t.Context(), "d1."+zone, viewer); err == nil {
		t.Error("no router answered, and yet there is no error")
	}
}
