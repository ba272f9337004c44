package nethttp

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

const (
	headerTimeout = 10 * time.Second // for a request's header
	idleTimeout   = 75 * time.Second // between requests of a connection
	// maxHeaderBytes is where reading a header stops; the core refuses less with
	// the right status.
	maxHeaderBytes = 64 << 10
)

// Config is what a Server is made of.
type Config struct {
	// NewExchange makes one exchange for each request at a time.
	NewExchange func() Exchange
	// TLS makes it a server for https; HTTP/2 is spoken where its NextProtos say
	// so. Nil: http.
	TLS *tls.Config
	// StreamTimeout is how long a viewer may take for one piece of a body; 0 is
	// DefaultStreamTimeout.
	StreamTimeout time.Duration
	Logger        *slog.Logger
}

// Server is net/http's server before exchanges: HTTP/1.1, and HTTP/2 over TLS.
type Server struct{ http.Server }

// New returns a server; Serve serves.
func New(cfg Config) *Server {
	scheme := "http"
	if cfg.TLS != nil {
		scheme = "https"
	}
	return &Server{http.Server{
		Handler:           NewHandler(scheme, cfg.NewExchange, cfg.StreamTimeout),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		TLSConfig:         cfg.TLS,
		// Mostly clients that fail a handshake or leave.
		ErrorLog: slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug),
		// "OPTIONS *" is ours to refuse.
		DisableGeneralOptionsHandler: true,
	}}
}

// Serve answers the connections of ln until Shutdown or Close is called, then
// returns nil.
func (s *Server) Serve(ln net.Listener) error {
	serve := s.Server.Serve
	if s.TLSConfig != nil {
		serve = func(ln net.Listener) error { return s.ServeTLS(ln, "", "") }
	}
	if err := serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
