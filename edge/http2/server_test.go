package http2

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// core is an Exchange of functions.
type core struct {
	handle    func(ctx context.Context, r *message.Request) *message.Response
	delivered func(message.Delivery)
}

func (c core) Handle(ctx context.Context, r *message.Request) *message.Response {
	return c.handle(ctx, r)
}

func (c core) Delivered(d message.Delivery) {
	if c.delivered != nil {
		c.delivered(d)
	}
}

// readyCore is one that says of some requests that it need not wait.
type readyCore struct {
	core
	ready func(r *message.Request) bool
}

func (c readyCore) Ready(r *message.Request) bool { return c.ready(r) }

// whole is a body in memory, as a cache hit has it.
type whole struct{ rest []byte }

func (w *whole) Next() ([]byte, error) {
	if len(w.rest) == 0 {
		return nil, io.EOF
	}
	p := w.rest
	w.rest = nil
	return p, nil
}

func (w *whole) Read(p []byte) (int, error) {
	if len(w.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, w.rest)
	w.rest = w.rest[n:]
	return n, nil
}

func (w *whole) Close() error { return nil }

func hit(body string) *message.Response {
	return &message.Response{
		Status: 200, Header: message.Header{{Name: "Content-Type", Value: "text/plain"}, {Name: "X-Cache", Value: "Hit from cloudfront"}},
		Body: &whole{[]byte(body)}, Length: int64(len(body)),
	}
}

func certificate(t testing.TB) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"a.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// serveTLS serves a Server over TLS and returns its address.
func serveTLS(t testing.TB, s *Server) string {
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{certificate(t)}, NextProtos: []string{"h2"}, DynamicRecordSizingDisabled: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				tc := nc.(*tls.Conn)
				if err := tc.Handshake(); err != nil {
					_ = nc.Close()
					return
				}
				state := tc.ConnectionState()
				s.ServeConn(context.Background(), tc, &state)
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		_ = s.Close()
		serving.Wait()
	})
	return ln.Addr().String()
}

// client returns one of net/http that speaks HTTP/2 only.
func client(t testing.TB) *http.Client {
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true, DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// deliveries counts what an exchange was told.
type deliveries struct {
	mu  sync.Mutex
	all []message.Delivery
}

func (d *deliveries) add(one message.Delivery) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, one)
}

func (d *deliveries) count() (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.all)
}

// Answers are the same whichever way they go out: inline, or by a worker.
func TestAnswers(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 64<<10) // 1 MiB
	answers := map[string]func(r *message.Request) *message.Response{
		"/small":   func(*message.Request) *message.Response { return hit("hello") },
		"/large":   func(*message.Request) *message.Response { return hit(large) },
		"/empty":   func(*message.Request) *message.Response { return hit("") },
		"/nobody":  func(*message.Request) *message.Response { return &message.Response{Status: 403} },
		"/unknown": func(*message.Request) *message.Response { r := hit(large[:70000]); r.Length = -1; return r },
		"/plain": func(*message.Request) *message.Response {
			r := hit(large[:70000])
			r.Body = io.NopCloser(strings.NewReader(large[:70000]))
			return r
		},
		"/204": func(*message.Request) *message.Response { return &message.Response{Status: 204, Length: -1} },
		"/304": func(*message.Request) *message.Response { r := hit("x"); r.Status = 304; return r },
	}
	want := map[string]string{"/small": "hello", "/large": large, "/unknown": large[:70000], "/plain": large[:70000]}
	for _, inline := range []bool{false, true} {
		t.Run(fmt.Sprintf("inline=%v", inline), func(t *testing.T) {
			var told deliveries
			s := New(Config{NewExchange: func() Exchange {
				c := core{func(_ context.Context, r *message.Request) *message.Response { return answers[r.Path](r) }, told.add}
				return readyCore{c, func(*message.Request) bool { return inline }}
			}})
			url := "https://" + serveTLS(t, s)
			c := client(t)
			n := 0
			for round := range 3 {
				for path := range answers {
					for _, method := range []string{"GET", "HEAD"} {
						req, _ := http.NewRequest(method, url+path, nil)
						resp, err := c.Do(req)
						if err != nil {
							t.Fatal(method, path, err)
						}
						b, err := io.ReadAll(resp.Body)
						resp.Body.Close()
						n++
						if body := want[path]; err != nil || method == "GET" && string(b) != body || method == "HEAD" && len(b) > 0 {
							t.Errorf("round %d: %s %s: %d bytes, %v", round, method, path, len(b), err)
						}
						if resp.ProtoMajor != 2 || resp.Header.Get("Date") == "" {
							t.Errorf("%s %s: %s, Date %q", method, path, resp.Proto, resp.Header.Get("Date"))
						}
						if path == "/large" && resp.ContentLength != int64(len(large)) {
							t.Errorf("%s %s: Content-Length %d", method, path, resp.ContentLength)
						}
					}
				}
			}
			eventually(t, "all to be delivered", func() bool { return told.count() == n })
			for _, d := range told.all {
				if d.Err != nil || d.Bytes <= d.Body || d.First.IsZero() || d.Ended.Before(d.First) {
					t.Errorf("%+v", d)
				}
			}
		})
	}
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.AfterFunc(time.Millisecond, func() {})
		<-time.After(time.Millisecond)
	}
}

func TestRequestIsHandedOnAsItCame(t *testing.T) {
	got := make(chan message.Request, 1)
	s := New(Config{NewExchange: func() Exchange {
		return core{handle: func(_ context.Context, r *message.Request) *message.Response {
			b, _ := io.ReadAll(r.Body)
			d := *r.Detached()
			d.Body, d.Header = bytes.NewReader(b), append(d.Header, r.Trailer()...)
			got <- d
			return hit("")
		}}
	}})
	addr := serveTLS(t, s)
	body := struct{ io.Reader }{strings.NewReader("payload")}
	req, _ := http.NewRequest("POST", "https://"+addr+"/a%20b/?q=1%&r", body)
	req.Host = "WWW.Example.test.:8443"
	req.Header = http.Header{"X-One": {"1", "2"}, "Cookie": {"a=1; b=2"}, "Te": {"trailers"}, "User-Agent": nil}
	req.Trailer = http.Header{"X-After": {"3"}}
	resp, err := client(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	r := <-got
	if r.Method != "POST" || r.Host != "www.example.test" || r.Path != "/a%20b/" || r.Query != "q=1%&r" || r.Scheme != "https" || r.Major != 2 || r.Length != -1 {
		t.Errorf("%+v", r)
	}
	if b, _ := io.ReadAll(r.Body); string(b) != "payload" {
		t.Errorf("body %q", b)
	}
	h := r.Header
	if h.Joined("x-one") != "1, 2" || h.Joined("cookie") != "a=1; b=2" || h.Get("x-after") != "3" || h.Has("host") || h.Get("te") != "trailers" {
		t.Errorf("%v", h)
	}
	if r.TLSVersion != "TLSv1.3" || !strings.HasPrefix(r.Cipher, "TLS_") || !r.Viewer.IsValid() || r.Received.IsZero() {
		t.Errorf("%+v", r)
	}
}

func TestLargeBodiesBothWaysAtOnce(t *testing.T) {
	s := New(Config{NewExchange: func() Exchange {
		return core{handle: func(_ context.Context, r *message.Request) *message.Response {
			return &message.Response{Status: 200, Length: -1, Body: io.NopCloser(r.Body), Live: true}
		}}
	}})
	url := "https://" + serveTLS(t, s)
	c := client(t)
	payload := make([]byte, 3<<20)
	rand.Read(payload)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			resp, err := c.Post(url, "", bytes.NewReader(payload))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if b, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(b, payload) {
				t.Errorf("%d bytes came back, %v", len(b), err)
			}
		})
	}
	all.Wait()
}

func TestTrailersAndInterimAnswers(t *testing.T) {
	s := New(Config{NewExchange: func() Exchange {
		return core{handle: func(_ context.Context, r *message.Request) *message.Response {
			r.Interim(103, message.Header{{Name: "Link", Value: "</a.css>; rel=preload"}})
			r.Interim(101, nil) // there is none in HTTP/2
			resp := hit("body")
			resp.Length = -1
			resp.Trailer = func() message.Header { return message.Header{{Name: "Grpc-Status", Value: "0"}} }
			if r.Path == "/only" {
				resp.Body = nil
			}
			return resp
		}}
	}})
	url := "https://" + serveTLS(t, s)
	c := client(t)
	for _, path := range []string{"/", "/only"} {
		var interim []int
		req, _ := http.NewRequest("GET", url+path, nil)
		req = req.WithContext(httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			if h.Get("Link") == "" {
				t.Error(h)
			}
			interim = append(interim, code)
			return nil
		}}))
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || path == "/" && string(b) != "body" || resp.Trailer.Get("Grpc-Status") != "0" || len(interim) != 1 || interim[0] != 103 {
			t.Errorf("%s: %q, %v, trailer %v, interim %v", path, b, err, resp.Trailer, interim)
		}
	}
}

func TestExpectContinueIsAnsweredWhenTheBodyIsRead(t *testing.T) {
	s := New(Config{NewExchange: func() Exchange {
		return core{handle: func(_ context.Context, r *message.Request) *message.Response {
			if r.Path == "/refuse" {
				return &message.Response{Status: 417}
			}
			b, _ := io.ReadAll(r.Body)
			return hit(string(b))
		}}
	}})
	url := "https://" + serveTLS(t, s)
	c := client(t)
	c.Transport.(*http.Transport).ExpectContinueTimeout = time.Minute
	for path, want := range map[string]int{"/refuse": 417, "/": 200} {
		req, _ := http.NewRequest("PUT", url+path, strings.NewReader("data"))
		req.Header.Set("Expect", "100-continue")
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(path, err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != want || want == 200 && string(b) != "data" {
			t.Errorf("%s: %d %q", path, resp.StatusCode, b)
		}
	}
}

type brokenBody struct{ io.Reader }

func (brokenBody) Close() error { return nil }

func TestBodyThatBreaksOffResetsItsStream(t *testing.T) {
	var told deliveries
	s := New(Config{NewExchange: func() Exchange {
		return core{func(_ context.Context, r *message.Request) *message.Response {
			resp := hit("")
			switch resp.Length = 100; r.Path {
			case "/fails":
				resp.Body = brokenBody{io.MultiReader(strings.NewReader("abc"), failing{})}
			case "/short":
				resp.Body = brokenBody{strings.NewReader("abc")}
			case "/long":
				resp.Body = brokenBody{strings.NewReader(strings.Repeat("x", 101))}
			case "/panics":
				resp.Body = brokenBody{panicking{}}
			case "/handler":
				panic("in Handle")
			case "/nothing":
				return nil
			}
			return resp
		}, told.add}
	}})
	url := "https://" + serveTLS(t, s)
	c := client(t)
	paths := []string{"/fails", "/short", "/long", "/panics", "/handler", "/nothing"}
	for _, path := range paths {
		resp, err := c.Get(url + path)
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			resp.Body.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "INTERNAL_ERROR") {
			t.Errorf("%s: %v", path, err)
		}
	}
	eventually(t, "all to be delivered", func() bool { return told.count() == len(paths) })
	for _, d := range told.all {
		if d.Err == nil {
			t.Errorf("%+v", d)
		}
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the origin is gone") }

type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("in a body") }
