package logs

import (
	"testing"

	"github.com/warmfront/warmfront/cdn/document"
)

func TestStandard(t *testing.T) {
	for name, c := range map[string]struct {
		xml  string
		want *Standard
	}{
		"all of it": {`<Logging><Enabled>true</Enabled><IncludeCookies>true</IncludeCookies><Bucket>logs.s3.amazonaws.com</Bucket><Prefix>a/b</Prefix></Logging>`,
			&Standard{Bucket: "logs", Prefix: "a/b", Cookies: true}},
		"a region":         {`<Logging><Enabled>true</Enabled><Bucket>my.logs.s3.eu-west-1.amazonaws.com</Bucket></Logging>`, &Standard{Bucket: "my.logs", Region: "eu-west-1"}},
		"an older region":  {`<Logging><Enabled>true</Enabled><Bucket>logs.s3-us-west-2.amazonaws.com</Bucket></Logging>`, &Standard{Bucket: "logs", Region: "us-west-2"}},
		"off":              {`<Logging><Enabled>false</Enabled><Bucket>logs.s3.amazonaws.com</Bucket></Logging>`, nil},
		"nothing":          {`<Logging></Logging>`, nil},
		"on, and no place": {`<Logging><Enabled>true</Enabled><Bucket></Bucket></Logging>`, nil},
	} {
		doc, err := document.Parse(c.xml)
		if err != nil {
			t.Fatal(err)
		}
		got := CompileStandard(doc)
		if (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
		if left := doc.Unread(); len(left) > 0 {
			t.Errorf("%s: %v is not read", name, left)
		}
	}
}

func TestRealtime(t *testing.T) {
	doc, err := document.Parse(`<RealtimeLogConfig><ARN>a</ARN><Name>n</Name><SamplingRate>25</SamplingRate><EndPoints><member><StreamType>Kinesis</StreamType>` +
		`<KinesisStreamConfig><RoleARN>r</RoleARN><StreamARN>arn:s</StreamARN></KinesisStreamConfig></member></EndPoints><Fields><Field>timestamp</Field><Field>c-ip</Field></Fields></RealtimeLogConfig>`)
	if err != nil {
		t.Fatal(err)
	}
	r := CompileRealtime(doc)
	if r.Rate != 25 || len(r.Streams) != 1 || r.Streams[0] != "arn:s" || len(r.Fields) != 2 || r.Fields[1] != "c-ip" {
		t.Errorf("%+v", r)
	}
	if doc, err = document.Parse(`<RealtimeLogConfig/>`); err != nil {
		t.Fatal(err)
	}
	if r := CompileRealtime(doc); r.Rate != 100 || r.Streams != nil {
		t.Errorf("%+v", r)
	}
}
