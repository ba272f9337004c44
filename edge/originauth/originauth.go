// Package originauth signs requests to origins that have an origin access control or,
// as older configurations do, an origin access identity (beliefs 80 and 460).
//
// A request that is to be signed goes through [Sign], which says whether it is at
// all, and takes from it what a viewer must not have signed for; a [Signer], such as
// [S3], then adds the signature.
package originauth

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/sigv4"
)

// Signer signs a request to an origin on behalf of whom that ARN names: the
// distribution, or the origin access identity.
type Signer interface {
	Sign(r *message.Request, o *origins.Origin, arn string, now time.Time) error
}

// Sign signs a request to an origin of a plan that has an access control or identity.
// Fields that speak to S3 are not taken from viewers then: they would be signed for. s
// may be nil where no origin has either.
func Sign(s Signer, r *message.Request, plan *cdn.Plan, o *origins.Origin) error {
	arn := asks(r, plan, o)
	if arn == "" {
		return nil
	}
	if s == nil {
		return fmt.Errorf("the origin %q has an access control or identity, and this edge has no key to sign with", o.ID)
	}
	r.Header.Filter(func(f message.Field) bool {
		return !strings.HasPrefix(strings.ToLower(f.Name), "x-amz-") || strings.EqualFold(f.Name, "X-Amz-Cf-Id")
	})
	// Signatures go by the real clock, whatever freshness goes by.
	return s.Sign(r, o, arn, time.Now())
}

// asks is the ARN of whom a request is signed for, "" where it is not signed. Of the
// two, of which the API takes one, the control goes first. An identity has no signing
// behavior: it signs always, and what the viewer authorized with does not reach the
// bucket.
func asks(r *message.Request, plan *cdn.Plan, o *origins.Origin) string {
	ac := o.AccessControl
	switch {
	case o.Kind != origins.S3:
	case ac != nil && ac.SigningBehavior != "never" && (ac.SigningBehavior != "no-override" || !r.Header.Has("Authorization")):
		return plan.ARN
	case ac == nil && o.AccessIdentity != nil:
		return o.AccessIdentity.ARN()
	}
	return ""
}

// S3 signs requests to buckets with the cluster's key for origin access, and names in a
// signed field the distribution on whose behalf they are made, by which a bucket's
// policy allows it (aws:SourceArn), or the origin access identity, which is the
// principal then.
type S3 struct {
	Credentials sigv4.Credentials
	// Region is that of buckets whose host name does not say. Empty: us-east-1.
	Region string
}

// SourceARN is the field that names the distribution or the identity.
const SourceARN = "X-Amz-Source-Arn"

// Sign implements Signer.
func (s S3) Sign(r *message.Request, o *origins.Origin, arn string, now time.Time) error {
	path, err := url.PathUnescape(r.Path)
	if err != nil {
		return fmt.Errorf("signing the path %q: %w", r.Path, err)
	}
	hr := &http.Request{Method: r.Method, Host: r.Host, Header: http.Header{}, URL: &url.URL{Path: path, RawQuery: r.Query}}
	for _, f := range r.Header {
		hr.Header.Add(f.Name, f.Value)
	}
	hr.Header.Set(SourceARN, arn)
	payload := sigv4.EmptySHA256
	if r.Length != 0 {
		payload = sigv4.UnsignedPayload
	}
	sigv4.Sign(hr, s.Credentials, sigv4.Scope{Region: s.region(o.Domain), Service: "s3"}, payload, now)
	for _, name := range [...]string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-Sha256", SourceARN} {
		if v := hr.Header.Get(name); v != "" {
			r.Header.Set(name, v)
		}
	}
	return nil
}

// region is the one a bucket's host name tells: demo.s3.eu-west-1.amazonaws.com.
func (s S3) region(host string) string {
	labels := strings.Split(strings.TrimSuffix(host, ".amazonaws.com"), ".")
	if n := len(labels); n > 2 && labels[n-2] == "s3" {
		return labels[n-1]
	}
	if s.Region != "" {
		return s.Region
	}
	return "us-east-1"
}
