package reroute

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn/origins"
)

// Update is what is changed of an origin. What is left out is nil, and inherited.
type Update struct {
	DomainName *string `json:"domainName,omitempty"`
	Overrides
	OriginPath *string `json:"originPath,omitempty"`
	// CustomHeaders replace those of the origin, by names in lower case.
	CustomHeaders map[string]string `json:"customHeaders,omitzero"`
	Attempts      *int              `json:"connectionAttempts,omitempty"`
	Shield        *Shield           `json:"originShield,omitempty"`
	AccessControl *AccessControl    `json:"originAccessControlConfig,omitempty"`
	Timeouts      Timeouts          `json:"timeouts,omitzero"`
	Custom        *Custom           `json:"customOriginConfig,omitempty"`
}

// Shield is an Origin Shield.
type Shield struct {
	Enabled *bool  `json:"enabled"`
	Region  string `json:"region,omitempty"`
}

// AccessControl is an origin access control.
type AccessControl struct {
	Enabled         *bool  `json:"enabled"`
	SigningBehavior string `json:"signingBehavior,omitempty"`
	SigningProtocol string `json:"signingProtocol,omitempty"`
	OriginType      string `json:"originType,omitempty"`
}

// Timeouts are in seconds.
type Timeouts struct {
	Read       *int `json:"readTimeout,omitempty"`
	Completion *int `json:"responseCompletionTimeout,omitempty"`
	Keepalive  *int `json:"keepAliveTimeout,omitempty"`
	Connection *int `json:"connectionTimeout,omitempty"`
}

// Custom is how a custom origin is spoken to.
type Custom struct {
	Port     int      `json:"port"`
	Protocol string   `json:"protocol"` // "http" or "https"
	TLS      []string `json:"sslProtocols"`
	// Addresses is "ipv4", "ipv6" or "dualstack"; "": as before.
	Addresses string `json:"ipAddressType,omitempty"`
}

func (u *Update) check() error {
	if d := u.DomainName; d != nil && (!isDomain(*d) || IsBucket(*d) && (len(*d) > maxBucketDomain || *d != strings.ToLower(*d))) {
		return fmt.Errorf("the domainName %.100q is no domain name without a port, or none of a bucket in lower case", *d)
	}
	if p := u.OriginPath; p != nil && *p != "" && (!strings.HasPrefix(*p, "/") || strings.HasSuffix(*p, "/") || len(*p) > 255 ||
		strings.ContainsAny(*p, "?#") || strings.ContainsFunc(*p, func(r rune) bool { return r <= ' ' || r >= 0x7f })) {
		return fmt.Errorf("the originPath %.100q does not begin with a slash, ends with one, or is not URL-encoded", *p)
	}
	if n := u.Attempts; n != nil && (*n < 1 || *n > 3) {
		return fmt.Errorf("connectionAttempts is %d, not from 1 to 3", *n)
	}
	for _, check := range []func() error{u.checkHeaders, u.Overrides.check, u.Shield.check, u.AccessControl.check, u.Timeouts.check, u.checkCustom} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// The quotas of an origin's custom headers (developer guide, "Quotas").
const (
	maxHeaders, maxHeadersTotal   = 30, 10240
	maxHeaderName, maxHeaderValue = 256, 1783
)

func (u *Update) checkHeaders() error {
	total := 0
	for name, value := range u.CustomHeaders {
		total += len(name) + len(value)
		switch {
		case !isHeader(name) || len(name) > maxHeaderName:
			return fmt.Errorf("the customHeaders have the name %.100q, which is not that of a header in lower case", name)
		case denied(name):
			return fmt.Errorf("the customHeaders have %s, which cannot be added to requests to origins", name)
		case len(value) > maxHeaderValue || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
			return fmt.Errorf("the customHeaders have %s with a value that no header may have", name)
		}
	}
	if len(u.CustomHeaders) > maxHeaders || total > maxHeadersTotal {
		return fmt.Errorf("there are too many customHeaders: %d, of %d characters", len(u.CustomHeaders), total)
	}
	return nil
}

// isHeader reports whether a name may be a field's (RFC 9110 section 5.6.2), in lower case.
func isHeader(s string) bool {
	for n := range len(s) {
		if c := s[n]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}

// denied lists what cannot be added (developer guide, "Custom headers that CloudFront can't
// add to origin requests" and "Restrictions on all edge functions").
func denied(name string) bool {
	switch name {
	case "cache-control", "connection", "content-length", "cookie", "expect", "host", "if-match", "if-modified-since", "if-none-match", "if-range",
		"if-unmodified-since", "keep-alive", "max-forwards", "pragma", "range", "request-range", "te", "trailer", "transfer-encoding", "upgrade", "via",
		"x-cache", "x-forwarded-proto", "x-real-ip":
		return true
	}
	return slices.ContainsFunc([]string{"proxy-", "x-amz-", "x-amzn-", "x-edge-", "x-accel-", "warmfront-", "x-warmfront-"},
		func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

func (s *Shield) check() error {
	switch {
	case s == nil:
	case s.Enabled == nil:
		return errors.New("originShield has no enabled")
	case *s.Enabled && !slices.Contains(shieldRegions(), s.Region):
		return fmt.Errorf("the region %.100q of originShield is none of %s", s.Region, strings.Join(shieldRegions(), ", "))
	}
	return nil
}

// shieldRegions are those with an Origin Shield (developer guide, "Using Amazon CloudFront
// Origin Shield").
func shieldRegions() []string {
	return []string{"us-east-1", "us-east-2", "us-west-2", "ap-south-1", "ap-northeast-1", "ap-northeast-2",
		"ap-southeast-1", "ap-southeast-2", "eu-central-1", "eu-west-1", "eu-west-2", "sa-east-1"}
}

func (a *AccessControl) check() error {
	switch {
	case a == nil:
	case a.Enabled == nil:
		return errors.New("originAccessControlConfig has no enabled")
	case !*a.Enabled:
	case !slices.Contains([]string{"always", "never", "no-override"}, a.SigningBehavior):
		return fmt.Errorf("the signingBehavior %.100q is none of always, never, no-override", a.SigningBehavior)
	case a.SigningProtocol != "sigv4":
		return fmt.Errorf("the signingProtocol %.100q is not sigv4", a.SigningProtocol)
	case !slices.Contains([]string{"s3", "mediapackagev2", "mediastore", "lambda"}, a.OriginType):
		return fmt.Errorf("the originType %.100q is none of s3, mediapackagev2, mediastore, lambda", a.OriginType)
	}
	return nil
}

func (t *Timeouts) check() error {
	for _, x := range []struct {
		name  string
		value *int
		most  int
	}{
		{"readTimeout", t.Read, 120}, {"keepAliveTimeout", t.Keepalive, 120}, {"connectionTimeout", t.Connection, 10},
		{"responseCompletionTimeout", t.Completion, 365 * 86400},
	} {
		if x.value != nil && (*x.value < 1 || *x.value > x.most) {
			return fmt.Errorf("%s is %d, not from 1 to %d seconds", x.name, *x.value, x.most)
		}
	}
	return nil
}

func (u *Update) checkCustom() error {
	c := u.Custom
	if c == nil {
		return nil
	}
	switch {
	case c.Port != 80 && c.Port != 443 && (c.Port < 1024 || c.Port > 65535):
		return fmt.Errorf("the port %d of customOriginConfig is not 80, 443 or from 1024 to 65535", c.Port)
	case c.Protocol != "http" && c.Protocol != "https":
		return fmt.Errorf("the protocol %.100q of customOriginConfig is neither http nor https", c.Protocol)
	case c.Addresses != "" && !slices.Contains([]string{"ipv4", "ipv6", "dualstack"}, c.Addresses):
		return fmt.Errorf("the ipAddressType %.100q is none of ipv4, ipv6, dualstack", c.Addresses)
	case c.Addresses != "" && u.DomainName == nil:
		return errors.New("an ipAddressType goes with a domainName")
	}
	versions, err := versionsOf(c.TLS)
	if err == nil && len(versions) == 0 {
		err = errors.New("the sslProtocols of customOriginConfig have none that is spoken: add TLSv1.2")
	}
	return err
}

// versionsOf are the versions of TLS by their names, as origins.Origin has them: TLS 1.3 is
// spoken with whoever speaks 1.2, SSLv3 with nobody.
func versionsOf(names []string) (all []uint16, err error) {
	for _, name := range names {
		switch name {
		case "SSLv3":
		case "TLSv1":
			all = append(all, 0x0301)
		case "TLSv1.1":
			all = append(all, 0x0302)
		case "TLSv1.2":
			all = append(all, 0x0303, 0x0304)
		default:
			return nil, fmt.Errorf("the sslProtocols have %.100q, which is none of SSLv3, TLSv1, TLSv1.1, TLSv1.2", name)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// IsBucket reports whether a domain name is that of a bucket's REST endpoint; a bucket's
// website is a custom origin (developer guide, "Using an Amazon S3 bucket").
func IsBucket(name string) bool {
	rest, ok := strings.CutSuffix(strings.ToLower(name), ".amazonaws.com")
	if !ok {
		return false
	}
	for i, l := range strings.Split(rest, ".") {
		if i > 0 && (l == "s3" || strings.HasPrefix(l, "s3-") && !strings.HasPrefix(l, "s3-website")) {
			return true
		}
	}
	return false
}

// apply makes an origin of the one that the request would go to.
func (u *Update) apply(was *origins.Origin) (*origins.Origin, error) {
	o := *was
	if u.DomainName != nil {
		o.Domain = strings.ToLower(*u.DomainName)
		o.Host, o.SNI, o.CertificateNames = o.Domain, "", nil // not the viewer's Host, whatever is forwarded (570)
		become(&o, IsBucket(o.Domain))
	}
	if u.OriginPath != nil {
		o.Path = *u.OriginPath
	}
	if u.CustomHeaders != nil {
		o.CustomHeaders = nil
		for name, value := range u.CustomHeaders {
			o.CustomHeaders = append(o.CustomHeaders, origins.HeaderField{Name: capitals(name), Value: value})
		}
		slices.SortFunc(o.CustomHeaders, func(a, b origins.HeaderField) int { return strings.Compare(a.Name, b.Name) })
	}
	if u.Attempts != nil {
		o.ConnectAttempts = *u.Attempts
	}
	if s := u.Shield; s != nil {
		if o.Shield = ""; *s.Enabled {
			o.Shield = s.Region
		}
	}
	if err := u.AccessControl.apply(&o); err != nil {
		return nil, err
	}
	if err := u.Timeouts.apply(&o); err != nil {
		return nil, err
	}
	u.Custom.apply(&o)
	return &o, u.Overrides.apply(&o)
}

// become makes an origin one of a bucket, or a custom one. What the other kind does not have
// begins as the API has it where nothing is said.
func become(o *origins.Origin, bucket bool) {
	switch {
	case bucket && o.Kind != origins.S3:
		o.Kind, o.HTTPPort, o.HTTPSPort, o.TLS = origins.S3, 80, 443, nil
	case !bucket && o.Kind == origins.S3:
		o.Kind, o.Protocol, o.HTTPPort, o.HTTPSPort = origins.Custom, origins.MatchViewer, 80, 443
		o.AccessControl, o.AccessIdentity = nil, nil
	}
}

func (a *AccessControl) apply(o *origins.Origin) error {
	if a == nil {
		return nil
	}
	if o.AccessControl, o.AccessIdentity = nil, nil; !*a.Enabled {
		return nil
	}
	if (a.OriginType == "s3") != (o.Kind == origins.S3) {
		return fmt.Errorf("the originType %s of originAccessControlConfig is not that of the origin %s", a.OriginType, o.Domain)
	}
	o.AccessControl = &origins.AccessControl{OriginType: a.OriginType, SigningBehavior: a.SigningBehavior, SigningProtocol: a.SigningProtocol}
	return nil
}

func (t *Timeouts) apply(o *origins.Origin) error {
	for _, x := range []struct {
		from *int
		to   *time.Duration
	}{{t.Read, &o.ReadTimeout}, {t.Completion, &o.CompletionTimeout}, {t.Keepalive, &o.KeepaliveTimeout}, {t.Connection, &o.ConnectTimeout}} {
		if x.from != nil {
			*x.to = time.Duration(*x.from) * time.Second
		}
	}
	if t.Completion != nil && o.CompletionTimeout < o.ReadTimeout {
		return fmt.Errorf("responseCompletionTimeout is less than readTimeout, %.0f seconds", o.ReadTimeout.Seconds())
	}
	return nil
}

// apply says how a custom origin is spoken to; buckets ignore it.
func (c *Custom) apply(o *origins.Origin) {
	if c == nil || o.Kind == origins.S3 {
		return
	}
	if o.Protocol = origins.HTTPOnly; c.Protocol == "https" {
		o.Protocol, o.HTTPSPort = origins.HTTPSOnly, uint16(c.Port)
	} else {
		o.HTTPPort = uint16(c.Port)
	}
	o.TLS, _ = versionsOf(c.TLS) // which was checked
	if c.Addresses != "" {
		o.Addresses = strings.TrimPrefix(c.Addresses, "dualstack")
	}
}

// capitals is a header's name with the first letter of each word capital.
func capitals(name string) string {
	b, up := []byte(name), true
	for n, c := range b {
		if up && c >= 'a' && c <= 'z' {
			b[n] = c - 'a' + 'A'
		}
		up = c == '-'
	}
	return string(b)
}
