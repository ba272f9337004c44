package viewer

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/warmfront/warmfront/cdn/span"
	"github.com/warmfront/warmfront/geo"
)

// ProxyConfig is what a Proxy needs.
type ProxyConfig struct {
	// Listen is the address for viewers that name their place as the proxy's
	// user: "http://SYD@127.0.0.1:3128".
	Listen string
	// Cities are further addresses, each for viewers in one place, for clients
	// that cannot name a user (browsers).
	Cities map[string]string // place -> address
	Home   string            // the place of who names none
	// Place turns a POP code, a city or an address into a viewer's address there
	// (geo.DB.ParseFrom).
	Place   func(from string) (netip.Addr, geo.Place, error)
	Network *Network
	// Tracer has what it does for a viewer be a span, of which asking the routers is a part, and of the trace that the
	// viewer says. Nil: none.
	Tracer span.Tracer
	Logger *slog.Logger
}

// Proxy is an HTTP proxy that makes its user a viewer in a city.
type Proxy struct {
	cfg       ProxyConfig
	listeners []net.Listener
	server    http.Server
	places    map[net.Listener]string
	tunnels   open
}

type placeKey struct{}

// NewProxy listens on all addresses.
func NewProxy(cfg ProxyConfig) (*Proxy, error) {
	p := &Proxy{cfg: cfg, places: map[net.Listener]string{}}
	listen := func(place, addr string) error {
		l, err := net.Listen("tcp", addr)
		if err == nil {
			p.listeners = append(p.listeners, l)
			p.places[l] = place
		}
		return err
	}
	err := listen("", cfg.Listen)
	for place, addr := range cfg.Cities {
		// These are many, and with a port base among those that any outgoing
		// connection may have: one that is taken is missing, not the network.
		if e := listen(place, addr); e != nil && err == nil {
			cfg.Logger.Warn("the viewer proxy has no port for a city", "city", place, "err", e)
		}
	}
	if err != nil {
		_ = p.Close()
		return nil, fmt.Errorf("viewer proxy: %w", err)
	}
	p.server = http.Server{
		Handler:           p,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug),
		BaseContext: func(l net.Listener) context.Context {
			return context.WithValue(context.Background(), placeKey{}, p.places[l])
		},
	}
	return p, nil
}

// Addr is the address of the listener that takes the place as user.
func (p *Proxy) Addr() net.Addr { return p.listeners[0].Addr() }

// Run serves until ctx ends. Tunnels then end when the edges, which are drained at
// the same time, end them, or after eight seconds.
func (p *Proxy) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = p.server.Close() })
	defer stop()
	var wg sync.WaitGroup
	errs := make(chan error, len(p.listeners))
	for _, l := range p.listeners {
		wg.Go(func() { errs <- p.server.Serve(l) })
	}
	wg.Wait()
	p.tunnels.drain(drainLimit)
	if err := <-errs; !errors.Is(err, http.ErrServerClosed) && ctx.Err() == nil {
		return err
	}
	return nil
}

// Close stops listening and ends all connections.
func (p *Proxy) Close() error {
	err := p.server.Close()
	p.tunnels.end()
	for _, l := range p.listeners {
		_ = l.Close()
	}
	return err
}

// ServeHTTP makes a tunnel for CONNECT and forwards plain requests. The answer to
// CONNECT says, in Warmfront- headers, which edge the viewer was given and why.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	from := p.from(r)
	viewer, place, err := p.cfg.Place(from)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if r.Method == http.MethodConnect {
		p.tunnel(w, r, viewer, place)
		return
	}
	if !r.URL.IsAbs() || r.URL.Scheme != "http" {
		http.Error(w, "this is the viewer proxy: use it as an HTTP proxy, e.g. curl -x http://SYD@"+p.Addr().String()+" http://…", http.StatusBadRequest)
		return
	}
	s, ctx := p.begin(r, viewer, place)
	defer s.End("")
	p.forward(w, r.WithContext(ctx), viewer)
}

// begin begins the span of a request to the proxy.
func (p *Proxy) begin(r *http.Request, viewer netip.Addr, place geo.Place) (*span.Span, context.Context) {
	s := span.Begin(p.cfg.Tracer, span.Start{
		Name: r.Method + " by the viewer proxy", Kind: span.Server, Parent: span.Parse(r.Header.Get(span.Traceparent), r.Header.Get(span.Tracestate)),
	})
	s.Set(span.String("http.request.method", r.Method), span.String("server.address", r.Host), span.String("client.address", viewer.String()),
		span.String("geo.locality.name", placeName(place)))
	return s, span.With(r.Context(), s)
}

// endDialing ends the span of what leads to the edge that a viewer was given.
func endDialing(s *span.Span, d *Dialed, err error) {
	if err == nil {
		s.Set(span.String("network.peer.address", d.Edge.Addr().String()), span.Float("warmfront.connect.ms", float64(d.Connect.Microseconds())/1000))
	}
	s.EndWith(err)
}

// from reads the place: the listener's, else the header Warmfront-From, else the
// proxy user.
func (p *Proxy) from(r *http.Request) string {
	if place, _ := r.Context().Value(placeKey{}).(string); place != "" {
		return place
	}
	if place := r.Header.Get("Warmfront-From"); place != "" {
		return place
	}
	scheme, cred, _ := strings.Cut(r.Header.Get("Proxy-Authorization"), " ")
	if strings.EqualFold(scheme, "Basic") {
		if b, err := base64.StdEncoding.DecodeString(cred); err == nil {
			user, _, _ := strings.Cut(string(b), ":")
			if place, err := url.PathUnescape(user); err == nil && place != "" {
				return place
			}
		}
	}
	return p.cfg.Home
}

func (p *Proxy) tunnel(w http.ResponseWriter, r *http.Request, viewer netip.Addr, place geo.Place) {
	s, ctx := p.begin(r, viewer, place)
	d, err := p.dial(ctx, viewer, r.Host, 443)
	endDialing(s, d, err)
	if err != nil {
		refuse(w, err)
		return
	}
	defer d.Close()
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer client.Close()
	done, ok := p.tunnels.add(client)
	if !ok {
		return
	}
	defer done()
	_ = client.SetDeadline(time.Time{})
	if _, err := fmt.Fprintf(client, "HTTP/1.1 200 Connection established\r\nWarmfront-Viewer: %s\r\nWarmfront-Place: %.2f,%.2f %s\r\n"+
		"Warmfront-Edge: %s\r\nWarmfront-Scope: %d\r\nServer-Timing: resolve;dur=%.1f\r\n\r\n",
		viewer, place.Lat, place.Lon, placeName(place), d.Edge.Addr(), d.Answer.Scope, float64(d.Answer.Took.Microseconds())/1000); err != nil {
		return
	}
	splice(client, buffered.Reader, d.Conn)
}

// placeName is the place's name as a header may carry it.
func placeName(p geo.Place) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, p.String())
}

// splice copies both ways until both are at their end; the end of one direction
// is handed on as a half-close, so that what still flows the other way arrives.
func splice(client net.Conn, fromClient io.Reader, edge net.Conn) {
	var wg sync.WaitGroup
	wg.Go(func() {
		_, _ = io.Copy(edge, fromClient)
		closeWrite(edge)
	})
	_, _ = io.Copy(client, edge)
	closeWrite(client)
	_ = client.SetReadDeadline(time.Now().Add(5 * time.Second))
	wg.Wait()
}

func closeWrite(c net.Conn) {
	if h, ok := c.(interface{ CloseWrite() error }); ok {
		_ = h.CloseWrite()
	}
}

func (p *Proxy) forward(w http.ResponseWriter, r *http.Request, viewer netip.Addr) {
	proxy := httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.Out.Host = r.Host
			pr.Out.Header.Del("Proxy-Authorization")
			pr.Out.Header.Del("Warmfront-From")
			if c := span.From(r.Context()).Context(); c.Valid() {
				pr.Out.Header.Set(span.Traceparent, c.String())
			}
		},
		Transport: &http.Transport{
			DisableKeepAlives: true, // a connection belongs to one viewer
			DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
				return p.dial(ctx, viewer, addr, 80)
			},
			DisableCompression: true,
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) { refuse(w, err) },
		ErrorLog:     p.server.ErrorLog,
	}
	proxy.ServeHTTP(w, r)
}

func (p *Proxy) dial(ctx context.Context, viewer netip.Addr, hostport string, port uint16) (*Dialed, error) {
	host, port, err := splitHostPort(hostport, port)
	if err != nil {
		return nil, ErrPort
	}
	return p.cfg.Network.Dial(ctx, viewer, host, port)
}

// refuse answers 403 for what the proxy never connects to and 502 for an edge
// that does not answer.
func refuse(w http.ResponseWriter, err error) {
	var not *NotServedError
	if errors.Is(err, ErrPort) || errors.As(err, &not) {
		http.Error(w, "viewer proxy: "+err.Error(), http.StatusForbidden)
		return
	}
	http.Error(w, "viewer proxy: "+err.Error(), http.StatusBadGateway)
}
