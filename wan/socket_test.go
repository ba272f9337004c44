package wan

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"syscall"
	"testing"
	"time"
)

// listenTCP returns a delayed listener on a port of its own.
func listenTCP(t testing.TB, delay func(net.Addr) time.Duration, o Options) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := Listen(l, delay, o)
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// serve runs h under net/http behind the delay, TLS and HTTP/2 where asked.
func serve(t testing.TB, h http.Handler, secure bool, delay func(net.Addr) time.Duration, o Options) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	_ = s.Listener.Close()
	s.Listener = listenTCP(t, delay, o)
	s.EnableHTTP2 = secure
	if secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

// net/http is the hardest user there is: background reads, deadlines,
// half-close, ReadFrom. Times are lower bounds; nothing here bounds a busy
// machine from above but the 10 MB transfer, and that loosely.
func TestHTTPOverSockets(t *testing.T) {
	const rtt = 60 * ms
	body := make([]byte, 10<<20)
	for i := range body {
		body[i] = byte(rand.Uint32())
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /big", func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "big", time.Time{}, bytes.NewReader(body))
	})
	mux.HandleFunc("POST /sum", func(w http.ResponseWriter, r *http.Request) {
		h := sha256.New()
		n, _ := io.Copy(h, r.Body)
		_, _ = fmt.Fprintf(w, "%d %x", n, h.Sum(nil))
	})
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("tls=%v", secure), func(t *testing.T) {
			s := serve(t, mux, secure, fixed(rtt), Options{})
			client := s.Client()
			start := time.Now()
			for i := range 2 {
				resp, err := client.Get(s.URL + "/big")
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if err != nil || !bytes.Equal(got, body) {
					t.Fatalf("transfer %d: %d bytes, %v", i, len(got), err)
				}
			}
			// Two round trips to the first byte, one more for the second
			// request. Serialised by chunk it would be 2 × 160 × rtt/2.
			if took := time.Since(start); took < 3*rtt || took > 4*time.Second {
				t.Errorf("two transfers of 10 MB took %v", took)
			}
			resp, err := client.Post(s.URL+"/sum", "", bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			got, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if want := fmt.Sprintf("%d %x", len(body), sha256.Sum256(body)); string(got) != want {
				t.Errorf("upload arrived as %s, want %s", got, want)
			}
		})
	}
}

// A pipelined HTTP/1.1 client has all its answers after one request's time.
func TestPipelinedRequestsShareARoundTrip(t *testing.T) {
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.URL.Path)
	}), false, fixed(100*ms), Options{})
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	start := time.Now()
	for i := range 20 {
		_, _ = fmt.Fprintf(c, "GET /%d HTTP/1.1\r\nHost: x\r\n\r\n", i)
	}
	br := bufio.NewReader(c)
	for i := range 20 {
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(resp.Body)
		if want := fmt.Sprintf("/%d", i); string(got) != want {
			t.Errorf("answer %d is for %q", i, got)
		}
	}
	if took := time.Since(start); took < 200*ms || took > 800*ms {
		t.Errorf("20 pipelined requests took %v, want about 2 round trips of 100 ms", took)
	}
}

// A request in flight at Shutdown is answered, and Drain sees it out.
func TestShutdownDeliversTheLastAnswer(t *testing.T) {
	inside, release := make(chan struct{}), make(chan struct{})
	l := listenTCP(t, fixed(100*ms), Options{})
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(inside)
		<-release
		_, _ = io.WriteString(w, "done")
	})}
	go func() { _ = s.Serve(l) }()
	answer := make(chan string, 1)
	go func() {
		resp, err := http.Get("http://" + l.Addr().String())
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		answer <- fmt.Sprint(string(b), err)
	}()
	<-inside
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- s.Shutdown(ctx) }()
	close(release)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if err := Drain(ctx, l); err != nil {
		t.Error(err)
	}
	if got := <-answer; got != "done<nil>" {
		t.Errorf("answer %q", got)
	}
}

func TestBandwidth(t *testing.T) {
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, 400_000))
	}), false, fixed(ms), Options{BytesPerSecond: 1_000_000})
	start := time.Now()
	resp, err := http.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); n != 400_000 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	if took := time.Since(start); took < 390*ms || took > 1500*ms {
		t.Errorf("400 kB at 1 MB/s took %v", took)
	}
}

func TestClientResetReachesTheServer(t *testing.T) {
	l := listenTCP(t, fixed(20*ms), Options{})
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
	_, err = server.Read(make([]byte, 1))
	var op *net.OpError
	if err == nil || err == io.EOF || !errors.As(err, &op) {
		t.Errorf("Read after a reset: %v", err)
	}
	deadline := time.Now().Add(5 * time.Second)
	for err = nil; err == nil && time.Now().Before(deadline); {
		_, err = server.Write(make([]byte, 1000))
	}
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Write after a reset: %v", err)
	}
	_ = server.Close()
	if err := Drain(t.Context(), l); err != nil {
		t.Error(err)
	}
}

// The same comparison as TestPipeDifferential, both ways through the kernel.
func TestSocketDifferential(t *testing.T) {
	for seed := range uint64(4) {
		rnd := rand.New(rand.NewPCG(seed, 9))
		l := listenTCP(t, func(net.Addr) time.Duration { return time.Duration(rand.N(20)) * ms }, Options{Wrap: true})
		for _, fromServer := range []bool{true, false} {
			client, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			server, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			if fromServer {
				checkTransfer(t, rnd, server, client)
				_ = client.Close()
			} else {
				checkTransfer(t, rnd, client, server)
				_ = server.Close()
			}
		}
	}
}

func TestPacketsOverSockets(t *testing.T) {
	inner, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := NewPacketConn(inner, fixed(80*ms))
	defer server.Close()
	go func() {
		buf := make([]byte, 2000)
		for {
			n, from, err := server.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = server.WriteTo(buf[:n], from)
		}
	}()
	client, err := net.Dial("udp", inner.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_ = client.SetDeadline(time.Now().Add(5 * time.Second))
	start := time.Now()
	for i := range byte(10) {
		_, _ = client.Write([]byte{i})
	}
	buf := make([]byte, 10)
	for i := range byte(10) {
		if n, err := client.Read(buf); n != 1 || err != nil || buf[0] != i {
			t.Fatalf("packet %d: %v, %v", i, buf[:n], err)
		}
	}
	if took := time.Since(start); took < 80*ms || took > 800*ms {
		t.Errorf("echo of 10 packets took %v, want about 80 ms", took)
	}
}

// What a request costs more because it is delayed: compare cpu-ns/op, client
// included. Time an operation means nothing here.
func BenchmarkRequest(b *testing.B) {
	for _, tt := range []struct {
		name  string
		delay func(net.Addr) time.Duration
	}{{"raw", nil}, {"wan=1ms", fixed(ms)}} {
		b.Run(tt.name, func(b *testing.B) {
			s := serve(b, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write(make([]byte, 1024))
			}), false, tt.delay, Options{})
			client := s.Client()
			client.Transport.(*http.Transport).MaxIdleConnsPerHost = 64
			b.SetParallelism(32)
			b.ReportAllocs()
			b.ResetTimer()
			before := cpuTime(b)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					resp, err := client.Get(s.URL)
					if err != nil {
						b.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
			})
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
