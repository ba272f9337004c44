package origin

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/sigv4"
)

const (
	publicRead   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::demo/*"}]}`
	distribution = "arn:aws:cloudfront::123456789012:distribution/E1"
	oacRead      = `{"Version":"2008-10-17","Statement":{"Sid":"AllowCloudFrontServicePrincipal","Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},
		"Action":"s3:GetObject","Resource":"arn:aws:s3:::demo/*","Condition":{"StringEquals":{"AWS:SourceArn":"` + distribution + `"}}}}`
)

func TestOriginAccessControl(t *testing.T) {
	g := withDemo(t)
	g.want(200, owner, "PUT", "/demo/k", "private")
	asked := func(who sigv4.Credentials, method, target string, headers ...string) answer {
		return g.do(who, method, target, "", headers...)
	}
	if a := asked(edge, "GET", "/demo/k", "X-Amz-Source-Arn: "+distribution); a.status != 403 || a.code() != "AccessDenied" {
		t.Errorf("without a policy: %d %s", a.status, a.body)
	}
	g.want(204, owner, "PUT", "/demo?policy", oacRead)
	if a := asked(edge, "GET", "/demo/k", "X-Amz-Source-Arn: "+distribution, "If-None-Match: \"x\"", "Via: 1.1 x"); a.status != 200 || a.body != "private" {
		t.Errorf("allowed: %d %s", a.status, a.body)
	}
	refused := []struct {
		name           string
		who            sigv4.Credentials
		method, target string
		headers        []string
	}{
		{"another distribution", edge, "GET", "/demo/k", []string{"X-Amz-Source-Arn: " + distribution + "2"}},
		{"no distribution", edge, "GET", "/demo/k", nil},
		{"a write", edge, "PUT", "/demo/k", []string{"X-Amz-Source-Arn: " + distribution}},
		{"a list", edge, "GET", "/demo", []string{"X-Amz-Source-Arn: " + distribution}},
		{"buckets", edge, "GET", "/", []string{"X-Amz-Source-Arn: " + distribution}},
		{"a missing key, which only a lister may know of", edge, "GET", "/demo/none", []string{"X-Amz-Source-Arn: " + distribution}},
		{"anonymous with the header", nobody, "GET", "/demo/k", []string{"X-Amz-Source-Arn: " + distribution}},
		{"the policy itself", edge, "GET", "/demo?policy", []string{"X-Amz-Source-Arn: " + distribution}},
	}
	for _, tt := range refused {
		if a := asked(tt.who, tt.method, tt.target, tt.headers...); a.status != 403 || a.code() != "AccessDenied" {
			t.Errorf("%s: %d %s", tt.name, a.status, a.body)
		}
	}
	// A header put in after signing is not believed.
	r, err := http.NewRequest("GET", g.url+"/demo/k", nil)
	if err != nil {
		t.Fatal(err)
	}
	sigv4.Sign(r, edge, sigv4.Scope{Region: "us-east-1", Service: "s3"}, sigv4.EmptySHA256, time.Now())
	r.Header.Set(SourceARNHeader, distribution)
	if a := g.send(r); a.status != 403 {
		t.Errorf("unsigned header: %d %s", a.status, a.body)
	}
}

// TestOriginAccessIdentity: a bucket's policy lets an identity in by its ARN or by its
// canonical user id (belief 460), and nobody who only says to be it.
func TestOriginAccessIdentity(t *testing.T) {
	g := withDemo(t)
	g.want(200, owner, "PUT", "/demo/k", "private")
	mine := origins.AccessIdentity{ID: "EOAI", CanonicalUserID: origins.CanonicalUserID("EOAI")}
	other := origins.AccessIdentity{ID: "EOTHER"}
	asked := func(who sigv4.Credentials, as string) int {
		return g.do(who, "GET", "/demo/k", "", "X-Amz-Source-Arn: "+as).status
	}
	for _, principal := range []string{`{"AWS":"` + mine.ARN() + `"}`, `{"CanonicalUser":"` + mine.CanonicalUserID + `"}`} {
		g.want(204, owner, "PUT", "/demo?policy", strings.Replace(publicRead, `"*"`, principal, 1))
		for _, c := range []struct {
			name string
			who  sigv4.Credentials
			as   string
			want int
		}{
			{"the identity", edge, mine.ARN(), 200},
			{"another identity", edge, other.ARN(), 403},
			{"a distribution", edge, distribution, 403},
			{"anonymous with the header", nobody, mine.ARN(), 403},
		} {
			if got := asked(c.who, c.as); got != c.want {
				t.Errorf("%s, %s: %d, want %d", principal[:8], c.name, got, c.want)
			}
		}
	}
	if got := g.do(edge, "PUT", "/demo/k", "x", "X-Amz-Source-Arn: "+mine.ARN()).status; got != 403 {
		t.Errorf("a write that the policy does not allow: %d", got)
	}
	if got := g.do(owner, "GET", "/demo?policyStatus", "").body; !strings.Contains(got, "<IsPublic>false<") {
		t.Errorf("a policy for one identity: %s", got)
	}
}

func TestAnonymousAndBlockPublicAccess(t *testing.T) {
	g := withDemo(t)
	g.want(200, owner, "PUT", "/demo/k", "v")
	g.want(403, nobody, "GET", "/demo/k", "")
	if a := g.want(403, nobody, "GET", "/demo/k", ""); a.code() != "AccessDenied" {
		t.Error(a.body)
	}
	if a := g.do(owner, "PUT", "/demo?policy", publicRead); a.code() != "AccessDenied" {
		t.Errorf("public policy on a new bucket: %d %s", a.status, a.body)
	}
	g.want(204, owner, "DELETE", "/demo?publicAccessBlock", "")
	g.want(204, owner, "PUT", "/demo?policy", publicRead)
	if a := g.want(200, nobody, "GET", "/demo/k", ""); a.body != "v" {
		t.Errorf("%q", a.body)
	}
	if a := g.want(200, owner, "GET", "/demo?policyStatus", ""); !strings.Contains(a.body, "<IsPublic>true<") {
		t.Error(a.body)
	}
	for _, tt := range []struct{ method, target string }{{"PUT", "/demo/k"}, {"DELETE", "/demo/k"}, {"GET", "/demo"}, {"GET", "/demo/none"}, {"GET", "/"}, {"PUT", "/other"}, {"DELETE", "/demo"}, {"POST", "/demo/k?uploads"}} {
		if a := g.do(nobody, tt.method, tt.target, ""); a.status != 403 {
			t.Errorf("anonymous %s %s: %d %s", tt.method, tt.target, a.status, a.body)
		}
	}
	if a := g.do(nobody, "GET", "/demo/k?response-content-type=a", ""); a.code() != "InvalidRequest" {
		t.Errorf("anonymous override: %d %s", a.status, a.body)
	}
	g.want(200, owner, "PUT", "/demo?publicAccessBlock", "<PublicAccessBlockConfiguration><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>")
	g.want(403, nobody, "GET", "/demo/k", "")
	list := strings.Replace(publicRead, `"s3:GetObject"`, `["s3:GetObject","s3:ListBucket","s3:DeleteObject"]`, 1)
	list = strings.Replace(list, `"arn:aws:s3:::demo/*"`, `["arn:aws:s3:::demo","arn:aws:s3:::demo/*"]`, 1)
	g.want(204, owner, "DELETE", "/demo?publicAccessBlock", "")
	g.want(204, owner, "PUT", "/demo?policy", list)
	g.want(404, nobody, "GET", "/demo/none", "")
	g.want(200, nobody, "GET", "/demo", "")
	// A batch is decided key by key.
	g.want(204, owner, "PUT", "/demo?policy", strings.Replace(list, "demo/*", "demo/open/*", 1))
	g.want(200, owner, "PUT", "/demo/open/k", "v")
	a := g.want(200, nobody, "POST", "/demo?delete", "<Delete><Object><Key>k</Key></Object><Object><Key>open/k</Key></Object></Delete>")
	if !strings.Contains(a.body, "<Deleted><Key>open/k</Key></Deleted>") || !strings.Contains(a.body, "<Error><Key>k</Key><Code>AccessDenied</Code>") {
		t.Error(a.body)
	}
}

func TestOwnerUnderDeny(t *testing.T) {
	g := withDemo(t)
	g.want(200, owner, "PUT", "/demo/k", "v")
	g.want(204, owner, "PUT", "/demo?policy", `{"Statement":{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::demo","arn:aws:s3:::demo/*"]}}`)
	g.want(403, owner, "GET", "/demo/k", "")
	g.want(403, owner, "PUT", "/demo/k2", "", "X-Amz-Copy-Source: demo/k")
	g.want(200, owner, "GET", "/demo?policy", "")
	g.want(204, owner, "DELETE", "/demo?policy", "")
	g.want(200, owner, "GET", "/demo/k", "")
	// Tags decide too.
	g.want(204, owner, "PUT", "/demo?policy", `{"Statement":{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::demo/*","Condition":{"StringEquals":{"s3:ExistingObjectTag/secret":"yes"}}}}`)
	g.want(200, owner, "PUT", "/demo/k?tagging", "<Tagging><TagSet><Tag><Key>secret</Key><Value>yes</Value></Tag></TagSet></Tagging>")
	g.want(403, owner, "GET", "/demo/k", "")
	g.want(204, owner, "DELETE", "/demo/k?tagging", "")
	g.want(200, owner, "GET", "/demo/k", "")
}

func TestSignatureErrorsAreS3s(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	g := start(t, t.TempDir(), func(c *Config) { c.Now = func() time.Time { return now } })
	sign := func(c sigv4.Credentials, at time.Time, change func(*http.Request)) answer {
		r, err := http.NewRequest("GET", g.url+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		sigv4.Sign(r, c, sigv4.Scope{Region: "eu-west-1", Service: "s3"}, sigv4.EmptySHA256, at)
		if change != nil {
			change(r)
		}
		return g.send(r)
	}
	tests := []struct {
		name   string
		cred   sigv4.Credentials
		at     time.Time
		change func(*http.Request)
		status int
		code   string
		holds  string
	}{
		{"good", owner, now, nil, 200, "", "ListAllMyBucketsResult"},
		{"wrong secret", sigv4.Credentials{AccessKeyID: owner.AccessKeyID, SecretAccessKey: "x"}, now, nil, 403, "SignatureDoesNotMatch", "<StringToSign>AWS4-HMAC-SHA256"},
		{"unknown key", sigv4.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "x"}, now, nil, 403, "InvalidAccessKeyId", "<AWSAccessKeyId>AKIA<"},
		{"old", owner, now.Add(-16 * time.Minute), nil, 403, "RequestTimeTooSkewed", ""},
		{"no signature", owner, now, func(r *http.Request) { r.Header.Del("Authorization") }, 403, "AccessDenied", "<RequestId>"},
		{"broken header", owner, now, func(r *http.Request) { r.Header.Set("Authorization", "AWS4-HMAC-SHA256 x") }, 400, "AuthorizationHeaderMalformed", ""},
		{"a wrong signature is not anonymous", owner, now, func(r *http.Request) { r.Header.Set("Authorization", "Basic x") }, 400, "InvalidRequest", ""},
	}
	for _, tt := range tests {
		a := sign(tt.cred, tt.at, tt.change)
		if a.status != tt.status || a.code() != tt.code || !strings.Contains(a.body, tt.holds) {
			t.Errorf("%s: %d %s", tt.name, a.status, a.body)
		}
	}
}

func TestPresigned(t *testing.T) {
	g := withDemo(t)
	g.want(200, owner, "PUT", "/demo/a%20b", "v")
	for _, method := range []string{"GET", "HEAD", "PUT"} {
		r, err := http.NewRequest(method, g.url+"/demo/a%20b", nil)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := http.NewRequest(method, sigv4.Presign(r, owner, sigv4.Scope{Region: "us-east-1", Service: "s3"}, time.Minute, time.Now()).String(), strings.NewReader(map[string]string{"PUT": "new"}[method]))
		if err != nil {
			t.Fatal(err)
		}
		if a := g.send(signed); a.status != 200 {
			t.Errorf("%s: %d %s", method, a.status, a.body)
		}
		misused, err := http.NewRequest("DELETE", signed.URL.String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if a := g.send(misused); a.status != 403 {
			t.Errorf("URL for %s used to delete: %d", method, a.status)
		}
	}
	if a := g.want(200, owner, "GET", "/demo/a%20b", ""); a.body != "new" {
		t.Errorf("%q", a.body)
	}
}

func TestSubresources(t *testing.T) {
	g := withDemo(t)
	g.want(200, owner, "PUT", "/demo/k", "v")
	tests := []struct {
		method, target, body string
		status               int
		holds                string
	}{
		{"GET", "/demo?location", "", 200, "<LocationConstraint"},
		{"HEAD", "/demo", "", 200, ""},
		{"GET", "/demo?policy", "", 404, "NoSuchBucketPolicy"},
		{"PUT", "/demo?policy", "{}", 400, "MalformedPolicy"},
		{"PUT", "/demo?policy", strings.Replace(oacRead, "demo/*", "other/*", 1), 400, "invalid resource"},
		{"PUT", "/demo?policy", oacRead, 204, ""},
		{"GET", "/demo?policy", "", 200, "AllowCloudFrontServicePrincipal"},
		{"GET", "/demo?policyStatus", "", 200, "<IsPublic>false<"},
		{"DELETE", "/demo?policy", "", 204, ""},
		{"GET", "/demo?publicAccessBlock", "", 200, "<BlockPublicPolicy>true<"},
		{"GET", "/demo?ownershipControls", "", 200, "BucketOwnerEnforced"},
		{"PUT", "/demo?ownershipControls", "<OwnershipControls><Rule><ObjectOwnership>Nobody</ObjectOwnership></Rule></OwnershipControls>", 400, "MalformedXML"},
		{"GET", "/demo?tagging", "", 404, "NoSuchTagSet"},
		{"PUT", "/demo?tagging", "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>", 204, ""},
		{"GET", "/demo?tagging", "", 200, "<Tag><Key>a</Key><Value>b</Value></Tag>"},
		{"DELETE", "/demo?tagging", "", 204, ""},
		{"GET", "/demo?versioning", "", 200, "VersioningConfiguration"},
		{"PUT", "/demo?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>", 501, "NotImplemented"},
		{"GET", "/demo?acl", "", 200, "FULL_CONTROL"},
		{"PUT", "/demo?acl", "", 400, "AccessControlListNotSupported"},
		{"GET", "/demo?cors", "", 404, "NoSuchCORSConfiguration"},
		{"PUT", "/demo?cors", "<x/>", 400, "MalformedXML"},
		{"GET", "/demo?website", "", 404, "NoSuchWebsiteConfiguration"},
		{"GET", "/demo?encryption", "", 404, "encryption configuration was not found"},
		{"GET", "/demo?accelerate", "", 200, "AccelerateConfiguration"},
		{"GET", "/demo?logging", "", 200, "BucketLoggingStatus"},
		{"GET", "/demo?requestPayment", "", 200, "BucketOwner"},
		{"GET", "/demo?policy&acl", "", 400, "Conflicting query string parameters"},
		{"POST", "/demo", "", 501, "NotImplemented"},
		{"PATCH", "/demo/k", "", 405, "MethodNotAllowed"},
		{"DELETE", "/demo?location", "", 501, "NotImplemented"},
		{"GET", "/demo/k?tagging", "", 200, "TagSet"},
		{"PUT", "/demo/k?tagging", "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>", 200, ""},
		{"GET", "/demo/k?tagging", "", 200, "<Key>a</Key>"},
		{"GET", "/demo/none?tagging", "", 404, "NoSuchKey"},
		{"GET", "/demo/k?torrent", "", 501, "NotImplemented"},
		{"GET", "/demo/k?versionId=3", "", 400, "Invalid version id"},
		{"GET", "/demo/k?versionId=null", "", 200, "v"},
		{"POST", "/demo/k?restore", "", 501, "NotImplemented"},
		{"PUT", "/demo/k?partNumber=1&uploadId=x", "v", 404, "NoSuchUpload"},
		{"PUT", "/Demo", "", 400, "InvalidBucketName"},
		{"PUT", "/x", "", 400, "InvalidBucketName"},
		{"PUT", "/demo", "", 200, ""},
		{"DELETE", "/demo", "", 409, "BucketNotEmpty"},
		{"POST", "/demo?delete", "<Delete>", 400, "MalformedXML"},
		{"GET", "/none?policy", "", 404, "NoSuchBucket"},
		{"OPTIONS", "/demo/k", "", 400, "Origin request header needed"},
	}
	for _, tt := range tests {
		a := g.do(owner, tt.method, tt.target, tt.body)
		if a.status != tt.status || !strings.Contains(a.body, tt.holds) {
			t.Errorf("%s %s: %d %s", tt.method, tt.target, a.status, a.body)
		}
		if a.status >= 400 && tt.method != "HEAD" && (a.code() == "" || strings.Contains(a.body, "<Message></Message>")) {
			t.Errorf("%s %s: no code or sentence: %s", tt.method, tt.target, a.body)
		}
	}
	g.want(200, owner, "PUT", "/west", "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>")
	if a := g.want(200, owner, "GET", "/west?location", ""); !strings.Contains(a.body, ">eu-west-1<") || a.header.Get("X-Amz-Bucket-Region") != "eu-west-1" {
		t.Error(a.body)
	}
	if a := g.do(owner, "PUT", "/west", ""); a.code() != "BucketAlreadyOwnedByYou" {
		t.Error(a.body)
	}
	for header, code := range map[string]string{
		"X-Amz-Acl: public-read": "AccessControlListNotSupported", "X-Amz-Grant-Read: id=x": "AccessControlListNotSupported", "X-Amz-Server-Side-Encryption: aws:kms": "NotImplemented",
		"X-Amz-Object-Lock-Mode: GOVERNANCE": "InvalidRequest", "X-Amz-Meta-A: " + strings.Repeat("x", 2048): "MetadataTooLarge", "X-Amz-Tagging: a=1&a=2": "InvalidTag",
	} {
		for _, tt := range []struct{ method, target string }{{"PUT", "/demo/h"}, {"POST", "/demo/h?uploads"}} {
			if a := g.do(owner, tt.method, tt.target, "", header); a.code() != code {
				t.Errorf("%s %s with %.40s: %d %s", tt.method, tt.target, header, a.status, a.body)
			}
		}
	}
}

func TestVirtualHosts(t *testing.T) {
	g := start(t, t.TempDir(), func(c *Config) { c.Domains = []string{"s3.warmfront.test"} })
	g.want(200, owner, "PUT", "/", "", "Host: demo.s3.us-east-1.amazonaws.com")
	g.want(200, owner, "PUT", "/k//x", "v", "Host: demo.s3.amazonaws.com")
	for _, host := range []string{"demo.localhost:9000", "demo.s3.localhost", "demo.s3.warmfront.test", "demo.s3.eu-west-1.amazonaws.com", "DEMO.S3.amazonaws.com."} {
		if a := g.want(200, owner, "GET", "/k//x", "", "Host: "+host); a.body != "v" {
			t.Errorf("%s: %q", host, a.body)
		}
	}
	for _, host := range []string{"localhost:9000", "s3.amazonaws.com", "s3.us-east-1.amazonaws.com", "s3.warmfront.test", "127.0.0.1:1", "[::1]:1", "origin"} {
		g.want(200, owner, "GET", "/demo/k//x", "", "Host: "+host)
	}
}

// Access logs are delivered into a bucket whose ACLs are enabled, for a distribution,
// or that has a policy which lets the delivery do so; nothing else comes of it.
func TestLogDelivery(t *testing.T) {
	g := withDemo(t)
	put := func(headers ...string) int {
		return g.do(edge, "PUT", "/demo/logs/E1.2026-03-01-12.AAAA.gz", "x", headers...).status
	}
	service, legacy := "X-Amz-Source-Service: delivery.logs.amazonaws.com", "X-Amz-Source-Arn: "+distribution
	source, acl := "X-Amz-Source-Arn: arn:aws:logs:us-east-1:123456789012:delivery-source:a", "X-Amz-Acl: bucket-owner-full-control"
	if put(service, legacy) != 403 || put(service, source, acl) != 403 {
		t.Error("a bucket whose ACLs are disabled takes logs without a policy")
	}
	g.want(200, owner, "PUT", "/demo?ownershipControls", `<OwnershipControls><Rule><ObjectOwnership>BucketOwnerPreferred</ObjectOwnership></Rule></OwnershipControls>`)
	if got := put(service, legacy, acl); got != 200 {
		t.Errorf("a bucket whose ACLs are enabled: %d", got)
	}
	if put(legacy) != 403 || put(service, source, acl) != 403 || g.do(edge, "GET", "/demo/logs/E1.2026-03-01-12.AAAA.gz", "", service, legacy).status != 403 {
		t.Error("more is allowed than to deliver a distribution's logs")
	}
	g.want(204, owner, "PUT", "/demo?policy", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"delivery.logs.amazonaws.com"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::demo/*",
		"Condition":{"StringEquals":{"s3:x-amz-acl":"bucket-owner-full-control","aws:SourceAccount":"123456789012"},"ArnLike":{"aws:SourceArn":"arn:aws:logs:us-east-1:123456789012:delivery-source:*"}}}]}`)
	if put(service, source, acl) != 200 || put(service, source) != 403 {
		t.Error("the policy that AWS documents is not gone by")
	}
}

// TestRegions: a signature is for the bucket's region, which whoever signs for another is
// told (belief 401); edges may sign for any (difference 402).
func TestRegions(t *testing.T) {
	g := withDemo(t)
	g.want(200, owner, "PUT", "/west", "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>")
	const malformed = "The authorization header is malformed; the region &#39;us-east-1&#39; is wrong; expecting &#39;eu-west-1&#39;"
	for _, c := range []struct {
		region, method, target string
		who                    sigv4.Credentials
		status                 int
		holds                  string
	}{
		{"eu-west-1", "GET", "/west", owner, 200, "ListBucketResult"},
		{"us-east-1", "GET", "/west", owner, 400, malformed},
		{"us-east-1", "GET", "/west", owner, 400, "<Region>eu-west-1</Region>"},
		{"us-east-1", "PUT", "/west/k", owner, 400, "<Code>AuthorizationHeaderMalformed</Code>"},
		{"us-east-1", "HEAD", "/west", owner, 400, ""},
		{"us-east-1", "GET", "/west?location", owner, 200, ">eu-west-1<"},
		{"us-east-1", "PUT", "/west", owner, 409, "BucketAlreadyOwnedByYou"},
		{"eu-west-1", "GET", "/demo", owner, 400, "expecting &#39;us-east-1&#39;"},
		{"eu-west-1", "GET", "/", owner, 200, "ListAllMyBucketsResult"},
		{"ap-south-1", "GET", "/none", owner, 404, "NoSuchBucket"},
		{"us-east-1", "GET", "/west/k", edge, 403, "AccessDenied"}, // its region does not matter, and no policy lets it in
		{"us-east-1", "GET", "/west/k", nobody, 403, "AccessDenied"},
	} {
		r, err := http.NewRequest(c.method, g.url+c.target, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.who != nobody {
			sigv4.Sign(r, c.who, sigv4.Scope{Region: c.region, Service: "s3"}, sigv4.EmptySHA256, time.Now())
		}
		a := g.send(r)
		if a.status != c.status || !strings.Contains(a.body, c.holds) {
			t.Errorf("%s %s for %s: %d %s", c.method, c.target, c.region, a.status, a.body)
		}
		if c.status == 400 && a.header.Get("X-Amz-Bucket-Region") == "" {
			t.Errorf("%s %s for %s does not say where the bucket is: %v", c.method, c.target, c.region, a.header)
		}
	}
	r, err := http.NewRequest("GET", g.url+"/west/k", nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := http.NewRequest("GET", sigv4.Presign(r, owner, sigv4.Scope{Region: "us-east-1", Service: "s3"}, time.Minute, time.Now()).String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if a := g.send(signed); a.status != 400 || a.code() != "AuthorizationQueryParametersError" || !strings.Contains(a.body, "expecting &#39;eu-west-1&#39;") {
		t.Errorf("presigned: %d %s", a.status, a.body)
	}
}
