package edge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/cache/disk"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/geo"
)

// network is an edge with a journal, a lease and an origin that tests script.
type network struct {
	t     testing.TB
	edge  *Edge
	state atomic.Pointer[cdn.State]
	lease switchedLease
	at    *scripted
	ahead atomic.Int64 // how far the edge's time has been moved
}

// advance moves the time that freshness goes by.
func (n *network) advance(d time.Duration) { n.ahead.Add(int64(d)) }

type switchedLease struct{ ended atomic.Bool }

func (l *switchedLease) Valid(time.Time) bool { return !l.ended.Load() }

// scripted is an origin that answers as a test says.
type scripted struct {
	mu     sync.Mutex
	asked  []*message.Request
	answer func(ctx context.Context, n int, r *message.Request) (*message.Response, error)
}

func (s *scripted) Do(ctx context.Context, _ *origins.Origin, r *message.Request) (*message.Response, error) {
	s.mu.Lock()
	s.asked = append(s.asked, r)
	n, answer := len(s.asked), s.answer
	s.mu.Unlock()
	return answer(ctx, n, r)
}

func (s *scripted) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

func (s *scripted) last() *message.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[len(s.asked)-1]
}

// behavior is what tests set of one; the rest is Managed-CachingOptimized's.
type behavior struct {
	pattern, protocol, policy, methods string
	compress                           bool
	min, def, max                      int
	forwarded                          string // ForwardedValues beside QueryString and Cookies
	more                               string // elements of its own
}

const (
	optimized = "658327ea-f89d-4fab-a63d-7e88639e58f6"
	disabled  = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
	all7      = "<Quantity>7</Quantity><Items><Method>GET</Method><Method>HEAD</Method><Method>OPTIONS</Method><Method>PUT</Method><Method>PATCH</Method><Method>POST</Method><Method>DELETE</Method></Items>"
)

func (b behavior) xml(tag string) string {
	protocol := b.protocol
	if protocol == "" {
		protocol = "allow-all"
	}
	cache := ""
	switch {
	case b.policy != "":
		cache = "<CachePolicyId>" + b.policy + "</CachePolicyId>"
	default:
		forwarded := b.forwarded
		if forwarded == "" {
			forwarded = "<QueryString>false</QueryString>"
		}
		cache = fmt.Sprintf("<ForwardedValues>%s</ForwardedValues><MinTTL>%d</MinTTL><DefaultTTL>%d</DefaultTTL><MaxTTL>%d</MaxTTL>", forwarded, b.min, b.def, b.max)
	}
	methods := ""
	if b.methods != "" {
		methods = "<AllowedMethods>" + b.methods + "</AllowedMethods>"
	}
	pattern := ""
	if b.pattern != "" {
		pattern = "<PathPattern>" + b.pattern + "</PathPattern>"
	}
	if b.compress {
		cache += "<Compress>true</Compress>"
	}
	cache += b.more
	return "<" + tag + ">" + pattern + "<TargetOriginId>o</TargetOriginId><ViewerProtocolPolicy>" + protocol + "</ViewerProtocolPolicy>" + methods + cache + "</" + tag + ">"
}

// site is a distribution's configuration as tests vary it.
type site struct {
	disabled, strict, s3 bool
	behaviors            []behavior // the last is the default
	root, errors         string
	httpVersion          string
	tagHeader            string // CacheTagConfig
	failover             string // statuses: the target is a group of two origins then
	more                 string // elements of its own
	edit                 func(config string) string
}

func (s site) change(id string) cdn.Change {
	if len(s.behaviors) == 0 {
		s.behaviors = []behavior{{policy: optimized}}
	}
	last := len(s.behaviors) - 1
	var list strings.Builder
	for _, b := range s.behaviors[:last] {
		list.WriteString(b.xml("CacheBehavior"))
	}
	kind := "<CustomOriginConfig><HTTPPort>80</HTTPPort><HTTPSPort>443</HTTPSPort><OriginProtocolPolicy>http-only</OriginProtocolPolicy></CustomOriginConfig>"
	name := "origin.test"
	if s.s3 {
		name, kind = "demo.s3.eu-west-1.amazonaws.com", "<S3OriginConfig><OriginAccessIdentity/></S3OriginConfig><OriginAccessControlId>EOAC</OriginAccessControlId>"
	}
	config := "<DistributionConfig><CallerReference>x</CallerReference><Aliases><Quantity>1</Quantity><Items><CNAME>www." + strings.ToLower(id) + ".test</CNAME></Items></Aliases>" +
		"<DefaultRootObject>" + s.root + "</DefaultRootObject><HttpVersion>" + s.httpVersion + "</HttpVersion>" +
		"<Origins><Items><Origin><Id>o</Id><DomainName>" + name + "</DomainName><OriginPath>/base</OriginPath><CustomHeaders><Items><OriginCustomHeader><HeaderName>X-Shared</HeaderName><HeaderValue>secret</HeaderValue></OriginCustomHeader></Items></CustomHeaders>" + kind + "</Origin></Items></Origins>" +
		"<CacheBehaviors><Items>" + list.String() + "</Items></CacheBehaviors>" + s.behaviors[last].xml("DefaultCacheBehavior") +
		"<CustomErrorResponses><Items>" + s.errors + "</Items></CustomErrorResponses><Enabled>" + fmt.Sprint(!s.disabled) + "</Enabled></DistributionConfig>"
	if s.tagHeader != "" {
		config = strings.Replace(config, "</DistributionConfig>", "<CacheTagConfig><HeaderName>"+s.tagHeader+"</HeaderName></CacheTagConfig></DistributionConfig>", 1)
	}
	if s.failover != "" {
		config = withSecondOrigin(config, s.failover)
	}
	config = strings.Replace(config, "</DistributionConfig>", s.more+"</DistributionConfig>", 1)
	if s.edit != nil {
		config = s.edit(config)
	}
	d := cdn.Distribution{ID: id, ARN: "arn:aws:cloudfront::1:distribution/" + id, Domain: "d" + strings.ToLower(id) + ".warmfront.test", Config: config}
	if s.strict {
		d.Tags = map[string]string{cdn.CachingTag: cdn.CachingTagRFC9111}
	}
	c, err := cdn.NewChange(cdn.KindDistributionPut, d, time.Time{})
	if err != nil {
		panic(err)
	}
	return c
}

func newNetwork(t testing.TB, s site, answer func(ctx context.Context, n int, r *message.Request) (*message.Response, error)) *network {
	t.Helper()
	return newNetworkOver(t, nil, s, answer)
}

// newNetworkOver is newNetwork with a disk.
func newNetworkOver(t testing.TB, kept *disk.Store, s site, answer func(ctx context.Context, n int, r *message.Request) (*message.Response, error)) *network {
	t.Helper()
	n := &network{t: t, at: &scripted{answer: answer}}
	n.state.Store(cdn.NewState(1))
	n.apply(cdn.KindAccessControlPut, origins.AccessControl{ID: "EOAC", OriginType: "s3", SigningBehavior: "always"})
	n.applyChange(s.change("E1"))
	cfg := Config{
		Node: cdn.Node{ID: "NRT-1", POP: "NRT", K: 1}, POPNumber: 20, Zone: "warmfront.test", LocalhostZone: "warmfront.test",
		HTTPAddr: "unused", PublicHTTPSPort: 8443, State: n.state.Load, Lease: &n.lease,
		Now: func() time.Time {
			return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(n.ahead.Load()))
		},
		Locate: func(netip.Addr) geo.Place {
			return geo.Place{Country: "JP", City: "Tōkyō", CountryName: "Japan", Lat: 35.68, Lon: 139.69, Precision: geo.CityLevel}
		},
	}
	if err := cfg.complete(); err != nil {
		t.Fatal(err)
	}
	n.edge = newCore(cfg, kept)
	n.edge.fetcher.Origin = n.at
	n.edge.keep()
	t.Cleanup(func() { _ = n.edge.Close() })
	return n
}

func (n *network) applyChange(c cdn.Change) cdn.Version {
	n.t.Helper()
	s := n.state.Load()
	c.Version = s.Version.Next()
	next, err := s.Apply(c)
	if err != nil {
		n.t.Fatal(err)
	}
	n.state.Store(next)
	return c.Version
}

func (n *network) apply(kind cdn.Kind, body any) cdn.Version {
	n.t.Helper()
	c, err := cdn.NewChange(kind, body, time.Time{})
	if err != nil {
		n.t.Fatal(err)
	}
	return n.applyChange(c)
}

func (n *network) invalidate(paths ...string) {
	n.t.Helper()
	n.apply(cdn.KindInvalidation, cdn.Invalidation{ID: "I1", Distribution: "E1", Paths: paths})
}

func (n *network) request(method, uri string, h ...string) *message.Request {
	path, query, _ := strings.Cut(uri, "?")
	r := &message.Request{Method: method, Scheme: "http", Host: "de1.warmfront.test", Path: path, Query: query, Major: 1, Minor: 1,
		Viewer: netip.MustParseAddrPort("192.0.2.7:1234")}
	for i := 0; i < len(h); i += 2 {
		r.Header.Add(h[i], h[i+1])
	}
	return r
}

// reply is an answer read to its end.
type reply struct {
	*message.Response
	body string
	err  error
}

func (r reply) xcache() string {
	return strings.TrimSuffix(r.Header.Get("X-Cache"), " from cloudfront")
}

func (n *network) do(r *message.Request) reply { return n.doCtx(context.Background(), r) }

func (n *network) doCtx(ctx context.Context, r *message.Request) reply {
	resp := n.edge.Handle(ctx, r)
	out := reply{Response: resp}
	if resp.Body != nil {
		var b bytes.Buffer
		_, out.err = io.Copy(&b, resp.Body)
		out.body = b.String()
		resp.Close()
		if out.err == nil && resp.Length >= 0 && int64(len(out.body)) != resp.Length {
			n.t.Errorf("%s: %d bytes, declared %d", r.URI(), len(out.body), resp.Length)
		}
	}
	return out
}

func (n *network) get(uri string, h ...string) reply { return n.do(n.request("GET", uri, h...)) }

// ok makes a 200.
func ok(body string, h ...string) *message.Response { return status(200, body, h...) }

func status(code int, body string, h ...string) *message.Response {
	r := &message.Response{Status: code, Body: io.NopCloser(strings.NewReader(body)), Length: int64(len(body)), Live: true}
	for i := 0; i < len(h); i += 2 {
		r.Header.Add(h[i], h[i+1])
	}
	return r
}

// numbered answers with the number of the request.
func numbered(h ...string) func(context.Context, int, *message.Request) (*message.Response, error) {
	return func(_ context.Context, n int, _ *message.Request) (*message.Response, error) {
		return ok(fmt.Sprint("answer ", n), h...), nil
	}
}

var errRefused = &originError{502}

// originError is an origin's failure as package upstream tells it.
type originError struct{ status int }

func (e *originError) Error() string    { return "scripted failure" }
func (e *originError) Status() int      { return e.status }
func (e *originError) Sentence() string { return "The origin failed as scripted." }

var errVanished = errors.New("the viewer has vanished")

// stored returns the object under the key of a GET of path.
func (n *network) stored(uri string) *cache.Object {
	x := n.edge.newExchange()
	x.receive(n.request("GET", uri))
	if f := x.route(); f != nil {
		n.t.Fatal(f.sentence)
	}
	return n.edge.store.Get(x.key, x.selects)
}
