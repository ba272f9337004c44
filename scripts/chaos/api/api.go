// Package api calls CloudFront's API with AWS's own SDK, as far as a fault run needs it. It goes on working where the
// wall clock of whoever serves the API is days off.
package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"github.com/warmfront/warmfront/network/statefolder"
	"github.com/warmfront/warmfront/sigv4"
)

// ErrGone says that the API knows no such invalidation.
var ErrGone = errors.New("no such invalidation")

// Client calls the API.
type Client struct {
	sdk   *cloudfront.Client
	clock *atomic.Int64
	// distribution is the id of what Distribute made.
	distribution string
}

// New returns a client of the API at an endpoint, which calls by way of transport.
func New(endpoint string, key statefolder.AccessKey, transport http.RoundTripper) *Client {
	c := &Client{clock: &atomic.Int64{}}
	c.sdk = cloudfront.New(cloudfront.Options{
		Region: "us-east-1", BaseEndpoint: &endpoint, Retryer: aws.NopRetryer{},
		HTTPClient: &http.Client{Transport: resigner{transport, key, c.clock}, Timeout: 5 * time.Second},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}, nil
		}),
	})
	return c
}

// SetClock says how far the wall clock of the API's server is from this machine's.
func (c *Client) SetClock(d time.Duration) { c.clock.Store(int64(d)) }

// Managed cache policies: what the origin says, with compressed variants; and the query string too.
const (
	cachingOptimized = "658327ea-f89d-4fab-a63d-7e88639e58f6"
	cachingByQuery   = "4cc15a8a-d715-48a4-82b8-cc0b614638fe"
)

// Distribute makes a distribution of an origin whose query strings count below a path pattern, and returns its domain
// name.
func (c *Client) Distribute(ctx context.Context, origin, queries string) (domain string, err error) {
	out, err := c.sdk.CreateDistribution(ctx, &cloudfront.CreateDistributionInput{DistributionConfig: &types.DistributionConfig{
		CallerReference: aws.String("chaos"), Comment: aws.String(""), Enabled: aws.Bool(true),
		Origins: &types.Origins{Quantity: aws.Int32(1), Items: []types.Origin{{
			Id: aws.String("origin"), DomainName: &origin, CustomOriginConfig: &types.CustomOriginConfig{
				HTTPPort: aws.Int32(80), HTTPSPort: aws.Int32(443), OriginProtocolPolicy: types.OriginProtocolPolicyHttpOnly},
		}}},
		DefaultCacheBehavior: &types.DefaultCacheBehavior{
			TargetOriginId: aws.String("origin"), ViewerProtocolPolicy: types.ViewerProtocolPolicyAllowAll, CachePolicyId: aws.String(cachingOptimized)},
		CacheBehaviors: &types.CacheBehaviors{Quantity: aws.Int32(1), Items: []types.CacheBehavior{{
			PathPattern: &queries, TargetOriginId: aws.String("origin"), ViewerProtocolPolicy: types.ViewerProtocolPolicyAllowAll,
			CachePolicyId: aws.String(cachingByQuery)}}},
	}})
	if err != nil {
		return "", err
	}
	c.distribution = aws.ToString(out.Distribution.Id)
	return aws.ToString(out.Distribution.DomainName), nil
}

// Invalidate makes an invalidation of path patterns, or finds the one that was made with the same reference.
func (c *Client) Invalidate(ctx context.Context, reference string, paths []string) (id string, completed bool, err error) {
	out, err := c.sdk.CreateInvalidation(ctx, &cloudfront.CreateInvalidationInput{
		DistributionId: &c.distribution, InvalidationBatch: &types.InvalidationBatch{
			CallerReference: &reference, Paths: &types.Paths{Quantity: aws.Int32(int32(len(paths))), Items: paths}},
	})
	if err != nil {
		return "", false, err
	}
	return aws.ToString(out.Invalidation.Id), aws.ToString(out.Invalidation.Status) == "Completed", nil
}

// Completed reports whether an invalidation is; ErrGone where there is none of that id.
func (c *Client) Completed(ctx context.Context, id string) (bool, error) {
	out, err := c.sdk.GetInvalidation(ctx, &cloudfront.GetInvalidationInput{DistributionId: &c.distribution, Id: &id})
	var gone *types.NoSuchInvalidation
	switch {
	case errors.As(err, &gone):
		return false, ErrGone
	case err != nil:
		return false, err
	}
	return aws.ToString(out.Invalidation.Status) == "Completed", nil
}

// resigner signs the SDK's requests by the wall clock that the server has: one that is off by more than minutes
// accepts no others.
type resigner struct {
	next  http.RoundTripper
	key   statefolder.AccessKey
	clock *atomic.Int64 // a time.Duration
}

func (s resigner) RoundTrip(r *http.Request) (*http.Response, error) {
	off := time.Duration(s.clock.Load())
	if off == 0 {
		return s.next.RoundTrip(r)
	}
	r = r.Clone(r.Context())
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		_ = r.Body.Close()
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	sum := sha256.Sum256(body)
	r.Header.Del("Authorization")
	r.Header.Del("X-Amz-Date")
	sigv4.Sign(r, sigv4.Credentials{AccessKeyID: s.key.ID, SecretAccessKey: s.key.Secret}, sigv4.Scope{Region: "us-east-1", Service: "cloudfront"},
		hex.EncodeToString(sum[:]), time.Now().Add(off))
	return s.next.RoundTrip(r)
}
