// Package relay is a node's side of serving the journal to its neighbours, over
// the port on which nodes reach one another.
//
// Whoever calls proves by its certificate that it is a node of this network, and
// is served if this node's own state has it registered and both follow the same
// journal. It is told how far this node is and whether it follows control itself,
// and then sent what comes after the version it has, for as long as it stays.
// Nothing that is read here counts as acknowledged, and no lease is to be had: those
// are control's alone (rule M).
package relay

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/ca"
	"github.com/warmfront/warmfront/control/feed"
	"github.com/warmfront/warmfront/control/wire"
)

// Node is what serves: a *client.Client.
type Node interface {
	Identity() (ca.Identity, bool)
	State() *cdn.State
	Journal() string
	Direct() bool
	Feed() *feed.Feed
}

const (
	// mostConns is how many neighbours may be connected at once.
	mostConns = 128
	// handshakeTimeout is for a caller to prove who it is.
	handshakeTimeout = 5 * time.Second
)

// Server serves neighbours. Connections come to it from a listener of its own
// (Serve), or from another server of the same port (Take). All methods may be called
// concurrently.
type Server struct {
	node Node
	log  *slog.Logger
	http http.Server
	// handed are the connections on their way to http, which accepts them.
	handed chan net.Conn
	room   chan struct{}
	closed chan struct{}
	once   sync.Once
}

// New makes a server; Run serves.
func New(node Node, log *slog.Logger) *Server {
	s := &Server{node: node, log: log, handed: make(chan net.Conn), room: make(chan struct{}, mostConns), closed: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+wire.PathJournal, s.serveJournal)
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	s.http = http.Server{
		Handler: mux, Protocols: protocols, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 5 * time.Second, MaxHeaderBytes: 8 << 10,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, callerKey{}, c.(*conn).caller)
		},
		ConnState: func(c net.Conn, is http.ConnState) {
			if is == http.StateClosed {
				close(c.(*conn).ended)
			}
		},
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	return s
}

// Accept is the configuration by which connections are taken for which
// wire.ProtocolJournal is agreed on: of registered nodes, each of which has to prove
// which it is. ErrNotJoined while the node has no certificate.
func Accept(node Node) (*tls.Config, error) {
	identity, ok := node.Identity()
	if !ok {
		return nil, ErrNotJoined
	}
	cfg := ca.Accept(identity.Nodes)
	cfg.Certificates, cfg.ClientAuth = []tls.Certificate{identity.Certificate}, tls.RequireAndVerifyClientCert
	cfg.NextProtos = []string{wire.ProtocolJournal}
	cfg.VerifyConnection = func(s tls.ConnectionState) error { return Registered(node, s) }
	return cfg, nil
}

// ErrNotJoined says that a node has no certificate yet.
var ErrNotJoined = errors.New("the node has not joined yet")

// Registered reports whether a caller is a registered node.
func Registered(node Node, s tls.ConnectionState) error {
	id, err := ca.PeerID(&s)
	if err != nil {
		return err
	}
	if _, ok := node.State().Nodes[id]; !ok {
		return fmt.Errorf("%s is no node that is registered", id)
	}
	return nil
}

// Serve accepts connections of l, which nothing else is asked on, until l is closed.
func (s *Server) Serve(l net.Listener) error {
	cfg := &tls.Config{MinVersion: tls.VersionTLS13, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return Accept(s.node) }}
	for {
		raw, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			s.log.Error("no neighbour's connection can be accepted", "error", err)
			if !s.wait(time.Second) {
				return nil
			}
			continue
		}
		go s.meet(tls.Server(raw, cfg))
	}
}

func (s *Server) wait(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-s.closed:
		return false
	}
}

func (s *Server) meet(c *tls.Conn) {
	if !s.enter() {
		_ = c.Close() // it has not been spoken to
		return
	}
	defer s.leave()
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTimeout)
	err := c.HandshakeContext(ctx)
	cancel()
	if err == nil && c.ConnectionState().NegotiatedProtocol != wire.ProtocolJournal {
		err = errors.New("the caller wants something else than the journal")
	}
	if err != nil {
		s.log.Debug("a neighbour's connection", "from", c.RemoteAddr(), "error", err)
		_ = c.Close() // whoever it is was not let in
		return
	}
	s.serve(c)
}

// Take serves a connection whose handshake, by Accept, is done, and returns when it
// has ended.
func (s *Server) Take(c *tls.Conn) {
	if !s.enter() {
		_ = c.Close() // it will ask another
		return
	}
	defer s.leave()
	s.serve(c)
}

func (s *Server) enter() bool {
	select {
	case s.room <- struct{}{}:
		return true
	default:
		return false
	}
}

func (s *Server) leave() { <-s.room }

func (s *Server) serve(c *tls.Conn) {
	state := c.ConnectionState()
	caller, err := ca.PeerID(&state)
	if err != nil {
		_ = c.Close() // not a connection that Accept lets in
		return
	}
	handed := &conn{Conn: c, caller: caller, ended: make(chan struct{})}
	select {
	case s.handed <- handed:
		<-handed.ended
	case <-s.closed:
		_ = c.Close() // it has not been spoken to
	}
}

// conn is a connection on its way through the HTTP server, which is not to know
// that it is TLS's: it would look for the protocol that was agreed on.
type conn struct {
	net.Conn
	caller string
	// ended is closed once the HTTP server has done with the connection: whoever
	// handed it over may not touch it while that may still write.
	ended chan struct{}
}

type callerKey struct{}

// Run serves until ctx ends or the server is closed.
func (s *Server) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { _ = s.Close() })()
	if err := s.http.Serve(listener{s}); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Close ends every connection.
func (s *Server) Close() error {
	s.once.Do(func() { close(s.closed) })
	return s.http.Close()
}

// listener accepts what was handed over.
type listener struct{ s *Server }

func (l listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.s.handed:
		return c, nil
	case <-l.s.closed:
		return nil, net.ErrClosed
	}
}

func (listener) Close() error   { return nil }
func (listener) Addr() net.Addr { return &net.TCPAddr{} }

func (s *Server) serveJournal(w http.ResponseWriter, r *http.Request) {
	own := s.node.Journal()
	if asked := r.Header.Get(wire.HeaderJournal); own == "" || asked != own {
		fail(w, http.StatusConflict, wire.CodeOtherJournal, fmt.Sprintf("this node follows the journal %q, not %q", own, asked))
		return
	}
	after, err := cdn.ParseVersion(r.URL.Query().Get("after"))
	if err != nil {
		fail(w, http.StatusBadRequest, wire.CodeInvalid, err.Error())
		return
	}
	w.Header().Set(wire.HeaderJournal, own)
	w.Header().Set(wire.HeaderHead, s.node.Feed().Head().String())
	if s.node.Direct() {
		w.Header().Set(wire.HeaderDirect, "1")
	}
	s.log.Debug("the journal is relayed", "to", r.Context().Value(callerKey{}), "after", after)
	switch err := s.node.Feed().Serve(w, r, after); {
	case errors.Is(err, feed.ErrBusy):
		fail(w, http.StatusServiceUnavailable, wire.CodeBusy, err.Error())
	case err != nil:
		fail(w, http.StatusConflict, wire.CodeBehind, err.Error())
	}
}

func fail(w http.ResponseWriter, status int, code, message string) {
	doc, _ := json.Marshal(wire.Error{Code: code, Message: message}) // two strings
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(doc) // the caller is gone: it asks another
}
