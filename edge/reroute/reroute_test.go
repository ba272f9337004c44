package reroute

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/origins"
)

// plan has a custom origin, a bucket with an access control, and one with an identity.
func plan() *cdn.Plan {
	return &cdn.Plan{
		Origins: []origins.Origin{
			{ID: "app", Domain: "app.example.com", Path: "/base", Protocol: origins.HTTPOnly, HTTPPort: 8080, HTTPSPort: 8443, TLS: []uint16{0x0303}, Shield: "us-east-1",
				ConnectAttempts: 3, ReadTimeout: 30 * time.Second, KeepaliveTimeout: 5 * time.Second, CustomHeaders: []origins.HeaderField{{Name: "X-Own", Value: "1"}}},
			{ID: "bucket", Domain: "a.s3.us-east-1.amazonaws.com", Kind: origins.S3, HTTPPort: 80, HTTPSPort: 443, AccessControl: &origins.AccessControl{ID: "EOAC", OriginType: "s3", SigningBehavior: "always"}},
			{ID: "old", Domain: "b.s3.us-east-1.amazonaws.com", Kind: origins.S3, HTTPPort: 80, HTTPSPort: 443, AccessIdentity: &origins.AccessIdentity{ID: "E1"}},
		},
		Behaviors: []cdn.Behavior{{Origin: 0, Failover: &origins.Failover{Group: "g", Origin: 1, Statuses: []int{503}}}},
	}
}

func target(calls ...Call) (Target, error) {
	p := plan()
	c, err := Parse(calls)
	if err != nil {
		return Target{}, err
	}
	again, err := Decode(c.Encode())
	if err != nil || !reflect.DeepEqual(c, again) {
		return Target{}, fmt.Errorf("%+v came back as %+v: %w", c, again, err)
	}
	t, err := again.Apply(p, Of(p, &p.Behaviors[0]))
	if !reflect.DeepEqual(p, plan()) {
		return t, fmt.Errorf("the plan was changed: %+v", p)
	}
	return t, err
}

// TestApply holds what calls come to to belief 570.
func TestApply(t *testing.T) {
	for name, c := range map[string]struct {
		calls []Call
		// want is set of the origin that the request would go to.
		want   func(*origins.Origin)
		second string
	}{
		"nothing":     {[]Call{{update, `[{}]`}}, func(*origins.Origin) {}, "bucket"},
		"domain name": {[]Call{{update, `[{"domainName":"WWW.example.com"}]`}}, func(o *origins.Origin) { o.Domain, o.Host = "www.example.com", "www.example.com" }, "bucket"},
		"everything of a custom origin": {[]Call{{update, `[{"domainName":"www.example.com","hostHeader":"h.example.com","sni":"s.example.com","allowedCertificateNames":["*.example.com"],"originPath":"/v2",
			"customHeaders":{"x-stage":"p"},"connectionAttempts":1,"originShield":{"enabled":true,"region":"eu-west-1"},"timeouts":{"readTimeout":3,"responseCompletionTimeout":9,"keepAliveTimeout":2,"connectionTimeout":1},
			"customOriginConfig":{"port":8444,"protocol":"https","sslProtocols":["TLSv1.2"],"ipAddressType":"ipv6"},"unknown":1}]`}}, func(o *origins.Origin) {
			o.Domain, o.Host, o.SNI, o.CertificateNames, o.Path = "www.example.com", "h.example.com", "s.example.com", []string{"*.example.com"}, "/v2"
			o.CustomHeaders, o.ConnectAttempts, o.Shield = []origins.HeaderField{{Name: "X-Stage", Value: "p"}}, 1, "eu-west-1"
			o.ReadTimeout, o.CompletionTimeout, o.KeepaliveTimeout, o.ConnectTimeout = 3*time.Second, 9*time.Second, 2*time.Second, time.Second
			o.Protocol, o.HTTPSPort, o.TLS, o.Addresses = origins.HTTPSOnly, 8444, []uint16{0x0303, 0x0304}, "ipv6"
		}, "bucket"},
		"headers reset, no shield": {[]Call{{update, `[{"customHeaders":{},"originShield":{"enabled":false},"originPath":""}]`}}, func(o *origins.Origin) { o.CustomHeaders, o.Shield, o.Path = nil, "", "" }, "bucket"},
		"a bucket, signed for": {[]Call{{update, `[{"domainName":"c.s3.eu-west-1.amazonaws.com","originAccessControlConfig":{"enabled":true,"signingBehavior":"always","signingProtocol":"sigv4","originType":"s3"}}]`}}, func(o *origins.Origin) {
			o.Domain, o.Host, o.Kind, o.HTTPPort, o.HTTPSPort, o.TLS = "c.s3.eu-west-1.amazonaws.com", "c.s3.eu-west-1.amazonaws.com", origins.S3, 80, 443, nil
			o.AccessControl = &origins.AccessControl{OriginType: "s3", SigningBehavior: "always", SigningProtocol: "sigv4"}
		}, "bucket"},
		"selected":                {[]Call{{choose, `["bucket"]`}}, func(o *origins.Origin) { *o = plan().Origins[1] }, ""},
		"selected, told another":  {[]Call{{choose, `["app",{"hostHeader":"H.example.com"}]`}}, func(o *origins.Origin) { o.Host = "h.example.com" }, ""},
		"selected, then changed":  {[]Call{{choose, `["bucket"]`}, {update, `[{"originPath":"/p"}]`}}, func(o *origins.Origin) { *o = plan().Origins[1]; o.Path = "/p" }, ""},
		"not signed for any more": {[]Call{{choose, `["old"]`}, {update, `[{"originAccessControlConfig":{"enabled":false}}]`}}, func(o *origins.Origin) { *o = plan().Origins[2]; o.AccessIdentity = nil }, ""},
		"the bucket is inherited": {[]Call{{choose, `["old"]`}, {update, `[{"domainName":"d.s3.amazonaws.com"}]`}}, func(o *origins.Origin) {
			*o = plan().Origins[2]
			o.Domain, o.Host = "d.s3.amazonaws.com", "d.s3.amazonaws.com"
		}, ""},
		"a bucket's website": {[]Call{{choose, `["bucket"]`}, {update, `[{"domainName":"d.s3-website-us-east-1.amazonaws.com"}]`}}, func(o *origins.Origin) {
			*o = plan().Origins[1]
			o.Domain, o.Host, o.Kind, o.Protocol, o.AccessControl = "d.s3-website-us-east-1.amazonaws.com", "d.s3-website-us-east-1.amazonaws.com", origins.Custom, origins.MatchViewer, nil
		}, ""},
		"buckets ignore customOriginConfig": {[]Call{{choose, `["bucket"]`}, {update, `[{"customOriginConfig":{"port":8080,"protocol":"http","sslProtocols":["TLSv1"]}}]`}}, func(o *origins.Origin) { *o = plan().Origins[1] }, ""},
		"a group":                           {[]Call{{combine, `[{"originIds":[{"originId":"bucket"},{"originId":"app","originOverrides":{"sni":"s.example.com"}}],"failoverCriteria":{"statusCodes":[403,500]}}]`}}, func(o *origins.Origin) { *o = plan().Origins[1] }, "app"},
		"a group by ids alone":              {[]Call{{combine, `[{"originIds":["old","bucket"],"selectionCriteria":"default","failoverCriteria":{"statusCodes":[500]}}]`}}, func(o *origins.Origin) { *o = plan().Origins[2] }, "bucket"},
	} {
		t.Run(name, func(t *testing.T) {
			want := plan().Origins[0]
			c.want(&want)
			got, err := target(c.calls...)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(*got.Origin, want) {
				t.Errorf("%+v\nwant %+v", *got.Origin, want)
			}
			if second := got.Second; (second != nil) != (c.second != "") || second != nil && second.ID != c.second || (second != nil) != (got.Failover != nil) {
				t.Errorf("the second origin is %+v, by %+v", second, got.Failover)
			}
		})
	}
}

// TestRefused: what is not valid is said by the name of the method (571).
func TestRefused(t *testing.T) {
	oac := func(s string) string {
		return `[{"domainName":"c.s3.amazonaws.com","originAccessControlConfig":{"enabled":true,` + s + `}}]`
	}
	custom := func(s string) string { return `[{"customOriginConfig":{` + s + `}}]` }
	names := `["a.example.com"` + strings.Repeat(`,"a.example.com"`, 20) + `]`
	for _, c := range []struct{ method, arguments, want string }{
		{update, `[]`, "no argument"}, {update, `[null]`, "missing"}, {update, `["x"]`, "cannot be a string"}, {update, `[{"connectionAttempts":"3"}]`, "connectionAttempts cannot be a string"},
		{update, `[{"connectionAttempts":0}]`, "from 1 to 3"}, {update, `[{"connectionAttempts":1.5}]`, "connectionAttempts cannot be"}, {update, `[{"domainName":"a:80"}]`, "domainName"}, {update, `[{"domainName":""}]`, "domainName"},
		{update, `[{"domainName":"` + strings.Repeat("a", 254) + `"}]`, "domainName"}, {update, `[{"domainName":"a b"}]`, "domainName"}, {update, `[{"domainName":"A.s3.amazonaws.com"}]`, "lower case"},
		{update, `[{"domainName":"a/b"}]`, "domainName"}, {update, `[{"hostHeader":"127.0.0.1"}]`, "hostHeader"}, {update, `[{"sni":"a:1"}]`, "sni"},
		{update, `[{"allowedCertificateNames":` + names + `}]`, "21"}, {update, `[{"allowedCertificateNames":["*"]}]`, "allowedCertificateNames"},
		{update, `[{"originPath":"x"}]`, "originPath"}, {update, `[{"originPath":"/x/"}]`, "originPath"}, {update, `[{"originPath":"/x y"}]`, "originPath"}, {update, `[{"originPath":"/x?y"}]`, "originPath"},
		{update, `[{"customHeaders":{"X-A":"b"}}]`, "lower case"}, {update, `[{"customHeaders":{"host":"b"}}]`, "host"}, {update, `[{"customHeaders":{"x-amz-a":"b"}}]`, "x-amz-a"}, {update, `[{"customHeaders":{"a":"b\r\nc: d"}}]`, "value"},
		{update, `[{"customHeaders":{"a":1}}]`, "cannot be a number"},
		{update, `[{"originShield":{}}]`, "enabled"}, {update, `[{"originShield":{"enabled":true}}]`, "region"}, {update, `[{"originShield":{"enabled":true,"region":"us-west-1"}}]`, "us-west-1"},
		{update, `[{"originAccessControlConfig":{}}]`, "enabled"}, {update, oac(`"signingBehavior":"often"`), "often"}, {update, oac(`"signingBehavior":"always"`), "sigv4"},
		{update, oac(`"signingBehavior":"always","signingProtocol":"sigv4"`), "originType"}, {update, oac(`"signingBehavior":"always","signingProtocol":"sigv4","originType":"lambda"`), "not that of the origin"},
		{update, `[{"domainName":"alb.example.com","originAccessControlConfig":{"enabled":true,"signingBehavior":"always","signingProtocol":"sigv4","originType":"s3"}}]`, "not that of the origin"},
		{update, `[{"timeouts":{"readTimeout":121}}]`, "readTimeout"}, {update, `[{"timeouts":{"keepAliveTimeout":0}}]`, "keepAliveTimeout"}, {update, `[{"timeouts":{"connectionTimeout":11}}]`, "connectionTimeout"},
		{update, `[{"timeouts":{"responseCompletionTimeout":5}}]`, "less than readTimeout"},
		{update, custom(`"port":79,"protocol":"http","sslProtocols":["TLSv1.2"]`), "port"}, {update, custom(`"port":80,"protocol":"match-viewer","sslProtocols":["TLSv1.2"]`), "protocol"}, {update, custom(`"port":80,"protocol":"http"`), "sslProtocols"},
		{update, custom(`"port":80,"protocol":"http","sslProtocols":["SSLv3"]`), "TLSv1.2"}, {update, custom(`"port":80,"protocol":"http","sslProtocols":["TLSv1.3"]`), "TLSv1.3"},
		{update, custom(`"port":80,"protocol":"http","sslProtocols":["TLSv1.2"],"ipAddressType":"ipv4"`), "domainName"},
		{choose, `["nobody"]`, `"nobody" is the id of no origin`}, {choose, `[1]`, "cannot be a number"}, {choose, `[""]`, "128"}, {choose, `["bucket",{"hostHeader":"a.example.com"}]`, "custom origins"},
		{combine, `[{"originIds":["app"],"failoverCriteria":{"statusCodes":[500]}}]`, "two are needed"}, {combine, `[{"originIds":["app","app"],"failoverCriteria":{"statusCodes":[500]}}]`, "the same"},
		{combine, `[{"originIds":["app","old"]}]`, "statusCodes"}, {combine, `[{"originIds":["app","old"],"failoverCriteria":{"statusCodes":[200]}}]`, "200"}, {combine, `[{"originIds":["app","x"],"failoverCriteria":{"statusCodes":[500]}}]`, `"x"`},
		{combine, `[{"originIds":["app","old"],"failoverCriteria":{"statusCodes":[500]},"selectionCriteria":"best"}]`, "best"},
	} {
		if _, err := target(Call{c.method, c.arguments}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s%s: %v, want %q", c.method, c.arguments, err, c.want)
		}
	}
}

// FuzzDecode: what another node sends breaks nothing, and what is taken is what is sent on.
func FuzzDecode(f *testing.F) {
	for _, c := range []Call{{update, `[{"domainName":"www.example.com","customHeaders":{}}]`}, {choose, `["app",{"sni":"a"}]`}, {combine, `[{"originIds":["app","old"],"failoverCriteria":{"statusCodes":[500]}}]`}} {
		changes, err := Parse([]Call{c})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(changes.Encode(), c.Method, c.Arguments)
	}
	f.Fuzz(func(t *testing.T, encoded, method, arguments string) {
		p := plan()
		if c, err := Decode(encoded); err == nil {
			again, err := Decode(c.Encode())
			if err != nil || !reflect.DeepEqual(c, again) {
				t.Errorf("%+v came back as %+v: %v", c, again, err)
			}
			_, _ = c.Apply(p, Of(p, &p.Behaviors[0]))
		}
		if !IsMethod(method) || !json.Valid([]byte(arguments)) {
			return
		}
		if c, err := Parse([]Call{{method, arguments}}); err == nil {
			if _, err := Decode(c.Encode()); err != nil {
				t.Errorf("%s%s is not taken by another node: %v", method, arguments, err)
			}
		}
	})
}
