package upstream

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/edge/message"
)

// rawOrigin is an origin of which a test says every byte.
type rawOrigin struct {
	net.Listener
	mu       sync.Mutex
	conns    int
	requests []string // their first lines
}

// serveRaw listens on a port of its own and gives every connection to serve, with
// its number from 1.
func serveRaw(t testing.TB, serve func(c *rawConn, n int)) *rawOrigin {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &rawOrigin{Listener: l}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			o.mu.Lock()
			o.conns++
			n := o.conns
			o.mu.Unlock()
			open.Go(func() {
				defer c.Close()
				serve(&rawConn{Conn: c, r: bufio.NewReader(c), o: o}, n)
			})
		}
	})
	t.Cleanup(func() { l.Close(); open.Wait() })
	return o
}

func (o *rawOrigin) seen() (conns int, requests []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.conns, append([]string(nil), o.requests...)
}

type rawConn struct {
	net.Conn
	r *bufio.Reader
	o *rawOrigin
}

// request reads a request, body and all; nil at the connection's end.
func (c *rawConn) request() *http.Request {
	r := c.head()
	if r != nil {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	return r
}

// head reads a request's header.
func (c *rawConn) head() *http.Request {
	r, err := http.ReadRequest(c.r)
	if err != nil {
		return nil
	}
	c.o.mu.Lock()
	c.o.requests = append(c.o.requests, r.Method+" "+r.RequestURI)
	c.o.mu.Unlock()
	return r
}

func (c *rawConn) say(text string) { _, _ = io.WriteString(c, text) }

// toEnd reads until the other side has closed.
func (c *rawConn) toEnd() { _, _ = io.Copy(io.Discard, c.r) }

// saying answers every request of a connection with the same text.
func saying(text string) func(*rawConn, int) {
	return func(c *rawConn, _ int) {
		for c.request() != nil {
			c.say(text)
		}
	}
}

// asker asks an origin at an address under the name "named.test".
func asker(t testing.TB, addr net.Addr, cfg Config) (*Upstream, *origins.Origin) {
	t.Helper()
	cfg.Names = map[string]string{"named.test": addr.String()}
	u, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.Close)
	return u, &origins.Origin{Domain: "named.test", HTTPPort: 80, HTTPSPort: 443, Protocol: origins.HTTPOnly, ConnectAttempts: 3, ReadTimeout: 5 * time.Second}
}

// get asks for "/" and reads the answer whole.
func get(t testing.TB, u *Upstream, o *origins.Origin, r *message.Request) (*message.Response, string, error) {
	t.Helper()
	resp, err := u.Do(t.Context(), o, r)
	if err != nil {
		return nil, "", err
	}
	defer resp.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

// reason is what an error says, "" for none.
func reason(err error) Reason {
	var failed *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &failed):
		return failed.Reason
	}
	return Reason("not an origin's failure: " + err.Error())
}

// eventually polls until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !so(); {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
		<-time.After(time.Millisecond)
	}
}

func lines(s ...string) string { return strings.Join(s, "\r\n") }
