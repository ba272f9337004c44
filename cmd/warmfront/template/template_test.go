package template_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"github.com/warmfront/warmfront/cmd/warmfront/template"
)

const kind = "AWS::CloudFront::Distribution"

// evaluated returns the properties of the resource R as JSON.
func evaluated(t *testing.T, text string, given map[string]string) (string, error) {
	t.Helper()
	tpl, err := template.Parse([]byte(text), given)
	if err != nil {
		return "", err
	}
	v, err := tpl.Properties("R", map[string]template.Made{"Bucket": {"": "demo", "Arn": "arn:aws:s3:::demo"}}, map[string]string{"AWS::Region": "us-east-1"})
	if err != nil {
		return "", err
	}
	doc, err := json.Marshal(v)
	return string(doc), err
}

func TestFunctions(t *testing.T) {
	const head = `
Parameters: {P: {Type: String, Default: p}, L: {Type: CommaDelimitedList, Default: "a, b"}, N: {Type: String}}
Mappings: {M: {x: {y: found}}}
Conditions: {Yes: !Equals [!Ref P, p], No: !Not [!Condition Yes], Both: !And [!Condition Yes, !Condition No], One: !Or [!Condition No, !Condition Yes]}
Resources:
  Bucket: {Type: AWS::S3::Bucket}
  R: {Type: T, Properties: {V: `
	for _, c := range []struct{ yaml, want string }{
		{`!Ref P`, `"p"`},
		{`{Ref: P}`, `"p"`},
		{`!Ref L`, `["a","b"]`},
		{`!Ref AWS::Region`, `"us-east-1"`},
		{`!Ref Bucket`, `"demo"`},
		{`!GetAtt Bucket.Arn`, `"arn:aws:s3:::demo"`},
		{`{"Fn::GetAtt": [Bucket, Arn]}`, `"arn:aws:s3:::demo"`},
		{`!Sub "${P}-${Bucket.Arn}-${!Literal}-${AWS::Region}"`, `"p-arn:aws:s3:::demo-${Literal}-us-east-1"`},
		{`!Sub ["${own}/${P}", {own: !Ref Bucket}]`, `"demo/p"`},
		{`!Join ["-", [a, !Ref P, 3]]`, `"a-p-3"`},
		{`!Select [1, !Split [".", a.b.c]]`, `"b"`},
		{`!FindInMap [M, x, y]`, `"found"`},
		{`!If [Yes, a, b]`, `"a"`},
		{`!If [No, a, {k: !Ref P}]`, `{"k":"p"}`},
		{`!If [Both, a, !If [One, c, d]]`, `"c"`},
		{`[a, !If [No, b, !Ref AWS::NoValue], c]`, `["a","c"]`},
		{`{a: 1, b: !Ref AWS::NoValue}`, `{"a":1}`},
		{`"true"`, `"true"`},
		{`true`, `true`},
	} {
		if got, err := evaluated(t, head+c.yaml+"}}", nil); err != nil || got != `{"V":`+c.want+`}` {
			t.Errorf("%s is %s (%v), want %s", c.yaml, got, err, c.want)
		}
	}
	if got, err := evaluated(t, head+"!Ref N}}", map[string]string{"N": "n"}); err != nil || got != `{"V":"n"}` {
		t.Errorf("a parameter that is given: %s, %v", got, err)
	}
	for yaml, says := range map[string]string{
		`!Ref N`:                       "N has no value: give it with --parameter N=VALUE",
		`{a: [!Ref Nothing]}`:          "V: a: 1: Nothing has no value",
		`!GetAtt Bucket.Nothing`:       "the attribute Nothing of Bucket (AWS::S3::Bucket)",
		`!ImportValue x`:               "Fn::ImportValue is not supported",
		`!If [Maybe, a, b]`:            `no condition "Maybe"`,
		`!Sub "${P"`:                   "without }",
		`!Select [5, [a]]`:             "no item 5",
		`!FindInMap [M, x, z]`:         "no [M x z]",
		`{a: 1, a: 2}`:                 "a is given twice",
		`[&x a, *x]`:                   "aliases",
		strings.Repeat("[", 100) + `]`: "",
	} {
		if got, err := evaluated(t, head+yaml+"}}", nil); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s is %s (%v), want an error with %q", yaml, got, err, says)
		}
	}
}

func TestOrder(t *testing.T) {
	parse := func(text string) *template.Template {
		t.Helper()
		tpl, err := template.Parse([]byte(text), nil)
		if err != nil {
			t.Fatal(err)
		}
		return tpl
	}
	tpl := parse(`{"Conditions": {"No": {"Fn::Equals": ["a", "b"]}}, "Resources": {
		"A": {"Type": "X", "Properties": {"p": {"Fn::Sub": "${C.Arn}"}}}, "B": {"Type": "X", "DependsOn": "A"},
		"C": {"Type": "X", "Properties": [{"Ref": "D"}]}, "D": {"Type": "Y"}, "E": {"Type": "X", "Condition": "No"}, "F": {"Type": "Z"}}}`)
	if got, err := tpl.Order("X", "Y"); err != nil || !slices.Equal(got, []string{"D", "C", "A", "B"}) {
		t.Errorf("%v, %v", got, err)
	}
	if tpl.Kinds()["X"] != 4 || tpl.Kind("D") != "Y" {
		t.Errorf("kinds %v", tpl.Kinds())
	}
	if _, err := parse(`{"Resources": {"A": {"Type": "X", "Properties": {"Ref": "B"}}, "B": {"Type": "X", "Properties": {"Ref": "A"}}}}`).Order("X"); err == nil || !strings.Contains(err.Error(), "refers to itself") {
		t.Errorf("a circle: %v", err)
	}
	for text, says := range map[string]string{
		``: "", `{}`: "no Resources", `a: [`: "", strings.Repeat(" ", template.MaxSize+1): "at most", `{"Resources": {"A": 1}}`: "A is no map",
	} {
		if _, err := template.Parse([]byte(text), nil); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.20q: %v, want %q", text, err, says)
		}
	}
	if _, err := template.Parse([]byte(`{"Resources": {"A": {"Type": "X"}}}`), map[string]string{"P": "p"}); err == nil {
		t.Error("a parameter that the template has not is taken")
	}
}

// TestDecode: CloudFormation's lists, names and texts become the API's.
func TestDecode(t *testing.T) {
	var properties any
	if err := json.Unmarshal([]byte(`{
		"IPV6Enabled": "true", "Aliases": ["a.example.com", "b.example.com"],
		"Origins": [{"Id": "o", "CustomOriginConfig": {"HTTPPort": "8080", "OriginSSLProtocols": ["TLSv1.2"]}, "OriginCustomHeaders": [{"HeaderName": "n", "HeaderValue": 1}]}],
		"OriginGroups": {"Quantity": 1, "Items": [{"Id": "g", "Members": {"Quantity": 2, "Items": [{"OriginId": "o"}, {"OriginId": "p"}]}}]},
		"DefaultCacheBehavior": {"AllowedMethods": ["GET", "HEAD"], "CachedMethods": ["GET", "HEAD"], "TrustedKeyGroups": ["k"]},
		"CustomErrorResponses": [{"ErrorCode": "404", "ResponseCode": 200}],
		"Restrictions": {"GeoRestriction": {"RestrictionType": "whitelist", "Locations": ["DE", "AT"]}},
		"ViewerCertificate": {"AcmCertificateArn": "arn", "SslSupportMethod": "sni-only"}}`), &properties); err != nil {
		t.Fatal(err)
	}
	var c types.DistributionConfig
	if err := template.Decode(properties, &c); err != nil {
		t.Fatal(err)
	}
	o, b := c.Origins.Items[0], c.DefaultCacheBehavior
	for what, ok := range map[string]bool{
		"IPv6": *c.IsIPV6Enabled, "aliases": *c.Aliases.Quantity == 2 && c.Aliases.Items[1] == "b.example.com",
		"port": *o.CustomOriginConfig.HTTPPort == 8080, "protocols": *o.CustomOriginConfig.OriginSslProtocols.Quantity == 1,
		"headers": *o.CustomHeaders.Quantity == 1 && *o.CustomHeaders.Items[0].HeaderValue == "1",
		"group":   *c.OriginGroups.Quantity == 1 && *c.OriginGroups.Items[0].Members.Quantity == 2,
		"methods": *b.AllowedMethods.Quantity == 2 && *b.AllowedMethods.CachedMethods.Quantity == 2 && b.AllowedMethods.CachedMethods.Items[0] == types.MethodGet,
		"groups":  *b.TrustedKeyGroups.Enabled && *b.TrustedKeyGroups.Quantity == 1,
		"errors":  *c.CustomErrorResponses.Items[0].ErrorCode == 404 && *c.CustomErrorResponses.Items[0].ResponseCode == "200",
		"places":  *c.Restrictions.GeoRestriction.Quantity == 2 && c.Restrictions.GeoRestriction.Items[0] == "DE",
		"method":  c.ViewerCertificate.SSLSupportMethod == types.SSLSupportMethodSniOnly && *c.ViewerCertificate.ACMCertificateArn == "arn",
	} {
		if !ok {
			t.Errorf("%s: %+v", what, c)
		}
	}
	for text, says := range map[string]string{
		`{"Strange": 1}`: "Strange: it is not known here", `{"Origins": [{"Port": 1}]}`: "Origins: 1: Port", `{"Enabled": "maybe"}`: `Enabled: "maybe" is no boolean`,
		`{"Comment": []}`: "Comment: a single value", `{"DefaultCacheBehavior": []}`: "a map is wanted", `{"Origins": 3}`: "Origins: a map is wanted",
		`{"Origins": [{"ConnectionAttempts": 1.5}]}`: "no whole number",
	} {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		if err := template.Decode(v, &types.DistributionConfig{}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
}

// FuzzParse: a template from a stranger is evaluated or refused.
func FuzzParse(f *testing.F) {
	f.Add([]byte("Resources: {R: {Type: T, Properties: {V: !Sub '${A}', W: !If [C, !Ref X, [1]]}}}\nConditions: {C: !Not [!Condition C]}"))
	f.Add([]byte(`{"Resources": {"R": {"Type": "AWS::CloudFront::Distribution", "Properties": {"DistributionConfig": {"Origins": [{}]}}}}}`))
	f.Fuzz(func(_ *testing.T, text []byte) {
		tpl, err := template.Parse(text, nil)
		if err != nil {
			return
		}
		order, err := tpl.Order(kind, "T")
		if err != nil {
			return
		}
		for _, name := range order {
			if v, err := tpl.Properties(name, nil, nil); err == nil {
				_ = template.Decode(v["DistributionConfig"], &types.DistributionConfig{}) // or an error
			}
		}
	})
}
