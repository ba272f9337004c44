package cdn

import (
	"slices"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn/document"
	"github.com/warmfront/warmfront/cdn/functions"
	"github.com/warmfront/warmfront/cdn/logs"
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
	c := &compiler{resources: res, lenient: lenient, made: map[ResourceRef]any{}}
	for _, step := range []func(*document.Element, *Plan, *compiler) error{compileOrigins, compileOriginGroups, compileBehaviors, compileErrorResponses, compileCacheTags, compileDeployment} {
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

func compileOrigins(doc *document.Element, p *Plan, c *compiler) error {
	for _, e := range doc.Items("Origins") {
		o, err := compileOrigin(e, c)
		if err != nil {
			return err
		}
		if p.origin(o.ID) >= 0 {
			return Errorf("InvalidArgument", "The origin id %q is used more than once.", o.ID)
		}
		p.Origins = append(p.Origins, o)
	}
	if len(p.Origins) == 0 {
		return Errorf("InvalidArgument", "A distribution needs at least one origin.")
	}
	return nil
}

func compileOrigin(e *document.Element, c *compiler) (Origin, error) {
	o := Origin{ID: e.String("Id"), Domain: strings.ToLower(e.String("DomainName")), Path: e.String("OriginPath")}
	if o.ID == "" || o.Domain == "" || strings.ContainsAny(o.Domain, "/ @?#") {
		return o, Errorf("InvalidOrigin", "The origin %q has the domain name %q, which is not a host name.", o.ID, o.Domain)
	}
	if o.Path != "" && (!strings.HasPrefix(o.Path, "/") || strings.HasSuffix(o.Path, "/")) {
		return o, Errorf("InvalidArgument", "The origin path %q must begin with a slash and not end with one.", o.Path)
	}
	for _, h := range e.Items("CustomHeaders") {
		o.CustomHeaders = append(o.CustomHeaders, HeaderField{h.String("HeaderName"), h.String("HeaderValue")})
	}
	if custom := e.Child("CustomOriginConfig"); custom != nil {
		if err := compileCustomOrigin(custom, &o, c.lenient); err != nil {
			return o, err
		}
	} else {
		o.Kind = OriginS3
		o.HTTPPort, o.HTTPSPort = 80, 443
		e.Child("S3OriginConfig")
	}
	var err error
	if o.AccessControl, err = use(c, ResourceAccessControl, e.String("OriginAccessControlId"), compileAccessControl); err != nil {
		return o, err
	}
	identity := e.String("S3OriginConfig", "OriginAccessIdentity")
	id := AccessIdentityID(identity)
	if identity != "" && id == "" && !c.lenient {
		return o, Errorf("InvalidOriginAccessIdentity", "The origin access identity %q does not have the form %sID.", identity, accessIdentityPrefix)
	}
	if o.AccessIdentity, err = use(c, ResourceAccessIdentity, id, compileAccessIdentity); err != nil {
		return o, err
	}
	if err := compileShield(e, &o, c.lenient); err != nil {
		return o, err
	}
	return o, compileOriginTimes(e, &o)
}

func compileCustomOrigin(e *document.Element, o *Origin, lenient bool) error {
	httpPort, err1 := e.Int(80, "HTTPPort")
	httpsPort, err2 := e.Int(443, "HTTPSPort")
	if err1 != nil || err2 != nil || !validPort(httpPort) || !validPort(httpsPort) {
		return Errorf("InvalidArgument", "The ports of the origin %q must be whole numbers from 1 to 65535.", o.ID)
	}
	o.HTTPPort, o.HTTPSPort = uint16(httpPort), uint16(httpsPort)
	switch policy := e.String("OriginProtocolPolicy"); policy {
	case "http-only":
		o.Protocol = OriginHTTPOnly
	case "https-only":
		o.Protocol = OriginHTTPSOnly
	case "match-viewer":
		o.Protocol = OriginMatchViewer
	default:
		return Errorf("InvalidArgument", "The origin protocol policy %q is not one of http-only, https-only, match-viewer.", policy)
	}
	return compileOriginTLS(e, o, lenient)
}

// compileOriginTLS reads OriginSslProtocols. TLS 1.3 has no name there: it is spoken
// with whoever speaks 1.2 (developer guide, "Supported protocols and ciphers between
// CloudFront and the origin").
func compileOriginTLS(e *document.Element, o *Origin, lenient bool) error {
	named := e.Texts("OriginSslProtocols")
	for _, name := range named {
		version, ok := map[string]uint16{"SSLv3": 0, "TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303}[name]
		if version > 0 {
			o.TLS = append(o.TLS, version)
		}
		if version == 0x0303 {
			o.TLS = append(o.TLS, 0x0304)
		}
		if !ok && !lenient {
			return Errorf("InvalidArgument", "The origin SSL protocol %q is not one of SSLv3, TLSv1, TLSv1.1, TLSv1.2.", name)
		}
	}
	if len(named) > 0 && len(o.TLS) == 0 && !lenient {
		return Errorf("InvalidArgument", "The origin %q is to be spoken to by SSLv3 alone, which is not spoken here: add TLSv1.2 to its OriginSslProtocols.", o.ID)
	}
	slices.Sort(o.TLS)
	o.TLS = slices.Compact(o.TLS)
	return nil
}

func validPort(n int64) bool { return n >= 1 && n <= 65535 }

// compileOriginTimes reads attempts and time-outs with CloudFront's defaults and
// ranges (developer guide, "Quotas").
func compileOriginTimes(e *document.Element, o *Origin) error {
	kind := "CustomOriginConfig"
	if o.Kind == OriginS3 {
		kind = "S3OriginConfig"
	}
	attempts, err := e.Int(3, "ConnectionAttempts")
	if err != nil || attempts < 1 || attempts > 3 {
		return Errorf("InvalidArgument", "The connection attempts of the origin %q must be 1, 2 or 3.", o.ID)
	}
	o.ConnectAttempts = int(attempts)
	for _, t := range []struct {
		to        *time.Duration
		def, most int64
		at        []string
		code      string
	}{
		{&o.ConnectTimeout, 10, 10, []string{"ConnectionTimeout"}, "InvalidArgument"},
		{&o.ReadTimeout, 30, 120, []string{kind, "OriginReadTimeout"}, "InvalidOriginReadTimeout"},
		{&o.KeepaliveTimeout, 5, 120, []string{"CustomOriginConfig", "OriginKeepaliveTimeout"}, "InvalidOriginKeepaliveTimeout"},
	} {
		n, err := e.Int(t.def, t.at...)
		if err != nil || n < 1 || n > t.most {
			return Errorf(t.code, "%s of the origin %q must be from 1 to %d seconds.", t.at[len(t.at)-1], o.ID, t.most)
		}
		*t.to = time.Duration(n) * time.Second
	}
	if whole, err := e.Int(0, "ResponseCompletionTimeout"); err == nil {
		const year = 365 * 86400
		o.CompletionTimeout = time.Duration(min(max(whole, 0), year)) * time.Second
	}
	return nil
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
	if err := compileTarget(e, p, &b); err != nil {
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
	err := compileBeyond(e, &b, c)
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
	groups := e.Child("TrustedKeyGroups")
	b.Private = groups.Bool("Enabled")
	for _, id := range groups.Texts() {
		if !b.Private {
			break
		}
		group, err := c.keyGroup(id)
		if err != nil {
			return err
		}
		if group != nil {
			b.KeyGroups = append(b.KeyGroups, group)
		}
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
