package logdelivery

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/logs"
	"github.com/warmfront/warmfront/control/admission"
	"github.com/warmfront/warmfront/control/journaltest"
)

type fixture struct {
	t *testing.T
	h http.Handler
	j *journaltest.Journal
}

func newFixture(t *testing.T) *fixture {
	j := journaltest.New()
	for _, id := range []string{"E1", "E2"} {
		d := cdn.Distribution{ID: id, ARN: "arn:aws:cloudfront::123456789012:distribution/" + id, Domain: "d" + id + ".warmfront.test", CallerReference: id, Config: config}
		if _, err := j.Propose(t.Context(), func(*cdn.State) ([]cdn.Change, error) {
			c, err := cdn.NewChange(cdn.KindDistributionPut, d, time.Now())
			return []cdn.Change{c}, err
		}); err != nil {
			t.Fatal(err)
		}
	}
	return &fixture{t, Handler(Config{
		Gate: admission.Gate{
			Hosts: admission.LocalNames("warmfront.test"), Authenticate: func(*http.Request, []byte) error { return nil }, MaxBody: 1 << 20,
		},
		Journal: j, Account: "123456789012", Now: time.Now, RequestID: func() string { return "id" }, Logger: slog.New(slog.DiscardHandler),
	}), j}
}

const config = `<DistributionConfig><Enabled>true</Enabled><Origins><Quantity>1</Quantity><Items><Origin><Id>o</Id><DomainName>a.example</DomainName>` +
	`<CustomOriginConfig><HTTPPort>80</HTTPPort><HTTPSPort>443</HTTPSPort><OriginProtocolPolicy>http-only</OriginProtocolPolicy></CustomOriginConfig></Origin></Items></Origins>` +
	`<DefaultCacheBehavior><TargetOriginId>o</TargetOriginId><ViewerProtocolPolicy>allow-all</ViewerProtocolPolicy><CachePolicyId>658327ea-f89d-4fab-a63d-7e88639e58f6</CachePolicyId></DefaultCacheBehavior></DistributionConfig>`

// call returns the answer, or the code of the error with its message.
func (f *fixture) call(operation, body string) (answer map[string]any, code string) {
	f.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:8800/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", Target+operation)
	w := httptest.NewRecorder()
	f.h.ServeHTTP(w, r)
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			f.t.Fatalf("%s: %s", operation, w.Body)
		}
	}
	if w.Code != 200 {
		return answer, fmt.Sprint(answer["__type"])
	}
	return answer, ""
}

func (f *fixture) ok(operation, body string) map[string]any {
	f.t.Helper()
	answer, code := f.call(operation, body)
	if code != "" {
		f.t.Fatalf("%s %s: %s %v", operation, body, code, answer)
	}
	return answer
}

const (
	putSource      = `{"name":"src","resourceArn":"arn:aws:cloudfront::123456789012:distribution/E1","logType":"ACCESS_LOGS","tags":{"a":"b"}}`
	putDestination = `{"name":"dst","outputFormat":"json","deliveryDestinationConfiguration":{"destinationResourceArn":"arn:aws:s3:::logs"}}`
	create         = `{"deliverySourceName":"src","deliveryDestinationArn":"arn:aws:logs:us-east-1:123456789012:delivery-destination:dst",` +
		`"recordFields":["date","time","c-ip"],"s3DeliveryConfiguration":{"suffixPath":"/{DistributionId}/{yyyy}","enableHiveCompatiblePath":true}}`
)

func TestLifeOfADelivery(t *testing.T) {
	f := newFixture(t)
	source := f.ok("PutDeliverySource", putSource)["deliverySource"].(map[string]any)
	if source["arn"] != "arn:aws:logs:us-east-1:123456789012:delivery-source:src" || source["service"] != "cloudfront" {
		t.Error(source)
	}
	to := f.ok("PutDeliveryDestination", putDestination)["deliveryDestination"].(map[string]any)
	if to["deliveryDestinationType"] != "S3" || to["outputFormat"] != "json" {
		t.Error(to)
	}
	made := f.ok("CreateDelivery", create)["delivery"].(map[string]any)
	s3 := made["s3DeliveryConfiguration"].(map[string]any)
	if s3["suffixPath"] != "AWSLogs/{account-id}/CloudFront/{DistributionId}/{yyyy}" || s3["enableHiveCompatiblePath"] != true || fmt.Sprint(made["recordFields"]) != "[date time c-ip]" {
		t.Error(made)
	}
	id := made["id"].(string)
	doc, err := logs.Read[logs.Delivery](f.j.State().Resource(cdn.ResourceLogDelivery, id).Document)
	if err != nil || doc.Source != "src" || doc.Destination != "dst" {
		t.Errorf("%+v %v", doc, err)
	}
	f.ok("UpdateDeliveryConfiguration", `{"id":"`+id+`","recordFields":["sc-status"],"fieldDelimiter":","}`)
	made = f.ok("GetDelivery", `{"id":"`+id+`"}`)["delivery"].(map[string]any)
	if fmt.Sprint(made["recordFields"]) != "[sc-status]" || made["fieldDelimiter"] != "," || made["s3DeliveryConfiguration"].(map[string]any)["enableHiveCompatiblePath"] != true {
		t.Error(made)
	}
	for operation, list := range map[string]string{"DescribeDeliveries": "deliveries", "DescribeDeliverySources": "deliverySources", "DescribeDeliveryDestinations": "deliveryDestinations"} {
		if got := f.ok(operation, `{}`)[list].([]any); len(got) != 1 {
			t.Errorf("%s: %v", operation, got)
		}
	}
	arn := `"resourceArn":"arn:aws:logs:us-east-1:123456789012:delivery-source:src"`
	f.ok("TagResource", `{`+arn+`,"tags":{"c":"d"}}`)
	f.ok("UntagResource", `{`+arn+`,"tagKeys":["a"]}`)
	if tags := fmt.Sprint(f.ok("ListTagsForResource", `{`+arn+`}`)["tags"]); tags != "map[c:d]" {
		t.Error(tags)
	}
	f.ok("PutDeliveryDestinationPolicy", `{"deliveryDestinationName":"dst","deliveryDestinationPolicy":"{}"}`)
	f.ok("PutDeliveryDestination", strings.Replace(putDestination, "json", "parquet", 1))
	f.ok("PutDeliveryDestination", strings.Replace(putDestination, "json", "w3c", 1)) // keeps the policy
	if p := f.ok("GetDeliveryDestinationPolicy", `{"deliveryDestinationName":"dst"}`)["policy"].(map[string]any); p["deliveryDestinationPolicy"] != "{}" {
		t.Error(p)
	}
	f.ok("DeleteDeliveryDestinationPolicy", `{"deliveryDestinationName":"dst"}`)
	for used, name := range map[string]string{"DeleteDeliverySource": "src", "DeleteDeliveryDestination": "dst"} {
		if _, code := f.call(used, `{"name":"`+name+`"}`); code != "ConflictException" {
			t.Errorf("%s: %s", used, code)
		}
	}
	f.ok("DeleteDelivery", `{"id":"`+id+`"}`)
	f.ok("DeleteDeliverySource", `{"name":"src"}`)
	f.ok("DeleteDeliveryDestination", `{"name":"dst"}`)
	if n := len(f.j.State().ResourcesOf(cdn.ResourceLogDelivery)); n != 0 {
		t.Errorf("%d deliveries are left", n)
	}
}

func TestRefusals(t *testing.T) {
	f := newFixture(t)
	f.ok("PutDeliverySource", putSource)
	f.ok("PutDeliverySource", putSource) // again is a change
	f.ok("PutDeliveryDestination", putDestination)
	f.ok("CreateDelivery", create)
	with := func(body, old, next string) string { return strings.Replace(body, old, next, 1) }
	second := with(create, "src", "second")
	f.ok("PutDeliverySource", with(with(putSource, "src", "second"), "E1", "E2"))
	for name, c := range map[string]struct{ operation, body, code string }{
		"a second source":         {"PutDeliverySource", with(putSource, "src", "other"), "ConflictException"},
		"no such distribution":    {"PutDeliverySource", with(putSource, "E1", "E9"), "ResourceNotFoundException"},
		"another type of log":     {"PutDeliverySource", with(putSource, "ACCESS_LOGS", "CONNECTION_LOGS"), "ValidationException"},
		"no name":                 {"PutDeliverySource", with(putSource, "src", "a b"), "ValidationException"},
		"a tag":                   {"PutDeliverySource", with(putSource, `"a":`, `"aws:a":`), "ValidationException"},
		"a log group":             {"PutDeliveryDestination", with(putDestination, "arn:aws:s3:::logs", "arn:aws:logs:us-east-1:123456789012:log-group:x"), "ValidationException"},
		"raw":                     {"PutDeliveryDestination", with(putDestination, "json", "raw"), "ValidationException"},
		"no destination":          {"PutDeliveryDestination", `{"name":"x"}`, "ValidationException"},
		"a second delivery":       {"CreateDelivery", create, "ConflictException"},
		"from nowhere":            {"CreateDelivery", with(create, "src", "none"), "ResourceNotFoundException"},
		"to nowhere":              {"CreateDelivery", with(second, ":dst", ":none"), "ResourceNotFoundException"},
		"another account's":       {"CreateDelivery", with(second, "123456789012", "999999999999"), "ValidationException"},
		"no such field":           {"CreateDelivery", with(second, "c-ip", "no-field"), "ValidationException"},
		"a field twice":           {"CreateDelivery", with(second, "c-ip", "date"), "ValidationException"},
		"no such variable":        {"CreateDelivery", with(second, "{yyyy}", "{mm}"), "ValidationException"},
		"no such delivery":        {"GetDelivery", `{"id":"X"}`, "ResourceNotFoundException"},
		"no such delivery, again": {"UpdateDeliveryConfiguration", `{"id":"X"}`, "ResourceNotFoundException"},
		"a call that is not here": {"CreateLogGroup", `{}`, "UnknownOperationException"},
		"no JSON":                 {"GetDelivery", `[`, "SerializationException"},
		"tags of nothing":         {"ListTagsForResource", `{"resourceArn":"arn:x"}`, "ResourceNotFoundException"},
	} {
		if answer, code := f.call(c.operation, c.body); code != c.code || answer["message"] == "" {
			t.Errorf("%s: %s %v, want %s", name, code, answer["message"], c.code)
		}
	}
	standard, further := logs.StandardFields(), logs.FurtherFields()
	if len(standard) != 33 || slices.Contains(standard, further[0]) {
		t.Errorf("%d fields", len(standard))
	}
}
