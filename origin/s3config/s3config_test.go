package s3config

import (
	"errors"
	"maps"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	many := strings.Repeat("<CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule>", 101)
	for _, test := range []struct {
		kind     Kind
		doc      string
		code     string // "" where it is accepted
		contains string // of what is stored
	}{
		{PublicAccess, "<PublicAccessBlockConfiguration><BlockPublicPolicy>true</BlockPublicPolicy></PublicAccessBlockConfiguration>", "", `xmlns="http://s3.amazonaws.com/doc/2006-03-01/"`},
		{PublicAccess, "<PublicAccessBlockConfiguration><BlockPublicPolicy>perhaps</BlockPublicPolicy></PublicAccessBlockConfiguration>", "MalformedXML", ""},
		{PublicAccess, "<Other/>", "MalformedXML", ""},
		{Ownership, "<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>", "", "ObjectWriter"},
		{Ownership, "<OwnershipControls></OwnershipControls>", "MalformedXML", ""},
		{Tagging, "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag><Tag><Key>a</Key><Value>c</Value></Tag></TagSet></Tagging>", "InvalidTag", ""},
		{CORSRules, `<CORSConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>https://*.example.com</AllowedOrigin><MaxAgeSeconds>5</MaxAgeSeconds></CORSRule></CORSConfiguration>`, "", "<MaxAgeSeconds>5<"},
		{CORSRules, "<CORSConfiguration></CORSConfiguration>", "MalformedXML", ""},
		{CORSRules, "<CORSConfiguration>" + many + "</CORSConfiguration>", "InvalidRequest", ""},
		{CORSRules, "<CORSConfiguration><CORSRule><AllowedMethod>PATCH</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>", "InvalidRequest", ""},
		{CORSRules, "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*a*</AllowedOrigin></CORSRule></CORSConfiguration>", "InvalidRequest", ""},
		{WebsiteRules, "<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument></WebsiteConfiguration>", "", "index.html"},
		{WebsiteRules, "<WebsiteConfiguration><IndexDocument><Suffix>a/b</Suffix></IndexDocument></WebsiteConfiguration>", "InvalidArgument", ""},
		{WebsiteRules, "<WebsiteConfiguration><ErrorDocument><Key>e</Key></ErrorDocument></WebsiteConfiguration>", "InvalidArgument", ""},
		{WebsiteRules, "<WebsiteConfiguration><RedirectAllRequestsTo><HostName>x</HostName></RedirectAllRequestsTo><IndexDocument><Suffix>i</Suffix></IndexDocument></WebsiteConfiguration>", "InvalidRequest", ""},
		{Lifecycle, "<LifecycleConfiguration><Rule><ID>a</ID><Filter><Prefix>x/</Prefix></Filter><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>", "", "<Filter><Prefix>x/</Prefix></Filter>"},
		{Lifecycle, "<LifecycleConfiguration><Rule><Filter/><Status>Enabled</Status></Rule></LifecycleConfiguration>", "InvalidRequest", ""},
		{Lifecycle, "<LifecycleConfiguration><Rule><Filter/><Status>On</Status><Expiration/></Rule></LifecycleConfiguration>", "MalformedXML", ""},
		{Encryption, "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>true</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>", "", "<BucketKeyEnabled>true<"},
		{Encryption, "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>", "NotImplemented", ""},
		{Accelerate, "<AccelerateConfiguration><Status>Suspended</Status></AccelerateConfiguration>", "", "Suspended"},
		{Accelerate, "<AccelerateConfiguration/>", "MalformedXML", ""},
		{Logging, "<BucketLoggingStatus/>", "", "BucketLoggingStatus"},
		{Logging, "<BucketLoggingStatus><LoggingEnabled><TargetBucket>logs</TargetBucket><TargetPrefix>p/</TargetPrefix><TargetObjectKeyFormat><SimplePrefix/></TargetObjectKeyFormat></LoggingEnabled></BucketLoggingStatus>", "", "<TargetObjectKeyFormat><SimplePrefix></SimplePrefix></TargetObjectKeyFormat>"},
		{RequestPayment, "<RequestPaymentConfiguration><Payer>Requester</Payer></RequestPaymentConfiguration>", "NotImplemented", ""},
		{Versioning, "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>", "", "Suspended"},
		{Versioning, "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>", "NotImplemented", ""},
		{Versioning, "<VersioningConfiguration><Status>On</Status></VersioningConfiguration>", "IllegalVersioningConfigurationException", ""},
		{Notification, "<NotificationConfiguration/>", "", ""},
		{Notification, "<NotificationConfiguration><TopicConfiguration/></NotificationConfiguration>", "NotImplemented", ""},
		{"torrent", "<x/>", "NotImplemented", ""},
	} {
		got, err := Parse(test.kind, []byte(test.doc))
		var refused *Error
		code := ""
		if errors.As(err, &refused) {
			code = refused.Code
		}
		if code != test.code || err == nil && !strings.Contains(got, test.contains) {
			t.Errorf("%s %.100s: %q, %v, want %q", test.kind, test.doc, got, err, test.code)
		}
		if err == nil {
			if again, err := Parse(test.kind, []byte(got)); err != nil || again != got {
				t.Errorf("what is stored is read as another: %s, %s, %v", got, again, err)
			}
		}
	}
}

// FuzzParse holds to it that what is accepted is accepted again, unchanged: a
// stored document is answered as it was put.
func FuzzParse(f *testing.F) {
	f.Add("cors", "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>")
	f.Add("lifecycle", "<LifecycleConfiguration><Rule><Filter>\n<Prefix>x</Prefix>\n</Filter><Status>Enabled</Status><Expiration/></Rule></LifecycleConfiguration>")
	f.Add("website", "<WebsiteConfiguration><IndexDocument><Suffix>i</Suffix></IndexDocument></WebsiteConfiguration>")
	f.Fuzz(func(t *testing.T, kind, doc string) {
		stored, err := Parse(Kind(kind), []byte(doc))
		if err != nil {
			return
		}
		if again, err := Parse(Kind(kind), []byte(stored)); err != nil || again != stored {
			t.Errorf("%q is stored as %q and then read as %q, %v", doc, stored, again, err)
		}
	})
}

func TestCORSMatch(t *testing.T) {
	five := 5
	rules := CORS{Rules: []CORSRule{
		{AllowedMethods: []string{"PUT", "GET"}, AllowedOrigins: []string{"https://*.example.com"}, AllowedHeaders: []string{"x-amz-*", "Content-Type"}, ExposeHeaders: []string{"ETag"}, MaxAgeSeconds: &five},
		{AllowedMethods: []string{"GET"}, AllowedOrigins: []string{"*"}},
	}}
	named := map[string]string{"Access-Control-Allow-Origin": "https://a.example.com", "Access-Control-Allow-Credentials": "true", "Access-Control-Allow-Methods": "PUT, GET", "Access-Control-Expose-Headers": "ETag", "Access-Control-Max-Age": "5"}
	asked := maps.Clone(named)
	asked["Access-Control-Allow-Headers"] = "content-type, x-amz-date"
	everybody := map[string]string{"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "GET"}
	for _, test := range []struct {
		origin, method string
		headers        []string
		want           map[string]string
	}{
		{"https://a.example.com", "GET", nil, named},
		{"https://a.example.com", "PUT", []string{"content-type", "X-Amz-Date"}, asked},
		{"https://a.example.com", "PUT", []string{"Authorization"}, nil},
		{"https://example.com", "GET", nil, everybody},
		{"http://a.example.com", "GET", nil, everybody},
		{"http://a.example.com", "GET", []string{"X-Amz-Date"}, nil},
		{"http://a.example.com", "PUT", nil, nil},
	} {
		if got := rules.Match(test.origin, test.method, test.headers, true); !maps.Equal(got, test.want) {
			t.Errorf("%s %s %v: %v, want %v", test.origin, test.method, test.headers, got, test.want)
		}
	}
}

func TestWebsiteRoute(t *testing.T) {
	doc, err := Parse(WebsiteRules, []byte(`<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument><RoutingRules>
<RoutingRule><Condition><KeyPrefixEquals>docs/</KeyPrefixEquals></Condition><Redirect><ReplaceKeyPrefixWith>documents/</ReplaceKeyPrefixWith></Redirect></RoutingRule>
<RoutingRule><Condition><HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals></Condition><Redirect><HostName>app.example.com</HostName><Protocol>https</Protocol><ReplaceKeyWith>spa</ReplaceKeyWith><HttpRedirectCode>307</HttpRedirectCode></Redirect></RoutingRule>
</RoutingRules></WebsiteConfiguration>`))
	if err != nil {
		t.Fatal(err)
	}
	site, ok := ReadWebsite(doc)
	if !ok {
		t.Fatal("what was stored is no website")
	}
	for _, test := range []struct {
		path   string
		status int
		want   string
		code   int
	}{
		{"docs/a b", 0, "http://site/documents/a%20b", 301},
		{"other", 0, "", 0},
		{"other", 404, "https://app.example.com/spa", 307},
		{"other", 403, "", 0},
	} {
		got := site.Route(test.path, test.status, "http", "site")
		if got == nil {
			got = &Redirect{}
		}
		if got.Location != test.want || got.Status != test.code {
			t.Errorf("%s, %d: %+v", test.path, test.status, got)
		}
	}
	for path, key := range map[string]string{"": "index.html", "a/": "a/index.html", "a": "a"} {
		if got := site.Key(path); got != key {
			t.Errorf("%q is %q", path, got)
		}
	}
}
