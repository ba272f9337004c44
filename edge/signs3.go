package edge

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/sigv4"
)

// S3Signer signs requests to buckets with the cluster's key for origin access,
// and names the distribution on whose behalf they are made in a signed field: a
// bucket's policy allows it by that (aws:SourceArn).
type S3Signer struct {
	Credentials sigv4.Credentials
	// Region is that of buckets whose host name does not say. Empty: us-east-1.
	Region string
}

// SourceARN is the field that names the distribution.
const SourceARN = "X-Amz-Source-Arn"

// Sign implements Signer.
func (s S3Signer) Sign(r *message.Request, o *cdn.Origin, arn string, now time.Time) error {
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
func (s S3Signer) region(host string) string {
	labels := strings.Split(strings.TrimSuffix(host, ".amazonaws.com"), ".")
	if n := len(labels); n > 2 && labels[n-2] == "s3" {
		return labels[n-1]
	}
	if s.Region != "" {
		return s.Region
	}
	return "us-east-1"
}
