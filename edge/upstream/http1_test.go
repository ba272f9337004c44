package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/edge/message"
)

const okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

func with(r *message.Request, method, body string) *message.Request {
	r.Method, r.Body, r.Length = method, strings.NewReader(body), int64(len(body))
	return r
}

// TestARequestOnTheWire: field by field, in their order.
func TestARequestOnTheWire(t *testing.T) {
	header := message.Header{{Name: "user-agent", Value: "x"}, {Name: "Connection", Value: "close"}, {Name: "X-A", Value: "1"}, {Name: "Expect", Value: "100-continue"},
		{Name: "Content-Length", Value: "99"}, {Name: "X-A", Value: "2"}, {Name: "Transfer-Encoding", Value: "gzip"}, {Name: "TE", Value: "gzip"}}
	trailer := func() message.Header {
		return message.Header{{Name: "X-Sum", Value: "7"}, {Name: "Content-Length", Value: "1"}, {Name: "bad name", Value: "1"}, {Name: "X-Bad", Value: "a\r\nb"}}
	}
	for name, c := range map[string]struct {
		r    message.Request
		want string
	}{
		"GET":           {message.Request{Method: "GET", Path: "/a%2F|b", Query: "c=d?e"}, "GET /a%2F|b?c=d?e HTTP/1.1\r\nHost: named.test\r\nConnection: Keep-Alive\r\nuser-agent: x\r\nX-A: 1\r\nX-A: 2\r\n\r\n"},
		"POST, empty":   {message.Request{Method: "POST", Path: "/"}, "POST / HTTP/1.1\r\nHost: named.test\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\nuser-agent: x\r\nX-A: 1\r\nX-A: 2\r\n\r\n"},
		"PUT":           {message.Request{Method: "PUT", Path: "/", Body: strings.NewReader("hello"), Length: 5, Trailer: trailer}, "PUT / HTTP/1.1\r\nHost: named.test\r\nConnection: Keep-Alive\r\nContent-Length: 5\r\nuser-agent: x\r\nX-A: 1\r\nX-A: 2\r\n\r\nhello"},
		"POST, chunked": {message.Request{Method: "POST", Path: "/", Body: strings.NewReader("hello"), Length: -1, Trailer: trailer}, "POST / HTTP/1.1\r\nHost: named.test\r\nConnection: Keep-Alive\r\nTransfer-Encoding: chunked\r\nuser-agent: x\r\nX-A: 1\r\nX-A: 2\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 7\r\n\r\n"},
	} {
		got := make(chan string, 1)
		o := serveRaw(t, func(rc *rawConn, _ int) {
			buf := make([]byte, len(c.want))
			n, _ := io.ReadFull(rc.Conn, buf)
			got <- string(buf[:n])
			rc.say(okAnswer)
		})
		u, origin := asker(t, o.Addr(), Config{})
		c.r.Scheme, c.r.Host, c.r.Header = "http", "named.test", header.Clone(0)
		if _, body, err := get(t, u, origin, &c.r); body != "ok" || err != nil {
			t.Errorf("%s: %q %v", name, body, err)
		}
		if g := <-got; g != c.want {
			t.Errorf("%s: sent %q, want %q", name, g, c.want)
		}
	}
}

// TestNothingEndsALineEarly: what would split a request is never sent.
func TestNothingEndsALineEarly(t *testing.T) {
	o := serveRaw(t, saying(okAnswer))
	u, origin := asker(t, o.Addr(), Config{})
	for _, change := range []func(*message.Request){
		func(r *message.Request) { r.Method = "GET /x HTTP/1.1\r\nA:" },
		func(r *message.Request) { r.Path = "/ HTTP/1.1" },
		func(r *message.Request) { r.Path = "/\r\nA: b" },
		func(r *message.Request) { r.Query = "a b" },
		func(r *message.Request) { r.Host = "a\nb" },
		func(r *message.Request) { r.Header.Add("A", "b\r\nC: d") },
		func(r *message.Request) { r.Header.Add("A: b\r\nC", "d") },
	} {
		r := request("/")
		change(r)
		if _, err := u.Do(t.Context(), origin, r); err == nil {
			t.Errorf("sent %+v", r)
		}
	}
	if _, seen := o.seen(); seen != nil {
		t.Error(seen)
	}
}

// TestAConnectionThatWasClosedMeanwhile is found out before it is used, or the
// request is sent again where that is safe; an origin that closes on what it is
// asked is not asked again.
func TestAConnectionThatWasClosedMeanwhile(t *testing.T) {
	t.Run("seen", func(t *testing.T) {
		o := serveRaw(t, func(c *rawConn, _ int) {
			c.request()
			c.say(okAnswer)
		})
		u, origin := asker(t, o.Addr(), Config{})
		for range 3 {
			if _, body, err := get(t, u, origin, with(request("/"), "POST", "x")); body != "ok" || err != nil {
				t.Fatal(body, err)
			}
			p := u.pool(u.place(origin, "http"))
			eventually(t, "the origin closes", func() bool { return p.idles() == 0 || !p.idle[0].alive() })
		}
		if conns, _ := o.seen(); conns != 3 {
			t.Error(conns)
		}
	})
	t.Run("asked in vain", func(t *testing.T) {
		o := serveRaw(t, func(c *rawConn, _ int) {
			c.request()
			c.say(okAnswer)
			c.request()
		})
		u, origin := asker(t, o.Addr(), Config{})
		if _, body, err := get(t, u, origin, request("/1")); body != "ok" || err != nil {
			t.Fatal(body, err)
		}
		if _, _, err := get(t, u, origin, request("/2")); reason(err) != BadResponse {
			t.Error(err)
		}
		if conns, seen := o.seen(); conns != 1 || !reflect.DeepEqual(seen, []string{"GET /1", "GET /2"}) {
			t.Error(conns, seen)
		}
	})
	for method, again := range map[string]bool{"GET": true, "HEAD": true, "DELETE": true, "POST": false, "PATCH": false} {
		t.Run("crossing "+method, func(t *testing.T) {
			o := serveRaw(t, func(c *rawConn, n int) {
				c.request()
				if n == 1 {
					c.say(okAnswer)
					_ = c.Conn.(*net.TCPConn).SetLinger(0)
					_, _ = c.r.Peek(1) // the next request is here, and is dropped unread with a reset
					return
				}
				c.say(strings.TrimSuffix(okAnswer, map[bool]string{true: "ok"}[method == "HEAD"]))
			})
			u, origin := asker(t, o.Addr(), Config{})
			if _, _, err := get(t, u, origin, request("/1")); err != nil {
				t.Fatal(err)
			}
			r := request("/2")
			r.Method = method
			_, _, err := get(t, u, origin, r)
			if conns, _ := o.seen(); (err == nil) != again || (conns == 2) != again {
				t.Error(conns, err)
			}
		})
	}
	t.Run("with a body", func(t *testing.T) {
		o := serveRaw(t, func(c *rawConn, _ int) {
			c.request()
			c.say(okAnswer)
			_ = c.Conn.(*net.TCPConn).SetLinger(0)
			_, _ = c.r.Peek(1)
		})
		u, origin := asker(t, o.Addr(), Config{})
		if _, _, err := get(t, u, origin, request("/1")); err != nil {
			t.Fatal(err)
		}
		if _, _, err := get(t, u, origin, with(request("/2"), "PUT", "x")); err == nil {
			t.Error("a body was sent twice")
		}
		if conns, _ := o.seen(); conns != 1 {
			t.Error(conns)
		}
	})
}

// TestTheKeepAliveTimeout is the origin's own where that is shorter.
func TestTheKeepAliveTimeout(t *testing.T) {
	for hint, want := range map[string]time.Duration{"": 60 * time.Second, "Keep-Alive: timeout=8, max=9\r\n": 6 * time.Second, "Keep-Alive: timeout=600\r\n": 60 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			dials, closed := 0, make(chan time.Time, 2)
			u, err := New(Config{Lookup: names(map[string][]string{"a.test": {"93.184.216.34"}}), Dial: func(context.Context, string, string) (net.Conn, error) {
				c, end := net.Pipe()
				dials++
				go func() {
					for {
						if _, err := end.Read(make([]byte, 10_000)); err != nil {
							closed <- time.Now()
							return
						}
						_, _ = io.WriteString(end, "HTTP/1.1 200 OK\r\n"+hint+"Content-Length: 2\r\n\r\nok")
					}
				}()
				return c, nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			origin := &origins.Origin{Domain: "a.test", HTTPPort: 80, KeepaliveTimeout: time.Minute}
			for range 2 {
				if _, _, err := get(t, u, origin, request("/")); err != nil {
					t.Fatal(err)
				}
			}
			last := time.Now()
			if idle := (<-closed).Sub(last); dials != 1 || idle != want {
				t.Errorf("%q: %d connections, the last one idle for %v", hint, dials, idle)
			}
		})
	}
}

// TestInterimAnswers come before the answer, are never stored, and lose what
// belongs to the connection.
func TestInterimAnswers(t *testing.T) {
	o := serveRaw(t, saying(lines("HTTP/1.1 100 Continue", "X: y", "", "HTTP/1.1 103 Early Hints", "Link: </a.css>; rel=preload", "Connection: X-Mine", "X-Mine: 1", "",
		"HTTP/1.1 102 Processing", "", "HTTP/1.1 200 OK", "Content-Length: 2", "Connection: X-Mine", "X-Mine: 1", "", "ok")))
	u, origin := asker(t, o.Addr(), Config{})
	for _, wanted := range []bool{true, false} {
		var got []string
		r := request("/")
		if wanted {
			r.Interim = func(status int, h message.Header) { got = append(got, fmt.Sprint(status, h)) }
		}
		resp, body, err := get(t, u, origin, r)
		if err != nil || body != "ok" || resp.Status != 200 || resp.Header.Has("Link") || resp.Header.Has("X-Mine") {
			t.Errorf("%v %q %v", resp, body, err)
		}
		want := []string{"103 [{Link </a.css>; rel=preload}]", "102 []"}
		if wanted && !reflect.DeepEqual(got, want) || !wanted && got != nil {
			t.Errorf("%q", got)
		}
	}
}

// TestTrailers of an answer are there once its body has ended.
func TestTrailers(t *testing.T) {
	o := serveRaw(t, saying("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\nContent-Length: 3\r\nTransfer-Encoding: x\r\n\r\n"))
	u, origin := asker(t, o.Addr(), Config{})
	resp, body, err := get(t, u, origin, request("/"))
	if err != nil || body != "ok" || resp.Header.Has("Trailer") {
		t.Fatal(resp, body, err)
	}
	if got := resp.Trailer(); !reflect.DeepEqual(got, message.Header{{Name: "X-Sum", Value: "7"}}) {
		t.Error(got)
	}
}

// TestBothDirectionsAtOnce: the origin answers while the request is on its way.
func TestBothDirectionsAtOnce(t *testing.T) {
	o := serveRaw(t, func(c *rawConn, _ int) {
		for r := c.head(); r != nil; r = c.head() {
			c.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			for buf := make([]byte, 100); ; {
				n, err := r.Body.Read(buf)
				if n > 0 {
					c.say(fmt.Sprintf("%x\r\n%s\r\n", n, buf[:n]))
				}
				if err != nil {
					break
				}
			}
			c.say("0\r\n\r\n")
		}
	})
	u, origin := asker(t, o.Addr(), Config{})
	for range 2 {
		viewer, sends := io.Pipe()
		r := request("/")
		r.Method, r.Body, r.Length = "POST", viewer, -1
		resp, err := u.Do(t.Context(), origin, r)
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		for _, word := range []string{"ping", "pong", strings.Repeat("x", 90)} {
			go io.WriteString(sends, word)
			if _, err := io.ReadFull(resp.Body, buf[:len(word)]); err != nil || string(buf[:len(word)]) != word {
				t.Fatalf("%q %v", buf, err)
			}
		}
		sends.Close()
		if rest, err := io.ReadAll(resp.Body); len(rest) != 0 || err != nil {
			t.Fatal(rest, err)
		}
		resp.Close()
		p := u.pool(u.place(origin, "http"))
		eventually(t, "the connection is idle", func() bool { return p.idles() == 1 })
	}
	if conns, _ := o.seen(); conns != 1 {
		t.Errorf("%d connections", conns)
	}
}

// TestAnEarlyAnswer: an origin may refuse a body before it has come, and close.
func TestAnEarlyAnswer(t *testing.T) {
	o := serveRaw(t, func(c *rawConn, _ int) {
		c.head()
		c.say("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
	})
	u, origin := asker(t, o.Addr(), Config{})
	viewer, sends := io.Pipe()
	r := request("/")
	r.Method, r.Body, r.Length = "POST", viewer, 1<<30
	resp, body, err := get(t, u, origin, r)
	if err != nil || resp.Status != 413 || body != "no" {
		t.Fatal(resp, body, err)
	}
	// One read of the viewer's body may be waiting; none comes after it.
	var reads atomic.Int32
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			if _, err := sends.Write([]byte("x")); err != nil {
				return
			}
			reads.Add(1)
		}
	}()
	<-time.After(50 * time.Millisecond)
	sends.Close()
	viewer.Close()
	if <-ended; reads.Load() > 1 {
		t.Errorf("the viewer's body was read %d times", reads.Load())
	}
}

// TestTheViewersBodyBreaksOff: the origin must not take the part for the whole, and
// is not blamed.
func TestTheViewersBodyBreaksOff(t *testing.T) {
	whole := make(chan bool, 4)
	o := serveRaw(t, func(c *rawConn, _ int) {
		if r := c.head(); r != nil {
			_, err := io.Copy(io.Discard, r.Body)
			whole <- err == nil
		}
	})
	u, origin := asker(t, o.Addr(), Config{})
	left := errors.New("the viewer left")
	for _, length := range []int64{-1, 10} {
		r := request("/")
		r.Method, r.Body, r.Length = "POST", io.MultiReader(strings.NewReader("half"), errReader{left}), length
		_, err := u.Do(t.Context(), origin, r)
		var failed *Error
		if !errors.Is(err, left) || errors.As(err, &failed) || <-whole {
			t.Error(length, err)
		}
	}
	if _, err := u.Do(t.Context(), origin, with(request("/"), "POST", "short")); err == nil { // and gets no answer
		t.Error("answered")
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// TestResponseTimeouts: GET and HEAD are tried again, as CloudFront does, others
// never; an interim answer, and each piece of a body, gives more time.
func TestResponseTimeouts(t *testing.T) {
	o := serveRaw(t, func(c *rawConn, n int) {
		if r := c.request(); n == 3 && r != nil {
			c.say(okAnswer)
		}
		c.toEnd()
	})
	u, origin := asker(t, o.Addr(), Config{})
	origin.ReadTimeout = 30 * time.Millisecond
	if _, body, err := get(t, u, origin, request("/")); body != "ok" || err != nil {
		t.Error(body, err)
	}
	if conns, _ := o.seen(); conns != 3 {
		t.Error(conns)
	}
	silent := serveRaw(t, func(c *rawConn, _ int) { c.toEnd() })
	u, origin = asker(t, silent.Addr(), Config{})
	origin.ReadTimeout = 20 * time.Millisecond
	for want, r := range map[int]*message.Request{2: with(request("/"), "HEAD", ""), 1: with(request("/"), "POST", "x")} {
		before, _ := silent.seen()
		origin.ConnectAttempts = 2
		if _, _, err := get(t, u, origin, r); reason(err) != ReadTimeout {
			t.Error(err)
		}
		if after, _ := silent.seen(); after-before != want {
			t.Errorf("%s: asked %d times", r.Method, after-before)
		}
	}
}

// TestAnOriginAtWork is waited for as long as it says so.
func TestAnOriginAtWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, err := New(Config{Lookup: names(map[string][]string{"a.test": {"93.184.216.34"}}), Dial: func(context.Context, string, string) (net.Conn, error) {
			c, end := net.Pipe()
			go func() {
				_, _ = end.Read(make([]byte, 10_000))
				for range 3 {
					<-time.After(4 * time.Second)
					_, _ = io.WriteString(end, "HTTP/1.1 102 Processing\r\n\r\n")
				}
				<-time.After(4 * time.Second)
				_, _ = io.WriteString(end, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\no")
				<-time.After(4 * time.Second)
				_, _ = io.WriteString(end, "k")
			}()
			return c, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		_, body, err := get(t, u, &origins.Origin{Domain: "a.test", HTTPPort: 80, ReadTimeout: 5 * time.Second}, request("/"))
		if body != "ok" || err != nil {
			t.Error(body, err)
		}
	})
}

// TestClosingWhileReading ends the read and gives no connection back twice.
func TestClosingWhileReading(t *testing.T) {
	o := serveRaw(t, func(c *rawConn, _ int) {
		c.request()
		c.say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
		c.toEnd()
	})
	u, origin := asker(t, o.Addr(), Config{})
	resp, err := u.Do(t.Context(), origin, request("/"))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		_, err := io.ReadAll(resp.Body)
		ended <- err
	}()
	resp.Close()
	if err := <-ended; err == nil {
		t.Error("read to an end that was none")
	}
	resp.Close()
	if _, err := resp.Body.Read(make([]byte, 1)); err == nil {
		t.Error("read on")
	}
}

// TestManyAtOnce: answers are never mixed up, connections are used again.
func TestManyAtOnce(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Path", r.URL.Path)
		for range 20 {
			_, _ = io.WriteString(w, strings.Repeat(r.URL.Path, 100))
			if len(r.URL.Path)%2 == 0 {
				w.(http.Flusher).Flush()
			}
		}
	}))
	defer server.Close()
	u, origin := asker(t, server.Listener.Addr(), Config{})
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			for j := range 20 {
				path := fmt.Sprintf("/%d/%d", i, j)
				ctx, cancel := context.WithCancel(t.Context())
				resp, err := u.Do(ctx, origin, request(path))
				if err != nil {
					t.Error(err)
				} else if (i+j)%3 == 0 {
					if j%2 == 0 {
						cancel()
					}
					_, _ = resp.Body.Read(make([]byte, 50))
					resp.Close() // half read
				} else if body, err := io.ReadAll(resp.Body); err != nil || string(body) != strings.Repeat(path, 2000) || resp.Header.Get("X-Path") != path {
					t.Errorf("%s: %d bytes, %v, %v", path, len(body), resp.Header, err)
				}
				cancel()
			}
		})
	}
	all.Wait()
}

// TestUnaskedBytes on an idle connection are never the next request's answer.
func TestUnaskedBytes(t *testing.T) {
	evil := "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
	for _, bare := range []bool{false, true} {
		say, said := make(chan struct{}), make(chan struct{})
		o := serveRaw(t, func(c *rawConn, n int) {
			c.request()
			c.say(okAnswer)
			if n == 1 {
				<-say
				c.say(evil)
				close(said)
			}
			c.toEnd()
		})
		u, origin := asker(t, o.Addr(), Config{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if bare && err == nil {
				c = struct{ net.Conn }{c} // its socket cannot be had
			}
			return c, err
		}})
		if _, body, err := get(t, u, origin, request("/")); body != "ok" || err != nil {
			t.Fatal(body, err)
		}
		close(say)
		<-said
		p := u.pool(u.place(origin, "http"))
		if !bare {
			eventually(t, "the bytes are here", func() bool { return !p.idle[0].alive() })
		}
		if _, body, err := get(t, u, origin, request("/")); body != "ok" || err != nil {
			t.Errorf("bare %v: %q %v", bare, body, err)
		}
		if conns, _ := o.seen(); conns != 2 {
			t.Errorf("bare %v: %d connections", bare, conns)
		}
	}
}
