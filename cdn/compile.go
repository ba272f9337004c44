package cdn

import (
	"slices"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn/document"
	"github.com/warmfront/warmfront/cdn/functions"
	"github.com/warmfront/warmfront/cdn/logs"
	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/cdn/paths"
	"github.com/warmfront/warmfront/cdn/policies"
	"github.com/warmfront/warmfront/cdn/restriction"
)

// Distribution is a web distribution as the journal keeps it: the configuration
// document whole, as received, and what control assigned.
type Distribution struct {
	ID              string            `json:"id"`
	ARN             string            `json:"arn"`
	Domain          string            `json:"domain"`
	CallerReference string            `json:"caller_reference"`
	ETag            string            `json:"etag"`
	LastModified    time.Time         `json:"last_modified"`
	Tags            map[string]string `json:"tags,omitempty"`
	// Config is the DistributionConfig document.
	Config string `json:"config"`

	// Version is the journal version of its last change.
	Version Version `json:"-"`
}

// Compile makes the Plan of a distribution. Its errors are *Error, with
// CloudFront's codes: a configuration it refuses is never put in the journal.
func Compile(d *Distribution, res Resources) (*Plan, error) { return compile(d, res, false) }

func compile(d *Distribution, res Resources, lenient bool) (*Plan, error) {
	doc, err := parse(d.Config)
	if err != nil {
		return nil, err
	}
	if doc.Name != "DistributionConfig" {
		return nil, Errorf("MalformedXML", "The document is a %s, not a DistributionConfig.", doc.Name)
	}
	p := &Plan{
		ID: d.ID, ARN: d.ARN, Domain: strings.ToLower(d.Domain), Version: d.Version,
		Enabled: doc.Bool("Enabled"), IPv6: doc.Bool("IsIPV6Enabled"),
		DefaultRootObject: doc.String("DefaultRootObject"), Staging: doc.Bool("Staging"),
		HTTPVersion: strings.ToLower(doc.String("HttpVersion")),
	}
	if strings.HasPrefix(p.DefaultRootObject, "/") {
		return nil, Errorf("InvalidDefaultRootObject", "The default root object %q must not begin with a slash.", p.DefaultRootObject)
	}
	if p.HTTPVersion == "" {
		p.HTTPVersion = "http2"
	}
	if d.Tags[CachingTag] == CachingTagRFC9111 {
		p.Caching = CachingRFC9111
	}
	p.WhenIsolated = whenIsolated(d)
	if p.PriceClass, err = ParsePriceClass(doc.String("PriceClass")); err != nil {
		return nil, err
	}
	for _, a := range doc.Texts("Aliases") {
		p.Aliases = append(p.Aliases, strings.ToLower(strings.TrimSuffix(a, ".")))
	}
	c := &compiler{resources: res, arn: d.ARN, lenient: lenient, made: map[ResourceRef]any{}}
	for _, step := range []func(*document.Element, *Plan, *compiler) error{compileOrigins, compileBehaviors, compileErrorResponses, compileCacheTags, compileDeployment} {
		if err := step(doc, p, c); err != nil {
			return nil, err
		}
	}
	if p.Countries, err = restriction.Compile(doc.At("Restrictions", "GeoRestriction")); err != nil {
		return nil, err
	}
	p.Logging = logs.CompileStandard(doc.Child("Logging"))
	// Kept and given back, with nothing for an edge or a router to do.
	doc.At("CallerReference")
	doc.At("Comment")
	if doc.Bool("ViewerCertificate", "CloudFrontDefaultCertificate") {
		doc.At("ViewerCertificate", "SSLSupportMethod") // means nothing then
	}
	p.SecurityPolicy = doc.String("ViewerCertificate", "MinimumProtocolVersion")
	if p.SecurityPolicy == "" || doc.Bool("ViewerCertificate", "CloudFrontDefaultCertificate") {
		p.SecurityPolicy = "TLSv1"
	}
	doc.At("ViewerCertificate", "CertificateSource")
	if err := compileCertificate(doc, p, c); err != nil {
		return nil, err
	}
	p.Uses = uniqueRefs(c.uses)
	p.Ignored = ignored(doc)
	return p, nil
}

// ignored lists the fields that say something and were not read, without the
// root's name, each once, in the document's order.
func ignored(doc *document.Element) []string {
	var out []string
	for _, path := range doc.Unread() {
		path = strings.TrimPrefix(path, doc.Name+"/")
		if strings.HasSuffix(path, "/Quantity") || slices.Contains(out, path) {
			continue
		}
		out = append(out, path)
	}
	return out
}

func compileOrigins(doc *document.Element, p *Plan, c *compiler) (err error) {
	if p.Origins, err = origins.Compile(doc, c, c.lenient); err != nil {
		return err
	}
	p.groups, err = origins.CompileGroups(doc, p.Origins, c.lenient)
	return err
}

func compileBehaviors(doc *document.Element, p *Plan, c *compiler) error {
	for _, e := range doc.Items("CacheBehaviors") {
		b, err := compileBehavior(e, p, c)
		if err != nil {
			return err
		}
		pattern := e.String("PathPattern")
		if pattern == "" || len(pattern) > 255 {
			return Errorf("InvalidArgument", "The path pattern %q must have 1 to 255 characters.", pattern)
		}
		b.Pattern = paths.NormalEscapes(pattern) // as are the paths it is compared with
		if slices.ContainsFunc(p.Behaviors, func(x Behavior) bool { return x.Pattern == b.Pattern }) {
			return Errorf("InvalidArgument", "The path pattern %q is used by more than one cache behavior.", pattern)
		}
		p.Behaviors = append(p.Behaviors, b)
	}
	e := doc.Child("DefaultCacheBehavior")
	if e == nil {
		return Errorf("InvalidArgument", "The configuration has no DefaultCacheBehavior.")
	}
	b, err := compileBehavior(e, p, c)
	b.Pattern = "*"
	p.Behaviors = append(p.Behaviors, b)
	return err
}

func compileBehavior(e *document.Element, p *Plan, c *compiler) (Behavior, error) {
	b := Behavior{Compress: e.Bool("Compress")}
	var err error
	if b.Origin, b.Failover, err = origins.Find(e.String("TargetOriginId"), p.Origins, p.groups); err != nil {
		return b, err
	}
	switch policy := e.String("ViewerProtocolPolicy"); policy {
	case "allow-all":
		b.ViewerProtocol = AllowAll
	case "redirect-to-https":
		b.ViewerProtocol = RedirectToHTTPS
	case "https-only":
		b.ViewerProtocol = HTTPSOnly
	default:
		return b, Errorf("InvalidArgument", "The viewer protocol policy %q is not one of allow-all, https-only, redirect-to-https.", policy)
	}
	if err := compileMethods(e, &b); err != nil {
		return b, err
	}
	if err := compileCaching(e, &b, c); err != nil {
		return b, err
	}
	err = compileBeyond(e, &b, c)
	return b, err
}

func compileCaching(e *document.Element, b *Behavior, c *compiler) error {
	policy, err := use(c, ResourceCachePolicy, e.String("CachePolicyId"), byID(policies.CompileCache))
	if err != nil {
		return err
	}
	if policy == nil {
		return compileForwardedValues(e, b)
	}
	b.Cache = *policy
	if b.OriginRequest, err = use(c, ResourceOriginRequestPolicy, e.String("OriginRequestPolicyId"), byID(policies.CompileOriginRequest)); err != nil {
		return err
	}
	b.Forward = policies.Forwards(policy, b.OriginRequest)
	return nil
}

// compileBeyond reads what a behavior has besides the rules for the cache.
func compileBeyond(e *document.Element, b *Behavior, c *compiler) (err error) {
	if b.ResponseHeaders, err = use(c, ResourceResponseHeadersPolicy, e.String("ResponseHeadersPolicyId"), byID(policies.CompileResponseHeaders)); err != nil {
		return err
	}
	if b.Private, b.Signers, err = c.signers(e); err != nil {
		return err
	}
	for _, f := range e.Items("FunctionAssociations") {
		if err := compileFunctionAssociation(f, b, c); err != nil {
			return err
		}
	}
	b.Lambdas = functions.Associated(e.Child("LambdaFunctionAssociations"))
	id := ARNResource(ResourceRealtimeLogConfig, e.String("RealtimeLogConfigArn"))
	if b.Realtime, err = use(c, ResourceRealtimeLogConfig, id, compileRealtime); err != nil {
		return err
	}
	b.Encryption, err = c.encryption(e.String("FieldLevelEncryptionId"))
	return err
}

func compileRealtime(e *document.Element, _ *Resource) (*logs.Realtime, error) {
	return logs.CompileRealtime(e), nil
}

func compileFunctionAssociation(e *document.Element, b *Behavior, c *compiler) error {
	arn := e.String("FunctionARN")
	name := ARNResource(ResourceFunction, arn)
	if name == "" && !c.lenient {
		return Errorf("InvalidFunctionAssociation", "The function ARN %.200q is not that of a function.", arn)
	}
	f, err := use(c, ResourceFunction, name, compileFunction)
	if err != nil {
		return err
	}
	event := e.String("EventType")
	at := map[string]**functions.Function{"viewer-request": &b.ViewerRequest, "viewer-response": &b.ViewerResponse}[event]
	switch {
	case f == nil || c.lenient && (at == nil || *at != nil):
	case at == nil:
		return Errorf("InvalidFunctionAssociation", "A function can be associated with viewer-request and viewer-response, not with %.100q.", event)
	case *at != nil:
		return Errorf("InvalidFunctionAssociation", "More than one function is associated with %s.", event)
	default:
		*at = f
	}
	return nil
}

func compileMethods(e *document.Element, b *Behavior) error {
	b.AllowedMethods = e.Texts("AllowedMethods")
	b.CachedMethods = e.Texts("AllowedMethods", "CachedMethods")
	if len(b.AllowedMethods) == 0 {
		b.AllowedMethods = []string{"GET", "HEAD"}
	}
	if len(b.CachedMethods) == 0 {
		b.CachedMethods = []string{"GET", "HEAD"}
	}
	allowed := map[int][]string{
		2: {"GET", "HEAD"}, 3: {"GET", "HEAD", "OPTIONS"},
		7: {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"},
	}
	for _, set := range []struct {
		name    string
		methods []string
		most    int
	}{{"allowed", b.AllowedMethods, 7}, {"cached", b.CachedMethods, 3}} {
		valid := len(set.methods) <= set.most && allowed[len(set.methods)] != nil
		for _, m := range allowed[len(set.methods)] {
			valid = valid && slices.Contains(set.methods, m)
		}
		if !valid {
			return Errorf("InvalidArgument", "The %s methods %v are not a set that CloudFront supports.", set.name, set.methods)
		}
	}
	return nil
}

// compileForwardedValues turns the legacy settings into a cache policy of their
// own: MinTTL, DefaultTTL, MaxTTL and ForwardedValues of the behavior.
func compileForwardedValues(e *document.Element, b *Behavior) error {
	fv := e.Child("ForwardedValues")
	if fv == nil {
		return Errorf("InvalidArgument", "The cache behavior has neither CachePolicyId nor ForwardedValues.")
	}
	least, def, most, err := policies.CompileTTLs(e)
	if err != nil {
		return err
	}
	c := policies.Cache{
		Name: "ForwardedValues", Legacy: true,
		MinTTL: seconds(least), DefaultTTL: seconds(def), MaxTTL: seconds(most),
		Gzip: e.Bool("Compress"), // and never Brotli (developer guide, "Serve compressed files")
	}
	if fv.Bool("QueryString") {
		c.Query.Mode = policies.SelectAll
		if names := fv.Texts("QueryStringCacheKeys"); len(names) > 0 {
			c.Query = policies.Selection{Mode: policies.SelectNames, Names: names}
		}
	}
	if c.Headers = (policies.Selection{Mode: policies.SelectNames, Names: fv.Texts("Headers")}); len(c.Headers.Names) == 0 {
		c.Headers = policies.Selection{}
	} else if slices.Contains(c.Headers.Names, "*") {
		c.Headers = policies.Selection{Mode: policies.SelectAll}
	}
	switch forward := fv.String("Cookies", "Forward"); forward {
	case "all":
		c.Cookies.Mode = policies.SelectAll
	case "whitelist":
		c.Cookies = policies.Selection{Mode: policies.SelectNames, Names: fv.Texts("Cookies", "WhitelistedNames")}
	case "none", "":
	default:
		return Errorf("InvalidForwardCookies", "Forward cookies %q is not one of none, whitelist, all.", forward)
	}
	b.Cache, b.Forward = c, policies.Forwards(&c, nil)
	if fv.Bool("QueryString") {
		// All of it, even where only some parameters are part of the key (developer guide,
		// "Cache content based on query string parameters").
		b.Forward.Query = policies.Selection{Mode: policies.SelectAll}
	}
	return nil
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }

func compileErrorResponses(doc *document.Element, p *Plan, _ *compiler) error {
	for _, e := range doc.Items("CustomErrorResponses") {
		code, err1 := e.Int(0, "ErrorCode")
		response, err2 := e.Int(0, "ResponseCode")
		ttl, err3 := e.Int(10, "ErrorCachingMinTTL")
		r := ErrorResponse{Code: int(code), PagePath: e.String("ResponsePagePath"), ResponseCode: int(response), MinTTL: seconds(ttl)}
		if err1 != nil || err2 != nil || err3 != nil || ttl < 0 ||
			!slices.Contains([]int{400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504}, r.Code) {
			return Errorf("InvalidErrorCode", "The error code %d cannot have a custom error response.", r.Code)
		}
		if (r.PagePath == "") != (r.ResponseCode == 0) || r.PagePath != "" && !strings.HasPrefix(r.PagePath, "/") {
			return Errorf("InvalidResponseCode", "The custom error response for %d needs both a page path that begins with a slash and a response code, or neither.", r.Code)
		}
		p.ErrorResponses = append(p.ErrorResponses, r)
	}
	return nil
}
