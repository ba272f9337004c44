package api_test

import (
	"io"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudfront"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/cloudfront"
)

// FuzzCalls sends signed requests of every operation with any body: what is
// refused leaves the journal as it was, nothing is an internal error, and what is
// accepted can be shown, written down and read again.
func FuzzCalls(f *testing.F) {
	api := newFixture(f)
	site := api.create("site")
	access := must(api.CreateOriginAccessControl(f.Context(), &sdk.CreateOriginAccessControlInput{OriginAccessControlConfig: accessConfig("access")}))(f)
	inv := must(api.invalidate(*site.Distribution.Id, "ref", "/a"))(f)
	api.journal.settle()
	start := api.journal.State()
	operations := cloudfront.Operations()
	number := map[string]uint8{}
	for i, op := range operations {
		number[op.Name] = uint8(i)
	}
	document := string(must(os.ReadFile("testdata/distribution.xml"))(f))
	stored := start.Distributions[*site.Distribution.Id].Config
	tags := `<Tags><Items><Tag><Key>warmfront:caching</Key><Value>rfc9111</Value></Tag></Items></Tags>`
	invalidate := `<InvalidationBatch><Paths><Quantity>1</Quantity><Items><Path>/*</Path></Items></Paths><CallerReference>new</CallerReference></InvalidationBatch>`
	for name, body := range map[string]string{
		"CreateDistribution":         document,
		"CreateDistributionWithTags": "<DistributionConfigWithTags>" + document[strings.Index(document, "<DistributionConfig"):] + tags + "</DistributionConfigWithTags>",
		"UpdateDistribution":         stored, "DeleteDistribution": "", "GetDistribution": "", "GetDistributionConfig": "", "ListDistributions": "",
		"CreateInvalidation": invalidate, "GetInvalidation": "", "ListInvalidations": "",
		"TagResource": tags, "UntagResource": "<TagKeys><Items><Key>a</Key></Items></TagKeys>", "ListTagsForResource": "",
		"CreateOriginAccessControl": accessDocument("new"), "UpdateOriginAccessControl": accessDocument("access"), "DeleteOriginAccessControl": "",
		"CopyDistribution": "<CopyDistributionRequest><CallerReference>copy</CallerReference></CopyDistributionRequest>", "UpdateDistributionWithStagingConfig": "",
		"AssociateAlias": "", "AssociateDistributionWebACL": "<AssociateDistributionWebACLRequest><WebACLArn>arn:aws:wafv2:us-east-1:123456789012:global/webacl/a/b</WebACLArn></AssociateDistributionWebACLRequest>",
		"ListDistributionsByWebACLId": "", "ListDistributionsByRealtimeLogConfig": "<ListDistributionsByRealtimeLogConfigRequest><MaxItems>1</MaxItems><RealtimeLogConfigName>a</RealtimeLogConfigName></ListDistributionsByRealtimeLogConfigRequest>",
		"ListCachePolicies": "", "GetCachePolicy": "", "CreateFunction": "<CreateFunctionRequest/>",
	} {
		f.Add(number[name], "", "2020-05-31", body)
		f.Add(number[name], "MaxItems=1&Marker=x&Type=managed", "2019-03-26", strings.ReplaceAll(body, "2020-05-31", "2019-03-26"))
	}
	label := regexp.MustCompile(`\{[A-Za-z]+\}`)
	f.Fuzz(func(t *testing.T, n uint8, query, version, body string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		op := operations[int(n)%len(operations)]
		id, etag := *site.Distribution.Id, *site.ETag
		if strings.Contains(op.Name, "AccessControl") {
			id, etag = *access.OriginAccessControl.Id, *access.ETag
		}
		target := label.ReplaceAllStringFunc(op.URI, func(l string) string {
			if op.Name == "GetInvalidation" && l == "{Id}" {
				return *inv.Id
			}
			return id
		})
		target, own, _ := strings.Cut(strings.Replace(target, cloudfront.Version, url.PathEscape(version), 1), "?")
		target += "?" + strings.Trim(own+"&Resource="+url.QueryEscape(*site.Distribution.ARN)+"&"+values.Encode(), "&")
		api.journal.mu.Lock()
		api.journal.state = start
		api.journal.mu.Unlock()
		r := request(op.Method, target, body)
		r.Header.Set("If-Match", etag)
		resp := api.do(r)
		doc := must(io.ReadAll(resp.Body))(t)
		after := api.journal.State()
		switch {
		case resp.StatusCode >= 500:
			t.Fatalf("%s %s: %d %s", op.Method, target, resp.StatusCode, doc)
		case resp.StatusCode >= 400 && (after != start || !strings.Contains(string(doc), "<Code>")):
			t.Fatalf("%s %s: %d %s; the journal is at %v, was at %v", op.Method, target, resp.StatusCode, doc, after.Version, start.Version)
		case op.Method == "GET" && after != start:
			t.Fatalf("%s %s has changed the journal", op.Method, target)
		}
		if after == start {
			return
		}
		if _, err := cdn.Restore(must(after.Snapshot())(t)); err != nil {
			t.Fatalf("%s %s: what it made of the journal cannot be read again: %v", op.Method, target, err)
		}
		if resp := api.do(request("GET", listPath, "")); resp.StatusCode != 200 {
			t.Fatalf("%s %s: what it made of the journal cannot be shown: %s", op.Method, target, must(io.ReadAll(resp.Body))(t))
		}
	})
}
