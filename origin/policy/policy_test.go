package policy

import (
	"errors"
	"strings"
	"testing"
)

const oac = `{"Version":"2008-10-17","Id":"PolicyForCloudFrontPrivateContent","Statement":[{"Sid":"AllowCloudFrontServicePrincipal",
"Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::demo/*",
"Condition":{"StringEquals":{"AWS:SourceArn":"arn:aws:cloudfront::123456789012:distribution/E1"}}}]}`

const public = `{"Statement":{"Effect":"Allow","Principal":"*","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::demo/*"]}}`

func mustParse(t testing.TB, doc string) *Policy {
	t.Helper()
	p, err := Parse("demo", []byte(doc))
	if err != nil {
		t.Fatalf("%v\n%s", err, doc)
	}
	return p
}

func TestEvaluate(t *testing.T) {
	edge := Principal{Service: "cloudfront.amazonaws.com"}
	owner := Principal{Account: "123456789012"}
	identity := Principal{User: "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity EOAI", Canonical: "c0ffee"}
	arn := map[string][]string{"aws:sourcearn": {"arn:aws:cloudfront::123456789012:distribution/E1"}}
	other := map[string][]string{"aws:sourcearn": {"arn:aws:cloudfront::123456789012:distribution/E2"}}
	object := "arn:aws:s3:::demo/a/b.html"
	denyPlain := `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::demo","arn:aws:s3:::demo/*"]},
		{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::demo/*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`
	tests := []struct {
		name, doc string
		who       Principal
		action    string
		resource  string
		context   map[string][]string
		want      Decision
	}{
		{"origin access control", oac, edge, "s3:GetObject", object, arn, Allow},
		{"another distribution", oac, edge, "s3:GetObject", object, other, NoOpinion},
		{"no SourceArn", oac, edge, "s3:GetObject", object, nil, NoOpinion},
		{"another action", oac, edge, "s3:PutObject", object, arn, NoOpinion},
		{"action in another case", oac, edge, "S3:getobject", object, arn, Allow},
		{"the bucket itself", oac, edge, "s3:GetObject", "arn:aws:s3:::demo", arn, NoOpinion},
		{"anonymous with the ARN", oac, Principal{}, "s3:GetObject", object, arn, NoOpinion},
		{"account with the ARN", oac, owner, "s3:GetObject", object, arn, NoOpinion},
		{"another service", oac, Principal{Service: "logs.amazonaws.com"}, "s3:GetObject", object, arn, NoOpinion},
		{"public, anonymous", public, Principal{}, "s3:GetObject", object, nil, Allow},
		{"public, edge", public, edge, "s3:GetObject", object, arn, Allow},
		{"public, list", public, Principal{}, "s3:ListBucket", "arn:aws:s3:::demo", nil, NoOpinion},
		{"deny wins", denyPlain, owner, "s3:PutObject", object, map[string][]string{"aws:securetransport": {"false"}}, Deny},
		{"deny does not match", denyPlain, owner, "s3:PutObject", object, map[string][]string{"aws:securetransport": {"true"}}, Allow},
		{"account by number", strings.Replace(public, `"*"`, `{"AWS":"123456789012"}`, 1), owner, "s3:GetObject", object, nil, Allow},
		{"account by root", strings.Replace(public, `"*"`, `{"AWS":["arn:aws:iam::123456789012:root"]}`, 1), owner, "s3:GetObject", object, nil, Allow},
		{"another account", strings.Replace(public, `"*"`, `{"AWS":"210987654321"}`, 1), owner, "s3:GetObject", object, nil, NoOpinion},
		{"a user of the account", strings.Replace(public, `"*"`, `{"AWS":"arn:aws:iam::123456789012:user/x"}`, 1), owner, "s3:GetObject", object, nil, NoOpinion},
		{"an origin access identity", strings.Replace(public, `"*"`, `{"AWS":"`+identity.User+`"}`, 1), identity, "s3:GetObject", object, nil, Allow},
		{"an origin access identity by its canonical user", strings.Replace(public, `"*"`, `{"CanonicalUser":["beef","`+identity.Canonical+`"]}`, 1), identity, "s3:GetObject", object, nil, Allow},
		{"another origin access identity", strings.Replace(public, `"*"`, `{"AWS":"`+identity.User+`2","CanonicalUser":"beef"}`, 1), identity, "s3:GetObject", object, nil, NoOpinion},
		{"an origin access identity is not the service", oac, identity, "s3:GetObject", object, arn, NoOpinion},
		{"the service is no origin access identity", strings.Replace(public, `"*"`, `{"AWS":"`+identity.User+`"}`, 1), edge, "s3:GetObject", object, arn, NoOpinion},
		{"public, an origin access identity", public, identity, "s3:GetObject", object, nil, Allow},
		{"everyone among AWS", strings.Replace(public, `"*"`, `{"AWS":"*"}`, 1), Principal{}, "s3:GetObject", object, nil, Allow},
		{"NotPrincipal", `{"Statement":{"Effect":"Deny","NotPrincipal":{"AWS":"123456789012"},"Action":"s3:*","Resource":"arn:aws:s3:::demo/*"}}`, edge, "s3:GetObject", object, nil, Deny},
		{"NotPrincipal, the one", `{"Statement":{"Effect":"Deny","NotPrincipal":{"AWS":"123456789012"},"Action":"s3:*","Resource":"arn:aws:s3:::demo/*"}}`, owner, "s3:GetObject", object, nil, NoOpinion},
		{"NotAction", strings.Replace(public, `"Action"`, `"NotAction"`, 1), Principal{}, "s3:PutObject", object, nil, Allow},
		{"NotResource", strings.Replace(public, `"Resource"`, `"NotResource"`, 1), Principal{}, "s3:GetObject", object, nil, NoOpinion},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := mustParse(t, tt.doc).Evaluate(Request{Principal: tt.who, Action: tt.action, Resource: tt.resource, Context: tt.context})
			if got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
	if d := (*Policy)(nil).Evaluate(Request{}); d != NoOpinion {
		t.Errorf("no policy: %d", d)
	}
}

func TestConditions(t *testing.T) {
	tests := []struct {
		condition string
		value     []string // of aws:x
		want      bool
	}{
		{`"StringEquals":{"aws:x":["a","b"]}`, []string{"b"}, true},
		{`"StringEquals":{"AWS:X":"a"}`, []string{"A"}, false},
		{`"StringEquals":{"aws:x":"a"}`, nil, false},
		{`"StringEqualsIfExists":{"aws:x":"a"}`, nil, true},
		{`"StringEqualsIfExists":{"aws:x":"a"}`, []string{"b"}, false},
		{`"StringNotEquals":{"aws:x":["a","b"]}`, []string{"b"}, false},
		{`"StringNotEquals":{"aws:x":["a","b"]}`, []string{"c"}, true},
		{`"StringNotEquals":{"aws:x":"a"}`, nil, true},
		{`"StringEqualsIgnoreCase":{"aws:x":"a"}`, []string{"A"}, true},
		{`"StringLike":{"aws:x":"a*c?"}`, []string{"abbcd"}, true},
		{`"StringLike":{"aws:x":"a*c?"}`, []string{"abbc"}, false},
		{`"StringNotLike":{"aws:x":"a*"}`, []string{"abc"}, false},
		{`"ArnLike":{"aws:x":"arn:aws:cloudfront::*:distribution/*"}`, []string{"arn:aws:cloudfront::1:distribution/E1"}, true},
		{`"ArnLike":{"aws:x":"arn:aws:*:distribution/*:::"}`, []string{"arn:aws:cloudfront::1:distribution/E1"}, false},
		{`"ArnNotEquals":{"aws:x":"arn:aws:s3:::demo"}`, []string{"arn:aws:s3:::demo"}, false},
		{`"Bool":{"aws:x":true}`, []string{"true"}, true},
		{`"Bool":{"aws:x":"false"}`, []string{"true"}, false},
		{`"Null":{"aws:x":"true"}`, nil, true},
		{`"Null":{"aws:x":"false"}`, nil, false},
		{`"Null":{"aws:x":false}`, []string{"a"}, true},
		{`"IpAddress":{"aws:x":"127.0.0.0/8"}`, []string{"127.1.2.3"}, true},
		{`"IpAddress":{"aws:x":"2001:db8::/32"}`, []string{"2001:db8::1"}, true},
		{`"IpAddress":{"aws:x":"10.0.0.1"}`, []string{"10.0.0.2"}, false},
		{`"NotIpAddress":{"aws:x":"10.0.0.0/8"}`, []string{"127.0.0.1"}, true},
		{`"NumericLessThanEquals":{"aws:x":10}`, []string{"10"}, true},
		{`"NumericGreaterThan":{"aws:x":"10"}`, []string{"10"}, false},
		{`"NumericLessThan":{"aws:x":"10"}`, []string{"what"}, false},
		{`"DateLessThan":{"aws:x":"2026-01-02T00:00:00Z"}`, []string{"2026-01-01T00:00:00Z"}, true},
		{`"DateGreaterThan":{"aws:x":"2026-01-02T00:00:00Z"}`, []string{"1"}, false},
		{`"ForAllValues:StringEquals":{"aws:x":["a","b"]}`, []string{"a", "b"}, true},
		{`"ForAllValues:StringEquals":{"aws:x":["a","b"]}`, []string{"a", "c"}, false},
		{`"ForAllValues:StringEquals":{"aws:x":"a"}`, nil, true},
		{`"ForAnyValue:StringEquals":{"aws:x":"a"}`, []string{"c", "a"}, true},
		{`"ForAnyValue:StringEquals":{"aws:x":"a"}`, nil, false},
		{`"ForAnyValue:StringNotEquals":{"aws:x":"a"}`, []string{"a", "c"}, true},
		{`"StringEquals":{"aws:x":"a","aws:y":"b"}`, []string{"a"}, false},
	}
	for _, tt := range tests {
		doc := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::demo/*","Condition":{` + tt.condition + `}}}`
		got := mustParse(t, doc).Evaluate(Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::demo/k", Context: map[string][]string{"aws:x": tt.value}})
		if (got == Allow) != tt.want {
			t.Errorf("%s with %q: %v, want %v", tt.condition, tt.value, got == Allow, tt.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	const good = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::demo/*","Condition":{"StringEquals":{"aws:x":"a"}}}}`
	mustParse(t, good)
	tests := []struct{ from, to, want string }{
		{good, ``, "valid JSON"},
		{good, good + "x", "something follows"},
		{`2012-10-17`, `2013-10-17`, "version"},
		{`"Statement"`, `"Statements"`, "unknown field"},
		{`"Condition"`, `"Conditions"`, "unknown field"},
		{`"Allow"`, `"allow"`, "Invalid effect"},
		{`"Principal":"*",`, ``, "Principal"},
		{`"Principal"`, `"NotPrincipal"`, "NotPrincipal"},
		{`"*"`, `"everyone"`, "principal"},
		{`"*"`, `{"AWS":"me"}`, "principal"},
		{`"*"`, `{"Service":"cloudfront"}`, "principal"},
		{`"*"`, `{"Nobody":"x"}`, "principal"},
		{`"s3:GetObject"`, `"cloudfront:GetObject"`, "invalid action"},
		{`"s3:GetObject"`, `[]`, "Action"},
		{`"s3:GetObject"`, `"s3:ListBucket"`, "does not apply"},
		{`s3:::demo/*`, `s3:::demo`, "does not apply"},
		{`s3:::demo/*`, `s3:::demo2/*`, "invalid resource"},
		{`"arn:aws:s3:::demo/*"`, `"*"`, "invalid resource"},
		{`s3:::demo/*`, `s3:::demo/${aws:username}/*`, "variables"},
		{`"a"}`, `"${aws:username}"}`, "variables"},
		{`StringEquals`, `StringEqual`, "Condition type"},
		{`StringEquals`, `ForSomeValues:StringEquals`, "Condition type"},
		{`StringEquals`, `IpAddress`, "Invalid value"},
		{`StringEquals`, `Bool`, "Invalid value"},
		{`StringEquals`, `NumericEquals`, "Invalid value"},
		{`StringEquals`, `DateEquals`, "Invalid value"},
		{`StringEquals`, `ArnEquals`, "Invalid value"},
		{`"aws:x"`, `"x"`, "condition key"},
		{`"aws:x"`, `"s3:LocationConstraint"`, "condition key"},
		{`"a"}`, `[]}`, "Invalid value"},
		{`"a"}`, `null}`, "Invalid"},
		{`"a"}`, `"` + strings.Repeat("a", MaxBytes) + `"}`, "size"},
	}
	for _, tt := range tests {
		doc := strings.Replace(good, tt.from, tt.to, 1)
		_, err := Parse("demo", []byte(doc))
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(e.Message, tt.want) {
			t.Errorf("%s -> %.80s: %v, want %q", tt.from, tt.to, err, tt.want)
		}
	}
}

func TestPublic(t *testing.T) {
	with := func(condition string) string {
		return strings.Replace(public, `"Resource"`, `"Condition":{`+condition+`},"Resource"`, 1)
	}
	tests := []struct {
		doc  string
		want bool
	}{
		{public, true},
		{oac, false},
		{with(`"StringEquals":{"aws:SourceArn":"arn:aws:cloudfront::1:distribution/E1"}`), false},
		{with(`"StringLike":{"aws:SourceArn":"arn:aws:cloudfront::1:*"}`), true},
		{with(`"StringEquals":{"aws:Referer":"https://example.com"}`), true},
		{with(`"StringNotEquals":{"aws:SourceArn":"arn:aws:s3:::x"}`), true},
		{with(`"StringEqualsIfExists":{"aws:SourceArn":"arn:aws:s3:::x"}`), true},
		{with(`"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}`), false},
		{with(`"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}`), true},
		{strings.Replace(public, "Allow", "Deny", 1), false},
	}
	for _, tt := range tests {
		if got := mustParse(t, tt.doc).Public(); got != tt.want {
			t.Errorf("%s: %v", tt.doc, got)
		}
	}
}

// FuzzParse holds that no document panics, that a refusal says why, and that
// nothing but an Allow in the text can ever allow.
func FuzzParse(f *testing.F) {
	f.Add([]byte(oac))
	f.Add([]byte(public))
	f.Add([]byte(`{"Statement":[{"Effect":"Deny","NotPrincipal":{"AWS":["1"]},"NotAction":"s3:*","NotResource":["arn:aws:s3:::demo"],"Condition":{"ForAnyValue:NumericLessThanIfExists":{"s3:max-keys":[1,"2"]}}}]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		p, err := Parse("demo", doc)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Message == "" {
				t.Fatalf("%#v", err)
			}
			return
		}
		d := p.Evaluate(Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::demo/k", Context: map[string][]string{"aws:sourceip": {"127.0.0.1"}, "aws:securetransport": {"false"}}})
		if d == Allow && !strings.Contains(string(doc), "llow") && !strings.Contains(string(doc), `\u`) {
			t.Fatalf("allowed by %s", doc)
		}
		p.Public()
	})
}
