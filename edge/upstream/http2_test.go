package upstream

import (
	"bytes"
	"context"
	"crypto/x509"
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
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/edge/message"
)

func grpcRequest(body io.Reader) *message.Request {
	r := request("/echo.Echo/Say")
	r.Method, r.Body, r.Length = "POST", body, -1
	r.Header.Add("Content-Type", "application/grpc+proto")
	return r
}

// serveHTTP serves with or without TLS, and with or without HTTP/2, and counts
// connections.
func serveHTTP(t *testing.T, secure, two bool, h http.HandlerFunc) (*httptest.Server, *atomic.Int32) {
	t.Helper()
	conns := new(atomic.Int32)
	s := httptest.NewUnstartedServer(h)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(two)
	s.EnableHTTP2 = two
	if s.Config.Protocols.SetHTTP2(two); secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s, conns
}

// askerOf asks a test server, whose certificate is of example.com.
func askerOf(t *testing.T, s *httptest.Server, cfg Config) (*Upstream, *origins.Origin) {
	t.Helper()
	o := &origins.Origin{Domain: "example.com", HTTPPort: 80, HTTPSPort: 443, Protocol: origins.HTTPOnly, ConnectAttempts: 3, ReadTimeout: 5 * time.Second}
	if s.TLS != nil {
		o.Protocol = origins.HTTPSOnly
		cfg.Roots = x509.NewCertPool()
		cfg.Roots.AddCert(s.Certificate())
	}
	cfg.Names = map[string]string{"example.com": s.Listener.Addr().String()}
	u, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.Close)
	return u, o
}

// TestGRPC goes over HTTP/2 whatever the settings: both ways at once, with
// a trailer.
func TestGRPC(t *testing.T) {
	for _, secure := range []bool{false, true} {
		s, conns := serveHTTP(t, secure, true, func(w http.ResponseWriter, r *http.Request) {
			if r.ProtoMajor != 2 || r.Header.Get("Te") != "trailers" || r.Host != "named.test" || r.URL.Path != "/echo.Echo/Say" || r.Header.Get("User-Agent") != "x" {
				t.Errorf("%s %s %v", r.Proto, r.URL, r.Header)
			}
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set("Trailer", "Grpc-Status")
			w.WriteHeader(200)
			w.(http.Flusher).Flush()
			for buf := make([]byte, 100); ; {
				n, err := r.Body.Read(buf)
				_, _ = w.Write(buf[:n])
				if w.(http.Flusher).Flush(); err != nil {
					break
				}
			}
			w.Header().Set("Grpc-Status", "0")
			w.Header().Set(http.TrailerPrefix+"Grpc-Message", "fine")
		})
		u, origin := askerOf(t, s, Config{})
		for range 2 {
			viewer, sends := io.Pipe()
			r := grpcRequest(viewer)
			resp, err := u.Do(t.Context(), origin, r)
			if err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 4)
			for _, word := range []string{"ping", "pong"} {
				go io.WriteString(sends, word)
				if _, err := io.ReadFull(resp.Body, buf); err != nil || string(buf) != word {
					t.Fatalf("%q %v", buf, err)
				}
			}
			sends.Close()
			if rest, err := io.ReadAll(resp.Body); len(rest) != 0 || err != nil {
				t.Fatal(rest, err)
			}
			resp.Close()
			want := message.Header{{Name: "Grpc-Message", Value: "fine"}, {Name: "Grpc-Status", Value: "0"}}
			if got := resp.Trailer(); !reflect.DeepEqual(got, want) || resp.Header.Has("Trailer") {
				t.Error(got, resp.Header)
			}
		}
		if conns.Load() != 1 {
			t.Errorf("%d connections", conns.Load())
		}
	}
}

// TestWhatGoesOverHTTP2.
func TestWhatGoesOverHTTP2(t *testing.T) {
	for _, c := range []struct {
		secure, two, cfg, grpc bool
		want                   string
	}{
		{true, true, false, false, "HTTP/1.1"}, // as CloudFront does
		{true, true, true, false, "HTTP/2.0"},
		{false, true, true, false, "HTTP/1.1"},
		{false, true, false, true, "HTTP/2.0"},
		{true, false, true, false, "HTTP/1.1"}, // the origin has no other
		{true, false, false, true, "HTTP/1.1"},
	} {
		s, conns := serveHTTP(t, c.secure, c.two, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Add("X-A", "1")
			w.Header().Add("X-A", "2")
			_, _ = io.WriteString(w, r.Proto)
		})
		u, origin := askerOf(t, s, Config{HTTP2: c.cfg})
		for range 2 {
			r := request("//a%2Fb/c|d")
			if c.grpc {
				r = grpcRequest(strings.NewReader("x"))
			}
			resp, body, err := get(t, u, origin, r)
			if err != nil || body != c.want || resp.Header.Joined("X-A") != "1, 2" || resp.Length != int64(len(body)) {
				t.Errorf("%+v: %+v %q %v", c, resp, body, err)
			}
			if c.want == "HTTP/1.1" {
				p := u.pool(u.place(origin, "http").told(origin, r.Host))
				eventually(t, "the connection is idle", func() bool { return p.idles() == 1 })
			}
		}
		if conns.Load() != 1 {
			t.Errorf("%+v: %d connections", c, conns.Load())
		}
	}
	web := request("/")
	web.Header.Add("Content-Type", "application/grpc-web")
	if IsGRPC(web) {
		t.Error("grpc-web is made for HTTP/1.1")
	}
}

// TestHTTP2Interim: in their order, before the answer, and not by a connection
// that others wait for.
func TestHTTP2Interim(t *testing.T) {
	s, _ := serveHTTP(t, true, true, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/quick" {
			return
		}
		for i := range 3 {
			w.Header().Set("Link", fmt.Sprint("</", i, ">"))
			w.WriteHeader(103)
		}
		w.Header().Del("Link")
		_, _ = io.WriteString(w, "ok")
	})
	u, origin := askerOf(t, s, Config{HTTP2: true})
	var got []string
	r := request("/")
	r.Interim = func(status int, h message.Header) {
		if _, _, err := get(t, u, origin, request("/quick")); err != nil { // over the same connection
			t.Error(err)
		}
		got = append(got, fmt.Sprint(status, h))
	}
	resp, body, err := get(t, u, origin, r)
	if err != nil || body != "ok" || resp.Header.Has("Link") || !reflect.DeepEqual(got, []string{"103 [{Link </0>}]", "103 [{Link </1>}]", "103 [{Link </2>}]"}) {
		t.Errorf("%+v %q %v %q", resp, body, err, got)
	}
}

// TestHTTP2LargeBodies both ways, beyond every window.
func TestHTTP2LargeBodies(t *testing.T) {
	s, _ := serveHTTP(t, false, true, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	u, origin := askerOf(t, s, Config{})
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	resp, err := u.Do(t.Context(), origin, grpcRequest(bytes.NewReader(sent)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Close()
	if got, err := io.ReadAll(resp.Body); !bytes.Equal(got, sent) || err != nil {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// TestHTTP2Timeouts: silence before the header and within the body, not a slow
// reader; the viewer's leaving is no failure of the origin.
func TestHTTP2Timeouts(t *testing.T) {
	s, _ := serveHTTP(t, true, true, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/half" {
			_, _ = io.WriteString(w, "half")
			w.(http.Flusher).Flush()
		}
		<-r.Context().Done()
	})
	u, origin := askerOf(t, s, Config{HTTP2: true})
	origin.ReadTimeout = 50 * time.Millisecond
	if _, _, err := get(t, u, origin, request("/")); reason(err) != ReadTimeout {
		t.Error(err)
	}
	if _, body, err := get(t, u, origin, request("/half")); body != "half" || reason(err) != ReadTimeout {
		t.Error(body, err)
	}
	origin.ReadTimeout = time.Minute
	ctx, leave := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, leave)
	if _, err := u.Do(ctx, origin, request("/")); !errors.Is(err, context.Canceled) || reason(err) == ReadTimeout {
		t.Error(err)
	}
}

// frames is an origin that speaks HTTP/2 in single frames.
type frames struct {
	*http2.Framer
	wire *rawConn
}

func serveFrames(t *testing.T, serve func(f *frames, n int)) *rawOrigin {
	return serveRaw(t, func(c *rawConn, n int) {
		if _, err := io.ReadFull(c.r, make([]byte, len(http2.ClientPreface))); err != nil {
			return
		}
		f := &frames{http2.NewFramer(c, c.r), c}
		_ = f.WriteSettings()
		serve(f, n)
		c.toEnd()
	})
}

// stream waits for a request and returns its stream.
func (f *frames) stream() uint32 {
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return 0
		}
		switch frame := frame.(type) {
		case *http2.HeadersFrame:
			return frame.StreamID
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				_ = f.WriteSettingsAck()
			}
		}
	}
}

func (f *frames) answer(id uint32, end bool, fields ...string) {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for i := 0; i < len(fields); i += 2 {
		_ = e.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: b.Bytes(), EndHeaders: true, EndStream: end})
}

// TestHTTP2RequestTrailer is sent on behind the body, without what does not belong
// there.
func TestHTTP2RequestTrailer(t *testing.T) {
	got := make(chan string, 1)
	o := serveFrames(t, func(f *frames, _ int) {
		f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
		id, text := uint32(0), ""
		for {
			frame, err := f.ReadFrame()
			if err != nil {
				return
			}
			switch frame := frame.(type) {
			case *http2.DataFrame:
				text += string(frame.Data())
			case *http2.MetaHeadersFrame:
				if id = frame.StreamID; frame.StreamEnded() {
					got <- fmt.Sprint(text, frame.Fields)
					f.answer(id, true, ":status", "200")
					return
				}
			}
		}
	})
	u, origin := asker(t, o.Addr(), Config{})
	r := grpcRequest(strings.NewReader("body"))
	r.Trailer = func() message.Header {
		return message.Header{{Name: "X-Sum", Value: "7"}, {Name: "Content-Length", Value: "7"}, {Name: "x-bad", Value: "a\nb"}}
	}
	if _, _, err := get(t, u, origin, r); err != nil {
		t.Fatal(err)
	}
	if g := <-got; g != `body[header field "x-sum" = "7"]` {
		t.Error(g)
	}
}

// TestGoAway: what the origin has not taken goes to another connection, what it may
// have taken does not.
func TestGoAway(t *testing.T) {
	for _, taken := range []bool{false, true} {
		o := serveFrames(t, func(f *frames, n int) {
			id := f.stream()
			if n > 1 {
				f.answer(id, true, ":status", "200", "grpc-status", "0")
				return
			}
			last := uint32(0)
			if taken {
				last = id
			}
			_ = f.WriteGoAway(last, http2.ErrCodeNo, nil)
			if taken {
				_ = f.wire.Close()
			}
		})
		u, origin := asker(t, o.Addr(), Config{})
		r := grpcRequest(nil)
		r.Body = nil
		resp, _, err := get(t, u, origin, r)
		conns, _ := o.seen()
		if taken && (err == nil || conns != 1) || !taken && (err != nil || conns != 2 || resp.Header.Get("grpc-status") != "0") {
			t.Errorf("taken %v: %+v %v, %d connections", taken, resp, err, conns)
		}
	}
}

// TestHTTP2AnswersThatAreRefused.
func TestHTTP2AnswersThatAreRefused(t *testing.T) {
	for name, fields := range map[string][]string{
		"no status":      {"a", "b"},
		"status 600":     {":status", "600"},
		"status 1":       {":status", "1"},
		"protocol":       {":status", "101"},
		"letters":        {":status", "2xx"},
		"two lengths":    {":status", "200", "content-length", "1", "content-length", "2"},
		"no length":      {":status", "200", "content-length", "x"},
		"line in value":  {":status", "200", "a", "b\r\nc: d"},
		"space in name":  {":status", "200", "a b", "c"},
		"capital letter": {":status", "200", "A", "c"},
		"coding":         {":status", "200", "transfer-encoding", "chunked"},
	} {
		o := serveFrames(t, func(f *frames, _ int) { f.answer(f.stream(), false, fields...) })
		u, origin := asker(t, o.Addr(), Config{})
		if resp, err := u.Do(t.Context(), origin, grpcRequest(nil)); reason(err) != BadResponse {
			t.Errorf("%s: %+v, %v", name, resp, err)
		}
	}
	o := serveFrames(t, func(f *frames, _ int) {
		id := f.stream()
		for range maxInterim + 1 {
			f.answer(id, false, ":status", "103", "link", "</x>")
		}
		f.answer(id, true, ":status", "200")
	})
	u, origin := asker(t, o.Addr(), Config{})
	if resp, err := u.Do(t.Context(), origin, grpcRequest(nil)); reason(err) != BadResponse {
		t.Errorf("interim: %+v, %v", resp, err)
	}
	short := serveFrames(t, func(f *frames, _ int) {
		id := f.stream()
		f.answer(id, false, ":status", "200", "content-length", "10")
		_ = f.WriteData(id, true, []byte("half"))
	})
	u, origin = asker(t, short.Addr(), Config{})
	if _, body, err := get(t, u, origin, grpcRequest(nil)); body != "half" || reason(err) != BadResponse {
		t.Errorf("short: %q, %v", body, err)
	}
}

// TestHTTP2ManyAtOnce: more than one connection's streams.
func TestHTTP2ManyAtOnce(t *testing.T) {
	s, conns := serveHTTP(t, true, true, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) })
	u, origin := askerOf(t, s, Config{HTTP2: true})
	var all sync.WaitGroup
	for i := range 300 {
		all.Go(func() {
			path := fmt.Sprint("/", i)
			if _, body, err := get(t, u, origin, request(path)); body != path || err != nil {
				t.Errorf("%s: %q %v", path, body, err)
			}
		})
	}
	all.Wait()
	if n := conns.Load(); n > 20 { // each takes 250; some are made while the first is not known yet
		t.Errorf("%d connections", n)
	}
}

// idles is how many idle connections there are.
func (p *pool) idles() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle)
}
