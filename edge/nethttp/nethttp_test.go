package nethttp

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// answers is an exchange whose answers a function gives.
type answers struct {
	handle    func(ctx context.Context, r *message.Request) *message.Response
	delivered chan message.Delivery
}

func (a answers) Handle(ctx context.Context, r *message.Request) *message.Response {
	return a.handle(ctx, r)
}
func (a answers) Delivered(d message.Delivery) { a.delivered <- d }

// served is a server on real sockets.
type served struct {
	url       string
	addr      string
	client    *http.Client
	delivered chan message.Delivery
	server    *Server
	done      chan error
}

// serve answers with handle: over http, or over https with HTTP/2.
func serve(t *testing.T, scheme string, handle func(ctx context.Context, r *message.Request) *message.Response) *served {
	t.Helper()
	s := &served{delivered: make(chan message.Delivery, 100), done: make(chan error, 1)}
	cfg := Config{NewExchange: func() Exchange { return answers{handle, s.delivered} }, Logger: slog.New(slog.DiscardHandler)}
	lender := httptest.NewUnstartedServer(nil) // for its certificate
	lender.EnableHTTP2 = true
	lender.StartTLS()
	t.Cleanup(lender.Close)
	if scheme == "https" {
		cfg.TLS = &tls.Config{Certificates: lender.TLS.Certificates, NextProtos: []string{"h2", "http/1.1"}}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.server = New(cfg)
	go func() { s.done <- s.server.Serve(ln) }()
	s.addr, s.url = ln.Addr().String(), scheme+"://"+ln.Addr().String()
	s.client = lender.Client()
	s.client.Transport.(*http.Transport).DisableCompression = true
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		_ = s.server.Close()
		if err := <-s.done; err != nil {
			t.Error(err)
		}
	})
	return s
}

// both runs a test over HTTP/1.1 and over HTTP/2.
func both(t *testing.T, handle func(ctx context.Context, r *message.Request) *message.Response, test func(t *testing.T, s *served)) {
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) { test(t, serve(t, scheme, handle)) })
	}
}

func text(s string) *message.Response {
	return &message.Response{Status: 200, Length: int64(len(s)), Body: io.NopCloser(strings.NewReader(s))}
}

func (s *served) do(t *testing.T, r *http.Request) (*http.Response, string, error) {
	t.Helper()
	resp, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

func get(t *testing.T, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestARequestIsTheEdgesOwn(t *testing.T) {
	before := time.Now()
	asked := make(chan *message.Request, 1)
	both(t, func(_ context.Context, r *message.Request) *message.Response {
		asked <- r.Detached()
		return text("hello")
	}, func(t *testing.T, s *served) {
		r := get(t, s.url+"/a%2Fb?x=%20&&y")
		r.Host = "WWW.Example.test.:8443"
		r.Header = http.Header{"X-B": {"1", "2"}, "X-A": {"3"}, "User-Agent": {"t"}}
		resp, body, err := s.do(t, r)
		if err != nil || body != "hello" || resp.ContentLength != 5 || resp.Header["Content-Type"] != nil {
			t.Errorf("%q %v %v", body, resp.Header, err)
		}
		got := <-asked
		if want := (message.Header{{Name: "User-Agent", Value: "t"}, {Name: "X-A", Value: "3"}, {Name: "X-B", Value: "1"}, {Name: "X-B", Value: "2"}}); !reflect.DeepEqual(got.Header, want) {
			t.Errorf("header %v", got.Header)
		}
		if got.Method != "GET" || got.Host != "www.example.test" || got.Path != "/a%2Fb" || got.Query != "x=%20&&y" || got.Body != nil || got.Length != 0 || !got.Viewer.Addr().IsLoopback() {
			t.Errorf("%+v", got)
		}
		if got.Received.Before(before) || got.Received.After(time.Now()) {
			t.Errorf("received at %v", got.Received)
		}
		secure := strings.HasPrefix(s.url, "https")
		if want := map[bool]string{true: "https 2 TLSv1.3", false: "http 1 "}[secure]; fmt.Sprint(got.Scheme, " ", got.Major, " ", got.TLSVersion) != want || secure != strings.HasPrefix(got.Cipher, "TLS_") {
			t.Errorf("%s %d %q %q", got.Scheme, got.Major, got.TLSVersion, got.Cipher)
		}
		d := <-s.delivered
		if d.Body != 5 || d.Bytes <= 5 || d.Err != nil || d.First.Before(got.Received) || d.Ended.Before(d.First) {
			t.Errorf("%+v", d)
		}
	})
}

func TestRawRequests(t *testing.T) {
	s := serve(t, "http", func(_ context.Context, r *message.Request) *message.Response {
		return text(fmt.Sprintf("%s %s %s %d.%d", r.Method, r.Host, r.URI(), r.Major, r.Minor))
	})
	for _, c := range []struct{ request, status, body string }{
		{"GET /a/../b%2Fc HTTP/1.1\r\nHost: h:80\r\n\r\n", "HTTP/1.1 200 OK", "GET h /a/../b%2Fc 1.1"},
		{"GET http://abs.test:80/p?q HTTP/1.1\r\nHost: ignored\r\n\r\n", "HTTP/1.1 200 OK", "GET abs.test /p?q 1.1"},
		{"GET http://abs.test HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK", "GET abs.test / 1.0"},
		{"OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "HTTP/1.1 200 OK", "OPTIONS [::1] * 1.1"},
		{"GET /x HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("x", 100_000) + "\r\n\r\n", "HTTP/1.1 431 Request Header Fields Too Large", ""},
		{"GET /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 501 Not Implemented", ""},
	} {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.WriteString(conn, c.request) }()
		r := textproto.NewReader(bufio.NewReader(conn))
		line, err := r.ReadLine()
		if err != nil || line != c.status {
			t.Errorf("%.60q: %q %v", c.request, line, err)
		}
		if c.body != "" {
			_, _ = r.ReadMIMEHeader()
			body := make([]byte, len(c.body))
			if _, err := io.ReadFull(r.R, body); err != nil || string(body) != c.body {
				t.Errorf("%q: %q %v", c.request, body, err)
			}
		}
		_ = conn.Close()
	}
}

func TestBodiesAndTrailersBothWays(t *testing.T) {
	both(t, func(_ context.Context, r *message.Request) *message.Response {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		resp := text(fmt.Sprintf("%d %d %v", len(body), r.Length, r.Trailer()))
		resp.Length = -1
		resp.Header = message.Header{{Name: "content-length", Value: "1"}} // of an origin that is not to be believed
		resp.Trailer = func() message.Header {
			return message.Header{{Name: "grpc-status", Value: "0"}, {Name: "Content-Length", Value: "7"}}
		}
		return resp
	}, func(t *testing.T, s *served) {
		r, _ := http.NewRequestWithContext(t.Context(), "POST", s.url, io.LimitReader(strings.NewReader(strings.Repeat("x", 300_000)), 300_000))
		r.ContentLength = -1
		r.Trailer = http.Header{"X-Sum": {"42"}}
		resp, body, err := s.do(t, r)
		if err != nil || body != "300000 -1 [{X-Sum 42}]" {
			t.Errorf("%q %v", body, err)
		}
		if want := (http.Header{"Grpc-Status": {"0"}}); !reflect.DeepEqual(resp.Trailer, want) {
			t.Errorf("trailer %v", resp.Trailer)
		}
		r, _ = http.NewRequestWithContext(t.Context(), "POST", s.url, strings.NewReader("known"))
		if _, body, err := s.do(t, r); err != nil || body != "5 5 []" {
			t.Errorf("%q %v", body, err)
		}
	})
}

func TestInterimAnswers(t *testing.T) {
	late := make(chan func(int, message.Header), 1)
	both(t, func(_ context.Context, r *message.Request) *message.Response {
		for _, status := range []int{100, 101, 102, 103, 200} { // three of which are not for passing on
			r.Interim(status, message.Header{{Name: "Link", Value: fmt.Sprint(status)}})
		}
		late <- r.Interim
		return text("done")
	}, func(t *testing.T, s *served) {
		var got []string
		r := get(t, s.url)
		r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			got = append(got, fmt.Sprint(code, h))
			return nil
		}}))
		resp, body, err := s.do(t, r)
		if want := []string{"102 map[Link:[102]]", "103 map[Link:[103]]"}; !reflect.DeepEqual(got, want) || resp.Header.Get("Link") != "" || body != "done" || err != nil {
			t.Errorf("%q, then %v %q %v", got, resp.Header, body, err)
		}
		(<-late)(103, message.Header{{Name: "Link", Value: "too late"}}) // is nobody's any more
		if _, body, err := s.do(t, get(t, s.url)); body != "done" || err != nil {
			t.Errorf("afterwards: %q %v", body, err)
		}
		<-late
	})
	s := serve(t, "http", func(_ context.Context, r *message.Request) *message.Response {
		return text(fmt.Sprint(r.Interim == nil))
	})
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n")
	if all, _ := io.ReadAll(conn); !strings.HasSuffix(string(all), "true") {
		t.Errorf("HTTP/1.0 knows no interim answers: %q", all)
	}
	_ = conn.Close()
}

// lumps is a body of pieces.
type lumps [][]byte

func (s *lumps) Next() ([]byte, error) {
	if len(*s) == 0 {
		return nil, io.EOF
	}
	p := (*s)[0]
	*s = (*s)[1:]
	return p, nil
}
func (s *lumps) Read([]byte) (int, error) { return 0, errors.New("a body of pieces is not read") }
func (s *lumps) Close() error             { return nil }

func TestPiecesAreWrittenWhereTheyLie(t *testing.T) {
	one, two := strings.Repeat("1", 100_000), strings.Repeat("2", 5)
	both(t, func(context.Context, *message.Request) *message.Response {
		return &message.Response{Status: 206, Length: 100_005, Body: &lumps{[]byte(one), nil, []byte(two)}}
	}, func(t *testing.T, s *served) {
		if resp, body, err := s.do(t, get(t, s.url)); body != one+two || err != nil || resp.StatusCode != 206 {
			t.Errorf("%d %d bytes %v", resp.StatusCode, len(body), err)
		}
	})
}

func TestALiveBodyIsPassedOnAtOnce(t *testing.T) {
	pieces := make(chan string)
	both(t, func(context.Context, *message.Request) *message.Response {
		r, w := io.Pipe()
		go func() {
			for p := range pieces {
				_, _ = io.WriteString(w, p)
				if p == "end\n" {
					break
				}
			}
			_ = w.Close()
		}()
		return &message.Response{Status: 200, Length: -1, Live: true, Body: r}
	}, func(t *testing.T, s *served) {
		resp, err := s.client.Do(get(t, s.url)) // answers before there is a piece
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		lines := bufio.NewReader(resp.Body)
		for _, p := range []string{"one\n", "two\n", "end\n"} {
			pieces <- p
			if got, err := lines.ReadString('\n'); got != p || err != nil {
				t.Fatalf("%q %v", got, err)
			}
		}
		if _, err := lines.ReadByte(); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
	})
}

func TestWhatIsNotWholeBreaksTheConnection(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		resp func() *message.Response
		want error
	}{
		"too short": {func() *message.Response { r := text("half"); r.Length = 8; return r }, errTooShort},
		"too long":  {func() *message.Response { r := text("half and more"); r.Length = 4; return r }, errTooLong},
		"broken off": {func() *message.Response {
			return &message.Response{Status: 200, Length: -1, Live: true, Body: io.NopCloser(io.MultiReader(strings.NewReader("half"), failing{broken}))}
		}, broken},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(context.Context, *message.Request) *message.Response { return c.resp() }, func(t *testing.T, s *served) {
				resp, err := s.client.Do(get(t, s.url))
				if err == nil {
					_, err = io.ReadAll(resp.Body)
					_ = resp.Body.Close()
				}
				if d := <-s.delivered; err == nil || !errors.Is(d.Err, c.want) {
					t.Errorf("the viewer: %v; delivered: %v", err, d.Err)
				}
			})
		})
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestAnswersWithoutABody(t *testing.T) {
	both(t, func(_ context.Context, r *message.Request) *message.Response {
		resp := text("not for the viewer")
		switch r.Path {
		case "/204":
			resp.Status = 204
		case "/304":
			resp.Status, resp.Header = 304, message.Header{{Name: "ETag", Value: `"a"`}}
		}
		return resp
	}, func(t *testing.T, s *served) {
		for _, c := range []struct {
			method, path string
			status       int
			length       int64
		}{{"HEAD", "/", 200, 18}, {"GET", "/204", 204, 0}, {"GET", "/304", 304, 0}} {
			r := get(t, s.url+c.path)
			r.Method = c.method
			resp, body, err := s.do(t, r)
			if resp.StatusCode != c.status || body != "" || err != nil || resp.ContentLength > c.length || resp.Header.Get("Content-Type") != "" {
				t.Errorf("%s %s: %d %q %d %v %v", c.method, c.path, resp.StatusCode, body, resp.ContentLength, resp.Header, err)
			}
			if d := <-s.delivered; d.Err != nil || d.Body != 0 {
				t.Errorf("%s %s: %+v", c.method, c.path, d)
			}
		}
	})
}

func TestASlowViewerIsGivenUp(t *testing.T) {
	delivered := make(chan message.Delivery, 1)
	handler := NewHandler("http", func() Exchange {
		return answers{func(context.Context, *message.Request) *message.Response {
			return &message.Response{Status: 200, Length: -1, Body: io.NopCloser(endless{})}
		}, delivered}
	}, 50*time.Millisecond)
	server := httptest.NewServer(handler)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: h\r\n\r\n") // and reads nothing
	if d := <-delivered; d.Err == nil || d.Body == 0 {
		t.Errorf("%+v", d)
	}
	_ = conn.Close()
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestShutdownFinishesWhatIsInFlight(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	s := serve(t, "http", func(context.Context, *message.Request) *message.Response {
		close(arrived)
		<-release
		return text("finished")
	})
	body := make(chan string, 1)
	go func() {
		resp, err := s.client.Get(s.url)
		if err != nil {
			body <- err.Error()
			return
		}
		b, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		body <- string(b)
	}()
	<-arrived
	stopped := make(chan error, 1)
	go func() { stopped <- s.server.Shutdown(t.Context()) }()
	if err := <-s.done; err != nil { // Serve returns first
		t.Error(err)
	}
	s.done <- nil // for the end of the test
	close(release)
	if got := <-body; got != "finished" {
		t.Errorf("in flight: %q", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
