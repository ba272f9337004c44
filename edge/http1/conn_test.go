package http1

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	var said, want strings.Builder
	for i := range 300 {
		path := "/" + strings.Repeat("x", i*7%900)
		switch i % 3 {
		case 0:
			said.WriteString("GET " + path + " HTTP/1.1\r\nHost: a.test\r\n\r\n")
			want.WriteString("GET http://a.test" + path)
		case 1:
			said.WriteString("PUT " + path + " HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc")
			want.WriteString("PUT http://a.test" + path + "|Content-Length=3|abc")
		case 2:
			said.WriteString("PUT " + path + " HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n")
			want.WriteString("PUT http://a.test" + path + "|ab")
		}
	}
	got := speak(t, handle(echo), said.String())
	var bodies strings.Builder
	r := bufio.NewReader(strings.NewReader(got))
	for {
		if _, err := r.Peek(1); err != nil {
			break
		}
		_, b := read(t, r)
		bodies.WriteString(b)
	}
	if bodies.String() != want.String() {
		t.Errorf("%.1000q", bodies.String())
	}
}

func TestARequestMayArriveByteByByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serverOf(handle(echo))
		defer s.Close()
		c := dial(s)
		r := bufio.NewReader(c)
		for range 2 {
			for _, b := range []byte(chunked + "5;a\r\nhello\r\n0\r\nT: u\r\n\r\n") {
				_, _ = c.Write([]byte{b})
			}
			if _, body := read(t, r); body != "POST http://a.test/|hello|T=u" {
				t.Errorf("%q", body)
			}
		}
	})
}

// ended returns what is said until the connection ends, and when that is.
func ended(t *testing.T, c net.Conn) (said string, after time.Duration) {
	t.Helper()
	began := time.Now()
	got, err := io.ReadAll(c)
	if err != nil {
		t.Error(err)
	}
	return string(got), time.Since(began)
}

func TestTimeOuts(t *testing.T) {
	for _, c := range []struct {
		name, said  string
		every       string // said again each second
		want        string
		least, most time.Duration
	}{
		{"silent from the start", "", "", "", 75 * time.Second, 75 * time.Second},
		{"silent in the header", "GET", "", "HTTP/1.1 408 ", 10 * time.Second, 10 * time.Second},
		{"dripping the header", ok, "A: b\r\n", "HTTP/1.1 408 ", 10 * time.Second, 10 * time.Second},
		{"dripping the first line", "G", "E", "HTTP/1.1 408 ", 10 * time.Second, 10 * time.Second},
		{"silent after a request", ok + "\r\n", "", "HTTP/1.1 200 ", 75 * time.Second, 75 * time.Second},
		{"silent in the body", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9\r\n\r\nabc", "", "HTTP/1.1 408 ", 60 * time.Second, 75 * time.Second},
		{"dripping the body", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9999\r\n\r\nabc", "d", "HTTP/1.1 408 ", 60 * time.Second, 75 * time.Second},
		{"dripping chunks", chunked, "1\r\nd\r\n", "HTTP/1.1 408 ", 60 * time.Second, 75 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serverOf(handle(echo))
				defer s.Close()
				conn := dial(s)
				stopped := make(chan struct{})
				go func() {
					defer close(stopped)
					_, err := io.WriteString(conn, c.said)
					for c.every != "" && err == nil {
						<-time.After(time.Second)
						_, err = io.WriteString(conn, c.every)
					}
				}()
				got, after := ended(t, conn)
				_ = conn.Close()
				<-stopped
				if !strings.HasPrefix(got, c.want) || c.want == "" && got != "" || after < c.least || after > c.most+2*time.Second {
					t.Errorf("after %v: %q", after, got)
				}
			})
		})
	}
}

func TestASteadyViewerIsNotCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serverOf(handle(echo))
		defer s.Close()
		c := dial(s)
		r := bufio.NewReader(c)
		for range 10 { // requests that are a minute apart
			_, _ = io.WriteString(c, ok+"\r\n")
			if _, body := read(t, r); body != "GET http://a.test/x" {
				t.Error(body)
			}
			<-time.After(70 * time.Second)
		}
		// A body of half a megabyte at 500 bytes a second.
		go func() {
			_, _ = io.WriteString(c, "PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 500000\r\n\r\n")
			for range 1000 {
				<-time.After(time.Second)
				_, _ = io.WriteString(c, strings.Repeat("x", 500))
			}
		}()
		if _, body := read(t, r); len(body) < 500_000 {
			t.Error(len(body))
		}
		// And an answer that it reads as slowly.
		_, _ = io.WriteString(c, "PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 500000\r\n\r\n"+strings.Repeat("x", 500_000))
		n := 0
		for buf := make([]byte, 500); n < 500_000; {
			m, err := r.Read(buf)
			if err != nil {
				t.Fatalf("after %d: %v", n, err)
			}
			n += m
			<-time.After(time.Second)
		}
	})
}

func TestAViewerThatDoesNotReadIsCutOff(t *testing.T) {
	for name, rate := range map[string]int{"nothing": 0, "a byte a second": 1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := answering(func() *message.Response { return text(strings.Repeat("x", 1<<20)) })
				s := serverOf(h)
				defer s.Close()
				c := dial(s)
				_, _ = io.WriteString(c, ok+"\r\n")
				began := time.Now()
				stopped := make(chan struct{})
				go func() {
					defer close(stopped)
					for buf := make([]byte, rate); rate > 0; {
						if _, err := c.Read(buf); err != nil {
							return
						}
						<-time.After(time.Second)
					}
				}()
				<-h.delivered
				defer func() { <-stopped }()
				if after := time.Since(began); after < 59*time.Second || after > 76*time.Second {
					t.Errorf("after %v", after)
				}
				if d := h.deliveries[0]; d.Err == nil {
					t.Errorf("%+v", d)
				}
			})
		})
	}
}

func TestExpectedBodiesAreAskedForWhenRead(t *testing.T) {
	const post = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\n"
	synctest.Test(t, func(t *testing.T) {
		s := serverOf(handle(echo))
		defer s.Close()
		c := dial(s)
		r := bufio.NewReader(c)
		for range 2 {
			_, _ = io.WriteString(c, post)
			if head := readHead(t, r); head != "HTTP/1.1 100 Continue\r\n\r\n" {
				t.Errorf("%q", head)
			}
			_, _ = io.WriteString(c, "hello")
			if resp, body := read(t, r); !strings.HasSuffix(body, "|hello") || resp.Close {
				t.Errorf("%q", body)
			}
		}
	})
	// Where it is not read it is not asked for, and the connection is closed: the
	// viewer may send it or not.
	got := speak(t, answering(func() *message.Response { return text("no") }), post+"hello"+ok+"\r\n")
	if strings.Contains(got, "100 Continue") || !strings.Contains(got, "Connection: close") || strings.Count(got, "HTTP/1.1") != 1 {
		t.Errorf("%q", got)
	}
	// HTTP/1.0 does not know it.
	if got := speak(t, handle(echo), strings.Replace(post, "HTTP/1.1", "HTTP/1.0", 1)+"hello"); !strings.HasPrefix(got, "HTTP/1.1 200") {
		t.Errorf("%q", got)
	}
}

func TestUnreadBodies(t *testing.T) {
	h := answering(func() *message.Response { return text("no") })
	for _, c := range []struct {
		name, body string
		answers    int
		closes     bool
	}{
		{"short", "Content-Length: 5\r\n\r\nhello", 2, false},
		{"as long as is drained", "Content-Length: 262144\r\n\r\n" + strings.Repeat("x", 262144), 2, false},
		{"too long", "Content-Length: 262145\r\n\r\n" + strings.Repeat("x", 262145), 1, true},
		{"chunked", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n", 2, false},
		{"chunked and too long", "Transfer-Encoding: chunked\r\n\r\n50000\r\n" + strings.Repeat("x", 0x50000) + "\r\n0\r\n\r\n", 1, false},
		{"malformed", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n", 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := speak(t, h, "POST / HTTP/1.1\r\nHost: a.test\r\n"+c.body+ok+"\r\n")
			if strings.Count(got, "HTTP/1.1 200") != c.answers || strings.Contains(got, "Connection: close") != c.closes || strings.Count(got, "HTTP/1.1") != c.answers {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestABodyIsOverWithItsRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := make(chan error, 1)
		h := handle(func(_ context.Context, r *message.Request) *message.Response {
			if r.Method == "POST" {
				body := r.Body
				go func() { // as an origin's connection may, after the origin has answered
					_, err := io.ReadAll(body)
					late <- err
				}()
			}
			synctest.Wait()
			return text("early")
		})
		s := serverOf(h)
		defer s.Close()
		c := dial(s)
		_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 50\r\n\r\nhello")
		if _, body := read(t, bufio.NewReader(c)); body != "early" {
			t.Error(body)
		}
		if err := <-late; err == nil {
			t.Error("the body was read to an end that it does not have")
		}
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the connection is kept: %v", err)
		}
	})
}

func TestAViewerThatLeavesEndsTheContext(t *testing.T) {
	for name, wait := range map[string]func(ctx context.Context) error{
		"Done": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"a derived context": func(ctx context.Context) error {
			d, cancel := context.WithCancel(ctx)
			defer cancel()
			<-d.Done()
			return d.Err()
		},
		"AfterFunc": func(ctx context.Context) error {
			called := make(chan struct{})
			context.AfterFunc(ctx, func() { close(called) })
			<-called
			return ctx.Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				told := make(chan error, 1)
				s := serverOf(handle(func(ctx context.Context, r *message.Request) *message.Response {
					if r.Body != nil {
						_, _ = io.Copy(io.Discard, r.Body)
					}
					told <- wait(ctx)
					return text("x")
				}))
				defer s.Close()
				for _, said := range []string{ok + "\r\n", chunked + "1\r\nx\r\n0\r\n\r\n"} {
					c := dial(s)
					_, _ = io.WriteString(c, said)
					synctest.Wait()
					if len(told) > 0 {
						t.Error("it ended early")
					}
					_ = c.Close()
					if err := <-told; !errors.Is(err, context.Canceled) {
						t.Error(err)
					}
				}
				// The server's end ends it too.
				c := dial(s)
				_, _ = io.WriteString(c, ok+"\r\n")
				synctest.Wait()
				_ = s.Close()
				if err := <-told; !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
		})
	}
}

func TestWatchingForTheViewerLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var contexts []context.Context
		s := serverOf(handle(func(ctx context.Context, r *message.Request) *message.Response {
			contexts = append(contexts, ctx)
			if r.Path != "/last" {
				done := ctx.Done()
				<-time.After(time.Second)
				select {
				case <-done:
					t.Error("the viewer has not left")
				default:
				}
			}
			return echo(ctx, r)
		}))
		defer s.Close()
		c := dial(s)
		r := bufio.NewReader(c)
		pipelined := "GET /" + strings.Repeat("y", 3000) + " HTTP/1.1\r\nHost: a.test\r\n\r\n" + chunked + "5\r\nhello\r\n0\r\n\r\n" + "GET /last HTTP/1.1\r\nHost: a.test\r\n\r\n"
		go func() { _, _ = io.WriteString(c, ok+"\r\n"+pipelined) }()
		for _, want := range []string{"GET http://a.test/x", "GET http://a.test/" + strings.Repeat("y", 3000), "POST http://a.test/|hello", "GET http://a.test/last"} {
			if _, body := read(t, r); body != want {
				t.Errorf("%q", body)
			}
		}
		synctest.Wait()
		for i, ctx := range contexts[:3] {
			if ctx.Err() == nil || ctx == contexts[i+1] {
				t.Errorf("the context of request %d outlives it", i)
			}
		}
	})
}

func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := serverOf(handle(func(_ context.Context, r *message.Request) *message.Response {
			if r.Path == "/slow" {
				<-release
			}
			return text("done")
		}))
		fresh, idle, busy := dial(s), dial(s), dial(s)
		r := bufio.NewReader(idle)
		_, _ = io.WriteString(idle, ok+"\r\n")
		read(t, r)
		_, _ = io.WriteString(busy, "GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n")
		synctest.Wait()
		stopped := make(chan error, 1)
		go func() { stopped <- s.Shutdown(t.Context()) }()
		for _, c := range []net.Conn{fresh, idle} {
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				t.Errorf("an idle connection is kept: %v", err)
			}
		}
		synctest.Wait()
		if len(stopped) > 0 {
			t.Error("it did not wait")
		}
		if _, err := dial(s).Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("a new connection is served: %v", err)
		}
		close(release)
		if resp, body := read(t, bufio.NewReader(busy)); body != "done" || !resp.Close {
			t.Errorf("%q %v", body, resp.Header)
		}
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
}

func TestShutdownHasALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serverOf(handle(func(ctx context.Context, _ *message.Request) *message.Response {
			<-ctx.Done()
			return text("x")
		}))
		c := dial(s)
		_, _ = io.WriteString(c, ok+"\r\n")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		_ = s.Close()
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestDrainingClosesConnections(t *testing.T) {
	var draining atomic.Bool
	h := handle(func(_ context.Context, r *message.Request) *message.Response {
		draining.Store(true)
		return text("x")
	})
	got := speak(t, h, ok+"\r\n"+ok+"\r\n", func(c *Config) { c.Draining = draining.Load })
	if strings.Count(got, "HTTP/1.1 200") != 1 || !strings.Contains(got, "Connection: close") {
		t.Errorf("%q", got)
	}
}

// failing is a listener that has no files left, for a while.
type failing struct {
	net.Listener
	failures int
}

func (l *failing) Accept() (net.Conn, error) {
	if l.failures > 0 {
		l.failures--
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return l.Listener.Accept()
}

func TestErrorsOfAcceptingAreWaitedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		viewer, server := net.Pipe()
		s := serverOf(handle(echo))
		served := make(chan error, 1)
		ln := &failing{listenTo(server), 20}
		go func() { served <- s.Serve(ln) }()
		_, _ = io.WriteString(viewer, ok+"\r\n")
		if _, body := read(t, bufio.NewReader(viewer)); body != "GET http://a.test/x" {
			t.Error(body)
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := s.Serve(listenTo(newMemory(""))); err != nil {
			t.Errorf("after Shutdown: %v", err)
		}
	})
	ln := listenTo(newMemory(""))
	_ = ln.Close()
	if err := serverOf(handle(echo)).Serve(ln); err == nil && len(ln.conn) == 0 {
		t.Error("a listener that somebody else closed ends without an error")
	}
}

func TestConnectionsPerViewerAreLimited(t *testing.T) {
	_, addr := listen(t, handle(echo), func(c *Config) { c.MaxPerViewer = 2 })
	var kept []net.Conn
	ask := func() (net.Conn, error) {
		c := connect(t, addr)
		_, _ = io.WriteString(c, ok+"\r\n")
		_, err := http.ReadResponse(bufio.NewReader(c), nil)
		return c, err
	}
	for range 2 {
		c, err := ask()
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, c)
	}
	if _, err := ask(); err == nil {
		t.Error("a third connection is served")
	}
	_ = kept[0].Close()
	for deadline := time.Now().Add(10 * time.Second); ; {
		if _, err := ask(); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a connection that ended is still counted")
		}
	}
}

func TestThePrefixOfAnIPv6ViewerIsWhatCounts(t *testing.T) {
	s := serverOf(handle(echo), func(c *Config) { c.MaxPerViewer = 1 })
	for _, c := range []struct {
		addr string
		ok   bool
	}{{"[2001:db8::1]:1", true}, {"[2001:db8::2]:1", false}, {"[2001:db8:0:1::1]:1", true}, {"192.0.2.1:1", true}, {"[::ffff:192.0.2.1]:2", false}} {
		addr, err := net.ResolveTCPAddr("tcp", c.addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.admit(&conn{}, addrPort(addr).Addr()); got != c.ok {
			t.Errorf("%s: %t", c.addr, got)
		}
	}
}

// TestTheAnswerToARefusalArrives: with something unread the kernel would reset the
// connection, and take the answer with it.
func TestTheAnswerToARefusalArrives(t *testing.T) {
	_, addr := listen(t, handle(func(context.Context, *message.Request) *message.Response { return text("no") }))
	for _, said := range []string{
		ok + "A: " + strings.Repeat("x", 1<<20) + "\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1048576\r\n\r\n" + strings.Repeat("x", 1<<20),
	} {
		c := connect(t, addr)
		wrote := make(chan struct{})
		go func() {
			defer close(wrote)
			_, _ = io.WriteString(c, said)
		}()
		<-wrote
		if got, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 ") {
			t.Errorf("%q %v", got, err)
		}
	}
}
