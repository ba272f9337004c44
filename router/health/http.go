package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/report"
)

// ErrDraining is the result of a check that the edge answered by saying that it drains.
var ErrDraining = errors.New("the edge is draining")

// HTTP is the check of an edge: GET /healthz, by the port and on the path that
// viewers use, over a connection that is kept. Anything but 200 is a failure, and 503
// with a text that ends in "is draining" is ErrDraining.
type HTTP struct {
	client *http.Client
	host   string
	token  string
}

// NewHTTP returns a check that names host in its requests, and shows token to be told how
// busy the edge is; "" shows none. Dial may be nil; it is where faults and delays are
// applied.
func NewHTTP(host, token string, dial func(ctx context.Context, network, addr string) (net.Conn, error)) *HTTP {
	return &HTTP{
		host: host, token: token,
		client: &http.Client{
			Transport: &http.Transport{
				DialContext: dial, DisableCompression: true, MaxIdleConnsPerHost: 1,
				IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: 16 << 10,
				ReadBufferSize: 1 << 10, WriteBufferSize: 1 << 10,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Probe implements Prober.
func (h *HTTP) Probe(ctx context.Context, node cdn.Node) (report.Edge, error) {
	text, err := h.ask(ctx, node)
	if err != nil {
		return report.Edge{}, err
	}
	return report.Parse(text), nil
}

func (h *HTTP) ask(ctx context.Context, node cdn.Node) (string, error) {
	addr := netip.AddrPortFrom(node.Dial(), node.HTTPPort)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr.String()+"/healthz", nil)
	if err != nil {
		return "", err
	}
	req.Host = h.host
	req.Header["User-Agent"] = []string{"warmfront-router"}
	if h.token != "" {
		req.Header.Set("Authorization", "Bearer "+h.token)
	}
	res, err := h.client.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	// The body is read to its end so that the connection is kept.
	text, err := io.ReadAll(io.LimitReader(res.Body, report.MaxBytes))
	if err != nil {
		return "", err
	}
	if res.StatusCode == http.StatusServiceUnavailable && strings.HasSuffix(strings.TrimSpace(string(text)), " is draining") {
		return "", fmt.Errorf("%w: %s", ErrDraining, addr)
	}
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("GET /healthz at %s: %s", addr, res.Status)
	}
	return string(text), nil
}

// Close gives up the connections that are kept.
func (h *HTTP) Close() { h.client.CloseIdleConnections() }
