package http3

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/warmfront/warmfront/edge/nethttp"
)

// Exchange answers the requests of one stream, one at a time.
type Exchange = nethttp.Exchange

// Config is what a Server is made of. Zero limits have defaults that suit an edge.
type Config struct {
	// NewExchange makes one exchange for each request at a time.
	NewExchange func() Exchange
	// TLS gives certificates. A name is served over HTTP/3 if the configuration
	// for it, this one or what its GetConfigForClient returns, has "h3" among its
	// NextProtos.
	TLS *tls.Config
	// Draining reports that new connections are to be refused. Nil: never.
	Draining func() bool
	Logger   *slog.Logger

	// MaxConnections is how many connections may be open in all (16,384).
	MaxConnections int
	// MaxPerViewer is how many one address may have (of IPv6, one prefix of 64
	// bits). 0: any number.
	MaxPerViewer int
	// MaxStreams is how many requests a viewer may have open on a connection (128).
	// Those that it cancels count until the exchange has let go of them.
	MaxStreams int
	// MaxHeaderBytes is the size of a request's header beyond which it is answered
	// with 431 (64 KiB).
	MaxHeaderBytes int
	// HandshakeTimeout is how long a viewer may be silent in a handshake, which may
	// take twice that (5 s); IdleTimeout how long a connection is kept without a
	// request (75 s); StreamTimeout how long a viewer may take for one piece of a
	// body, either way (nethttp.DefaultStreamTimeout).
	HandshakeTimeout, IdleTimeout, StreamTimeout time.Duration
	// ResetKey lets a node that was restarted tell viewers at once that their
	// connections are gone (RFC 9000 section 10.3): the same key each time, known
	// to the node alone. Nil: they find out by silence.
	ResetKey *[32]byte
}

func (c *Config) complete() {
	for _, d := range []struct {
		at    *int
		value int
	}{{&c.MaxConnections, 16_384}, {&c.MaxStreams, 128}, {&c.MaxHeaderBytes, 64 << 10}} {
		if *d.at == 0 {
			*d.at = d.value
		}
	}
	if c.HandshakeTimeout == 0 {
		c.HandshakeTimeout = 5 * time.Second
	}
	if c.IdleTimeout == 0 {
		c.IdleTimeout = 75 * time.Second
	}
	if c.Draining == nil {
		c.Draining = func() bool { return false }
	}
}

// Server speaks HTTP/3.
type Server struct {
	cfg      Config
	http3    http3.Server
	handler  http.Handler
	conns    conns
	draining atomic.Bool

	mu         sync.Mutex
	closed     bool
	transports []*quic.Transport
}

// New returns a server; Serve serves.
func New(cfg Config) *Server {
	cfg.complete()
	s := &Server{cfg: cfg, handler: nethttp.NewHandler("https", cfg.NewExchange, cfg.StreamTimeout)}
	s.conns.init(cfg.MaxPerViewer)
	s.http3 = http3.Server{
		Handler: http.HandlerFunc(s.answer), MaxHeaderBytes: cfg.MaxHeaderBytes, ConnContext: s.established, Logger: cfg.Logger,
	}
	return s
}

// Windows bound what a viewer can make the node hold of request bodies that are
// not read: 2 MiB a connection.
const (
	streamWindow, maxStreamWindow         = 256 << 10, 1 << 20
	connectionWindow, maxConnectionWindow = 512 << 10, 2 << 20
	// maxUniStreams leaves room, beside the three streams of HTTP/3, for those of
	// unknown types (RFC 9114 section 6.2.3).
	maxUniStreams = 16
)

// maxSilence is how long nothing need arrive from a viewer: longer than an origin
// may think about its request.
const maxSilence = 150 * time.Second

func (s *Server) quicConfig() *quic.Config {
	return &quic.Config{
		HandshakeIdleTimeout: s.cfg.HandshakeTimeout, MaxIdleTimeout: maxSilence,
		InitialStreamReceiveWindow: streamWindow, MaxStreamReceiveWindow: maxStreamWindow,
		InitialConnectionReceiveWindow: connectionWindow, MaxConnectionReceiveWindow: maxConnectionWindow,
		MaxIncomingStreams: int64(s.cfg.MaxStreams), MaxIncomingUniStreams: maxUniStreams,
		Allow0RTT: false,
	}
}

// Serve answers what comes in on pc until Shutdown or Close is called, which close
// pc; then it returns nil. It may be called for several sockets.
func (s *Server) Serve(pc net.PacketConn) error {
	t := &quic.Transport{Conn: quiet(pc), ConnContext: s.admit, VerifySourceAddress: func(net.Addr) bool { return s.conns.crowded() }}
	if s.cfg.ResetKey != nil {
		t.StatelessResetKey = (*quic.StatelessResetKey)(s.cfg.ResetKey)
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return pc.Close()
	}
	s.transports = append(s.transports, t)
	s.mu.Unlock()
	// Not ListenEarly: a connection counts once its handshake is complete.
	ln, err := t.Listen(offering(s.cfg.TLS), s.quicConfig())
	if err == nil {
		err = s.http3.ServeListener(ln)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// answer implements the library's http.Handler.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	c := r.Context().Value(connKey{}).(*conn)
	c.begin()
	defer c.end()
	switch {
	case !onOneLine(r.RequestURI):
		w.WriteHeader(http.StatusBadRequest)
		return
	case r.Proto != "HTTP/3.0" && !strings.EqualFold(r.Proto, "websocket"): // RFC 9220 section 3
		w.WriteHeader(http.StatusNotImplemented)
		return
	}
	s.handler.ServeHTTP(w, r)
}

// onOneLine reports whether a target can stand in the first line of an HTTP/1.1
// request, which is what an origin may get to see of it (RFC 9112 section 3.2). The
// library lets spaces and fragments through.
func onOneLine(target string) bool {
	for i := range len(target) {
		if c := target[i]; c <= ' ' || c == 0x7f || c == '#' {
			return false
		}
	}
	return true
}

// settled is how long nothing must have been sent until what was sent counts as
// delivered: time for a viewer to answer GOAWAY, and for what was lost to be sent
// again.
const settled = time.Second

// Shutdown refuses new connections, tells viewers to make no further requests
// here, and lets those that they made end, as long as ctx lasts. Then it closes.
func (s *Server) Shutdown(ctx context.Context) error {
	s.draining.Store(true)
	going, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer cancel()
		s.conns.settle(going)
	}()
	// It ends when viewers have closed all connections, but not each of them will.
	err := s.http3.Shutdown(going)
	if errors.Is(err, context.Canceled) {
		err = ctx.Err()
	}
	return errors.Join(err, s.Close())
}

// Close ends everything at once.
func (s *Server) Close() error {
	s.draining.Store(true)
	s.mu.Lock()
	transports := s.transports
	s.closed, s.transports = true, nil
	s.mu.Unlock()
	err := s.http3.Close()
	for _, t := range transports {
		err = errors.Join(err, t.Close())
		if cerr := t.Conn.Close(); !errors.Is(cerr, net.ErrClosed) { // by who opened it
			err = errors.Join(err, cerr)
		}
	}
	return err
}
