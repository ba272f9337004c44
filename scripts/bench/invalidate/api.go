package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"github.com/warmfront/warmfront/control/operator"
	"github.com/warmfront/warmfront/network/statefolder"
	"github.com/warmfront/warmfront/sigv4"
)

// api is control as its users have it: CloudFront's API through the AWS SDK, and the operator's interface.
type api struct {
	endpoint   string
	key        statefolder.AccessKey
	cloudfront *cloudfront.Client
}

func newAPI(endpoint string, folder statefolder.Folder) (*api, error) {
	key, err := statefolder.ReadAccessKey(folder.Join(statefolder.AccessKeyFile))
	if err != nil {
		return nil, err
	}
	return &api{endpoint, key, cloudfront.New(cloudfront.Options{
		Region: "us-east-1", BaseEndpoint: &endpoint, Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}, nil
		}),
	})}, nil
}

// invalidate asks for an invalidation and returns its id.
func (a *api) invalidate(ctx context.Context, distribution string, paths ...string) (string, error) {
	out, err := a.cloudfront.CreateInvalidation(ctx, &cloudfront.CreateInvalidationInput{
		DistributionId: &distribution,
		InvalidationBatch: &types.InvalidationBatch{
			CallerReference: aws.String(rand.Text()), Paths: &types.Paths{Quantity: aws.Int32(int32(len(paths))), Items: paths},
		},
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.Invalidation.Id), nil
}

// completed polls until the invalidation is, and returns when the answer that said so was there.
func (a *api) completed(ctx context.Context, distribution, id string, every time.Duration) (time.Time, error) {
	for {
		out, err := a.cloudfront.GetInvalidation(ctx, &cloudfront.GetInvalidationInput{DistributionId: &distribution, Id: &id})
		if err != nil {
			return time.Time{}, err
		}
		if aws.ToString(out.Invalidation.Status) == "Completed" {
			return time.Now(), nil
		}
		if err := pause(ctx, every); err != nil {
			return time.Time{}, fmt.Errorf("%s is still %s: %w", id, aws.ToString(out.Invalidation.Status), err)
		}
	}
}

// operator calls control's own interface; in may be nil.
func (a *api) operator(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, a.endpoint+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	credentials := sigv4.Credentials{AccessKeyID: a.key.ID, SecretAccessKey: a.key.Secret}
	sigv4.Sign(r, credentials, sigv4.Scope{Region: "us-east-1", Service: operator.Service}, hex.EncodeToString(sum[:]), time.Now())
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	doc, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, doc)
	}
	return json.Unmarshal(doc, out)
}

// pause waits, or returns why not.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
