package viewer

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/warmfront/warmfront/cdn/span"
)

// FrontDoorConfig is what a FrontDoor needs.
type FrontDoorConfig struct {
	HTTP, HTTPS string // addresses to listen on
	// Viewer is the address of a viewer at home.
	Viewer  netip.Addr
	Network *Network
	// Nearest gives the edge for a connection whose host name no router knows, so
	// that the refusal comes from an edge, as it would elsewhere. It may be nil.
	Nearest func() (netip.Addr, bool)
	// Tracer has each connection's way to its edge be a span, of which asking the routers is a part; the first request
	// of one that is not encrypted is of the same trace. Nil: none.
	Tracer span.Tracer
	Logger *slog.Logger
}

// FrontDoor listens where anyone would try first and passes each connection, as
// it is, to the edge that a viewer at home is given for the host it names (the
// TLS server name, or the first request's Host).
type FrontDoor struct {
	cfg         FrontDoorConfig
	http, https net.Listener
	open        open
}

const (
	sniffTimeout = 10 * time.Second
	sniffBytes   = 16 << 10
)

// NewFrontDoor listens on both addresses.
func NewFrontDoor(cfg FrontDoorConfig) (*FrontDoor, error) {
	plain, err := net.Listen("tcp", cfg.HTTP)
	if err != nil {
		return nil, fmt.Errorf("front door: %w", err)
	}
	secure, err := net.Listen("tcp", cfg.HTTPS)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("front door: %w", err), plain.Close())
	}
	return &FrontDoor{cfg: cfg, http: plain, https: secure}, nil
}

// HTTPAddr and HTTPSAddr are the addresses it listens on.
func (f *FrontDoor) HTTPAddr() net.Addr { return f.http.Addr() }

// HTTPSAddr is the address of the TLS listener.
func (f *FrontDoor) HTTPSAddr() net.Addr { return f.https.Addr() }

// Run passes connections on until ctx ends; those open then end when
// the edges, which are drained at the same time, end them, or after eight seconds.
func (f *FrontDoor) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = errors.Join(f.http.Close(), f.https.Close()) })
	defer stop()
	var accepting sync.WaitGroup
	accepting.Go(func() { f.accept(f.http, 80, hostOfRequest) })
	accepting.Go(func() { f.accept(f.https, 443, serverNameOf) })
	accepting.Wait()
	f.open.drain(drainLimit)
	return nil
}

// Close stops listening and ends all connections.
func (f *FrontDoor) Close() error {
	err := errors.Join(f.http.Close(), f.https.Close())
	f.open.end()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (f *FrontDoor) accept(l net.Listener, port uint16, sniff func(net.Conn) (string, []byte, error)) {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of file descriptors, say: do not spin
			f.cfg.Logger.Warn("front door", "err", err)
			time.Sleep(50 * time.Millisecond)
			continue
		}
		go f.pass(c, port, sniff)
	}
}

func (f *FrontDoor) pass(c net.Conn, port uint16, sniff func(net.Conn) (string, []byte, error)) {
	defer c.Close()
	done, ok := f.open.add(c)
	if !ok {
		return
	}
	defer done()
	_ = c.SetReadDeadline(time.Now().Add(sniffTimeout))
	host, first, err := sniff(c)
	if err != nil {
		return
	}
	_ = c.SetReadDeadline(time.Time{})
	ctx, cancel := context.WithTimeout(context.Background(), sniffTimeout)
	s := span.Begin(f.cfg.Tracer, span.Start{Name: "front door", Kind: span.Server, Parent: traceOf(first)})
	s.Set(span.String("server.address", host), span.Int("server.port", port), span.String("client.address", f.cfg.Viewer.String()))
	edge, err := f.dial(span.With(ctx, s), host, port)
	s.EndWith(err)
	cancel()
	if err != nil {
		f.cfg.Logger.Debug("front door: no edge", "host", host, "err", err)
		if port == 80 {
			_, _ = io.WriteString(c, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		}
		return
	}
	defer edge.Close()
	if port == 80 {
		first = withTrace(first, s.Context())
	}
	splice(c, io.MultiReader(bytes.NewReader(first), c), edge)
}

// traceOf is what the beginning of a request says of a trace, as far as it has been read.
func traceOf(first []byte) span.Context {
	for line := range bytes.Lines(first) {
		name, value, _ := strings.Cut(string(line), ":")
		if strings.EqualFold(name, span.Traceparent) {
			return span.Parse(strings.TrimSpace(value), "")
		}
	}
	return span.Context{}
}

// withTrace puts behind the first line of a request of which trace it is, before all that it may say itself: the first
// such field counts. Without a context the request stays as it is.
func withTrace(first []byte, c span.Context) []byte {
	end := bytes.IndexByte(first, '\n') + 1
	if !c.Valid() || end == 0 {
		return first
	}
	return slices.Insert(slices.Clone(first), end, []byte(span.Traceparent+": "+c.String()+"\r\n")...)
}

func (f *FrontDoor) dial(ctx context.Context, host string, port uint16) (net.Conn, error) {
	d, err := f.cfg.Network.Dial(ctx, f.cfg.Viewer, host, port)
	if err == nil {
		return d.Conn, nil
	}
	var not *NotServedError
	if !errors.As(err, &not) || f.cfg.Nearest == nil {
		return nil, err
	}
	addr, ok := f.cfg.Nearest()
	if !ok {
		return nil, err
	}
	return f.cfg.Network.connect(ctx, f.cfg.Viewer, addr, port)
}

// hostOfRequest reads until the first request's Host line is in, and returns it
// without its port, with all that was read.
func hostOfRequest(c net.Conn) (string, []byte, error) {
	var read bytes.Buffer
	r := bufio.NewReader(io.TeeReader(io.LimitReader(c, sniffBytes), &read))
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return "", nil, err
		}
		name, value, ok := strings.Cut(line, ":")
		if ok && strings.EqualFold(name, "host") {
			host, _, _ := splitHostPort(strings.TrimSpace(value), 80)
			return host, read.Bytes(), nil
		}
		if strings.TrimSpace(line) == "" && read.Len() > 2 {
			return "", read.Bytes(), nil // no Host: an edge says what is wrong
		}
	}
}

var errSniffed = errors.New("sniffed")

// serverNameOf reads the ClientHello with crypto/tls itself, which is stopped as
// soon as it has parsed it and never gets to write.
func serverNameOf(c net.Conn) (string, []byte, error) {
	var read bytes.Buffer
	name := ""
	conn := tls.Server(readOnlyConn{c, io.TeeReader(io.LimitReader(c, sniffBytes), &read)}, &tls.Config{
		GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			name = h.ServerName
			return nil, errSniffed
		},
	})
	if err := conn.HandshakeContext(context.Background()); !errors.Is(err, errSniffed) {
		return "", nil, err
	}
	return name, read.Bytes(), nil
}

// readOnlyConn lets crypto/tls read and swallows the alert it would send.
type readOnlyConn struct {
	net.Conn
	r io.Reader
}

func (c readOnlyConn) Read(b []byte) (int, error)  { return c.r.Read(b) }
func (c readOnlyConn) Write(b []byte) (int, error) { return len(b), nil }
