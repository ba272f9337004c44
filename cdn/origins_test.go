package cdn

import (
	"slices"
	"strings"
	"testing"

	"github.com/warmfront/warmfront/cdn/origins"
)

func group(id, members, codes string) string {
	return "<OriginGroup><Id>" + id + "</Id><FailoverCriteria><StatusCodes><Quantity>1</Quantity><Items>" + codes + "</Items></StatusCodes></FailoverCriteria>" +
		"<Members><Quantity>2</Quantity><Items>" + members + "</Items></Members></OriginGroup>"
}

func compileWith(groups, target string) (*Plan, error) {
	config := strings.Replace(siteConfig, "<Comment>c</Comment>", "<OriginGroups><Quantity>1</Quantity><Items>"+groups+"</Items></OriginGroups>", 1)
	config = strings.Replace(config, "<TargetOriginId>bucket<", "<TargetOriginId>"+target+"<", 1)
	return Compile(&Distribution{ID: "E1", Domain: "d1.warmfront.test", Config: config}, access)
}

const (
	apiThenBucket = "<OriginGroupMember><OriginId>api</OriginId></OriginGroupMember><OriginGroupMember><OriginId>bucket</OriginId></OriginGroupMember>"
	on503         = "<StatusCode>503</StatusCode>"
)

// TestABehaviorMayTargetAnOriginGroup holds the code to belief 100.
func TestABehaviorMayTargetAnOriginGroup(t *testing.T) {
	p, err := compileWith(group("g", apiThenBucket, on503+"<StatusCode>404</StatusCode>"), "g")
	if err != nil {
		t.Fatal(err)
	}
	b := p.Match("/")
	f := b.Failover
	if f == nil || p.Origins[b.Origin].ID != "api" || p.Origins[f.Origin].ID != "bucket" || f.Group != "g" || !f.Fails(404) || !f.Fails(503) || f.Fails(500) {
		t.Errorf("%+v, %+v", b, f)
	}
	if p.Match("/api/x").Failover != nil || len(p.Ignored) > 0 {
		t.Errorf("%+v, ignored %q", p.Match("/api/x"), p.Ignored)
	}
	for criteria, ignored := range map[string]int{"default": 0, "media-quality-based": 1} {
		p, err := compileWith(strings.Replace(group("g", apiThenBucket, on503), "</OriginGroup>", "<SelectionCriteria>"+criteria+"</SelectionCriteria></OriginGroup>", 1), "g")
		if err != nil || len(p.Ignored) != ignored {
			t.Errorf("%s: %v", criteria, err)
		}
	}
	for method, want := range map[string]bool{"GET": true, "HEAD": true, "OPTIONS": true, "POST": false, "PUT": false, "PATCH": false, "DELETE": false} {
		if origins.FailsOver(method) != want {
			t.Errorf("%s fails over: %v", method, !want)
		}
	}
}

func TestOriginGroupsRefused(t *testing.T) {
	member := func(id string) string {
		return "<OriginGroupMember><OriginId>" + id + "</OriginId></OriginGroupMember>"
	}
	good := group("g", apiThenBucket, on503)
	for _, c := range []struct{ name, groups, target, code string }{
		{"no such group", good, "h", "NoSuchOrigin"},
		{"the name of an origin", group("api", apiThenBucket, on503), "api", "InvalidArgument"},
		{"the same name twice", good + good, "g", "InvalidArgument"},
		{"one member", group("g", member("api"), on503), "g", "InvalidArgument"},
		{"three members", group("g", apiThenBucket+member("api"), on503), "g", "InvalidArgument"},
		{"one origin twice", group("g", member("api")+member("api"), on503), "g", "InvalidArgument"},
		{"no such member", group("g", member("api")+member("x"), on503), "g", "NoSuchOrigin"},
		{"no status", group("g", apiThenBucket, ""), "g", "InvalidArgument"},
		{"a status that is none to fail over by", group("g", apiThenBucket, "<StatusCode>200</StatusCode>"), "g", "InvalidArgument"},
		{"no number", group("g", apiThenBucket, "<StatusCode>x</StatusCode>"), "g", "InvalidArgument"},
		{"eleven", strings.Join(func() (all []string) {
			for _, id := range strings.Split("abcdefghijk", "") {
				all = append(all, group("g"+id, apiThenBucket, on503))
			}
			return all
		}(), ""), "ga", "TooManyOriginGroupsPerDistribution"},
	} {
		if _, err := compileWith(c.groups, c.target); ErrorCode(err) != c.code {
			t.Errorf("%s: %v, want %s", c.name, err, c.code)
		}
	}
}

// TestOriginShieldRegions holds the code to belief 106.
func TestOriginShieldRegions(t *testing.T) {
	for region, want := range map[string]string{"us-east-1": "us-east-1", "us-west-1": "us-west-2", "eu-west-3": "eu-west-2", "me-south-1": "ap-south-1", "xx-new-9": "xx-new-9"} {
		p, err := Compile(&Distribution{ID: "E1", Config: strings.Replace(siteConfig, ">us-east-1</OriginShieldRegion>", ">"+region+"</OriginShieldRegion>", 1)}, access)
		if err != nil || p.Origins[1].Shield != want {
			t.Errorf("%s: %v, want %s", region, err, want)
		}
	}
	for _, region := range []string{"", "Frankfurt", "us-east"} {
		if _, err := Compile(&Distribution{ID: "E1", Config: strings.Replace(siteConfig, ">us-east-1</OriginShieldRegion>", ">"+region+"</OriginShieldRegion>", 1)}, access); ErrorCode(err) != "InvalidArgument" {
			t.Errorf("%q: %v", region, err)
		}
	}
	off := strings.Replace(siteConfig, "<OriginShield><Enabled>true</Enabled>", "<OriginShield><Enabled>false</Enabled>", 1)
	if p, err := Compile(&Distribution{ID: "E1", Config: off}, access); err != nil || p.Origins[1].Shield != "" || len(p.Ignored) > 0 {
		t.Errorf("off: %v", err)
	}
}

// TestOriginSSLProtocols holds the code to belief 103.
func TestOriginSSLProtocols(t *testing.T) {
	for _, c := range []struct {
		names string
		want  []uint16
		code  string
	}{
		{"", nil, ""}, {"TLSv1.2", []uint16{0x0303, 0x0304}, ""}, {"TLSv1.2 TLSv1", []uint16{0x0301, 0x0303, 0x0304}, ""}, {"TLSv1 TLSv1.1", []uint16{0x0301, 0x0302}, ""},
		{"SSLv3 TLSv1.1", []uint16{0x0302}, ""}, {"SSLv3", nil, "InvalidArgument"}, {"TLSv1.9", nil, "InvalidArgument"},
	} {
		items := ""
		for _, n := range strings.Fields(c.names) {
			items += "<SslProtocol>" + n + "</SslProtocol>"
		}
		config := strings.Replace(siteConfig, "<OriginReadTimeout>", "<OriginSslProtocols><Quantity>1</Quantity><Items>"+items+"</Items></OriginSslProtocols><OriginReadTimeout>", 1)
		p, err := Compile(&Distribution{ID: "E1", Config: config}, access)
		if ErrorCode(err) != c.code || err == nil && !slices.Equal(p.Origins[1].TLS, c.want) {
			t.Errorf("%q: %v", c.names, err)
		}
	}
}
