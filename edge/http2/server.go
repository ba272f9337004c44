package http2

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// Exchange answers requests, one at a time.
type Exchange interface {
	// Handle answers r. The answer, its header and all that r refers to are valid
	// until Delivered is called. The caller closes the answer's body before
	// Delivered.
	Handle(ctx context.Context, r *message.Request) *message.Response
	// Delivered says how the answer went out; called exactly once after each Handle.
	Delivered(d message.Delivery)
}

// Ready is what an Exchange may also be: it reports whether Handle would answer
// without waiting for anyone (a memory hit), and reading the answer's body
// neither. Handle follows at once, with the same request.
type Ready interface {
	Ready(r *message.Request) bool
}

// Config says what answers, and how long viewers may take.
type Config struct {
	// NewExchange makes an Exchange. A connection has one for each of its requests
	// that are in work at once, and uses them again.
	NewExchange func() Exchange
	// Draining reports whether viewers should go elsewhere: their connections end
	// with what they have asked for so far. Nil: never.
	Draining func() bool
	Logger   *slog.Logger

	// HeaderTimeout is for the preface, and for a header block from its first frame
	// to its last (0: 10 s); IdleTimeout for a connection without requests (75 s);
	// StreamTimeout for a body, either way, of which nothing moves (60 s).
	HeaderTimeout, IdleTimeout, StreamTimeout time.Duration
}

// Server serves connections of HTTP/2.
type Server struct {
	cfg     Config
	work    chan *stream // to workers without any
	closed  chan struct{}
	buffers sync.Pool // *buffer

	mu       sync.Mutex
	conns    map[*conn]struct{}
	stopping bool
	idle     sync.Cond // no connection is left
}

// New returns a Server.
func New(cfg Config) *Server {
	for _, d := range [...]struct {
		value  *time.Duration
		preset time.Duration
	}{
		{&cfg.HeaderTimeout, 10 * time.Second},
		{&cfg.IdleTimeout, 75 * time.Second},
		{&cfg.StreamTimeout, 60 * time.Second},
	} {
		if *d.value <= 0 {
			*d.value = d.preset
		}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		cfg: cfg, work: make(chan *stream), closed: make(chan struct{}), conns: map[*conn]struct{}{},
		buffers: sync.Pool{New: func() any { return new(buffer) }},
	}
	s.idle.L = &s.mu
	return s
}

// ServeConn serves a connection until it ends, and closes it. For one of TLS,
// state is what was agreed, "h2" among it; without TLS it is nil. Requests see a
// context of ctx, with whose end the connection ends too.
func (s *Server) ServeConn(ctx context.Context, nc net.Conn, state *tls.ConnectionState) {
	c := newConn(ctx, s, nc, state)
	s.mu.Lock()
	if s.stopping {
		s.mu.Unlock()
		_ = nc.Close()
		return
	}
	s.conns[c] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if delete(s.conns, c); len(s.conns) == 0 {
			s.idle.Broadcast()
		}
	}()
	c.serve()
}

// Shutdown tells all viewers to go elsewhere and returns once their requests in
// flight are answered, or with the error of ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop()
	for c := range s.conns {
		c.nudge(func() { c.drainAsked = true })
	}
	defer context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.idle.Broadcast()
	})()
	for len(s.conns) > 0 && ctx.Err() == nil {
		s.idle.Wait()
	}
	if len(s.conns) > 0 {
		return ctx.Err()
	}
	return nil
}

// Close ends all connections where they are.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop()
	for c := range s.conns {
		c.abort(errClosed)
	}
	return nil
}

func (s *Server) stop() {
	if !s.stopping {
		s.stopping = true
		close(s.closed)
	}
}

var errClosed = errors.New("http2: the server was closed")

// workerPatience is how long a worker waits for the next request.
const workerPatience = 10 * time.Second

// start has a worker answer st: a goroutine that has grown its stack saves the
// next request from growing it.
func (s *Server) start(st *stream) {
	select {
	case s.work <- st:
	default:
		go s.worker(st)
	}
}

func (s *Server) worker(st *stream) {
	patience := time.NewTimer(workerPatience)
	defer patience.Stop()
	for {
		st.run()
		patience.Reset(workerPatience)
		select {
		case st = <-s.work:
		case <-patience.C:
			return
		case <-s.closed:
			return
		}
	}
}
