package cdn

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/cdn/policies"
)

const siteConfig = `<?xml version="1.0"?><DistributionConfig xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/">
<CallerReference>one</CallerReference><Aliases><Quantity>2</Quantity><Items><CNAME>WWW.example.test</CNAME><CNAME>*.img.test</CNAME></Items></Aliases>
<DefaultRootObject>index.html</DefaultRootObject>
<Origins><Quantity>2</Quantity><Items>
<Origin><Id>bucket</Id><DomainName>demo.s3.us-east-1.amazonaws.com</DomainName><OriginPath/><CustomHeaders><Quantity>0</Quantity></CustomHeaders><S3OriginConfig><OriginAccessIdentity/></S3OriginConfig><OriginAccessControlId>EOAC</OriginAccessControlId></Origin>
<Origin><Id>api</Id><DomainName>api.test</DomainName><OriginPath>/v1</OriginPath><CustomHeaders><Quantity>1</Quantity><Items><OriginCustomHeader><HeaderName>X-A</HeaderName><HeaderValue>b</HeaderValue></OriginCustomHeader></Items></CustomHeaders>
<CustomOriginConfig><HTTPPort>8000</HTTPPort><HTTPSPort>443</HTTPSPort><OriginProtocolPolicy>http-only</OriginProtocolPolicy><OriginReadTimeout>60</OriginReadTimeout></CustomOriginConfig><OriginShield><Enabled>true</Enabled><OriginShieldRegion>us-east-1</OriginShieldRegion></OriginShield></Origin>
</Items></Origins>
<DefaultCacheBehavior><TargetOriginId>bucket</TargetOriginId><ViewerProtocolPolicy>redirect-to-https</ViewerProtocolPolicy><CachePolicyId>658327ea-f89d-4fab-a63d-7e88639e58f6</CachePolicyId><Compress>true</Compress></DefaultCacheBehavior>
<CacheBehaviors><Quantity>1</Quantity><Items><CacheBehavior><PathPattern>/api/*</PathPattern><TargetOriginId>api</TargetOriginId><ViewerProtocolPolicy>https-only</ViewerProtocolPolicy>
<AllowedMethods><Quantity>7</Quantity><Items><Method>GET</Method><Method>HEAD</Method><Method>OPTIONS</Method><Method>PUT</Method><Method>PATCH</Method><Method>POST</Method><Method>DELETE</Method></Items><CachedMethods><Quantity>2</Quantity><Items><Method>HEAD</Method><Method>GET</Method></Items></CachedMethods></AllowedMethods>
<ForwardedValues><QueryString>true</QueryString><Cookies><Forward>none</Forward></Cookies></ForwardedValues><MinTTL>0</MinTTL><DefaultTTL>60</DefaultTTL><Compress>true</Compress></CacheBehavior></Items></CacheBehaviors>
<CustomErrorResponses><Quantity>1</Quantity><Items><CustomErrorResponse><ErrorCode>404</ErrorCode><ResponsePagePath>/404.html</ResponsePagePath><ResponseCode>200</ResponseCode><ErrorCachingMinTTL>5</ErrorCachingMinTTL></CustomErrorResponse></Items></CustomErrorResponses>
<Comment>c</Comment><Logging><Enabled>false</Enabled></Logging><PriceClass>PriceClass_100</PriceClass><Enabled>true</Enabled><WebACLId/></DistributionConfig>`

func accessControl(behavior string) *Resource {
	return &Resource{Kind: ResourceAccessControl, ID: "EOAC", Name: "bucket", Document: "<OriginAccessControlConfig><SigningBehavior>" + behavior + "</SigningBehavior></OriginAccessControlConfig>"}
}

var access = Resources{ResourceAccessControl: {"EOAC": accessControl("always")}}

func TestCompileActsOnWhatItReadsAndNamesTheRest(t *testing.T) {
	p, err := Compile(&Distribution{ID: "E1", Domain: "D1.warmfront.test", Config: strings.Replace(siteConfig, "<WebACLId/>", "<AnycastIpListId>a</AnycastIpListId>", 1), Tags: map[string]string{CachingTag: CachingTagRFC9111}}, access)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.Ignored, []string{"AnycastIpListId"}; !slices.Equal(got, want) {
		t.Errorf("ignored %q, want %q", got, want)
	}
	if p.Domain != "d1.warmfront.test" || p.PriceClass != PriceClass100 || !p.Enabled || p.Caching != CachingRFC9111 || p.DefaultRootObject != "index.html" {
		t.Errorf("plan %+v", p)
	}
	b := p.Match("/api/x")
	if o := p.Origins[b.Origin]; o.ID != "api" || o.HTTPPort != 8000 || o.ReadTimeout != time.Minute || o.Path != "/v1" || o.CustomHeaders[0].Name != "X-A" || o.Shield != "us-east-1" || o.TLS != nil {
		t.Errorf("origin %+v", o)
	}
	if b.Cache.DefaultTTL != time.Minute || b.Cache.MaxTTL != 31536000*time.Second || b.Cache.Query.Mode != policies.SelectAll || !b.Allows("POST") || b.Caches("OPTIONS") || !b.Compress || !b.Cache.Gzip || b.Cache.Brotli {
		t.Errorf("behavior %+v", b)
	}
	d := p.Match("/other")
	if d.Pattern != "*" || d.Cache.Name != "Managed-CachingOptimized" || d.Cache.DefaultTTL != 24*time.Hour || d.ViewerProtocol != RedirectToHTTPS || d.Allows("POST") ||
		!d.Compress || !d.Cache.Gzip || !d.Cache.Brotli {
		t.Errorf("default behavior %+v", d)
	}
	if p.Origins[d.Origin].AccessControl == nil || p.Origins[d.Origin].Kind != origins.S3 {
		t.Errorf("origin %+v", p.Origins[d.Origin])
	}
	if p.ErrorMinTTL(404) != 5*time.Second || p.ErrorMinTTL(503) != DefaultErrorMinTTL {
		t.Error("error TTLs")
	}
}

func TestCompileRefusesWithCloudFrontsCodes(t *testing.T) {
	for _, c := range []struct{ old, new, code string }{
		{"<TargetOriginId>bucket<", "<TargetOriginId>gone<", "NoSuchOrigin"},
		{"658327ea-f89d-4fab-a63d-7e88639e58f6", "nope", "NoSuchCachePolicy"},
		{"PriceClass_100", "PriceClass_7", "InvalidArgument"},
		{"<DefaultTTL>60<", "<DefaultTTL>x<", "InvalidTTLOrder"},
		{"<MinTTL>0<", "<MinTTL>61<", "InvalidTTLOrder"},
		{"EOAC<", "EGONE<", "InvalidOriginAccessControl"},
		{"<ErrorCode>404<", "<ErrorCode>418<", "InvalidErrorCode"},
		{"<Method>PATCH</Method>", "", "InvalidArgument"},
		{">index.html<", ">/index.html<", "InvalidDefaultRootObject"},
		{"<HTTPPort>8000<", "<HTTPPort>0<", "InvalidArgument"},
		{"<OriginReadTimeout>60<", "<OriginReadTimeout>600<", "InvalidOriginReadTimeout"},
		{"</DistributionConfig>", "", "MalformedXML"},
		{`<?xml version="1.0"?>`, `<!DOCTYPE x [<!ENTITY a "b">]>`, "MalformedXML"},
		{"https-only", "http-sometimes", "InvalidArgument"},
	} {
		config := strings.Replace(siteConfig, c.old, c.new, 1)
		if config == siteConfig {
			t.Fatalf("%q does not occur", c.old)
		}
		_, err := Compile(&Distribution{ID: "E1", Config: config}, access)
		if ErrorCode(err) != c.code {
			t.Errorf("%q for %q: %v, want %s", c.new, c.old, err, c.code)
		}
	}
}

func TestPriceClassIncludesItsOwnAndCheaperPOPs(t *testing.T) {
	for _, c := range []struct {
		of, pop PriceClass
		want    bool
	}{{PriceClass100, PriceClass100, true}, {PriceClass100, PriceClass200, false}, {PriceClass200, PriceClassAll, false}, {PriceClassAll, PriceClassAll, true}, {PriceClass200, PriceClass100, true}} {
		if c.of.Includes(c.pop) != c.want {
			t.Errorf("%v includes %v: want %v", c.of, c.pop, c.want)
		}
	}
}

func TestCheckInvalidationPath(t *testing.T) {
	for path, ok := range map[string]bool{"/*": true, "*": true, "/": true, "/a/b.html": true, "/a?x=1*": true, "a": false, "": false, "/a*b": true, "/**": true,
		"/a b": false, "/é": false, "/" + strings.Repeat("x", 3999): true, "/" + strings.Repeat("x", 4000): false,
		"#a": true, "#Product:TV": true, "#a*": true, "#/x": true, "##": true, "#": false, "#a,b": false, "#a b": false, "#é": false, " #a": false,
		"#" + strings.Repeat("x", 256): true, "#" + strings.Repeat("x", 257): false} {
		if err := CheckInvalidationPath(path); (err == nil) != ok {
			t.Errorf("%.20q: %v", path, err)
		}
	}
}

func change(t *testing.T, s *State, kind Kind, body any) *State {
	t.Helper()
	c, err := NewChange(kind, body, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	c.Version = s.Version.Next()
	next, err := s.Apply(c)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func sampleState(t *testing.T) *State {
	s := NewState(3)
	s = change(t, s, KindResourcePut, accessControl("always"))
	s = change(t, s, KindDistributionPut, Distribution{ID: "E1", Domain: "d1.warmfront.test", Config: siteConfig})
	for n := range keptInvalidations + 5 {
		s = change(t, s, KindInvalidation, Invalidation{ID: fmt.Sprintf("I%d", n), Distribution: "E1", Paths: []string{fmt.Sprintf("/%d", n)}})
	}
	s = change(t, s, KindNodeRegister, Node{ID: "NRT-1", Role: RoleEdge})
	return change(t, s, KindSetting, Setting{"x", json.RawMessage(`1`)})
}

func TestStateFindsPlansByHost(t *testing.T) {
	s := sampleState(t)
	for host, found := range map[string]bool{"d1.warmfront.test": true, "www.example.test": true, "a.img.test": true, "img.test": false, "a.b.img.test": true, "img.test.": false, "": false} {
		if p := s.PlanFor(host); (p != nil) != found {
			t.Errorf("%q: %v", host, p)
		}
	}
	s = change(t, s, KindDistributionDelete, Ref{"E1"})
	if s.PlanFor("d1.warmfront.test") != nil {
		t.Error("a deleted distribution is still there")
	}
	if s.Invalidations("E1").Newest("/x") != s.Version {
		t.Error("what was stored for a deleted distribution would be served if its id came back")
	}
}

func TestStateAppliesContiguously(t *testing.T) {
	s := NewState(1)
	c, _ := NewChange(KindSetting, Setting{"a", json.RawMessage(`1`)}, time.Time{})
	for _, v := range []Version{{1, 2}, {1, 0}, {2, 1}, {0, 1}} {
		c.Version = v
		if _, err := s.Apply(c); !errors.Is(err, ErrGap) {
			t.Errorf("%v: %v, want a gap", v, err)
		}
	}
	c.Version, c.Kind = Version{1, 1}, "future"
	if _, err := s.Apply(c); !errors.Is(err, ErrUnknownKind) {
		t.Errorf("critical: %v", err)
	}
	c.Critical = false
	if next, err := s.Apply(c); err != nil || next.Version != c.Version {
		t.Errorf("not critical: %v", err)
	}
}

func TestSnapshotRestoresTheState(t *testing.T) {
	s := sampleState(t)
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
	if got.Version != s.Version || got.Distributions["E1"].Config != siteConfig || got.Distributions["E1"].Version != s.Distributions["E1"].Version ||
		got.Nodes["NRT-1"].Role != RoleEdge || string(got.Settings["x"]) != "1" || got.PlanFor("d1.warmfront.test").Origins[0].AccessControl == nil {
		t.Errorf("restored %+v", got)
	}
	for n := range keptInvalidations + 5 {
		uri := fmt.Sprintf("/%d", n)
		was, is := s.Invalidations("E1").Newest(uri), got.Invalidations("E1").Newest(uri)
		if is.Before(was) {
			t.Errorf("%s: invalidated at %v, restored %v: what was invalidated would be served", uri, was, is)
		}
	}
	var ids []string
	for inv := range got.InvalidationRecords("E1") {
		ids = append(ids, inv.ID)
	}
	if len(ids) != keptInvalidations || ids[0] != fmt.Sprintf("I%d", keptInvalidations+4) {
		t.Errorf("%d records, first %v", len(ids), ids[:1])
	}
}

func TestAccessControlInUse(t *testing.T) {
	s := sampleState(t)
	c, _ := NewChange(KindResourceDelete, accessControl("").Ref(), time.Time{})
	c.Version = s.Version.Next()
	if _, err := s.Apply(c); ErrorCode(err) != "OriginAccessControlInUse" {
		t.Errorf("deleted while in use: %v", err)
	}
	next := change(t, s, KindResourcePut, accessControl("never"))
	if p := next.Plans["E1"]; p.Origins[0].AccessControl.SigningBehavior != "never" || p.Version != next.Version || next.Distributions["E1"].Version != next.Version {
		t.Errorf("the plan does not follow its access control: %+v", p)
	}
	if s.Plans["E1"].Origins[0].AccessControl.SigningBehavior != "always" || s.Distributions["E1"].Version == next.Version {
		t.Error("the older state changed")
	}
}

func FuzzCompile(f *testing.F) {
	f.Add(siteConfig)
	f.Add("<DistributionConfig><Origins><Items><Origin/></Items></Origins></DistributionConfig>")
	f.Fuzz(func(t *testing.T, config string) {
		p, err := Compile(&Distribution{ID: "E1", Config: config}, access)
		if err == nil && (len(p.Behaviors) == 0 || len(p.Origins) == 0) {
			t.Errorf("a plan without a behavior or an origin: %+v", p)
		}
		if err != nil && ErrorCode(err) == "" {
			t.Errorf("an error without a code: %v", err)
		}
	})
}
