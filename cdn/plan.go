package cdn

import (
	"slices"
	"time"

	"github.com/warmfront/warmfront/cdn/deployment"
	"github.com/warmfront/warmfront/cdn/fieldlevel"
	"github.com/warmfront/warmfront/cdn/functions"
	"github.com/warmfront/warmfront/cdn/logs"
	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/cdn/paths"
	"github.com/warmfront/warmfront/cdn/policies"
	"github.com/warmfront/warmfront/cdn/restriction"
	"github.com/warmfront/warmfront/cdn/signer"
)

// Plan is what edges and routers see of a distribution: small, immutable, with
// every reference resolved and every default filled in. Compile makes it; nobody
// changes it.
type Plan struct {
	ID      string
	ARN     string
	Domain  string   // "d….warmfront.test"
	Aliases []string // lower case; the first label may be "*"
	// Version is the journal version of the distribution's last change.
	Version           Version
	Enabled           bool
	PriceClass        PriceClass
	IPv6              bool
	DefaultRootObject string // without a leading slash; "" for none
	HTTPVersion       string // "http1.1", "http2", "http3", "http2and3"
	// SecurityPolicy is the MinimumProtocolVersion of the viewers' certificate, such as
	// "TLSv1.2_2021"; that of CloudFront's own certificate is "TLSv1" (API,
	// ViewerCertificate).
	SecurityPolicy string
	// Certificate is what viewers who ask for an alias are shown; nil is one of the
	// network's own authority.
	Certificate *ViewerCertificate
	// Countries limits who is served; its zero value is nobody's limit.
	Countries    restriction.Countries
	Caching      Caching
	WhenIsolated WhenIsolated
	Origins      []origins.Origin
	// CacheTagHeader names the field of origins' answers that has an object's cache
	// tags; "" where the distribution reads none.
	CacheTagHeader string
	// Logging is where standard logs (legacy) go; nil: nowhere.
	Logging *logs.Standard
	// Behaviors are in the order they are tried; the default is the last and has
	// the pattern "*".
	Behaviors      []Behavior
	ErrorResponses []ErrorResponse
	// Staging is set on a staging distribution: it answers to no name of its own, but for
	// those of a primary one whose Deployment names it.
	Staging bool
	// Deployment is the continuous deployment policy of a primary distribution; nil for
	// none.
	Deployment *deployment.Policy
	// Uses lists the resources that the configuration refers to, directly or by way of
	// another, those that are missing included; sorted.
	Uses   []ResourceRef
	groups []origins.Group
	// Ignored lists the fields of the configuration that say something on which
	// this release does not act, as paths into the document.
	Ignored []string
}

// Caching says by whose rules a distribution caches.
type Caching int

// CloudFront's rules are the default; a distribution tagged
// "warmfront:caching=rfc9111" follows RFC 9111 where the two differ.
const (
	CachingCloudFront Caching = iota
	CachingRFC9111
)

// CachingTag is the tag's key, and CachingTagRFC9111 the value that chooses RFC 9111.
const (
	CachingTag        = "warmfront:caching"
	CachingTagRFC9111 = "rfc9111"
)

// ViewerProtocol is a behavior's viewer protocol policy.
type ViewerProtocol int

// The viewer protocol policies.
const (
	AllowAll ViewerProtocol = iota
	RedirectToHTTPS
	HTTPSOnly
)

// Behavior is a cache behavior: the rules for the paths its pattern matches.
type Behavior struct {
	Pattern string
	// Origin is the one asked, or the primary one of Failover: an index into
	// Plan.Origins.
	Origin         int
	Failover       *origins.Failover // nil where the target is a single origin
	ViewerProtocol ViewerProtocol
	AllowedMethods []string
	CachedMethods  []string // GET, HEAD and perhaps OPTIONS
	Compress       bool     // answers are compressed on the fly, where the rules say so
	Cache          policies.Cache
	// Forward is what of a viewer's request the origin gets: what the cache key selects,
	// and what the origin request policy adds.
	Forward policies.Forwarding
	// The rest is nil where the behavior has none.
	OriginRequest   *policies.OriginRequest // as Forward has it
	ResponseHeaders *policies.ResponseHeaders
	// Private is set where viewers' requests must be signed, by a key of one of Signers: by
	// nobody's, if there is none.
	Private bool
	Signers []*signer.Signer
	// ViewerRequest and ViewerResponse are run at these events of viewers, unless Lambdas
	// are: never both.
	ViewerRequest, ViewerResponse *functions.Function
	Lambdas                       functions.Lambdas
	// Realtime is where real-time logs go; nil: nowhere.
	Realtime *logs.Realtime
	// Encryption has fields of forms encrypted before the origin sees them.
	Encryption *fieldlevel.Config
}

// HasViewerEvents reports whether anything runs when a viewer asks or is answered.
func (b *Behavior) HasViewerEvents() bool {
	return b.ViewerRequest != nil || b.ViewerResponse != nil || b.Lambdas.OfViewer()
}

// Allows reports whether viewers may use method.
func (b *Behavior) Allows(method string) bool { return slices.Contains(b.AllowedMethods, method) }

// Caches reports whether responses to method may be cached.
func (b *Behavior) Caches(method string) bool { return slices.Contains(b.CachedMethods, method) }

// ErrorResponse is a custom error response.
type ErrorResponse struct {
	Code         int
	PagePath     string // "" where only the TTL is set
	ResponseCode int    // 0 where the code stays
	// MinTTL is how long the error is cached at least (ErrorCachingMinTTL).
	MinTTL time.Duration
}

// DefaultErrorMinTTL is the ErrorCachingMinTTL of codes that have no custom error
// response.
const DefaultErrorMinTTL = 10 * time.Second

// Match returns the behavior for a viewer's path: the first whose pattern
// matches; the default matches everything.
func (p *Plan) Match(path string) *Behavior {
	for i := range p.Behaviors {
		if paths.Match(p.Behaviors[i].Pattern, path) {
			return &p.Behaviors[i]
		}
	}
	return &p.Behaviors[len(p.Behaviors)-1]
}

// ErrorMinTTL returns the ErrorCachingMinTTL that applies to an error code.
func (p *Plan) ErrorMinTTL(code int) time.Duration {
	for _, r := range p.ErrorResponses {
		if r.Code == code {
			return r.MinTTL
		}
	}
	return DefaultErrorMinTTL
}
