package lb

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// server is a target that says its name, and is well until told otherwise.
type server struct {
	*httptest.Server
	name  string
	ill   atomic.Bool
	serve http.HandlerFunc // nil: says the name
	mu    sync.Mutex
	last  *http.Request
}

func newServer(t *testing.T, name string, serve http.HandlerFunc) *server {
	s := &server{name: name, serve: serve}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" {
			if s.ill.Load() {
				w.WriteHeader(500)
			}
			return
		}
		s.mu.Lock()
		s.last = r.Clone(context.Background())
		s.mu.Unlock()
		if s.serve != nil {
			s.serve(w, r)
			return
		}
		_, _ = io.WriteString(w, s.name)
	}))
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func (s *server) addr() string { return s.Listener.Addr().String() }

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func start(t *testing.T, cfg Config, servers ...*server) *Balancer {
	t.Helper()
	cfg.Addr, cfg.Status = "127.0.0.1:0", "127.0.0.1:0"
	cfg.Health = Health{Path: "/health", Interval: 20 * time.Millisecond, Timeout: 2 * time.Second, Healthy: 2, Unhealthy: 2}
	for _, s := range servers {
		cfg.Targets = append(cfg.Targets, s.addr())
	}
	b, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	for _, s := range servers {
		b.until(t, s.addr(), "healthy")
	}
	return b
}

func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !so(); <-time.After(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

func (b *Balancer) stateOf(address string) string {
	for _, s := range b.Status().Targets {
		if s.Address == address {
			return s.State
		}
	}
	return "gone"
}

func (b *Balancer) until(t *testing.T, address, state string) {
	t.Helper()
	eventually(t, address+" is "+state, func() bool { return b.stateOf(address) == state })
}

func (b *Balancer) url(path string) string { return "http://" + b.Addr().String() + path }

func get(t *testing.T, r *http.Request, client *http.Client) (int, string, http.Header) {
	t.Helper()
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body), resp.Header
}

func request(t *testing.T, method, url string, h ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(h); i += 2 {
		r.Header.Add(h[i], h[i+1])
	}
	return r
}

func (b *Balancer) says(t *testing.T, h ...string) string {
	t.Helper()
	_, body, _ := get(t, request(t, "GET", b.url("/"), h...), http.DefaultClient)
	return body
}

func TestTargetsInTurn(t *testing.T) {
	a, c := newServer(t, "a", nil), newServer(t, "c", nil)
	b := start(t, Config{}, a, c)
	got := ""
	for range 6 {
		got += b.says(t)
	}
	if strings.Count(got, "a") != 3 || strings.Contains(got, "aa") || strings.Contains(got, "cc") {
		t.Errorf("asked %s", got)
	}
	a.ill.Store(true)
	b.until(t, a.addr(), "unhealthy")
	for range 4 {
		if got := b.says(t); got != "c" {
			t.Errorf("%s is asked although it is not well", got)
		}
	}
	c.ill.Store(true)
	b.until(t, c.addr(), "unhealthy")
	if first, second := b.says(t), b.says(t); first == second {
		t.Error("where none is well all are asked")
	}
	status, _, _ := get(t, request(t, "GET", "http://"+b.StatusAddr().String()+"/healthz"), http.DefaultClient)
	if status != 503 {
		t.Errorf("/healthz: %d", status)
	}
	a.ill.Store(false)
	b.until(t, a.addr(), "healthy")
	if got := b.says(t); got != "a" {
		t.Errorf("%s is asked", got)
	}
	_, text, _ := get(t, request(t, "GET", "http://"+b.StatusAddr().String()+"/status"), http.DefaultClient)
	var s Status
	if err := json.Unmarshal([]byte(text), &s); err != nil || len(s.Targets) != 2 || s.Targets[1].State != "unhealthy" || !strings.Contains(s.Targets[1].Reason, "answers 500") || s.Targets[0].Requests == 0 {
		t.Errorf("%s, %v", text, err)
	}
}

// TestConnectionsAreKept: requests one after the other use one.
func TestConnectionsAreKept(t *testing.T) {
	var peers sync.Map
	a := newServer(t, "a", func(_ http.ResponseWriter, r *http.Request) { peers.Store(r.RemoteAddr, true) })
	b := start(t, Config{}, a)
	for range 10 {
		b.says(t)
	}
	n := 0
	peers.Range(func(any, any) bool { n++; return true })
	if n != 1 {
		t.Errorf("ten requests over %d connections", n)
	}
}

func TestLeastOutstanding(t *testing.T) {
	hold := make(chan struct{})
	slow := newServer(t, "slow", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hold" {
			<-hold
		}
		_, _ = io.WriteString(w, "slow")
	})
	fast := newServer(t, "fast", nil)
	b := start(t, Config{Algorithm: LeastOutstanding}, slow, fast)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(hold)
	eventually(t, "the slow one holds a request", func() bool {
		wg.Go(func() {
			if resp, err := http.Get(b.url("/hold")); err == nil {
				_ = resp.Body.Close()
			}
		})
		<-time.After(10 * time.Millisecond)
		return b.Status().Targets[0].Outstanding > 0
	})
	for range 5 {
		if got := b.says(t); got != "fast" {
			t.Errorf("%s is asked, which has more to do", got)
		}
	}
}

func TestStickiness(t *testing.T) {
	a, c := newServer(t, "a", nil), newServer(t, "c", nil)
	b := start(t, Config{Stickiness: time.Hour}, a, c)
	_, first, h := get(t, request(t, "GET", b.url("/")), http.DefaultClient)
	cookie, _, _ := strings.Cut(h.Get("Set-Cookie"), ";")
	if !strings.HasPrefix(cookie, "AWSALB=") || strings.Contains(cookie, "127") || !strings.Contains(h.Get("Set-Cookie"), "Max-Age=3600") {
		t.Fatalf("Set-Cookie: %s", h.Get("Set-Cookie"))
	}
	for range 5 {
		if got := b.says(t, "Cookie", cookie); got != first {
			t.Errorf("%s is asked, the cookie is of %s", got, first)
		}
	}
	if one, other := b.says(t, "Cookie", "AWSALB=forged"), b.says(t, "Cookie", "AWSALB=forged"); one == other {
		t.Error("a cookie of nobody's holds")
	}
	stuck := map[string]*server{"a": a, "c": c}[first]
	stuck.ill.Store(true)
	b.until(t, stuck.addr(), "unhealthy")
	if got := b.says(t, "Cookie", cookie); got == first {
		t.Error("the target is not well and was asked all the same")
	}
}

// TestDraining: who is taken away finishes what it has, and gets nothing new.
func TestDraining(t *testing.T) {
	hold := make(chan struct{})
	a := newServer(t, "a", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hold" {
			<-hold
		}
		_, _ = io.WriteString(w, "a")
	})
	c := newServer(t, "c", nil)
	b := start(t, Config{}, a)
	held := make(chan string, 1)
	go func() {
		resp, err := http.Get(b.url("/hold"))
		if err != nil {
			held <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		held <- string(body)
	}()
	eventually(t, "it is held", func() bool { return b.Status().Targets[0].Outstanding == 1 })
	if err := b.SetTargets([]string{c.addr()}); err != nil {
		t.Fatal(err)
	}
	b.until(t, a.addr(), "draining")
	b.until(t, c.addr(), "healthy")
	for range 4 {
		if got := b.says(t); got != "c" {
			t.Errorf("%s is asked", got)
		}
	}
	close(hold)
	if got := <-held; got != "a" {
		t.Errorf("what was in flight: %q", got)
	}
	b.until(t, a.addr(), "gone")
	if err := b.SetTargets([]string{"nonsense"}); err == nil || b.stateOf(c.addr()) != "healthy" {
		t.Errorf("a list that is wrong: %v", err)
	}
	if err := b.SetTargets(nil); err != nil {
		t.Fatal(err)
	}
	if status, _, _ := get(t, request(t, "GET", b.url("/")), http.DefaultClient); status != 503 {
		t.Errorf("without targets: %d", status)
	}
}

// TestTheDrainLimitCutsOff what takes longer.
func TestTheDrainLimitCutsOff(t *testing.T) {
	hold := make(chan struct{})
	a := newServer(t, "a", func(http.ResponseWriter, *http.Request) { <-hold })
	defer close(hold)
	b := start(t, Config{Drain: 100 * time.Millisecond}, a)
	held := make(chan int, 1)
	go func() {
		resp, err := http.Get(b.url("/hold"))
		if err != nil {
			held <- 0
			return
		}
		_ = resp.Body.Close()
		held <- resp.StatusCode
	}()
	eventually(t, "it is held", func() bool { return b.Status().Targets[0].Outstanding == 1 })
	if err := b.SetTargets(nil); err != nil {
		t.Fatal(err)
	}
	if status := <-held; status != 502 {
		t.Errorf("cut off: %d", status)
	}
	b.until(t, a.addr(), "gone")
}

// TestWhatTargetsAreSent holds the code to belief 109.
func TestWhatTargetsAreSent(t *testing.T) {
	a := newServer(t, "a", nil)
	log := &syncBuffer{}
	b := start(t, Config{AccessLog: log}, a)
	r := request(t, "GET", b.url("/p%2Fq;r?a=1;b=2&c"), "X-Forwarded-For", "203.0.113.7", "X-Forwarded-Proto", "https", "X-Forwarded-Port", "443", "User-Agent", "Amazon \"CloudFront\"\t", "X-Amz-Cf-Id", "id")
	r.Host = "www.example.test"
	if status, body, _ := get(t, r, http.DefaultClient); status != 200 || body != "a" {
		t.Fatal(status, body)
	}
	_, port, _ := net.SplitHostPort(b.Addr().String())
	got := a.last
	for name, want := range map[string]string{"X-Forwarded-For": "203.0.113.7, 127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Port": port, "X-Amz-Cf-Id": "id", "X-Forwarded-Host": ""} {
		if got.Header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, got.Header.Get(name), want)
		}
	}
	if got.Host != "www.example.test" || got.RequestURI != "/p%2Fq;r?a=1;b=2&c" || got.Proto != "HTTP/1.1" {
		t.Errorf("%s %s %s", got.Host, got.RequestURI, got.Proto)
	}
	eventually(t, "a line is written", func() bool { return strings.Contains(log.String(), "\n") })
	line := log.String()
	for _, want := range []string{"http 20", " " + a.addr() + " ", " 200 200 ", `"GET http://www.example.test/p%2Fq;r?a=1;b=2&c HTTP/1.1"`, `"Amazon \"CloudFront\""`} {
		if !strings.Contains(line, want) {
			t.Errorf("%q is not in %s", want, line)
		}
	}
	if strings.Count(line, "\n") != 1 {
		t.Errorf("%q", line)
	}
}

func TestTargetsThatFail(t *testing.T) {
	gone := newServer(t, "gone", nil)
	late := newServer(t, "late", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	for _, c := range []struct {
		s    *server
		do   func()
		want int
	}{{gone, gone.Close, 502}, {late, func() {}, 504}} {
		b := start(t, Config{Timeout: 200 * time.Millisecond}, c.s)
		c.do()
		if status, _, _ := get(t, request(t, "GET", b.url("/")), http.DefaultClient); status != c.want {
			t.Errorf("%s: %d, want %d", c.s.name, status, c.want)
		}
	}
}

// TestStreaming: what a target says is passed on as it comes, and a connection that
// changes its protocol both ways.
func TestStreaming(t *testing.T) {
	more := make(chan struct{})
	a := newServer(t, "a", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "websocket" {
			c, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
			_ = rw.Flush()
			line, _ := rw.ReadString('\n')
			_, _ = rw.WriteString("echo " + line)
			_ = rw.Flush()
			return
		}
		_, _ = io.WriteString(w, "first\n")
		_ = http.NewResponseController(w).Flush()
		<-more
		_, _ = io.WriteString(w, "second\n")
	})
	log := &syncBuffer{}
	b := start(t, Config{AccessLog: log}, a)
	resp, err := http.Get(b.url("/events"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	if line, err := lines.ReadString('\n'); line != "first\n" || err != nil {
		t.Errorf("%q %v", line, err)
	}
	close(more)
	if line, err := lines.ReadString('\n'); line != "second\n" || err != nil {
		t.Errorf("%q %v", line, err)
	}
	c, err := net.Dial("tcp", b.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = fmt.Fprint(c, "GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	in := bufio.NewReader(c)
	up, err := http.ReadResponse(in, nil)
	if err != nil || up.StatusCode != 101 {
		t.Fatal(up, err)
	}
	_, _ = fmt.Fprint(c, "hello\n")
	if line, err := in.ReadString('\n'); line != "echo hello\n" || err != nil {
		t.Errorf("%q %v", line, err)
	}
	_ = c.Close()
	eventually(t, "it is logged as ws", func() bool { return strings.Contains("\n"+log.String(), "\nws ") })
}
