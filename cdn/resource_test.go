package cdn

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn/keyvalues"
	"github.com/warmfront/warmfront/cdn/origins"

	"github.com/warmfront/warmfront/cdn/policies"
)

const (
	rsaKey = "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA0RSA\n-----END PUBLIC KEY-----"
	ecKey  = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n-----END PUBLIC KEY-----"
	arn    = "arn:aws:cloudfront::123456789012:"
)

func code(text string) string {
	return "<FunctionCode>" + base64.StdEncoding.EncodeToString([]byte(text)) + "</FunctionCode>"
}

func functionDocument(text string) string {
	return "<UpdateFunctionRequest><FunctionConfig><Comment/><Runtime>cloudfront-js-2.0</Runtime><KeyValueStoreAssociations><Quantity>1</Quantity><Items><KeyValueStoreAssociation><KeyValueStoreARN>" +
		arn + "key-value-store/STORE</KeyValueStoreARN></KeyValueStoreAssociation></Items></KeyValueStoreAssociations></FunctionConfig>" + code(text) + "</UpdateFunctionRequest>"
}

// choices writes the three parts of a policy: each is a behavior, or one, ": " and names.
func choices(headers, cookies, query string) string {
	var b strings.Builder
	for _, c := range []struct{ config, behavior, names, chosen string }{
		{"HeadersConfig", "HeaderBehavior", "Headers", headers}, {"CookiesConfig", "CookieBehavior", "Cookies", cookies}, {"QueryStringsConfig", "QueryStringBehavior", "QueryStrings", query},
	} {
		behavior, names, _ := strings.Cut(c.chosen, ": ")
		fmt.Fprintf(&b, "<%s><%s>%s</%[2]s><%[4]s><Items>", c.config, c.behavior, behavior, c.names)
		for _, n := range strings.Fields(names) {
			fmt.Fprintf(&b, "<Name>%s</Name>", n)
		}
		fmt.Fprintf(&b, "</Items></%s></%s>", c.names, c.config)
	}
	return b.String()
}

// oneOfEach is one resource of each kind that a plan holds.
func oneOfEach() []*Resource {
	return []*Resource{
		accessControl("always"),
		{Kind: ResourceCachePolicy, ID: "CP", Name: "mine", Document: "<CachePolicyConfig><Name>mine</Name><MinTTL>7</MinTTL><DefaultTTL>8</DefaultTTL><MaxTTL>9</MaxTTL><ParametersInCacheKeyAndForwardedToOrigin><EnableAcceptEncodingGzip>true</EnableAcceptEncodingGzip>" + choices("whitelist: X-A X-B", "all", "allExcept: q") + "</ParametersInCacheKeyAndForwardedToOrigin></CachePolicyConfig>"},
		{Kind: ResourceOriginRequestPolicy, ID: "ORP", Name: "mine", Document: "<OriginRequestPolicyConfig><Name>mine</Name>" + choices("allViewerAndWhitelistCloudFront: CloudFront-Viewer-City", "whitelist: c d", "none") + "</OriginRequestPolicyConfig>"},
		{Kind: ResourceResponseHeadersPolicy, ID: "RHP", Name: "mine", Document: "<ResponseHeadersPolicyConfig><Name>mine</Name><CustomHeadersConfig><Quantity>1</Quantity><Items><ResponseHeadersPolicyCustomHeader><Header>X-C</Header><Value>v</Value><Override>true</Override></ResponseHeadersPolicyCustomHeader></Items></CustomHeadersConfig><RemoveHeadersConfig><Quantity>1</Quantity><Items><ResponseHeadersPolicyRemoveHeader><Header>Server</Header></ResponseHeadersPolicyRemoveHeader></Items></RemoveHeadersConfig><ServerTimingHeadersConfig><Enabled>true</Enabled><SamplingRate>12.5</SamplingRate></ServerTimingHeadersConfig></ResponseHeadersPolicyConfig>"},
		{Kind: ResourceAccessIdentity, ID: "EOAI", CallerReference: "r", Document: "<CloudFrontOriginAccessIdentityConfig/>"},
		{Kind: ResourcePublicKey, ID: "K1", Name: "k", CallerReference: "r", Document: "<PublicKeyConfig><EncodedKey>" + ecKey + "</EncodedKey></PublicKeyConfig>"},
		{Kind: ResourceKeyGroup, ID: "KG", Name: "g", Document: "<KeyGroupConfig><Name>g</Name><Items><PublicKey>K1</PublicKey></Items></KeyGroupConfig>"},
		{Kind: ResourceKeyValueStore, ID: "STORE", Name: "store", Document: "<CreateKeyValueStoreRequest/>"},
		{Kind: ResourceFunction, ID: "f", Name: "f", ETag: "E2", Document: functionDocument("two"), Live: &Stage{ETag: "E1", Document: functionDocument("one")}},
		{Kind: ResourceRealtimeLogConfig, ID: "log", Name: "log", Document: "<RealtimeLogConfig/>"},
		{Kind: ResourceFieldLevelProfile, ID: "P1", Name: "p", Document: "<FieldLevelEncryptionProfileConfig><EncryptionEntities><Quantity>1</Quantity><Items><EncryptionEntity><PublicKeyId>K1</PublicKeyId></EncryptionEntity></Items></EncryptionEntities></FieldLevelEncryptionProfileConfig>"},
		{Kind: ResourceFieldLevelEncryption, ID: "C1", CallerReference: "r", Document: "<FieldLevelEncryptionConfig><QueryArgProfileConfig><QueryArgProfiles><Quantity>1</Quantity><Items><QueryArgProfile><QueryArg>a</QueryArg><ProfileId>P1</ProfileId></QueryArgProfile></Items></QueryArgProfiles></QueryArgProfileConfig></FieldLevelEncryptionConfig>"},
		{Kind: ResourceContinuousDeploymentPolicy, ID: "CD", Document: "<ContinuousDeploymentPolicyConfig/>"},
	}
}

// richConfig refers to one of each.
var richConfig = strings.NewReplacer(
	"658327ea-f89d-4fab-a63d-7e88639e58f6</CachePolicyId>", "CP</CachePolicyId><OriginRequestPolicyId>ORP</OriginRequestPolicyId><ResponseHeadersPolicyId>RHP</ResponseHeadersPolicyId>"+
		"<TrustedKeyGroups><Enabled>true</Enabled><Quantity>1</Quantity><Items><KeyGroup>KG</KeyGroup></Items></TrustedKeyGroups>"+
		"<FunctionAssociations><Quantity>1</Quantity><Items><FunctionAssociation><FunctionARN>"+arn+"function/f</FunctionARN><EventType>viewer-request</EventType></FunctionAssociation></Items></FunctionAssociations>"+
		"<RealtimeLogConfigArn>"+arn+"realtime-log-config/log</RealtimeLogConfigArn><FieldLevelEncryptionId>C1</FieldLevelEncryptionId>",
	"<OriginAccessIdentity/></S3OriginConfig><OriginAccessControlId>EOAC</OriginAccessControlId>", "<OriginAccessIdentity>origin-access-identity/cloudfront/EOAI</OriginAccessIdentity></S3OriginConfig>",
	"<WebACLId/>", "<ContinuousDeploymentPolicyId>CD</ContinuousDeploymentPolicyId>",
).Replace(siteConfig)

func richState(t *testing.T) *State {
	t.Helper()
	s := NewState(1)
	for _, r := range oneOfEach() {
		s = change(t, s, KindResourcePut, r)
	}
	return change(t, s, KindDistributionPut, Distribution{ID: "E1", CallerReference: "one", Domain: "d1.warmfront.test", Config: richConfig})
}

func TestPlanHoldsWhatItRefersTo(t *testing.T) {
	p := richState(t).Plans["E1"]
	b := p.Match("/x")
	if b.Cache.ID != "CP" || b.Cache.MinTTL != 7*time.Second || b.Cache.Query.Mode != policies.SelectAllExcept || b.Cache.Cookies.Mode != policies.SelectAll ||
		!slices.Equal(b.Cache.Headers.Names, []string{"X-A", "X-B"}) || !b.Cache.Gzip || b.Cache.Brotli {
		t.Errorf("cache policy %+v", b.Cache)
	}
	if o := b.OriginRequest; o.Headers.Mode != policies.SelectAllAndNames || o.Headers.Names[0] != "CloudFront-Viewer-City" || o.Cookies.Mode != policies.SelectNames || o.Query.Mode != policies.SelectNone {
		t.Errorf("origin request policy %+v", o)
	}
	if r := b.ResponseHeaders; r.Set[0] != (policies.ResponseHeader{Name: "X-C", Value: "v", Override: true}) || r.Remove[0] != "Server" || r.ServerTiming != 12.5 || r.CORS != nil {
		t.Errorf("response headers policy %+v", r)
	}
	if len(b.Signers) != 1 || b.Signers[0].Keys[0].ID != "K1" || b.Signers[0].Keys[0].Key == nil {
		t.Errorf("key groups %+v", b.Signers)
	}
	if f := b.ViewerRequest; f.Code != "one" || f.ETag != "E1" || f.Runtime != "cloudfront-js-2.0" || !slices.Equal(f.KeyValueStores, []string{"STORE"}) || b.ViewerResponse != nil {
		t.Errorf("function %+v", f)
	}
	if e := b.Encryption; e == nil || e.ID != "C1" || e.Args[0].Value != "a" || e.Args[0].Profile.ID != "P1" || e.Args[0].Profile.Entities[0].Key != nil { // K1 only signs
		t.Errorf("field-level encryption %+v", e)
	}
	if id := p.Origins[b.Origin].AccessIdentity; id.ID != "EOAI" || len(id.CanonicalUserID) != 96 || *origins.IdentityOf(id.ARN()) != *id || slices.ContainsFunc(p.Ignored, func(f string) bool { return strings.HasSuffix(f, "Identity") }) {
		t.Errorf("access identity %+v, ignored %q", id, p.Ignored)
	}
	for _, other := range []string{"", p.ARN, (&origins.AccessIdentity{}).ARN(), "arn:aws:iam::123456789012:user/x"} {
		if id := origins.IdentityOf(other); id != nil {
			t.Errorf("%q was taken for %+v", other, id)
		}
	}
	if len(p.Ignored) > 0 {
		t.Errorf("not applied: %q", p.Ignored)
	}
	for _, r := range oneOfEach() {
		used := !slices.Contains([]ResourceKind{ResourceAccessControl, ResourceKeyValueStore}, r.Kind)
		if p.UsesResource(r.Ref()) != used {
			t.Errorf("uses %v: %v, want %v", r.Ref(), !used, used)
		}
	}
}

func TestReferencesToWhatIsMissing(t *testing.T) {
	res := richState(t).Resources()
	for _, c := range []struct{ old, new, code string }{
		{">CP<", ">X<", "NoSuchCachePolicy"}, {">ORP<", ">X<", "NoSuchOriginRequestPolicy"}, {">RHP<", ">X<", "NoSuchResponseHeadersPolicy"},
		{">KG<", ">X<", "TrustedKeyGroupDoesNotExist"}, {"function/f<", "function/x<", "InvalidFunctionAssociation"}, {"function/f<", "f<", "InvalidFunctionAssociation"},
		{"viewer-request", "origin-request", "InvalidFunctionAssociation"}, {"config/log<", "config/x<", "NoSuchRealtimeLogConfig"},
		{">C1<", ">X<", "NoSuchFieldLevelEncryptionConfig"}, {"/EOAI<", "/X<", "InvalidOriginAccessIdentity"}, {"origin-access-identity/cloudfront/", "", "InvalidOriginAccessIdentity"},
		{">CD<", ">X<", "NoSuchContinuousDeploymentPolicy"},
	} {
		config := strings.Replace(richConfig, c.old, c.new, 1)
		if config == richConfig {
			t.Fatalf("%q does not occur", c.old)
		}
		d := &Distribution{ID: "E1", Config: config}
		if _, err := Compile(d, res); ErrorCode(err) != c.code {
			t.Errorf("%q for %q: %v, want %s", c.new, c.old, err, c.code)
		}
		// Releases that did not look let it into the journal, which must be read.
		_, err := compile(d, res, true)
		if refused := c.code == "NoSuchCachePolicy"; (err != nil) != refused {
			t.Errorf("%q for %q in a journal: %v", c.new, c.old, err)
		}
	}
}

func TestResourcesInUseStay(t *testing.T) {
	s := richState(t)
	s = change(t, s, KindKeyValues, KeyValueUpdate{"STORE", keyvalues.Update{Put: map[string]string{"a": "b"}, ETag: "E1"}})
	for _, r := range oneOfEach() {
		kind, _ := resourceKinds(r.Kind)
		c, _ := NewChange(KindResourceDelete, r.Ref(), time.Time{})
		c.Version = s.Version.Next()
		if _, err := s.Apply(c); r.Kind != ResourceAccessControl && ErrorCode(err) != kind.inUse {
			t.Errorf("%v deleted while in use: %v", r.Ref(), err)
		}
	}
	s = change(t, s, KindDistributionDelete, Ref{"E1"})
	if s.DistributionReferenced("one") != nil {
		t.Error("a deleted distribution is found by its reference")
	}
	// Now from those that refer to others to those that others refer to.
	all := oneOfEach()
	for _, i := range []int{0, 1, 2, 3, 4, 12, 11, 10, 9, 8, 7, 6, 5} {
		s = change(t, s, KindResourceDelete, all[i].Ref())
		if s.Resource(all[i].Kind, all[i].ID) != nil || s.ResourceNamed(all[i].Kind, all[i].Name) != nil || s.ResourceReferenced(all[i].Kind, all[i].CallerReference) != nil {
			t.Errorf("%v is still there", all[i].Ref())
		}
	}
	if s.KeyValues("STORE") != nil || len(s.names) != 0 {
		t.Errorf("left over: %v, %v", s.KeyValues("STORE"), s.names)
	}
}

func TestChangesOfResourcesAreOnesOfTheirDistributions(t *testing.T) {
	s := richState(t)
	put := func(i int, alter func(*Resource)) (*State, bool) {
		r := oneOfEach()[i]
		alter(r)
		next := change(t, s, KindResourcePut, r)
		if next.Plans["E1"].Version != next.Distributions["E1"].Version {
			t.Error("plan and distribution have different versions")
		}
		return next, next.Plans["E1"].Version == next.Version
	}
	for name, c := range map[string]struct {
		index  int
		alter  func(*Resource)
		change bool
	}{
		"a TTL":                    {1, func(r *Resource) { r.Document = strings.Replace(r.Document, ">7<", ">6<", 1) }, true},
		"a comment":                {1, func(r *Resource) { r.ETag = "other" }, false},
		"code in development":      {8, func(r *Resource) { r.Document = functionDocument("three") }, false},
		"code that is live":        {8, func(r *Resource) { r.Live = &Stage{ETag: "E3", Document: functionDocument("three")} }, true},
		"a key group's members":    {6, func(r *Resource) { r.Document = "<KeyGroupConfig><Name>g</Name><Items/></KeyGroupConfig>" }, true},
		"a header that is removed": {3, func(r *Resource) { r.Document = strings.Replace(r.Document, ">Server<", ">Via<", 1) }, true},
	} {
		if _, changed := put(c.index, c.alter); changed != c.change {
			t.Errorf("%s: a change of the distribution: %v, want %v", name, changed, c.change)
		}
	}
	renamed, _ := put(1, func(r *Resource) { r.Name = "other" })
	if renamed.ResourceNamed(ResourceCachePolicy, "mine") != nil || renamed.ResourceNamed(ResourceCachePolicy, "other") == nil {
		t.Error("the index of names does not follow")
	}
	if s.ResourceNamed(ResourceCachePolicy, "mine") == nil || s.DistributionReferenced("one") == nil || s.ResourceReferenced(ResourcePublicKey, "r").ID != "K1" {
		t.Error("the older state changed")
	}
}

func TestResourcesThatCannotBe(t *testing.T) {
	for _, r := range []*Resource{
		{Kind: "new", ID: "x", Document: "<X/>"},
		{Kind: ResourceCachePolicy, ID: "x", Document: "<CachePolicyConfig><MinTTL>9</MinTTL><MaxTTL>1</MaxTTL></CachePolicyConfig>"},
		{Kind: ResourceCachePolicy, ID: "x", Document: "<CachePolicyConfig>"},
		{Kind: ResourceOriginRequestPolicy, ID: "x", Document: "<C>" + choices("none: X-A", "none", "none") + "</C>"},
		{Kind: ResourceOriginRequestPolicy, ID: "x", Document: "<C>" + choices("allExcept: ", "none", "none") + "</C>"},
		{Kind: ResourceResponseHeadersPolicy, ID: "x", Document: strings.Replace(oneOfEach()[3].Document, "X-C", "X C", 1)},
		{Kind: ResourceResponseHeadersPolicy, ID: "x", Document: strings.Replace(oneOfEach()[3].Document, "12.5", "101", 1)},
		{Kind: ResourcePublicKey, ID: "x", Document: "<P><EncodedKey>" + rsaKey + "</EncodedKey></P>"},
		{Kind: ResourcePublicKey, ID: "x", Document: "<P/>"},
		{Kind: ResourceFunction, ID: "x", Document: "<F><FunctionCode>!</FunctionCode></F>"},
	} {
		if err := CheckResource(r); ErrorCode(err) == "" {
			t.Errorf("%s %q: %v", r.Kind, r.Document, err)
		}
	}
}

// A journal of an earlier release has access controls as changes of their own, in
// snapshots too.
func TestOlderJournals(t *testing.T) {
	old := func(kind Kind, v Version, body any) Change {
		c, err := NewChange(kind, body, time.Unix(1, 0))
		if err != nil {
			t.Fatal(err)
		}
		c.Version = v
		return c
	}
	s, err := Restore(Snapshot{Version: Version{1, 2}, Changes: []Change{
		old(KindAccessControlPut, Version{}, origins.AccessControl{ID: "EOAC", Name: "a & b", Description: "d", OriginType: "s3", SigningBehavior: "always", SigningProtocol: "sigv4", ETag: "E1"}),
		old(KindDistributionPut, Version{1, 2}, Distribution{ID: "E1", Config: siteConfig}),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if r := s.ResourceNamed(ResourceAccessControl, "a & b"); r == nil || r.ETag != "E1" || !strings.Contains(r.Document, "<Name>a &amp; b</Name><Description>d</Description>") {
		t.Errorf("%+v", r)
	}
	if ac := s.Plans["E1"].Origins[0].AccessControl; ac.SigningBehavior != "always" || ac.Name != "a & b" || ac.OriginType != "s3" {
		t.Errorf("%+v", ac)
	}
	if _, err := s.Apply(old(KindAccessControlDel, Version{1, 3}, Ref{"EOAC"})); ErrorCode(err) != "OriginAccessControlInUse" {
		t.Error(err)
	}
}

func TestSnapshotRestoresResources(t *testing.T) {
	s := richState(t)
	s = change(t, s, KindKeyValues, KeyValueUpdate{"STORE", keyvalues.Update{Put: map[string]string{"a": "1", "b": "2"}, ETag: "E9", LastModified: 7}})
	// The newest change of a resource may be newer than what refers to it.
	r := oneOfEach()[1]
	r.ETag = "later"
	s = change(t, s, KindResourcePut, r)
	snap, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(snap)
	if err != nil {
		t.Fatal(err)
	}
	var read Snapshot
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	got, err := Restore(read)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range oneOfEach() {
		was, is := s.Resource(r.Kind, r.ID), got.Resource(r.Kind, r.ID)
		if is == nil || is.Document != was.Document || is.Version != was.Version || !slices.Equal(is.Uses(), was.Uses()) {
			t.Errorf("%v: %+v, want %+v", r.Ref(), is, was)
		}
	}
	if kv := got.KeyValues("STORE"); kv.Count != 2 || kv.Size != 4 || kv.ETag != "E9" || kv.LastModified != 7 || !slices.Equal(kv.Keys(), []string{"a", "b"}) {
		t.Errorf("%+v", kv)
	}
	if !maps.Equal(got.names, s.names) || got.Plans["E1"].Version != s.Plans["E1"].Version {
		t.Errorf("%v, want %v", got.names, s.names)
	}
}

func TestManagedPoliciesCompile(t *testing.T) {
	for kind, n := range map[ResourceKind]int{ResourceCachePolicy: 11, ResourceOriginRequestPolicy: 8, ResourceResponseHeadersPolicy: 5, ResourceFunction: 0} {
		all := ManagedPolicies(kind)
		if len(all) != n {
			t.Errorf("%d managed policies of the kind %s, want %d", len(all), kind, n)
		}
		for _, r := range all {
			if err := CheckResource(r); err != nil || !r.Managed || (Resources{}).Get(kind, r.ID).Document != r.Document {
				t.Errorf("%s: %v", r.Name, err)
			}
		}
	}
	headers := managedPolicy(ResourceResponseHeadersPolicy, "eaab4381-ed33-4a86-88ca-d9558dc6cd63")
	doc, _ := parse(headers.Document)
	p, err := policies.CompileResponseHeaders(doc, headers.ID)
	if err != nil || len(p.Set) != 5 || p.Set[0] != (policies.ResponseHeader{Name: "Strict-Transport-Security", Value: "max-age=31536000", Override: false}) ||
		p.Set[1] != (policies.ResponseHeader{Name: "X-Content-Type-Options", Value: "nosniff", Override: true}) || p.Set[3].Value != "1; mode=block" || len(p.CORS.AllowMethods) != 7 || p.CORS.MaxAge != -1 {
		t.Errorf("%+v, %v", p, err)
	}
	doc, _ = parse(managedPolicy(ResourceOriginRequestPolicy, "33f36d7e-f396-46d9-90e0-52428a34d9dc").Document)
	if n := len(doc.Texts("HeadersConfig", "Headers")); n != 21 {
		t.Errorf("%d CloudFront headers, want 21", n)
	}
}

func FuzzCheckResource(f *testing.F) {
	kinds := []ResourceKind{}
	for _, r := range oneOfEach() {
		f.Add(len(kinds), r.Document)
		kinds = append(kinds, r.Kind)
	}
	f.Fuzz(func(t *testing.T, kind int, document string) {
		r := &Resource{Kind: kinds[uint(kind)%uint(len(kinds))], ID: "x", Document: document}
		if err := CheckResource(r); err != nil && ErrorCode(err) == "" {
			t.Errorf("an error without a code: %v", err)
		}
	})
}
