package api_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/logs"
	"github.com/warmfront/warmfront/control/api"
	"github.com/warmfront/warmfront/control/cloudfront"
)

func functionConfig(stores ...string) *types.FunctionConfig {
	cfg := &types.FunctionConfig{Comment: aws.String("c"), Runtime: types.FunctionRuntimeCloudfrontJs20}
	if len(stores) > 0 {
		cfg.KeyValueStoreAssociations = &types.KeyValueStoreAssociations{Quantity: aws.Int32(int32(len(stores)))}
		for _, s := range stores {
			cfg.KeyValueStoreAssociations.Items = append(cfg.KeyValueStoreAssociations.Items, types.KeyValueStoreAssociation{KeyValueStoreARN: aws.String(s)})
		}
	}
	return cfg
}

// function makes a function and publishes it.
func (f *fixture) function(t testing.TB, name, code string, stores ...string) *sdk.CreateFunctionOutput {
	t.Helper()
	out := must(f.CreateFunction(t.Context(), &sdk.CreateFunctionInput{Name: &name, FunctionCode: []byte(code), FunctionConfig: functionConfig(stores...)}))(t)
	must(f.PublishFunction(t.Context(), &sdk.PublishFunctionInput{Name: &name, IfMatch: out.ETag}))(t)
	return out
}

func TestLifeOfAFunction(t *testing.T) {
	f := newFixture(t)
	ctx, name := t.Context(), aws.String("redirect")
	in := &sdk.CreateFunctionInput{Name: name, FunctionCode: []byte("one"), FunctionConfig: functionConfig()}
	made := must(f.CreateFunction(ctx, in))(t)
	arn := "arn:aws:cloudfront::" + testAccount + ":function/redirect"
	if s := made.FunctionSummary; *s.FunctionMetadata.FunctionARN != arn || *s.Status != "UNPUBLISHED" || s.FunctionMetadata.Stage != types.FunctionStageDevelopment || !strings.HasSuffix(*made.Location, "/function/"+arn) {
		t.Errorf("%+v %+v", s, made)
	}
	_, err := f.CreateFunction(ctx, in)
	wantCode(t, err, cloudfront.CodeFunctionAlreadyExists)
	_, err = f.DescribeFunction(ctx, &sdk.DescribeFunctionInput{Name: name, Stage: types.FunctionStageLive})
	wantCode(t, err, cloudfront.CodeNoSuchFunctionExists)
	associated := func(c *types.DistributionConfig) {
		c.DefaultCacheBehavior.FunctionAssociations = &types.FunctionAssociations{Quantity: aws.Int32(1), Items: []types.FunctionAssociation{{EventType: "viewer-request", FunctionARN: &arn}}}
	}
	_, err = f.CreateDistribution(ctx, &sdk.CreateDistributionInput{DistributionConfig: siteConfig("early", associated)})
	wantCode(t, err, cloudfront.CodeInvalidFunctionAssociation)

	published := must(f.PublishFunction(ctx, &sdk.PublishFunctionInput{Name: name, IfMatch: made.ETag}))(t)
	if s := published.FunctionSummary; *s.Status != "UNASSOCIATED" || s.FunctionMetadata.Stage != types.FunctionStageLive {
		t.Errorf("%+v", s)
	}
	d := f.create("with a function", associated)
	f.journal.settle()
	describe := func(stage types.FunctionStage) string {
		return *must(f.DescribeFunction(ctx, &sdk.DescribeFunctionInput{Name: name, Stage: stage}))(t).FunctionSummary.Status
	}
	if s := describe(types.FunctionStageLive); s != "DEPLOYED" {
		t.Error(s)
	}
	updated := must(f.UpdateFunction(ctx, &sdk.UpdateFunctionInput{Name: name, IfMatch: made.ETag, FunctionCode: []byte("two"), FunctionConfig: functionConfig()}))(t)
	_, err = f.PublishFunction(ctx, &sdk.PublishFunctionInput{Name: name, IfMatch: made.ETag})
	wantCode(t, err, cloudfront.CodePreconditionFailed)
	f.restore(t)
	for stage, want := range map[types.FunctionStage]struct{ code, etag string }{"": {"two", *updated.ETag}, types.FunctionStageDevelopment: {"two", *updated.ETag}, types.FunctionStageLive: {"one", *made.ETag}} {
		got := must(f.GetFunction(ctx, &sdk.GetFunctionInput{Name: name, Stage: stage}))(t)
		if string(got.FunctionCode) != want.code || *got.ETag != want.etag || *got.ContentType != "application/octet-stream" {
			t.Errorf("%s: %q %s %s, want %v", stage, got.FunctionCode, *got.ETag, *got.ContentType, want)
		}
	}
	plan := f.journal.State().Plans[*d.Distribution.Id]
	if got := plan.Behaviors[0].ViewerRequest; got.Code != "one" || got.ETag != *made.ETag {
		t.Errorf("%+v", got)
	}
	must(f.PublishFunction(ctx, &sdk.PublishFunctionInput{Name: name, IfMatch: updated.ETag}))(t)
	if got := f.journal.State().Plans[*d.Distribution.Id].Behaviors[0].ViewerRequest; got.Code != "two" {
		t.Errorf("%+v", got)
	}
	if s := describe(types.FunctionStageLive); s != "IN_PROGRESS" {
		t.Error(s)
	}
	for stage, n := range map[types.FunctionStage]int{"": 2, types.FunctionStageDevelopment: 1, types.FunctionStageLive: 1} {
		if l := must(f.ListFunctions(ctx, &sdk.ListFunctionsInput{Stage: stage}))(t).FunctionList; len(l.Items) != n {
			t.Errorf("%q: %d functions, want %d", stage, len(l.Items), n)
		}
	}
	_, err = f.TestFunction(ctx, &sdk.TestFunctionInput{Name: name, IfMatch: updated.ETag, EventObject: []byte("{}")})
	wantCode(t, err, cloudfront.CodeUnsupportedOperation)
}

func TestFunctionsRefused(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	create := func(name, code string, cfg *types.FunctionConfig) error {
		_, err := f.CreateFunction(ctx, &sdk.CreateFunctionInput{Name: &name, FunctionCode: []byte(code), FunctionConfig: cfg})
		return err
	}
	old := functionConfig("arn:aws:cloudfront::" + testAccount + ":key-value-store/x")
	old.Runtime = types.FunctionRuntimeCloudfrontJs10
	for name, c := range map[string]struct {
		err  error
		code cloudfront.Code
	}{
		"a name with a space": {create("a b", "x", functionConfig()), cloudfront.CodeInvalidArgument},
		"a long name":         {create(strings.Repeat("a", 65), "x", functionConfig()), cloudfront.CodeMalformedXML},
		"much code":           {create("a", strings.Repeat("x", 10241), functionConfig()), cloudfront.CodeFunctionSizeLimitExceeded},
		"no such store":       {create("a", "x", functionConfig("arn:aws:cloudfront::"+testAccount+":key-value-store/x")), cloudfront.CodeInvalidArgument},
		"no store of ours":    {create("a", "x", functionConfig("arn:aws:cloudfront::1:key-value-store/x")), cloudfront.CodeInvalidArgument},
		"two stores":          {create("a", "x", functionConfig("a", "b")), cloudfront.CodeInvalidArgument},
		"an old runtime":      {create("a", "x", old), cloudfront.CodeInvalidArgument},
		"no such function":    {second(f.GetFunction(ctx, &sdk.GetFunctionInput{Name: aws.String("none")})), cloudfront.CodeNoSuchFunctionExists},
		"tested": {second(f.TestFunction(ctx, &sdk.TestFunctionInput{Name: aws.String("none"), IfMatch: aws.String(nobody), EventObject: []byte("{}")})),
			cloudfront.CodeNoSuchFunctionExists},
	} {
		t.Run(name, func(t *testing.T) { wantCode(t, c.err, c.code) })
	}
	if err := create("a", strings.Repeat("x", 10240), functionConfig()); err != nil {
		t.Error(err)
	}
}

func TestKeyValueStores(t *testing.T) {
	f := newFixture(t)
	ctx, name := t.Context(), aws.String("store")
	made := must(f.CreateKeyValueStore(ctx, &sdk.CreateKeyValueStoreInput{Name: name, Comment: aws.String("c")}))(t)
	if s := made.KeyValueStore; *s.Status != "PROVISIONING" || *s.ARN != "arn:aws:cloudfront::"+testAccount+":key-value-store/"+*s.Id || *s.Comment != "c" {
		t.Errorf("%+v", s)
	}
	_, err := f.CreateKeyValueStore(ctx, &sdk.CreateKeyValueStoreInput{Name: name})
	wantCode(t, err, cloudfront.CodeEntityAlreadyExists)
	_, err = f.CreateKeyValueStore(ctx, &sdk.CreateKeyValueStoreInput{Name: aws.String("other"), ImportSource: &types.ImportSource{SourceType: "S3", SourceARN: aws.String("arn:aws:s3:::b/k")}})
	wantCode(t, err, cloudfront.CodeUnsupportedOperation) // where buckets are this control was not told
	f.journal.settle()
	if s := must(f.DescribeKeyValueStore(ctx, &sdk.DescribeKeyValueStoreInput{Name: name}))(t); *s.KeyValueStore.Status != "READY" || *s.ETag != *made.ETag {
		t.Errorf("%+v", s)
	}
	updated := must(f.UpdateKeyValueStore(ctx, &sdk.UpdateKeyValueStoreInput{Name: name, IfMatch: made.ETag, Comment: aws.String("d")}))(t)
	for status, n := range map[string]int{"": 1, "READY": 0, "PROVISIONING": 1} {
		in := &sdk.ListKeyValueStoresInput{}
		if status != "" {
			in.Status = &status
		}
		if l := must(f.ListKeyValueStores(ctx, in))(t).KeyValueStoreList; len(l.Items) != n {
			t.Errorf("%q: %d stores, want %d", status, len(l.Items), n)
		}
	}
	function := f.function(t, "reader", "code", *made.KeyValueStore.ARN)
	_, err = f.DeleteKeyValueStore(ctx, &sdk.DeleteKeyValueStoreInput{Name: name, IfMatch: updated.ETag})
	wantCode(t, err, cloudfront.CodeCannotDeleteEntityWhileInUse)
	must(f.DeleteFunction(ctx, &sdk.DeleteFunctionInput{Name: aws.String("reader"), IfMatch: function.ETag}))(t)
	must(f.DeleteKeyValueStore(ctx, &sdk.DeleteKeyValueStoreInput{Name: name, IfMatch: updated.ETag}))(t)
	_, err = f.DescribeKeyValueStore(ctx, &sdk.DescribeKeyValueStoreInput{Name: name})
	wantCode(t, err, cloudfront.CodeEntityNotFound)
}

// objects are those of a bucket, which only one access key may read.
type objects map[string]string

func (o objects) Read(_ context.Context, accessKey, bucket, key string, most int64) ([]byte, int, error) {
	text, found := o[bucket+"/"+key]
	switch {
	case bucket == "down":
		return nil, 0, errors.New("no object store")
	case accessKey != testKey || bucket != "b":
		return nil, 403, nil
	case !found:
		return nil, 404, nil
	}
	return []byte(text)[:min(int64(len(text)), most)], 200, nil
}

// TestImportOfKeyValueStores holds the API to belief 575.
func TestImportOfKeyValueStores(t *testing.T) {
	big := `{"data":[`
	for i := range 4000 {
		big += fmt.Sprintf(`{"key":"k%05d","value":%q},`, i, strings.Repeat("v", 1000))
	}
	large := big + big[9:] // twice as many: too large for a file
	f := newFixtureWith(t, func(c *api.Config) {
		c.Objects = objects{
			"b/good": `{"data":[{"key":"a","value":"1"},{"key":"/b c","value":""}],"more":1}`, "b/dir/empty": `{"data":[]}`,
			"b/twice": `{"data":[{"key":"a","value":"1"},{"key":"a","value":"2"}]}`, "b/text": `a=1`, "b/array": `[]`, "b/nodata": `{}`, "b/novalue": `{"data":[{"key":"a"}]}`,
			"b/number": `{"data":[{"key":"a","value":1}]}`, "b/nokey": `{"data":[{"key":"","value":"1"}]}`, "b/longkey": `{"data":[{"key":"` + strings.Repeat("k", 513) + `","value":"1"}]}`,
			"b/longvalue": `{"data":[{"key":"k","value":"` + strings.Repeat("v", 1025) + `"}]}`, "b/latin": "{\"data\":[{\"key\":\"\xe9\",\"value\":\"\"}]}",
			"b/big": strings.TrimSuffix(big, ",") + "]}", "b/large": strings.TrimSuffix(large, ",") + "]}",
		}
	})
	ctx := t.Context()
	create := func(name, sourceType, arn string) (*sdk.CreateKeyValueStoreOutput, error) {
		return f.CreateKeyValueStore(ctx, &sdk.CreateKeyValueStoreInput{Name: &name, ImportSource: &types.ImportSource{SourceType: types.ImportSourceType(sourceType), SourceARN: &arn}})
	}
	for key, n := range map[string]int{"good": 2, "dir/empty": 0, "big": 4000} {
		made := must(create(strings.ReplaceAll(key, "/", "-"), "S3", "arn:aws:s3:::b/"+key))(t)
		v := f.journal.State().KeyValues(*made.KeyValueStore.Id)
		if value, _ := v.Get("a"); n == 0 && v != nil || n > 0 && v.Count != n || n == 2 && value != "1" {
			t.Errorf("%s: %+v", key, v)
		}
	}
	for arn, code := range map[string]cloudfront.Code{
		"b/twice": cloudfront.CodeInvalidArgument, "b/text": cloudfront.CodeInvalidArgument, "b/array": cloudfront.CodeInvalidArgument, "b/nodata": cloudfront.CodeInvalidArgument, "b/novalue": cloudfront.CodeInvalidArgument,
		"b/number": cloudfront.CodeInvalidArgument, "b/nokey": cloudfront.CodeInvalidArgument, "b/longkey": cloudfront.CodeInvalidArgument, "b/longvalue": cloudfront.CodeInvalidArgument, "b/latin": cloudfront.CodeInvalidArgument,
		"b/none": cloudfront.CodeInvalidArgument, "other/x": cloudfront.CodeAccessDenied, "b/large": cloudfront.CodeEntitySizeLimitExceeded, "b": cloudfront.CodeInvalidArgument, "/x": cloudfront.CodeInvalidArgument, "b/": cloudfront.CodeInvalidArgument,
	} {
		_, err := create("refused", "S3", "arn:aws:s3:::"+arn)
		wantCode(t, err, code)
	}
	_, err := create("refused", "S3", "arn:aws:sqs:::b/good")
	wantCode(t, err, cloudfront.CodeInvalidArgument)
	if _, err := create("refused", "S3", "arn:aws:s3:::down/x"); err == nil {
		t.Error("imported from nowhere")
	}
	if n := len(f.journal.State().ResourcesOf(cdn.ResourceKeyValueStore)); n != 3 {
		t.Errorf("%d stores, want the three that could be imported", n)
	}
}

func realtimeLog(name string) *sdk.CreateRealtimeLogConfigInput {
	return &sdk.CreateRealtimeLogConfigInput{Name: &name, SamplingRate: aws.Int64(10), Fields: []string{"timestamp", "c-ip"}, EndPoints: []types.EndPoint{{
		StreamType: aws.String("Kinesis"), KinesisStreamConfig: &types.KinesisStreamConfig{RoleARN: aws.String("arn:aws:iam::1:role/r"), StreamARN: aws.String("arn:aws:kinesis:us-east-1:1:stream/s")}}}}
}

// What is wrong with a real-time log configuration is said when it is made and when it
// is changed (belief 585).
func TestRealtimeLogsThatAreRefused(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	must(f.CreateRealtimeLogConfig(ctx, realtimeLog("log")))(t)
	two := realtimeLog("x").EndPoints
	for name, change := range map[string]func(in *sdk.CreateRealtimeLogConfigInput){
		"an unknown field": func(in *sdk.CreateRealtimeLogConfigInput) { in.Fields = []string{"timestamp", "no-such-field"} },
		"a standard field": func(in *sdk.CreateRealtimeLogConfigInput) { in.Fields = []string{"cs(Host)"} },
		"another case":     func(in *sdk.CreateRealtimeLogConfigInput) { in.Fields = []string{"C-IP"} },
		"an empty field":   func(in *sdk.CreateRealtimeLogConfigInput) { in.Fields = []string{""} },
		"a field twice":    func(in *sdk.CreateRealtimeLogConfigInput) { in.Fields = []string{"c-ip", "c-ip"} },
		"a rate of 0":      func(in *sdk.CreateRealtimeLogConfigInput) { in.SamplingRate = aws.Int64(0) },
		"a rate of 101":    func(in *sdk.CreateRealtimeLogConfigInput) { in.SamplingRate = aws.Int64(101) },
		"two endpoints":    func(in *sdk.CreateRealtimeLogConfigInput) { in.EndPoints = append(two, two...) },
		"no Kinesis stream": func(in *sdk.CreateRealtimeLogConfigInput) {
			in.EndPoints = []types.EndPoint{{StreamType: aws.String("S3")}}
		},
	} {
		in := realtimeLog("other")
		change(in)
		if _, err := f.CreateRealtimeLogConfig(ctx, in); err == nil {
			t.Errorf("%s: it is made", name)
		} else {
			wantCode(t, err, cloudfront.CodeInvalidArgument)
		}
		_, err := f.UpdateRealtimeLogConfig(ctx, &sdk.UpdateRealtimeLogConfigInput{Name: aws.String("log"), EndPoints: in.EndPoints, Fields: in.Fields, SamplingRate: in.SamplingRate})
		if err == nil {
			t.Errorf("%s: it is changed", name)
		} else {
			wantCode(t, err, cloudfront.CodeInvalidArgument)
		}
	}
	for _, in := range []*sdk.CreateRealtimeLogConfigInput{{Fields: []string{}, EndPoints: two}, {Fields: []string{"c-ip"}, EndPoints: []types.EndPoint{}}} {
		in.Name, in.SamplingRate = aws.String("other"), aws.Int64(1)
		_, err := f.CreateRealtimeLogConfig(ctx, in)
		wantCode(t, err, cloudfront.CodeInvalidArgument)
	}
	all := realtimeLog("all")
	all.Fields = logs.RealtimeFields()
	must(f.CreateRealtimeLogConfig(ctx, all))(t)
}

func TestLifeOfARealtimeLog(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	made := must(f.CreateRealtimeLogConfig(ctx, realtimeLog("log")))(t).RealtimeLogConfig
	_, err := f.CreateRealtimeLogConfig(ctx, realtimeLog("log"))
	wantCode(t, err, cloudfront.CodeRealtimeLogConfigAlreadyExists)
	must(f.UpdateRealtimeLogConfig(ctx, &sdk.UpdateRealtimeLogConfigInput{ARN: made.ARN, SamplingRate: aws.Int64(50)}))(t)
	_, err = f.UpdateRealtimeLogConfig(ctx, &sdk.UpdateRealtimeLogConfigInput{ARN: made.ARN, SamplingRate: aws.Int64(101)})
	wantCode(t, err, cloudfront.CodeInvalidArgument)
	got := must(f.GetRealtimeLogConfig(ctx, &sdk.GetRealtimeLogConfigInput{Name: aws.String("log")}))(t).RealtimeLogConfig
	if *got.SamplingRate != 50 || len(got.Fields) != 2 || *got.EndPoints[0].StreamType != "Kinesis" || *got.ARN != *made.ARN {
		t.Errorf("%+v", got)
	}
	if l := must(f.ListRealtimeLogConfigs(ctx, &sdk.ListRealtimeLogConfigsInput{}))(t).RealtimeLogConfigs; len(l.Items) != 1 || *l.IsTruncated {
		t.Errorf("%+v", l)
	}
	_, err = f.GetRealtimeLogConfig(ctx, &sdk.GetRealtimeLogConfigInput{})
	wantCode(t, err, cloudfront.CodeInvalidArgument)
	must(f.DeleteRealtimeLogConfig(ctx, &sdk.DeleteRealtimeLogConfigInput{ARN: made.ARN}))(t)
	_, err = f.DeleteRealtimeLogConfig(ctx, &sdk.DeleteRealtimeLogConfigInput{ARN: made.ARN})
	wantCode(t, err, cloudfront.CodeNoSuchRealtimeLogConfig)
}

func TestLifeOfAMonitoringSubscription(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	id := f.create("watched", disabled).Distribution
	create := func(id *string) error {
		_, err := f.CreateMonitoringSubscription(ctx, &sdk.CreateMonitoringSubscriptionInput{DistributionId: id, MonitoringSubscription: &types.MonitoringSubscription{
			RealtimeMetricsSubscriptionConfig: &types.RealtimeMetricsSubscriptionConfig{RealtimeMetricsSubscriptionStatus: "Enabled"}}})
		return err
	}
	get := func() error {
		return second(f.GetMonitoringSubscription(ctx, &sdk.GetMonitoringSubscriptionInput{DistributionId: id.Id}))
	}
	wantCode(t, create(aws.String(nobody)), cloudfront.CodeNoSuchDistribution)
	wantCode(t, get(), cloudfront.CodeNoSuchMonitoringSubscription)
	if err := create(id.Id); err != nil {
		t.Fatal(err)
	}
	wantCode(t, create(id.Id), cloudfront.CodeMonitoringSubscriptionAlreadyExists)
	if err := get(); err != nil {
		t.Error(err)
	}
	must(f.DeleteMonitoringSubscription(ctx, &sdk.DeleteMonitoringSubscriptionInput{DistributionId: id.Id}))(t)
	wantCode(t, get(), cloudfront.CodeNoSuchMonitoringSubscription)
	if err := create(id.Id); err != nil {
		t.Fatal(err)
	}
	// It goes with its distribution.
	f.journal.settle()
	must(f.DeleteDistribution(ctx, &sdk.DeleteDistributionInput{Id: id.Id, IfMatch: must(f.GetDistribution(ctx, &sdk.GetDistributionInput{Id: id.Id}))(t).ETag}))(t)
	if n := len(f.journal.State().ResourcesOf("monitoring-subscription")); n != 0 {
		t.Errorf("%d subscriptions are left", n)
	}
}

// What can be made with tags has them, and can be given others.
func TestTagsOfResources(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	tags := &types.Tags{Items: []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}}}
	function := must(f.CreateFunction(ctx, &sdk.CreateFunctionInput{Name: aws.String("f"), FunctionCode: []byte("x"), FunctionConfig: functionConfig(), Tags: tags}))(t)
	store := must(f.CreateKeyValueStore(ctx, &sdk.CreateKeyValueStoreInput{Name: aws.String("s"), Tags: tags}))(t)
	streaming := must(f.CreateStreamingDistributionWithTags(ctx, &sdk.CreateStreamingDistributionWithTagsInput{StreamingDistributionConfigWithTags: &types.StreamingDistributionConfigWithTags{
		StreamingDistributionConfig: resourceKinds()[10].make(f, 1).(*types.StreamingDistributionConfig), Tags: tags}}))(t)
	for _, arn := range []*string{function.FunctionSummary.FunctionMetadata.FunctionARN, store.KeyValueStore.ARN, streaming.StreamingDistribution.ARN} {
		must(f.TagResource(ctx, &sdk.TagResourceInput{Resource: arn, Tags: &types.Tags{Items: []types.Tag{{Key: aws.String("b"), Value: aws.String("2")}}}}))(t)
		must(f.UntagResource(ctx, &sdk.UntagResourceInput{Resource: arn, TagKeys: &types.TagKeys{Items: []string{"a"}}}))(t)
		f.restore(t)
		if l := must(f.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{Resource: arn}))(t).Tags.Items; len(l) != 1 || *l[0].Key != "b" {
			t.Errorf("%s: %+v", *arn, l)
		}
	}
	if got := must(f.GetFunction(ctx, &sdk.GetFunctionInput{Name: aws.String("f")}))(t); string(got.FunctionCode) != "x" || *got.ETag != *function.ETag {
		t.Errorf("%+v", got)
	}
	_, err := f.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{Resource: aws.String("arn:aws:cloudfront::1:function/f")})
	wantCode(t, err, cloudfront.CodeNoSuchResource)
}
