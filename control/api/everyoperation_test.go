package api_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/aws/smithy-go"

	"github.com/warmfront/warmfront/control/cloudfront"
)

// script calls operations by AWS's SDK one after the other, and remembers which it has
// called.
type script struct {
	*fixture
	t      *testing.T
	called map[string]bool
}

// call does an operation, which has to be carried out and answered with the members
// that the API promises.
func (s *script) do(name string, set map[string]any) reflect.Value {
	s.t.Helper()
	out, err := s.fixture.call(name, set)
	if err != nil {
		s.t.Fatalf("%s: %v", name, err)
	}
	s.called[name] = true
	op := operationNamed(s.t, name)
	for _, h := range op.ResponseHeaders {
		if h == "ETtag" {
			h = "ETag"
		}
		if f := out.Elem().FieldByName(strings.ReplaceAll(h, "-", "")); !f.IsValid() || f.IsNil() || f.Elem().String() == "" {
			s.t.Errorf("%s is answered without %s", name, h)
		}
	}
	if op.NewResponse() != nil {
		empty := true
		for i := range out.Elem().NumField() {
			f := out.Elem().Field(i)
			empty = empty && (f.Kind() != reflect.Pointer && f.Kind() != reflect.Slice || f.IsNil() || out.Elem().Type().Field(i).Name == "ETag")
		}
		if empty {
			s.t.Errorf("%s is answered without a body", name)
		}
	}
	return out
}

func operationNamed(t *testing.T, name string) cloudfront.Operation {
	t.Helper()
	for _, op := range cloudfront.Operations() {
		if op.Name == name {
			return op
		}
	}
	t.Fatalf("there is no operation %s", name)
	return cloudfront.Operation{}
}

// TestEveryOperationByTheSDK has AWS's SDK for Go do every operation of the API. Each is
// carried out, with all that the SDK reads of an answer, or refused as unsupported.
func TestEveryOperationByTheSDK(t *testing.T) {
	s := &script{newFixture(t), t, map[string]bool{}}
	made := s.resources()
	s.functionsAndStores()
	s.distributions(made)
	for _, op := range cloudfront.Operations() {
		if s.called[op.Name] {
			continue
		}
		if !unsupported.MatchString(op.Name) && op.Name != "TestFunction" {
			t.Errorf("%s was not called", op.Name)
			continue
		}
		_, err := s.fixture.call(op.Name, s.anything(op.Name))
		var e smithy.APIError
		if !errors.As(err, &e) || e.ErrorCode() != "UnsupportedOperation" {
			t.Errorf("%s: %v", op.Name, err)
		}
		if _, typed := e.(*types.UnsupportedOperation); typed != slices.Contains(op.Errors, cloudfront.CodeUnsupportedOperation) {
			t.Errorf("%s: the SDK has a %T", op.Name, e)
		}
	}
	if len(s.called) != 117 {
		t.Errorf("%d operations were called", len(s.called))
	}
}

// resources does what there is to do with the kinds that have an ordinary life, and
// returns the ids of one of each.
func (s *script) resources() map[string]string {
	made := map[string]string{}
	for _, k := range resourceKinds() {
		k.complete()
		for n := 1; n <= 2; n++ { // the first is deleted, the second stays
			cfg := k.make(s.fixture, n)
			out := s.do("Create"+k.noun, map[string]any{k.config: cfg})
			id := text(out, "Id")
			s.do(k.get, map[string]any{"Id": id})
			s.do("Get"+k.config, map[string]any{"Id": id})
			k.reworded(cfg)
			etag := text(s.do("Update"+k.noun, map[string]any{k.config: cfg, "Id": id, "IfMatch": text(out, "ETag")}), "ETag")
			made[k.noun] = id
			if n == 1 {
				s.journal.settle()
				s.do("Delete"+k.noun, map[string]any{"Id": id, "IfMatch": etag})
			}
		}
		s.do("List"+k.plural, map[string]any{})
	}
	cfg := resourceKinds()[10].make(s.fixture, 3)
	s.do("CreateStreamingDistributionWithTags", map[string]any{"StreamingDistributionConfigWithTags": &types.StreamingDistributionConfigWithTags{
		StreamingDistributionConfig: cfg.(*types.StreamingDistributionConfig), Tags: &types.Tags{Items: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}}}})
	return made
}

func (s *script) functionsAndStores() {
	store := s.do("CreateKeyValueStore", map[string]any{"Name": "store"})
	s.do("DescribeKeyValueStore", map[string]any{"Name": "store"})
	store = s.do("UpdateKeyValueStore", map[string]any{"Name": "store", "Comment": "c", "IfMatch": text(store, "ETag")})
	s.do("ListKeyValueStores", map[string]any{})
	cfg := functionConfig(text(store, "ARN"))
	etag := text(s.do("CreateFunction", map[string]any{"Name": "f", "FunctionConfig": cfg, "FunctionCode": []byte("code")}), "ETag")
	s.do("DescribeFunction", map[string]any{"Name": "f"})
	s.do("GetFunction", map[string]any{"Name": "f"})
	etag = text(s.do("UpdateFunction", map[string]any{"Name": "f", "FunctionConfig": functionConfig(), "FunctionCode": []byte("more"), "IfMatch": etag}), "ETag")
	s.do("PublishFunction", map[string]any{"Name": "f", "IfMatch": etag})
	s.do("ListFunctions", map[string]any{})
	s.do("DeleteKeyValueStore", map[string]any{"Name": "store", "IfMatch": text(store, "ETag")})
	s.do("DeleteFunction", map[string]any{"Name": "f", "IfMatch": etag})
	s.function(s.t, "f", "code") // for TestFunction
	log := realtimeLog("log")
	s.do("CreateRealtimeLogConfig", map[string]any{"Name": "log", "SamplingRate": aws.Int64(5), "Fields": log.Fields, "EndPoints": log.EndPoints})
	s.do("GetRealtimeLogConfig", map[string]any{"Name": "log"})
	s.do("UpdateRealtimeLogConfig", map[string]any{"Name": "log", "SamplingRate": aws.Int64(6)})
	s.do("ListRealtimeLogConfigs", map[string]any{})
	s.do("ListDistributionsByRealtimeLogConfig", map[string]any{"RealtimeLogConfigName": "log"})
	s.do("DeleteRealtimeLogConfig", map[string]any{"Name": "log"})
}

func (s *script) distributions(made map[string]string) {
	cfg := siteConfig("primary", func(c *types.DistributionConfig) {
		c.DefaultCacheBehavior.CachePolicyId = aws.String(made["CachePolicy"])
		c.DefaultCacheBehavior.ResponseHeadersPolicyId = aws.String(made["ResponseHeadersPolicy"])
	})
	out := s.do("CreateDistribution", map[string]any{"DistributionConfig": cfg})
	id := text(out, "Id")
	arn := text(out, "ARN")
	tags := &types.Tags{Items: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}}
	s.do("CreateDistributionWithTags", map[string]any{"DistributionConfigWithTags": &types.DistributionConfigWithTags{DistributionConfig: siteConfig("tagged", withAliases("www.example.test")), Tags: tags}})
	s.do("TagResource", map[string]any{"Resource": arn, "Tags": tags})
	s.do("ListTagsForResource", map[string]any{"Resource": arn})
	s.do("UntagResource", map[string]any{"Resource": arn, "TagKeys": &types.TagKeys{Items: []string{"k"}}})
	s.do("GetDistribution", map[string]any{"Id": id})
	s.do("GetDistributionConfig", map[string]any{"Id": id})
	s.do("ListDistributions", map[string]any{})
	s.do("AssociateAlias", map[string]any{"TargetDistributionId": id, "Alias": "www.example.test"})
	s.do("ListConflictingAliases", map[string]any{"DistributionId": id, "Alias": "www.example.test"})
	etag := text(s.do("GetDistribution", map[string]any{"Id": id}), "ETag")
	const acl = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/x/1"
	etag = text(s.do("AssociateDistributionWebACL", map[string]any{"Id": id, "WebACLArn": acl, "IfMatch": etag}), "ETag")
	s.do("ListDistributionsByWebACLId", map[string]any{"WebACLId": acl})
	etag = text(s.do("DisassociateDistributionWebACL", map[string]any{"Id": id, "IfMatch": etag}), "ETag")
	staging := s.do("CopyDistribution", map[string]any{"PrimaryDistributionId": id, "CallerReference": "staging", "Staging": aws.Bool(true), "IfMatch": etag})
	etag = text(s.do("UpdateDistributionWithStagingConfig", map[string]any{"Id": id, "StagingDistributionId": text(staging, "Id"), "IfMatch": etag + ", " + text(staging, "ETag")}), "ETag")
	for op, set := range map[string]map[string]any{
		"CachePolicyId": {"CachePolicyId": made["CachePolicy"]}, "OriginRequestPolicyId": {"OriginRequestPolicyId": made["OriginRequestPolicy"]},
		"ResponseHeadersPolicyId": {"ResponseHeadersPolicyId": made["ResponseHeadersPolicy"]}, "KeyGroup": {"KeyGroupId": made["KeyGroup"]},
		"VpcOriginId": {"VpcOriginId": "vo_1"}, "AnycastIpListId": {"AnycastIpListId": "aip_1"}, "ConnectionFunction": {"ConnectionFunctionIdentifier": "cf_1"},
		"TrustStore": {"TrustStoreIdentifier": "ts_1"}, "ConnectionMode": {"ConnectionMode": types.ConnectionModeDirect},
	} {
		s.do("ListDistributionsBy"+op, set)
	}
	batch := &types.InvalidationBatch{CallerReference: aws.String("one"), Paths: &types.Paths{Quantity: aws.Int32(1), Items: []string{"/*"}}}
	invalidation := s.do("CreateInvalidation", map[string]any{"DistributionId": id, "InvalidationBatch": batch})
	s.do("GetInvalidation", map[string]any{"DistributionId": id, "Id": text(invalidation, "Id")})
	s.do("ListInvalidations", map[string]any{"DistributionId": id})
	subscription := &types.MonitoringSubscription{RealtimeMetricsSubscriptionConfig: &types.RealtimeMetricsSubscriptionConfig{RealtimeMetricsSubscriptionStatus: "Enabled"}}
	s.do("CreateMonitoringSubscription", map[string]any{"DistributionId": id, "MonitoringSubscription": subscription})
	s.do("GetMonitoringSubscription", map[string]any{"DistributionId": id})
	s.do("DeleteMonitoringSubscription", map[string]any{"DistributionId": id})
	disabled(cfg)
	etag = text(s.do("UpdateDistribution", map[string]any{"Id": id, "DistributionConfig": cfg, "IfMatch": etag}), "ETag")
	s.journal.settle()
	s.do("DeleteDistribution", map[string]any{"Id": id, "IfMatch": etag})
}

// anything is an input that the SDK sends: with all that it must have.
func (s *script) anything(name string) map[string]any {
	input := reflect.ValueOf(s.Client).MethodByName(name).Type().In(1).Elem()
	set := map[string]any{}
	for i := range input.NumField() {
		f := input.Field(i)
		switch {
		case !f.IsExported():
		case name == "TestFunction" && f.Name == "Name":
			set[f.Name] = "f"
		case f.Type.Kind() == reflect.Pointer && f.Type.Elem().Kind() == reflect.String:
			set[f.Name] = "E123456789ABCD"
		case f.Type.Kind() == reflect.Pointer && f.Type.Elem().Kind() == reflect.Struct, f.Type.Kind() == reflect.Interface, f.Type.Kind() == reflect.Slice:
			set[f.Name] = filled(f.Type).Interface()
		case f.Type.Kind() == reflect.Pointer:
			set[f.Name] = reflect.New(f.Type.Elem()).Interface()
		}
	}
	return set
}

// filled is a value with every member that an SDK's validation could ask for.
func filled(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	switch {
	case t == reflect.TypeFor[types.CaCertificatesBundleSource]():
		return reflect.ValueOf(&types.CaCertificatesBundleSourceMemberCaCertificatesBundleS3Location{Value: filled(reflect.TypeFor[types.CaCertificatesBundleS3Location]()).Interface().(types.CaCertificatesBundleS3Location)})
	case t.Kind() == reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		v.Elem().Set(filled(t.Elem()))
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		v.SetBytes([]byte("{}"))
	case t.Kind() == reflect.Slice:
		v.Set(reflect.Append(v, filled(t.Elem())))
	case t.Kind() == reflect.String:
		v.SetString("x")
	case t.Kind() == reflect.Struct && t.PkgPath() != "time":
		for i := range t.NumField() {
			if t.Field(i).IsExported() {
				v.Field(i).Set(filled(t.Field(i).Type))
			}
		}
	}
	return v
}

// TestErrorsAreTyped has the SDK ask for what there is not. Its error is of the type
// that the API's model has for it.
func TestErrorsAreTyped(t *testing.T) {
	f := newFixture(t)
	for _, op := range cloudfront.Operations() {
		if unsupported.MatchString(op.Name) || !regexp.MustCompile(`^(Get|Describe|Delete)`).MatchString(op.Name) {
			continue
		}
		_, err := f.call(op.Name, (&script{f, t, nil}).anything(op.Name))
		var e smithy.APIError
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", op.Name, err)
			continue
		}
		if want := "*types." + e.ErrorCode(); fmt.Sprintf("%T", e) != want || !slices.Contains(op.Errors, cloudfront.Code(e.ErrorCode())) {
			t.Errorf("%s: a %T of the code %s", op.Name, e, e.ErrorCode())
		}
	}
}

// TestGoldenRequests sends what the SDK's own tests expect it to send, every member
// set, to the handler. Whatever it is answered with is an answer of that operation.
func TestGoldenRequests(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-sdk-go-v2/service/cloudfront").Output()
	if err != nil {
		t.Skip("the SDK's module is not at hand: ", err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "request_snapshot", "*.request.snap"))
	if err != nil || len(files) != len(cloudfront.Operations()) {
		t.Fatalf("%d requests, %v", len(files), err)
	}
	// Refusals that any operation with a body can answer with.
	common := []cloudfront.Code{cloudfront.CodeMalformedInput, cloudfront.CodeMalformedXML, cloudfront.CodeInvalidArgument, cloudfront.CodeInconsistentQuantities, cloudfront.CodeUnsupportedOperation}
	seen := map[cloudfront.Code]int{}
	for _, file := range files {
		snapshot, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".request.snap")
		line, rest, _ := strings.Cut(string(snapshot), "\n")
		method, target, _ := strings.Cut(line, " ")
		head, body, _ := strings.Cut(strings.TrimPrefix(rest, "\n"), "\n\n")
		f := newFixture(t)
		r := request(method, target, body)
		for header := range strings.SplitSeq(head, "\n") {
			if n, v, found := strings.Cut(header, ": "); found {
				r.Header.Set(n, v)
			}
		}
		w := httptest.NewRecorder()
		f.handler.ServeHTTP(w, r)
		op := operationNamed(t, name)
		if w.Code == op.Status {
			continue
		}
		resp := w.Result()
		code := cloudfront.Code(errorCode(t, resp))
		seen[code]++
		if resp.StatusCode != code.Status() || !slices.Contains(op.Errors, code) && !slices.Contains(common, code) || (code == cloudfront.CodeUnsupportedOperation) != unsupported.MatchString(name) {
			_, _ = io.Copy(io.Discard, resp.Body)
			t.Errorf("%s: %d %s", name, resp.StatusCode, code)
		}
	}
	if len(seen) < 10 {
		t.Errorf("only %v", slices.Sorted(maps.Keys(seen)))
	}
}
