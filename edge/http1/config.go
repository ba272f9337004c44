package http1

import (
	"context"
	"crypto/tls"
	"log/slog"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// Exchange answers the requests of one connection, one at a time.
type Exchange interface {
	// Handle answers r. The answer, its header and all that r refers to are valid
	// until Delivered is called, and not after: r is used again for the next
	// request of the connection (message.Request.Detached). r.Interim may be called
	// until Handle returns. ctx ends when the viewer leaves, and when the answer has
	// been delivered.
	Handle(ctx context.Context, r *message.Request) *message.Response
	// Delivered says how the answer went out; called exactly once after each
	// Handle, with the answer's body closed.
	Delivered(d message.Delivery)
}

// Config is what a Server is told. NewExchange and Scheme are required; whatever
// else is zero has the default given with it.
type Config struct {
	// Scheme is how viewers reach the server, "http" or "https"; TLS is set for the
	// second.
	Scheme string
	TLS    *tls.Config
	// HTTP2 is given the connections that agree on h2 by ALPN, and returns when it
	// has done with them; it shuts them down itself, but ctx ends when the Server
	// is closed. Nil: h2 is not offered.
	HTTP2 func(ctx context.Context, c *tls.Conn)
	// Other is given the connections that agree on another protocol by ALPN, by its
	// name, on the same terms; offering it is TLS's business.
	Other map[string]func(ctx context.Context, c *tls.Conn)

	// NewExchange is called once for each connection.
	NewExchange func() Exchange
	// Draining tells viewers to leave: answers close the connection while it is
	// true. Nil: never, but for Shutdown.
	Draining func() bool

	// MaxPerViewer is how many connections one address may have (of IPv6, one
	// prefix of 64 bits). What is over is closed at once. 0: any number.
	MaxPerViewer int
	// MaxHeaderBytes is how large the head of a request may be, 64 KiB, and
	// MaxFields how many fields it may have, 256. They bound memory; finer limits are
	// the Exchange's.
	MaxHeaderBytes, MaxFields int

	// HandshakeTimeout is for TLS (10 s); HeaderTimeout for the head of a request,
	// from its first byte to its last (10 s), which is what stops a viewer that
	// drips it; IdleTimeout for the first byte of a request (75 s).
	HandshakeTimeout, HeaderTimeout, IdleTimeout time.Duration
	// StreamTimeout is how long a viewer may take for one piece of a body, either
	// way, or be slower than 240 bytes a second (60 s; up to a quarter more).
	StreamTimeout time.Duration
	// UpgradeTimeout is how long a connection that was given over to another
	// protocol may be silent (10 min, as CloudFront's WebSocket connections).
	UpgradeTimeout time.Duration

	// Logger gets what goes wrong with connections, at debug level, and what must
	// not happen, at error level. Nil: nothing is logged.
	Logger *slog.Logger
}

const (
	minHeaderBytes = 4 << 10
	// minRate in bytes a second is what a viewer has to keep up over a
	// StreamTimeout. It is low enough for any link that a person would use.
	minRate = 240
)

func (c *Config) complete() {
	for _, d := range []struct {
		at *time.Duration
		to time.Duration
	}{
		{&c.HandshakeTimeout, 10 * time.Second}, {&c.HeaderTimeout, 10 * time.Second}, {&c.IdleTimeout, 75 * time.Second},
		{&c.StreamTimeout, 60 * time.Second}, {&c.UpgradeTimeout, 10 * time.Minute},
	} {
		if *d.at <= 0 {
			*d.at = d.to
		}
	}
	if c.MaxHeaderBytes == 0 {
		c.MaxHeaderBytes = 64 << 10
	}
	c.MaxHeaderBytes = max(c.MaxHeaderBytes, minHeaderBytes)
	if c.MaxFields <= 0 {
		c.MaxFields = 256
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Draining == nil {
		c.Draining = func() bool { return false }
	}
}
