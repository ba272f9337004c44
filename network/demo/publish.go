package demo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/warmfront/warmfront/sigv4"
)

// Bucket is the name of the demo site's bucket.
const Bucket = "demo"

// Publisher makes the demo site the way anyone would: over the object store's and
// CloudFront's own APIs.
type Publisher struct {
	S3, CloudFront string // endpoints, "http://host:port"
	Key            sigv4.Credentials
	Now            func() time.Time
	Client         *http.Client
}

// Published is what was made, or found.
type Published struct {
	Distribution, Domain string
}

// Publish makes the bucket with the site in it, private but for the distribution,
// and a distribution for it with an origin access control. What is there already
// is left as it is.
func (p *Publisher) Publish(ctx context.Context) (Published, error) {
	if d, err := p.find(ctx); err != nil || d.ID != "" {
		return Published{d.ID, d.Domain}, err // theirs now: what they deleted or changed stays so
	}
	if err := p.fillBucket(ctx); err != nil {
		return Published{}, fmt.Errorf("demo bucket: %w", err)
	}
	d, err := p.distribution(ctx)
	if err != nil {
		return Published{}, fmt.Errorf("demo distribution: %w", err)
	}
	if _, err := p.Grant(ctx, Bucket, d.ARN); err != nil {
		return Published{}, fmt.Errorf("demo bucket's policy: %w", err)
	}
	return Published{d.ID, d.Domain}, nil
}

// bucketPolicy is the form of the policies that Grant makes, and adds to.
type bucketPolicy struct {
	Version   string
	Statement []bucketStatement
}

type bucketStatement struct {
	Sid, Effect      string
	Principal        map[string]string
	Action, Resource string
	Condition        map[string]map[string][]string
}

// grantSid marks the statement that Grant makes.
const grantSid = "DistributionsRead"

// Grant lets a distribution, by its ARN, read a bucket, and reports whether it may
// now. A policy that somebody else wrote is left as it is.
func (p *Publisher) Grant(ctx context.Context, bucket, arn string) (bool, error) {
	policy := bucketPolicy{"2012-10-17", []bucketStatement{{
		Sid: grantSid, Effect: "Allow", Principal: map[string]string{"Service": "cloudfront.amazonaws.com"},
		Action: "s3:GetObject", Resource: "arn:aws:s3:::" + bucket + "/*",
		Condition: map[string]map[string][]string{"StringEquals": {"AWS:SourceArn": {arn}}},
	}}}
	have, err := p.s3(ctx, http.MethodGet, "/"+bucket+"?policy", "", nil)
	switch {
	case err == nil && bytes.Contains(have, []byte(arn)):
		return true, nil
	case err == nil:
		var old bucketPolicy
		if json.Unmarshal(have, &old) != nil || len(old.Statement) != 1 || old.Statement[0].Sid != grantSid {
			return false, nil
		}
		arns := old.Statement[0].Condition["StringEquals"]["AWS:SourceArn"]
		policy.Statement[0].Condition["StringEquals"]["AWS:SourceArn"] = append(arns, arn)
	case !strings.Contains(err.Error(), "NoSuchBucketPolicy"):
		return false, err
	}
	body, err := json.Marshal(policy)
	if err == nil {
		err = p.PutPolicy(ctx, bucket, body)
	}
	return err == nil, err
}

// PutPolicy gives a bucket the policy that the JSON document says, in the place of the
// one it has.
func (p *Publisher) PutPolicy(ctx context.Context, bucket string, document []byte) error {
	_, err := p.s3(ctx, http.MethodPut, "/"+bucket+"?policy", "application/json", document)
	return err
}

// MakeBucket makes a bucket, or finds it there: us-east-1 lets its owner make one
// again.
func (p *Publisher) MakeBucket(ctx context.Context, name string) error {
	_, err := p.s3(ctx, http.MethodPut, "/"+name, "", nil)
	return err
}

// Tag is a tag of a bucket.
type Tag struct{ Key, Value string }

// TagBucket gives a bucket tags, in the place of those it has.
func (p *Publisher) TagBucket(ctx context.Context, name string, tags []Tag) error {
	document, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"Tagging"`
		Tags    []Tag    `xml:"TagSet>Tag"`
	}{Tags: tags})
	if err == nil {
		_, err = p.s3(ctx, http.MethodPut, "/"+name+"?tagging", "application/xml", document)
	}
	return err
}

func (p *Publisher) fillBucket(ctx context.Context) error {
	// An earlier start may have been interrupted half way.
	if err := p.MakeBucket(ctx, Bucket); err != nil {
		return err
	}
	site, err := Site()
	if err != nil {
		return err
	}
	for _, o := range site {
		if _, err := p.s3(ctx, http.MethodPut, "/"+Bucket+"/"+o.Key, o.ContentType, o.Body); err != nil {
			return fmt.Errorf("%s: %w", o.Key, err)
		}
	}
	return nil
}

type distribution struct {
	ID        string `xml:"Id"`
	ARN       string
	Domain    string   `xml:"DomainName"`
	OriginIDs []string `xml:"Origins>Items>Origin>Id"`
}

const callerReference = "warmfront-demo"

func (p *Publisher) distribution(ctx context.Context) (distribution, error) {
	access, err := p.accessControl(ctx)
	if err != nil {
		return distribution{}, err
	}
	var d distribution
	answer, err := p.api(ctx, http.MethodPost, "/2020-05-31/distribution", []byte(fmt.Sprintf(config, callerReference, Bucket, access)))
	if err == nil {
		err = xml.Unmarshal(answer, &d)
	}
	return d, err
}

// find returns the distribution of the demo site that is there already. It is
// known by its origin's id: what else it says may have been changed since.
func (p *Publisher) find(ctx context.Context) (distribution, error) {
	answer, err := p.api(ctx, http.MethodGet, "/2020-05-31/distribution?MaxItems=100", nil)
	if err != nil {
		return distribution{}, err
	}
	var list struct {
		Items []distribution `xml:"Items>DistributionSummary"`
	}
	if err := xml.Unmarshal(answer, &list); err != nil {
		return distribution{}, err
	}
	for _, d := range list.Items {
		if slices.Contains(d.OriginIDs, "s3-"+Bucket) {
			return d, nil
		}
	}
	return distribution{}, nil
}

// accessControl returns the id of the origin access control named "demo". There
// is one without a distribution where someone deleted that.
func (p *Publisher) accessControl(ctx context.Context) (string, error) {
	there, err := p.api(ctx, http.MethodGet, "/2020-05-31/origin-access-control?MaxItems=100", nil)
	if err != nil {
		return "", err
	}
	var list struct {
		Items []struct {
			ID   string `xml:"Id"`
			Name string
		} `xml:"Items>OriginAccessControlSummary"`
	}
	if err := xml.Unmarshal(there, &list); err != nil {
		return "", err
	}
	for _, ac := range list.Items {
		if ac.Name == Bucket {
			return ac.ID, nil
		}
	}
	answer, err := p.api(ctx, http.MethodPost, "/2020-05-31/origin-access-control", []byte(accessControl))
	if err != nil {
		return "", err
	}
	var made struct {
		ID string `xml:"Id"`
	}
	err = xml.Unmarshal(answer, &made)
	return made.ID, err
}

const (
	namespace = `xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/"`
	comment   = "The demo site that a new network starts with"

	accessControl = `<OriginAccessControlConfig ` + namespace + `><Name>demo</Name><Description>The demo site's bucket</Description>` +
		`<SigningProtocol>sigv4</SigningProtocol><SigningBehavior>always</SigningBehavior>` +
		`<OriginAccessControlOriginType>s3</OriginAccessControlOriginType></OriginAccessControlConfig>`

	// config redirects to HTTPS, has HTTP/2 and 3, and caches for 24 hours (Managed-CachingOptimized),
	// which is what a person who asks for nothing gets.
	config = `<DistributionConfig ` + namespace + `><CallerReference>%[1]s</CallerReference><Aliases><Quantity>0</Quantity></Aliases>` +
		`<DefaultRootObject>index.html</DefaultRootObject><Origins><Quantity>1</Quantity><Items><Origin><Id>s3-%[2]s</Id>` +
		`<DomainName>%[2]s.s3.us-east-1.amazonaws.com</DomainName><OriginPath></OriginPath><CustomHeaders><Quantity>0</Quantity></CustomHeaders>` +
		`<S3OriginConfig><OriginAccessIdentity></OriginAccessIdentity></S3OriginConfig>` +
		`<OriginAccessControlId>%[3]s</OriginAccessControlId></Origin></Items></Origins><OriginGroups><Quantity>0</Quantity></OriginGroups>` +
		`<DefaultCacheBehavior><TargetOriginId>s3-%[2]s</TargetOriginId><ViewerProtocolPolicy>redirect-to-https</ViewerProtocolPolicy>` +
		`<AllowedMethods><Quantity>2</Quantity><Items><Method>HEAD</Method><Method>GET</Method></Items>` +
		`<CachedMethods><Quantity>2</Quantity><Items><Method>HEAD</Method><Method>GET</Method></Items></CachedMethods></AllowedMethods>` +
		`<Compress>false</Compress><CachePolicyId>658327ea-f89d-4fab-a63d-7e88639e58f6</CachePolicyId></DefaultCacheBehavior>` +
		`<CacheBehaviors><Quantity>0</Quantity></CacheBehaviors><CustomErrorResponses><Quantity>0</Quantity></CustomErrorResponses>` +
		`<Comment>` + comment + `</Comment><PriceClass>PriceClass_All</PriceClass><Enabled>true</Enabled><HttpVersion>http2and3</HttpVersion></DistributionConfig>`
)

// s3 asks the object store, and once more as for the bucket's own region where that is
// another.
func (p *Publisher) s3(ctx context.Context, method, path, contentType string, body []byte) ([]byte, error) {
	answer, region, err := p.send(ctx, p.S3, sigv4.Scope{Region: usualRegion, Service: "s3"}, method, path, contentType, body)
	if err != nil && region != "" && region != usualRegion {
		answer, _, err = p.send(ctx, p.S3, sigv4.Scope{Region: region, Service: "s3"}, method, path, contentType, body)
	}
	return answer, err
}

func (p *Publisher) api(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	answer, _, err := p.send(ctx, p.CloudFront, sigv4.Scope{Region: usualRegion, Service: "cloudfront"}, method, path, "application/xml", body)
	return answer, err
}

// usualRegion is CloudFront's, and that of most buckets.
const usualRegion = "us-east-1"

// send returns the answer's body, and the region of the bucket if it names one, with an error as well.
func (p *Publisher) send(ctx context.Context, endpoint string, scope sigv4.Scope, method, path, contentType string, body []byte) (b []byte, region string, err error) {
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(endpoint, "/")+path, bytes.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	sum := sha256.Sum256(body)
	sigv4.Sign(r, p.Key, scope, hex.EncodeToString(sum[:]), p.Now())
	answer, err := p.Client.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	b, err = io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err == nil && answer.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, bytes.TrimSpace(b))
	}
	return b, answer.Header.Get("X-Amz-Bucket-Region"), err
}
