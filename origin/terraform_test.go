package origin

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

func sdk(g *rig) *s3.Client {
	return s3.New(s3.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(g.url), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(owner.AccessKeyID, owner.SecretAccessKey, ""),
	})
}

// reads are what Terraform's aws_s3_bucket asks of a bucket after it made one, in
// its order, each with the error that it takes for "not configured"; "" where
// there is always an answer.
func reads(t *testing.T, c *s3.Client, bucket string) []struct {
	name string
	code string
	err  error
} {
	ctx, b := t.Context(), aws.String(bucket)
	type read = struct {
		name string
		code string
		err  error
	}
	var all []read
	add := func(name, code string, err error) { all = append(all, read{name, code, err}) }
	_, err := c.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: b})
	add("HeadBucket", "", err)
	_, err = c.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: b})
	add("GetBucketPolicy", "NoSuchBucketPolicy", err)
	_, err = c.GetBucketAcl(ctx, &s3.GetBucketAclInput{Bucket: b})
	add("GetBucketAcl", "", err)
	_, err = c.GetBucketCors(ctx, &s3.GetBucketCorsInput{Bucket: b})
	add("GetBucketCors", "NoSuchCORSConfiguration", err)
	_, err = c.GetBucketWebsite(ctx, &s3.GetBucketWebsiteInput{Bucket: b})
	add("GetBucketWebsite", "NoSuchWebsiteConfiguration", err)
	_, err = c.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: b})
	add("GetBucketVersioning", "", err)
	_, err = c.GetBucketAccelerateConfiguration(ctx, &s3.GetBucketAccelerateConfigurationInput{Bucket: b})
	add("GetBucketAccelerateConfiguration", "", err)
	_, err = c.GetBucketRequestPayment(ctx, &s3.GetBucketRequestPaymentInput{Bucket: b})
	add("GetBucketRequestPayment", "", err)
	_, err = c.GetBucketLogging(ctx, &s3.GetBucketLoggingInput{Bucket: b})
	add("GetBucketLogging", "", err)
	_, err = c.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: b})
	add("GetBucketLifecycleConfiguration", "NoSuchLifecycleConfiguration", err)
	_, err = c.GetBucketReplication(ctx, &s3.GetBucketReplicationInput{Bucket: b})
	add("GetBucketReplication", "ReplicationConfigurationNotFoundError", err)
	_, err = c.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: b})
	add("GetBucketEncryption", "ServerSideEncryptionConfigurationNotFoundError", err)
	_, err = c.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: b})
	add("GetObjectLockConfiguration", "ObjectLockConfigurationNotFoundError", err)
	_, err = c.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: b})
	add("GetBucketLocation", "", err)
	_, err = c.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: b})
	add("GetBucketTagging", "NoSuchTagSet", err)
	return all
}

// TestTerraformOrder makes, reads and destroys a static site's bucket with the
// calls of Terraform's provider, through the SDK that it is built on:
// aws_s3_bucket, _public_access_block, _ownership_controls, _policy, _object.
func TestTerraformOrder(t *testing.T) {
	c, ctx := sdk(start(t, t.TempDir(), nil)), t.Context()
	b := aws.String("site")
	ok := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	_, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: b})
	ok("create", err)
	for _, r := range reads(t, c, *b) {
		var e smithy.APIError
		switch {
		case r.code == "" && r.err != nil:
			t.Errorf("%s: %v", r.name, r.err)
		case r.code != "" && (!errors.As(r.err, &e) || e.ErrorCode() != r.code):
			t.Errorf("%s: %v, want %s", r.name, r.err, r.code)
		}
	}
	_, err = c.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{Bucket: b, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("team"), Value: aws.String("web")}}}})
	ok("tag", err)
	_, err = c.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{Bucket: b, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{BlockPublicAcls: aws.Bool(true), BlockPublicPolicy: aws.Bool(true)}})
	ok("public access block", err)
	block, err := c.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: b})
	ok("read it", err)
	if p := block.PublicAccessBlockConfiguration; !*p.BlockPublicAcls || !*p.BlockPublicPolicy || *p.RestrictPublicBuckets {
		t.Errorf("%+v", p)
	}
	_, err = c.PutBucketOwnershipControls(ctx, &s3.PutBucketOwnershipControlsInput{Bucket: b, OwnershipControls: &types.OwnershipControls{Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnershipBucketOwnerPreferred}}}})
	ok("ownership", err)
	owned, err := c.GetBucketOwnershipControls(ctx, &s3.GetBucketOwnershipControlsInput{Bucket: b})
	ok("read it", err)
	if len(owned.OwnershipControls.Rules) != 1 || owned.OwnershipControls.Rules[0].ObjectOwnership != types.ObjectOwnershipBucketOwnerPreferred {
		t.Errorf("%+v", owned.OwnershipControls)
	}
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::site/*","Condition":{"StringEquals":{"AWS:SourceArn":"arn:aws:cloudfront::123456789012:distribution/E1"}}}]}`
	_, err = c.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: b, Policy: &policy})
	ok("policy", err)
	got, err := c.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: b})
	ok("read it", err)
	if *got.Policy != policy {
		t.Errorf("%s", *got.Policy)
	}
	putObjectAndDestroy(t, c, b)
}

func putObjectAndDestroy(t *testing.T, c *s3.Client, b *string) {
	ctx, key := t.Context(), aws.String("index.html")
	_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: b, Key: key, Body: bytes.NewReader([]byte("<h1>site</h1>")), ContentType: aws.String("text/html"), Tagging: aws.String("a=b"), ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme})
	if err != nil {
		t.Fatal(err)
	}
	head, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: b, Key: key, ChecksumMode: types.ChecksumModeEnabled})
	if err != nil || *head.ContentLength != 13 || head.ChecksumCRC64NVME == nil {
		t.Errorf("%+v, %v", head, err)
	}
	tags, err := c.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: b, Key: key})
	if err != nil || len(tags.TagSet) != 1 {
		t.Errorf("%+v, %v", tags, err)
	}
	object, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(object.Body); err != nil || string(body) != "<h1>site</h1>" {
		t.Errorf("%s, %v", body, err)
	}
	_ = object.Body.Close()
	// force_destroy lists versions and deletes each.
	versions, err := c.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: b})
	if err != nil || len(versions.Versions) != 1 {
		t.Fatalf("%+v, %v", versions, err)
	}
	v := versions.Versions[0]
	deleted, err := c.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: b, Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: v.Key, VersionId: v.VersionId}}}})
	if err != nil || len(deleted.Errors) != 0 || len(deleted.Deleted) != 1 {
		t.Errorf("%+v, %v", deleted, err)
	}
	if _, err := c.DeleteBucketPolicy(ctx, &s3.DeleteBucketPolicyInput{Bucket: b}); err != nil {
		t.Error(err)
	}
	if _, err := c.DeleteBucketOwnershipControls(ctx, &s3.DeleteBucketOwnershipControlsInput{Bucket: b}); err != nil {
		t.Error(err)
	}
	if _, err := c.DeletePublicAccessBlock(ctx, &s3.DeletePublicAccessBlockInput{Bucket: b}); err != nil {
		t.Error(err)
	}
	if _, err := c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: b}); err != nil {
		t.Error(err)
	}
	var gone smithy.APIError
	if _, err := c.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: b}); !errors.As(err, &gone) || gone.ErrorCode() != "NotFound" {
		t.Errorf("the bucket is gone: %v", err)
	}
}
