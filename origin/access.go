package origin

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/origin/policy"
	"github.com/warmfront/warmfront/origin/s3config"
	"github.com/warmfront/warmfront/origin/s3disk"
	"github.com/warmfront/warmfront/sigv4"
)

// serviceCloudFront is who a holder of an origin-access key is.
const serviceCloudFront = "cloudfront.amazonaws.com"

// serviceDelivery is who such a holder is that says so in ServiceHeader: what delivers
// access logs.
const serviceDelivery = "delivery.logs.amazonaws.com"

// authenticate finds out who asks: a signature is verified in full, and a
// request without one is anonymous. A wrong signature is never anonymous.
func (c *call) authenticate() error {
	signed, err := c.s.verify.Verify(c.r, "", c.now)
	if e := (*sigv4.Error)(nil); errors.As(err, &e) && e.Reason == sigv4.MissingAuthentication {
		return nil
	}
	if err != nil {
		return err
	}
	c.signed = signed
	key, ok := c.s.cfg.Keys.Lookup(signed.AccessKeyID)
	switch {
	case !ok: // taken away since the signature was verified
		return &sigv4.Error{Reason: sigv4.UnknownKey, AccessKeyID: signed.AccessKeyID}
	case key.Denied:
		return fault("AccessDenied", "Access Denied: the access key is for other services than s3.")
	case key.OriginAccess:
		c.who = originAccess(c.r.Header.Get(SourceARNHeader))
		if c.r.Header.Get(ServiceHeader) == serviceDelivery { // signed, as every x-amz-* header
			c.who = policy.Principal{Service: serviceDelivery}
		}
	default:
		c.who = policy.Principal{Account: c.s.cfg.Account}
	}
	return nil
}

// checkRegion refuses a signature for another region than the bucket's, and says which that is:
// clients then ask again (belief 401). Where the bucket is may be asked anywhere. Edges
// sign for the region that a configuration names, where the bucket of that name may
// not have been made here (difference 402).
func (c *call) checkRegion() error {
	want := c.state.Region
	if c.signed == nil || c.signed.Region == want || c.who.Account == "" || c.op.name == "GetBucketLocation" || c.op.name == "CreateBucket" {
		return nil
	}
	region := field{"Region", want}
	if c.signed.Presigned {
		return fault("AuthorizationQueryParametersError", fmt.Sprintf("Error parsing the X-Amz-Credential parameter; the region '%.64s' is wrong; expecting '%s'", c.signed.Region, want), region)
	}
	return fault("AuthorizationHeaderMalformed", fmt.Sprintf("The authorization header is malformed; the region '%.64s' is wrong; expecting '%s'", c.signed.Region, want), region)
}

// originAccess is who a request signed with a key for origin access is of: an origin
// access identity, where the signed header names one (belief 460), else CloudFront on
// behalf of a distribution. The signature covers every x-amz-* header, or it was refused.
func originAccess(arn string) policy.Principal {
	if identity := origins.IdentityOf(arn); identity != nil {
		return policy.Principal{User: arn, Canonical: identity.CanonicalUserID}
	}
	return policy.Principal{Service: serviceCloudFront}
}

// authorize decides whether the caller may do action to the bucket (key "") or
// to an object of it.
func (c *call) authorize(action, key string) error {
	return c.authorizeIn(c.state, c.policy, action, key)
}

// authorizeIn is authorize for a bucket other than the request's own, as the
// source of a copy may be.
func (c *call) authorizeIn(b *s3disk.Bucket, p *policy.Policy, action, key string) error {
	owner := c.who.Account == c.s.cfg.Account
	decision := policy.NoOpinion
	if p != nil {
		resource := "arn:aws:s3:::" + b.Name
		if key != "" {
			resource += "/" + key
		}
		decision = p.Evaluate(policy.Request{Principal: c.who, Action: action, Resource: resource, Context: c.conditionContext(b.Name, key)})
	}
	switch {
	// The account can always repair a policy that locks it out, as at S3.
	case owner && (action == "s3:GetBucketPolicy" || action == "s3:PutBucketPolicy" || action == "s3:DeleteBucketPolicy"):
		return nil
	case decision == policy.Deny:
	case owner:
		return nil
	case action == "s3:PutObject" && c.granted(b):
		return nil
	case decision != policy.Allow:
	case c.who.Anonymous() && p.Public() && publicAccess(b).RestrictPublicBuckets:
	default:
		return nil
	}
	return fault("AccessDenied", "")
}

// granted reports whether a distribution's standard logs (legacy) may be put into a
// bucket: where its ACLs are enabled, for CloudFront gives the log delivery a grant
// there when a distribution's logging is turned on (developer guide, "Configure
// standard logging (legacy)", Permissions; number 501).
func (c *call) granted(b *s3disk.Bucket) bool {
	return c.who.Service == serviceDelivery && strings.HasPrefix(c.r.Header.Get(SourceARNHeader), "arn:aws:cloudfront:") &&
		!s3config.ACLsDisabled(document(b, s3config.Ownership))
}

// missing is what a request for a key that is not there gets: whether it is
// there is told only to those who may list the bucket.
func (c *call) missing() error {
	if err := c.authorize("s3:ListBucket", ""); err != nil {
		return err
	}
	return fault("NoSuchKey", "", field{"Key", c.key})
}

// conditionContext holds the values of condition keys that this store knows;
// policy.Parse refuses policies that rest on other s3: keys.
func (c *call) conditionContext(bucket, key string) map[string][]string {
	if c.context == nil {
		c.context = c.requestContext()
	}
	context := c.context
	// Tags are the object's, everything else the request's.
	if info, err := c.s.disk.Head(bucket, key); key != "" && err == nil && info.Tags != "" {
		context = make(map[string][]string, len(c.context)+1)
		for k, v := range c.context {
			context[k] = v
		}
		for k, v := range parseTags(info.Tags) {
			context["s3:existingobjecttag/"+strings.ToLower(k)] = v
		}
	}
	return context
}

func (c *call) requestContext() map[string][]string {
	context := map[string][]string{}
	set := func(name, value string) {
		if value != "" {
			context[name] = []string{value}
		}
	}
	if ip, _, err := net.SplitHostPort(c.r.RemoteAddr); err == nil {
		set("aws:sourceip", ip)
	}
	set("aws:securetransport", strconv.FormatBool(c.r.TLS != nil))
	set("aws:currenttime", c.now.UTC().Format(time.RFC3339))
	set("aws:epochtime", strconv.FormatInt(c.now.Unix(), 10))
	set("aws:referer", c.r.Header.Get("Referer"))
	set("aws:useragent", c.r.Header.Get("User-Agent"))
	set("s3:prefix", c.query.Get("prefix"))
	set("s3:delimiter", c.query.Get("delimiter"))
	set("s3:max-keys", c.query.Get("max-keys"))
	for _, name := range []string{"x-amz-acl", "x-amz-content-sha256", "x-amz-copy-source", "x-amz-metadata-directive", "x-amz-server-side-encryption", "x-amz-storage-class"} {
		set("s3:"+name, c.r.Header.Get(name))
	}
	switch {
	case c.who.Anonymous():
		set("aws:principaltype", "Anonymous")
		return context
	case c.who.Service != "":
		// The signature covers every x-amz-* header, or it was refused.
		arn := c.r.Header.Get(SourceARNHeader)
		set("aws:sourcearn", arn)
		if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
			set("aws:sourceaccount", parts[4])
		}
		set("aws:principalisawsservice", "true")
		set("aws:principalservicename", c.who.Service)
	case c.who.User != "":
		set("aws:principalisawsservice", "false")
		set("aws:principaltype", "User")
		set("aws:principalarn", c.who.User)
	default:
		set("aws:principalisawsservice", "false")
		set("aws:principaltype", "Account")
		set("aws:principalaccount", c.who.Account)
		set("aws:principalarn", "arn:aws:iam::"+c.who.Account+":root")
	}
	set("s3:signatureversion", "AWS4-HMAC-SHA256")
	set("s3:signatureage", strconv.FormatInt(c.now.Sub(c.signed.Date).Milliseconds(), 10))
	set("s3:authtype", "REST-HEADER")
	if c.signed.Presigned {
		set("s3:authtype", "REST-QUERY-STRING")
	}
	return context
}

// policyCache keeps parsed policies: a document is parsed when it changes, not
// with every request.
type policyCache struct {
	mu sync.Mutex
	m  map[string]parsedPolicy
}

type parsedPolicy struct {
	state *s3disk.Bucket
	p     *policy.Policy
}

// of returns the policy of a bucket in this state, nil if it has none. States
// are immutable, so one pointer is one document.
func (pc *policyCache) of(b *s3disk.Bucket) (*policy.Policy, error) {
	doc := b.Documents[docPolicy]
	if doc == "" {
		return nil, nil
	}
	pc.mu.Lock()
	defer pc.mu.Unlock()
	if got, ok := pc.m[b.Name]; ok && got.state == b {
		return got.p, nil
	}
	p, err := policy.Parse(b.Name, []byte(doc))
	if err != nil {
		return nil, err
	}
	if pc.m == nil {
		pc.m = map[string]parsedPolicy{}
	}
	pc.m[b.Name] = parsedPolicy{b, p}
	return p, nil
}
