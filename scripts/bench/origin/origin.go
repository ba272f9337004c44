// Package origin is the origin server of the benchmarks: one for all servers under test, in the benchmark's own
// process. Every object's bytes follow from its path alone, so that a wrong object, or a right one cut short, is told
// from the right one without asking the origin. It counts what it is asked: a cache whose hits are measured must not
// have asked for anything meanwhile.
//
// One request: /bytes/SIZE/NAME is answered at once; /slow/NAME after Think with SlowBytes; /drip/NAME after Think with
// Pieces times PieceBytes, one piece each Pieces-th part of Over. For the latter two it notes when it sent the first
// byte.
package origin

import (
	"context"
	"crypto/sha256"
	"errors"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// What /slow/ and /drip/ send, and when.
const (
	Think      = 200 * time.Millisecond
	SlowBytes  = 64 << 10
	Pieces     = 10
	PieceBytes = 64 << 10
	Over       = time.Second
)

// maxBytes bounds what /bytes/ gives.
const maxBytes = 1 << 30

// Fetches says how often a path was fetched and when the first byte of the first answer was sent.
type Fetches struct {
	Count     int
	FirstByte time.Time
}

// Server is a running origin.
type Server struct {
	listener net.Listener
	server   http.Server
	requests atomic.Int64

	mu      sync.Mutex
	fetches map[string]Fetches // of /slow/ and /drip/
}

// Start listens on loopback and serves until Close.
func Start() (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{listener: l, fetches: map[string]Fetches{}}
	s.server.Handler = http.HandlerFunc(s.answer)
	go func() {
		if err := s.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Printf("the origin: %v", err)
		}
	}()
	return s, nil
}

// Addr is its host:port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Requests is how many requests it has answered, or begun to.
func (s *Server) Requests() int64 { return s.requests.Load() }

// Fetches returns what is known of a path under /slow/ or /drip/.
func (s *Server) Fetches(path string) Fetches {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fetches[path]
}

// Close stops at once.
func (s *Server) Close() error { return s.server.Close() }

// Size is the length of the object at path, or an error where there is none.
func Size(path string) (int, error) {
	kind, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch kind {
	case "slow":
		return SlowBytes, nil
	case "drip":
		return Pieces * PieceBytes, nil
	case "bytes":
		digits, _, _ := strings.Cut(rest, "/")
		if n, err := strconv.Atoi(digits); err == nil && n >= 0 && n <= maxBytes {
			return n, nil
		}
	}
	return 0, errors.New("the origin has no " + path)
}

// Body is the object at path.
func Body(path string) ([]byte, error) {
	n, err := Size(path)
	if err != nil {
		return nil, err
	}
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(sha256.Sum256([]byte(path))).Read(b) // never fails
	return b, nil
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	body, err := Body(r.URL.Path)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	s.requests.Add(1)
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "max-age=86400")
	h.Set("ETag", `"`+strconv.FormatUint(uint64(len(body)), 16)+`-1"`)
	h.Set("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
	piece := len(body)
	switch {
	case strings.HasPrefix(r.URL.Path, "/drip/"):
		piece = PieceBytes
		fallthrough
	case strings.HasPrefix(r.URL.Path, "/slow/"):
		s.begin(r.URL.Path)
		if !pause(r.Context(), Think) {
			return
		}
		s.sent(r.URL.Path)
	}
	for {
		if _, err := w.Write(body[:min(piece, len(body))]); err != nil {
			return
		}
		if body = body[min(piece, len(body)):]; len(body) == 0 {
			return
		}
		if http.NewResponseController(w).Flush() != nil || !pause(r.Context(), Over/Pieces) {
			return
		}
	}
}

func (s *Server) begin(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.fetches[path]
	f.Count++
	s.fetches[path] = f
}

func (s *Server) sent(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.fetches[path]; f.FirstByte.IsZero() {
		f.FirstByte = time.Now()
		s.fetches[path] = f
	}
}

// pause waits and tells whether the one who asked is still there.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
