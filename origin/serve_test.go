package origin

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warmfront/warmfront/sigv4"
)

// hookedKeys tells that a request has arrived.
type hookedKeys struct {
	keys
	asked chan struct{}
}

func (h hookedKeys) Lookup(id string) (Key, bool) {
	select {
	case h.asked <- struct{}{}:
	default:
	}
	return h.keys.Lookup(id)
}

func TestDrain(t *testing.T) {
	hook := hookedKeys{testKeys(), make(chan struct{}, 1)}
	g := start(t, t.TempDir(), func(c *Config) { c.Keys = hook })
	g.want(200, owner, "PUT", "/demo", "")
	<-hook.asked
	body, send := io.Pipe()
	r, err := http.NewRequest("PUT", g.url+"/demo/slow", body)
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = 5
	sigv4.Sign(r, owner, sigv4.Scope{Region: "us-east-1", Service: "s3"}, sigv4.UnsignedPayload, time.Now())
	status := make(chan int, 1)
	go func() {
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			status <- 0
			return
		}
		_ = resp.Body.Close()
		status <- resp.StatusCode
	}()
	if _, err := send.Write([]byte("hel")); err != nil {
		t.Fatal(err)
	}
	<-hook.asked
	stopped := make(chan error, 1)
	go func() { stopped <- g.stop() }()
	// The server is draining once it takes no new connection.
	for c := net.Conn(nil); err == nil; c, err = net.Dial("tcp", g.s.Addr().String()) {
		if c != nil {
			_ = c.Close()
		}
	}
	if _, err := send.Write([]byte("lo")); err != nil {
		t.Fatal(err)
	}
	if err := send.Close(); err != nil {
		t.Fatal(err)
	}
	if got := <-status; got != 200 {
		t.Errorf("request in flight: %d", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestIdlePeerIsCutOff(t *testing.T) {
	g := start(t, t.TempDir(), func(c *Config) { c.IdleTimeout = 50 * time.Millisecond })
	g.want(200, owner, "PUT", "/demo", "")
	conn, err := net.Dial("tcp", g.s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r, err := http.NewRequest("PUT", g.url+"/demo/k", nil)
	if err != nil {
		t.Fatal(err)
	}
	sigv4.Sign(r, owner, sigv4.Scope{Region: "us-east-1", Service: "s3"}, sigv4.UnsignedPayload, time.Now())
	fmt.Fprintf(conn, "PUT /demo/k HTTP/1.1\r\nHost: %s\r\nContent-Length: 10\r\n", r.URL.Host)
	if err := r.Header.Write(conn); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, "\r\nhel")
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil || !bytes.Contains(got, []byte("RequestTimeout")) {
		t.Errorf("%v\n%s", err, got)
	}
	g.want(404, owner, "HEAD", "/demo/k", "")
}

func TestConfig(t *testing.T) {
	for _, cfg := range []Config{{Keys: testKeys()}, {Dir: t.TempDir()}, {Dir: t.TempDir(), Keys: testKeys(), Addr: "256.0.0.1:0"}} {
		if s, err := New(cfg); err == nil {
			t.Errorf("%+v accepted", cfg)
			_ = s.Close()
		}
	}
	s, err := New(Config{Addr: "127.0.0.1:0", Dir: t.TempDir(), Keys: testKeys()})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

type countedListener struct {
	net.Listener
	accepted *atomic.Int32
}

func (l countedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.accepted.Add(1)
	}
	return c, err
}

func TestWrapListener(t *testing.T) {
	var accepted atomic.Int32
	g := start(t, t.TempDir(), func(c *Config) {
		c.WrapListener = func(l net.Listener) net.Listener { return countedListener{l, &accepted} }
	})
	g.want(200, owner, "GET", "/", "")
	if n := accepted.Load(); n != 1 {
		t.Errorf("%d connections came through the wrapper", n)
	}
}

func TestSeed(t *testing.T) {
	g := start(t, t.TempDir(), nil)
	st := g.s.Store()
	for range 2 {
		if err := st.CreateBucket("demo"); err != nil {
			t.Fatal(err)
		}
		if err := st.Put("demo", "index.html", "text/html", "max-age=5", strings.NewReader("hi")); err != nil {
			t.Fatal(err)
		}
	}
	if !st.Has("demo", "index.html") || st.Has("demo", "x") {
		t.Error("Has")
	}
	if err := st.SetPolicy("demo", "{"); err == nil {
		t.Error("half a policy accepted")
	}
	if err := st.CreateBucket("Demo"); err == nil {
		t.Error("bucket Demo made")
	}
	if err := st.SetPolicy("demo", publicRead); err != nil {
		t.Fatal(err)
	}
	g.want(403, nobody, "GET", "/demo/index.html", "")
	if err := st.AllowPublic("demo"); err != nil {
		t.Fatal(err)
	}
	if a := g.want(200, nobody, "GET", "/demo/index.html", ""); a.body != "hi" || a.header.Get("Cache-Control") != "max-age=5" {
		t.Errorf("%q %v", a.body, a.header)
	}
}
