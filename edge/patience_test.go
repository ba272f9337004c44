package edge

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// pipes is a listener whose connections are made in memory, so that a server
// runs under virtual time.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	close(p.closed)
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	p.conns <- server
	return client, nil
}

// slowly gives pieces with a pause before each.
type slowly struct {
	pause  time.Duration
	pieces []string
}

func (s *slowly) Read(p []byte) (int, error) {
	if len(s.pieces) == 0 {
		return 0, io.EOF
	}
	<-time.After(s.pause)
	n := copy(p, s.pieces[0])
	s.pieces = s.pieces[1:]
	return n, nil
}

func (s *slowly) Close() error { return nil }

// TestOnlyViewersAreHurried: an origin may take as long as its own time-outs
// allow, before its answer and between pieces; a viewer that takes nothing for
// streamTimeout is let go.
func TestOnlyViewersAreHurried(t *testing.T) {
	cert := newCertificate(t)
	const pause = 2 * streamTimeout
	for _, http2 := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t, site{behaviors: []behavior{{policy: optimized, methods: all7}}}, func(ctx context.Context, _ int, r *message.Request) (*message.Response, error) {
				if r.Body != nil {
					if _, err := io.Copy(io.Discard, r.Body); err != nil {
						return nil, err
					}
				}
				select {
				case <-time.After(pause):
				case <-ctx.Done():
					return nil, ctx.Err()
				}
				if strings.HasSuffix(r.Path, "/empty") {
					return &message.Response{Status: 204}, nil
				}
				return &message.Response{Status: 200, Length: -1, Live: true, Body: &slowly{pause, []string{"one ", "two"}}}, nil
			})
			n.edge.cfg.Certificates = cert
			ln := &pipes{make(chan net.Conn), make(chan struct{})}
			server := newNetHTTP(n.edge, "https")
			go func() { _ = server.Serve(ln) }()
			transport := &http.Transport{DialContext: ln.dial, ForceAttemptHTTP2: http2, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // the certificate is not of virtual time
			client := &http.Client{Transport: transport}
			for _, c := range []struct{ method, path, want string }{{"GET", "/x", "one two"}, {"POST", "/x", "one two"}, {"POST", "/empty", ""}, {"GET", "/x", "one two"}} {
				req, err := http.NewRequestWithContext(t.Context(), c.method, "https://de1.warmfront.test"+c.path, nil)
				if err != nil {
					t.Fatal(err)
				}
				if c.method == "POST" {
					req.Body = &slowly{streamTimeout / 2, []string{"a", "b", "c"}}
				}
				resp, err := client.Do(req)
				if err != nil {
					t.Fatalf("HTTP/2 %v, %s %s: %v", http2, c.method, c.path, err)
				}
				got, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if string(got) != c.want || err != nil {
					t.Errorf("HTTP/2 %v, %s %s: %q, %v", http2, c.method, c.path, got, err)
				}
			}
			transport.CloseIdleConnections()
			_ = server.Close()
		})
	}
}

// TestAViewerThatTakesNothingIsLetGo: its connection ends, and with it what it
// holds.
func TestAViewerThatTakesNothingIsLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, site{}, func(context.Context, int, *message.Request) (*message.Response, error) {
			return ok(strings.Repeat("x", 1_000_000)), nil
		})
		ln := &pipes{make(chan net.Conn), make(chan struct{})}
		server := newNetHTTP(n.edge, "http")
		go func() { _ = server.Serve(ln) }()
		conn, err := ln.dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, "GET /x HTTP/1.1\r\nHost: de1.warmfront.test\r\n\r\n")
		<-time.After(streamTimeout + time.Second)
		got, err := io.ReadAll(conn)
		if len(got) > 100_000 || err != nil {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		_ = server.Close()
	})
}
