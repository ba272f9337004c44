package http1

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// handler makes an Exchange of a function, and notes what was delivered.
type handler struct {
	handle func(ctx context.Context, r *message.Request) *message.Response

	mu         sync.Mutex
	deliveries []message.Delivery
	delivered  chan struct{} // one for each, if there is room
}

func (h *handler) Handle(ctx context.Context, r *message.Request) *message.Response {
	return h.handle(ctx, r)
}

func (h *handler) Delivered(d message.Delivery) {
	h.mu.Lock()
	h.deliveries = append(h.deliveries, d)
	h.mu.Unlock()
	select {
	case h.delivered <- struct{}{}:
	default:
	}
}

func handle(f func(context.Context, *message.Request) *message.Response) *handler {
	return &handler{handle: f, delivered: make(chan struct{}, 100)}
}

// stream is a body that is read.
type stream struct {
	io.Reader
	closed bool
}

func (s *stream) Close() error { s.closed = true; return nil }

func text(body string) *message.Response {
	return &message.Response{Status: 200, Header: message.Header{{Name: "Date", Value: "now"}}, Body: &stream{Reader: strings.NewReader(body)}, Length: int64(len(body))}
}

// echo answers with what it was asked.
func echo(_ context.Context, r *message.Request) *message.Response {
	var b strings.Builder
	b.WriteString(r.Method + " " + r.Scheme + "://" + r.Host + r.URI())
	for _, f := range r.Header {
		b.WriteString("|" + f.Name + "=" + f.Value)
	}
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		b.WriteString("|" + string(body))
		if err != nil {
			return failed(err)
		}
	}
	if r.Trailer != nil {
		for _, f := range r.Trailer() {
			b.WriteString("|" + f.Name + "=" + f.Value)
		}
	}
	return text(b.String())
}

// failed answers as the edge does when a body cannot be read.
func failed(err error) *message.Response {
	var told interface {
		error
		Status() int
		Sentence() string
	}
	if !errors.As(err, &told) {
		return &message.Response{Status: 502}
	}
	return &message.Response{Status: told.Status(), Header: message.Header{{Name: "Why", Value: told.Sentence()}}}
}

// memory is a connection whose viewer has said all it will, and reads later.
type memory struct {
	in     io.Reader
	mu     sync.Mutex
	out    strings.Builder
	closed chan struct{}
	once   sync.Once
}

func newMemory(in string) *memory {
	return &memory{in: strings.NewReader(in), closed: make(chan struct{})}
}

func (m *memory) Read(p []byte) (int, error) {
	select {
	case <-m.closed:
		return 0, net.ErrClosed
	default:
		return m.in.Read(p)
	}
}

func (m *memory) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.out.Write(p)
}

func (m *memory) said() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.out.String()
}

func (m *memory) Close() error                     { m.once.Do(func() { close(m.closed) }); return nil }
func (m *memory) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }
func (m *memory) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2), Port: 4000} }
func (m *memory) SetDeadline(time.Time) error      { return nil }
func (m *memory) SetReadDeadline(time.Time) error  { return nil }
func (m *memory) SetWriteDeadline(time.Time) error { return nil }

// one is a listener with one connection.
type one struct {
	conn chan net.Conn
	addr net.Addr
	done chan struct{}
	once sync.Once
}

func listenTo(c net.Conn) *one {
	l := &one{conn: make(chan net.Conn, 1), addr: c.LocalAddr(), done: make(chan struct{})}
	l.conn <- c
	return l
}

func (l *one) Accept() (net.Conn, error) {
	select {
	case c := <-l.conn:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *one) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *one) Addr() net.Addr { return l.addr }

// speak gives a server all that a viewer says at once, and returns all that is
// answered until the server closes the connection.
func speak(t testing.TB, h *handler, said string, change ...func(*Config)) string {
	t.Helper()
	s := serverOf(h, change...)
	m := newMemory(said)
	s.start(m)
	select {
	case <-m.closed:
	case <-time.After(10 * time.Second):
		t.Fatalf("%.200q: the connection is not closed", said)
	}
	_ = s.Close()
	return m.said()
}

func serverOf(h *handler, change ...func(*Config)) *Server {
	cfg := Config{Scheme: "http", NewExchange: func() Exchange { return h }}
	for _, f := range change {
		f(&cfg)
	}
	return New(cfg)
}

// dial connects a viewer to a server by a pipe.
func dial(s *Server) net.Conn {
	viewer, server := net.Pipe()
	s.start(server)
	return viewer
}

// listen serves on a real socket until the test ends.
func listen(t testing.TB, h *handler, change ...func(*Config)) (*Server, string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := serverOf(h, change...)
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()
	t.Cleanup(func() {
		_ = s.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s, ln.Addr().String()
}

func connect(t testing.TB, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// head reads the head of an answer.
func readHead(t testing.TB, r *bufio.Reader) string {
	t.Helper()
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		b.WriteString(line)
		if err != nil || line == "\r\n" {
			if err != nil {
				t.Errorf("after %q: %v", b.String(), err)
			}
			return b.String()
		}
	}
}
