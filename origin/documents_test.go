package origin

import (
	"strings"
	"testing"
)

const everybodyReads = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::demo","arn:aws:s3:::demo/*"]}]}`

func TestDocumentsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	g := start(t, dir, nil)
	g.want(200, owner, "PUT", "/demo", "")
	documents := []struct{ sub, absent, doc, holds string }{
		{"cors", "NoSuchCORSConfiguration", "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>", "AllowedOrigin"},
		{"website", "NoSuchWebsiteConfiguration", "<WebsiteConfiguration><IndexDocument><Suffix>i.html</Suffix></IndexDocument></WebsiteConfiguration>", "i.html"},
		{"lifecycle", "NoSuchLifecycleConfiguration", "<LifecycleConfiguration><Rule><Filter/><Status>Enabled</Status><Expiration><Days>3</Days></Expiration></Rule></LifecycleConfiguration>", "<Days>3<"},
		{"encryption", "ServerSideEncryptionConfigurationNotFoundError", "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>", "AES256"},
		{"tagging", "NoSuchTagSet", "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>", "<Key>k<"},
		{"accelerate", "", "<AccelerateConfiguration><Status>Enabled</Status></AccelerateConfiguration>", "Enabled"},
		{"logging", "", "<BucketLoggingStatus><LoggingEnabled><TargetBucket>demo</TargetBucket><TargetPrefix>p</TargetPrefix></LoggingEnabled></BucketLoggingStatus>", "<TargetPrefix>p<"},
		{"versioning", "", "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>", "Suspended"},
	}
	for _, d := range documents {
		target := "/demo?" + d.sub
		if a := g.do(owner, "GET", target, ""); a.code() != d.absent {
			t.Errorf("%s: %s", target, a.body)
		}
		if a := g.do(owner, "PUT", target, d.doc); a.status >= 300 {
			t.Errorf("%s: %s", target, a.body)
		}
	}
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	g = start(t, dir, nil)
	for _, d := range documents {
		target := "/demo?" + d.sub
		if a := g.want(200, owner, "GET", target, ""); !strings.Contains(a.body, d.holds) || !strings.Contains(a.body, `xmlns="http://s3.amazonaws.com/doc/2006-03-01/"`) {
			t.Errorf("%s: %s", target, a.body)
		}
		if d.absent == "" {
			continue
		}
		g.want(204, owner, "DELETE", target, "")
		g.want(204, owner, "DELETE", target, "")
		if a := g.do(owner, "GET", target, ""); a.status != 404 || a.code() != d.absent {
			t.Errorf("%s: %s", target, a.body)
		}
	}
}

func TestDocumentsRefused(t *testing.T) {
	g := start(t, t.TempDir(), nil)
	g.want(200, owner, "PUT", "/demo", "")
	for _, test := range []struct{ target, doc, code string }{
		{"/demo?logging", "<BucketLoggingStatus><LoggingEnabled><TargetBucket>none</TargetBucket><TargetPrefix/></LoggingEnabled></BucketLoggingStatus>", "InvalidTargetBucketForLogging"},
		{"/demo?replication", "<ReplicationConfiguration/>", "InvalidRequest"},
		{"/demo?object-lock", "<ObjectLockConfiguration/>", "InvalidBucketState"},
		{"/demo?website", strings.Repeat(" ", 70<<10), "MaxMessageLengthExceeded"},
		{"/none?cors", "", "NoSuchBucket"},
	} {
		if a := g.do(owner, "PUT", test.target, test.doc); a.code() != test.code {
			t.Errorf("%s: %d %s", test.target, a.status, a.body)
		}
		if a := g.do(nobody, "PUT", test.target, test.doc); a.status != 403 && test.code != "NoSuchBucket" {
			t.Errorf("%s without a signature: %d", test.target, a.status)
		}
	}
	// Lists are taken once ownership allows them, and then only the owner's.
	g.want(200, owner, "PUT", "/demo?ownershipControls", "<OwnershipControls><Rule><ObjectOwnership>BucketOwnerPreferred</ObjectOwnership></Rule></OwnershipControls>")
	g.want(200, owner, "PUT", "/demo?acl", "", "X-Amz-Acl: private")
	if a := g.do(owner, "PUT", "/demo?acl", "", "X-Amz-Acl: public-read"); a.code() != "AccessDenied" {
		t.Error(a.body)
	}
	g.want(204, owner, "DELETE", "/demo?publicAccessBlock", "")
	if a := g.do(owner, "PUT", "/demo?acl", "", "X-Amz-Acl: public-read"); a.code() != "NotImplemented" {
		t.Error(a.body)
	}
}

func TestCORS(t *testing.T) {
	g := start(t, t.TempDir(), nil)
	g.want(200, owner, "PUT", "/demo", "")
	g.want(200, owner, "PUT", "/demo/k", "v")
	const page, preflight = "Origin: https://www.example.com", "Access-Control-Request-Method: PUT"
	if a := g.do(nobody, "OPTIONS", "/demo/k", "", page, preflight); a.status != 403 || a.code() != "AccessForbidden" {
		t.Errorf("without rules: %d %s", a.status, a.body)
	}
	if a := g.want(200, owner, "GET", "/demo/k", "", page); a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("without rules: %v", a.header)
	}
	g.want(200, owner, "PUT", "/demo?cors", "<CORSConfiguration><CORSRule><AllowedMethod>PUT</AllowedMethod><AllowedMethod>GET</AllowedMethod><AllowedOrigin>https://www.example.com</AllowedOrigin><AllowedHeader>*</AllowedHeader></CORSRule></CORSConfiguration>")
	a := g.want(200, nobody, "OPTIONS", "/demo/k", "", page, preflight, "Access-Control-Request-Headers: Content-Type, x-amz-date")
	if a.header.Get("Access-Control-Allow-Origin") != "https://www.example.com" || a.header.Get("Access-Control-Allow-Headers") != "content-type, x-amz-date" || !strings.Contains(a.header.Get("Vary"), "Origin") {
		t.Errorf("%v", a.header)
	}
	for _, headers := range [][]string{{page, "Access-Control-Request-Method: DELETE"}, {"Origin: https://evil.example", preflight}} {
		if a := g.do(nobody, "OPTIONS", "/demo/k", "", headers...); a.status != 403 || !strings.Contains(a.body, "<ResourceType>OBJECT<") {
			t.Errorf("%v: %d %s", headers, a.status, a.body)
		}
	}
	if a := g.do(nobody, "OPTIONS", "/demo/k", "", page); a.status != 400 {
		t.Errorf("no method: %d", a.status)
	}
	if a := g.want(200, owner, "GET", "/demo/k", "", page); a.header.Get("Access-Control-Allow-Origin") != "https://www.example.com" {
		t.Errorf("%v", a.header)
	}
	if a := g.want(200, owner, "GET", "/demo/k", "", "Origin: https://evil.example"); a.header.Get("Access-Control-Allow-Origin") != "" || a.header.Get("Vary") == "" {
		t.Errorf("%v", a.header)
	}
	// An error is for the page to read, too; permission it does not give.
	if a := g.want(403, nobody, "GET", "/demo/k", "", page); a.header.Get("Access-Control-Allow-Origin") == "" {
		t.Errorf("%v", a.header)
	}
}

func TestWebsite(t *testing.T) {
	g := start(t, t.TempDir(), nil)
	const host = "Host: demo.s3-website-us-east-1.amazonaws.com"
	if a := g.do(nobody, "GET", "/", "", host); a.status != 404 || !strings.Contains(a.body, "<li>Code: NoSuchBucket</li>") {
		t.Errorf("%d %s", a.status, a.body)
	}
	g.want(200, owner, "PUT", "/demo", "")
	for key, body := range map[string]string{"index.html": "home", "a/index.html": "folder", "404.html": "not here", "plain": "plain"} {
		g.want(200, owner, "PUT", "/demo/"+key, body, "Content-Type: text/html")
	}
	g.want(200, owner, "PUT", "/demo/old", "", "X-Amz-Website-Redirect-Location: /plain")
	if a := g.do(nobody, "GET", "/", "", host); a.status != 404 || a.header.Get("X-Amz-Error-Code") != "NoSuchWebsiteConfiguration" {
		t.Errorf("%d %v", a.status, a.header)
	}
	g.want(200, owner, "PUT", "/demo?website", "<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument><ErrorDocument><Key>404.html</Key></ErrorDocument>"+
		"<RoutingRules><RoutingRule><Condition><KeyPrefixEquals>was/</KeyPrefixEquals></Condition><Redirect><ReplaceKeyPrefixWith>is/</ReplaceKeyPrefixWith></Redirect></RoutingRule></RoutingRules></WebsiteConfiguration>")
	if a := g.do(owner, "GET", "/", "", host); a.status != 403 || !strings.Contains(a.body, "AccessDenied") || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
		t.Errorf("a website is for everybody or nobody: %d %s", a.status, a.body)
	}
	g.want(204, owner, "DELETE", "/demo?publicAccessBlock", "")
	g.want(204, owner, "PUT", "/demo?policy", everybodyReads)
	for _, test := range []struct {
		method, path string
		status       int
		body         string
		location     string
	}{
		{"GET", "/", 200, "home", ""},
		{"GET", "/a/", 200, "folder", ""},
		{"GET", "/a", 302, "", "/a/"},
		{"GET", "/plain", 200, "plain", ""},
		{"HEAD", "/plain", 200, "", ""},
		{"GET", "/none", 404, "not here", ""},
		{"GET", "/old", 301, "", "/plain"},
		{"GET", "/was/x", 301, "", "http://demo.s3-website-us-east-1.amazonaws.com/is/x"},
		{"PUT", "/plain", 405, "", ""},
		{"POST", "/", 405, "", ""},
	} {
		a := g.do(nobody, test.method, test.path, "", host)
		if a.status != test.status || test.body != "" && a.body != test.body || a.header.Get("Location") != test.location {
			t.Errorf("%s %s: %d %q %v", test.method, test.path, a.status, a.body, a.header)
		}
	}
	g.want(206, nobody, "GET", "/plain", "", host, "Range: bytes=1-2")
	g.want(200, owner, "PUT", "/demo?website", "<WebsiteConfiguration><RedirectAllRequestsTo><HostName>www.example.com</HostName><Protocol>https</Protocol></RedirectAllRequestsTo></WebsiteConfiguration>")
	if a := g.do(nobody, "GET", "/x/y", "", host); a.status != 301 || a.header.Get("Location") != "https://www.example.com/x/y" {
		t.Errorf("%d %v", a.status, a.header)
	}
}
