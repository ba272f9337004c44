// Package origin is an S3-compatible object store: the protocol of Amazon S3
// over the folder of origin/s3disk, with bucket policies by origin/policy and
// signatures by sigv4.
//
// What it promises: every request is either signed by a key that Config.Keys
// knows, and then verified in full, or anonymous, and then allowed only what
// the bucket policy gives to everyone. Errors are S3's own codes, statuses and
// XML. An object is durable when its PUT has been answered, and whole or absent
// whatever is killed. A call that is not implemented says NotImplemented and
// changes nothing (operation.go lists them all).
//
// One request goes through it like this: Host and path give bucket and key
// (origin/address); a website's host is answered by website.go, a preflight by
// cors.go. Else the signature or its absence gives the principal (access.go),
// method and sub-resource give the operation (operation.go), account or bucket
// policy allow it or not (access.go). A body is then read through body.go, which
// decodes aws-chunked and verifies hashes, chunk signatures and checksums
// before the last byte counts. Reads and multipart uploads are answered here;
// object writes, copies, tagging and listings are spoken by the gofakes3
// engine, which gets a request cleaned of everything that was already decided
// (engine.go) and reaches the disk through the adapter in backend.go. The
// documents of a bucket, what they may say and what follows from them, are
// origin/s3config's.
//
// # Principals
//
// A key of the lookup is the account's root: allowed all that no policy denies.
// A key with OriginAccess is the service principal cloudfront.amazonaws.com and
// is allowed only what a bucket policy grants it. Such a request names the
// distribution it is made for in the header x-amz-source-arn, which must be
// among the signed headers and becomes the condition key aws:SourceArn; its
// fifth field becomes aws:SourceAccount. That is how Origin Access Control
// works here with the policy that AWS documents for it, unchanged. Where it says in
// the signed header x-amz-source-service that it delivers access logs, the holder is
// delivery.logs.amazonaws.com instead.
package origin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/warmfront/warmfront/origin/s3disk"
	"github.com/warmfront/warmfront/sigv4"
)

// SourceARNHeader names the distribution, or the origin access identity, for which an
// edge signs a request.
const SourceARNHeader = "X-Amz-Source-Arn"

// ServiceHeader says that an edge delivers access logs, rather than that it asks for
// an object.
const ServiceHeader = "X-Amz-Source-Service"

// DefaultAccount is the account that owns every bucket if Config names none.
const DefaultAccount = "000000000000"

// Keys finds an access key. It is asked for IDs that strangers choose.
type Keys interface {
	Lookup(accessKeyID string) (Key, bool)
}

// Key is an access key and whose it is.
type Key struct {
	sigv4.Key
	// OriginAccess makes its holder cloudfront.amazonaws.com rather than the
	// account.
	OriginAccess bool
	// Denied is set for a key that is for other services than S3.
	Denied bool
}

// Config is how a Server is told what to be.
type Config struct {
	Addr string // where to listen, such as 127.0.0.1:9000; port 0 picks one
	Dir  string // where buckets are kept; made if need be
	Keys Keys

	Account string   // 12 digits; "" means DefaultAccount
	Region  string   // of buckets that name none; "" means us-east-1
	Domains []string // further names N under which BUCKET.N is a bucket and N the service

	Logger *slog.Logger     // nil discards
	Now    func() time.Time // nil is the wall clock; signatures are checked against it
	// WrapListener puts something between the network and the server, such as a
	// delay model or TLS.
	WrapListener func(net.Listener) net.Listener
	// Wrap puts something around the handler of requests, such as what traces them. Nil: nothing.
	Wrap func(http.Handler) http.Handler

	MaxObjectBytes int64         // 0 means 5 GiB
	IdleTimeout    time.Duration // how long a peer may neither send nor take a byte; 0 means 60 s
	DrainTimeout   time.Duration // how long requests in flight may go on after Run's context ends; 0 means 8 s
}

// Server is the store as a daemon.
type Server struct {
	cfg        Config
	log        *slog.Logger
	disk       *s3disk.Store
	verify     sigv4.Verifier
	operations map[string]operation
	engine     http.Handler
	policies   policyCache
	http       *http.Server
	listener   net.Listener
	close      func() error
}

// New opens the folder and listens; it serves when Run is called.
func New(cfg Config) (*Server, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	disk, err := s3disk.Open(cfg.Dir, s3disk.Options{Logger: cfg.Logger, Now: cfg.Now, MaxObjectBytes: cfg.MaxObjectBytes})
	if err != nil {
		return nil, fmt.Errorf("origin: %w", err)
	}
	listener, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("origin: %w", err), disk.Close())
	}
	s := &Server{cfg: cfg, log: cfg.Logger, disk: disk, operations: operations(), listener: listener}
	s.verify = sigv4.Verifier{Service: "s3", Lookup: func(id string) (sigv4.Key, bool) {
		k, ok := cfg.Keys.Lookup(id)
		return k.Key, ok
	}}
	s.engine = newEngine(backend{disk})
	s.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug),
	}
	if cfg.Wrap != nil {
		s.http.Handler = cfg.Wrap(s)
	}
	s.close = sync.OnceValue(func() error {
		err := s.http.Close()
		if lerr := s.listener.Close(); !errors.Is(lerr, net.ErrClosed) {
			err = errors.Join(err, lerr)
		}
		return errors.Join(err, disk.Close())
	})
	return s, nil
}

func (cfg *Config) complete() error {
	switch {
	case cfg.Dir == "":
		return errors.New("origin: Config.Dir is empty: a folder to keep buckets in is required")
	case cfg.Keys == nil:
		return errors.New("origin: Config.Keys is nil: without keys nobody could write")
	}
	if cfg.Account == "" {
		cfg.Account = DefaultAccount
	}
	if cfg.Region == "" {
		cfg.Region = defaultRegion
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.IdleTimeout == 0 {
		cfg.IdleTimeout = time.Minute
	}
	if cfg.MaxObjectBytes == 0 {
		cfg.MaxObjectBytes = 5 << 30
	}
	if cfg.DrainTimeout == 0 {
		cfg.DrainTimeout = 8 * time.Second
	}
	return nil
}

// Addr is the address that the server listens at.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Store is the same store without HTTP and without access control, for the
// process that runs the server.
func (s *Server) Store() *Store { return &Store{disk: s.disk, region: s.cfg.Region} }

// Run serves until ctx ends, lets requests in flight finish within
// Config.DrainTimeout, and returns. Close is still to be called.
func (s *Server) Run(ctx context.Context) error {
	l := s.listener
	if s.cfg.WrapListener != nil {
		l = s.cfg.WrapListener(l)
	}
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(l) }()
	select {
	case err := <-served:
		if errors.Is(err, http.ErrServerClosed) {
			return nil // by Close
		}
		return fmt.Errorf("origin: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.DrainTimeout)
	defer cancel()
	err := s.http.Shutdown(drain)
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("origin: requests still running at the end of the drain time are cut off", "after", s.cfg.DrainTimeout)
		err = s.http.Close()
	}
	if serr := <-served; !errors.Is(serr, http.ErrServerClosed) {
		err = errors.Join(err, serr)
	}
	return err
}

// Close stops listening, cuts off what is still being served and gives up the
// folder. It may be called more than once.
func (s *Server) Close() error { return s.close() }
