package peers

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/warmfront/warmfront/scripts/bench/origin"
)

// TLSConfig is a client's for the server: TLS 1.3 and X25519, which all of them have, so that none is asked for more
// work than another. The certificates are made for the occasion and not verified.
func (s *Server) TLSConfig() *tls.Config {
	return &tls.Config{ServerName: s.Host, InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.X25519}}
}

// Client asks this server whatever the URL's host is.
func (s *Server) Client() *http.Client {
	var d net.Dialer
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DisableCompression: true, TLSClientConfig: s.TLSConfig(), MaxIdleConnsPerHost: 64,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if strings.HasSuffix(addr, ":443") {
				return d.DialContext(ctx, network, s.HTTPS)
			}
			return d.DialContext(ctx, network, s.HTTP)
		},
	}}
}

// Check asks for one object and fails unless all of it comes, right in every byte. hit says whether the server claims
// to have had it; servers that claim nothing always do.
func (s *Server) Check(ctx context.Context, c *http.Client, scheme, path string) (hit bool, err error) {
	want, err := origin.Body(path)
	if err != nil {
		return false, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+s.Host+path, nil)
	if err != nil {
		return false, err
	}
	answer, err := c.Do(r)
	if err != nil {
		return false, fmt.Errorf("%s: %w", s.Name, err)
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return false, fmt.Errorf("%s: %s: %w", s.Name, path, err)
	case answer.StatusCode != http.StatusOK:
		return false, fmt.Errorf("%s: %s: %s", s.Name, path, answer.Status)
	case !bytes.Equal(got, want):
		return false, fmt.Errorf("%s: %s: %d bytes that are not the object's %d", s.Name, path, len(got), len(want))
	}
	x := answer.Header.Get("X-Cache")
	return x == "" || strings.HasPrefix(x, "Hit "), nil
}

// Pin keeps this process on one CPU (-1 is anywhere), so that what it does is not done on the servers'.
func Pin(cpu int) error {
	if cpu < 0 {
		return nil
	}
	runtime.GOMAXPROCS(1)
	// Threads, and processes, that begin later take after those that begin them.
	out, err := exec.Command("taskset", "--all-tasks", "--pid", "--cpu-list", strconv.Itoa(cpu), strconv.Itoa(os.Getpid())).CombinedOutput()
	if err != nil {
		return fmt.Errorf("taskset: %w\n%s", err, out)
	}
	return nil
}
