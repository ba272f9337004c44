package sigv4

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestWording holds refusals to what AWS says of them, code, status and sentence, in
// each dialect: S3's, that of the query protocol, and JSON's.
func TestWording(t *testing.T) {
	now := instant(t, "20260102T030405Z")
	for name, test := range map[string]struct {
		verify  string // the service that is called
		service string // that it is signed for
		region  string
		at      time.Duration
		day     string // replaces that of the scope
		s3      string // "code status part of the sentence"; "" for what is not S3's
		query   string
		json    string
	}{
		"S3, another service":    {verify: "s3", service: "ec2", s3: `AuthorizationHeaderMalformed 400 incorrect service "ec2". This endpoint belongs to "s3".`},
		"S3, another region":     {verify: "s3", service: "s3", region: "eu-west-1", s3: "AuthorizationHeaderMalformed 400 the region 'eu-west-1' is wrong; expecting 'us-east-1'"},
		"S3, another day":        {verify: "s3", service: "s3", day: "20260101", s3: `AuthorizationHeaderMalformed 400 Invalid credential date "20260101". This date is not the same as X-Amz-Date: "20260102".`},
		"S3, replayed":           {verify: "s3", service: "s3", at: -time.Hour, s3: "RequestTimeTooSkewed 403 The difference between the request time and the current time is too large."},
		"STS, another service":   {verify: "sts", service: "s3", query: "SignatureDoesNotMatch 403 Credential should be scoped to correct service: 'sts'.", json: "InvalidSignatureException 400 "},
		"STS, another region":    {verify: "sts", service: "sts", region: "eu-west-1", query: "SignatureDoesNotMatch 403 Credential should be scoped to a valid region"},
		"STS, another day":       {verify: "sts", service: "sts", day: "20260101", query: "SignatureDoesNotMatch 403 from HTTP: '20260101' != '20260102'"},
		"STS, replayed":          {verify: "sts", service: "sts", at: -time.Hour, query: "SignatureDoesNotMatch 403 Signature expired: 20260102T020405Z is now earlier than 20260102T024905Z (20260102T030405Z - 15 min.)"},
		"ACM, ahead of its time": {verify: "acm", service: "acm", at: time.Hour, query: "SignatureDoesNotMatch 403 Signature not yet current: 20260102T040405Z is still later than 20260102T031905Z (20260102T030405Z + 15 min.)", json: "InvalidSignatureException 400 Signature not yet current"},
	} {
		t.Run(name, func(t *testing.T) {
			region := "us-east-1"
			if test.region != "" {
				region = test.region
			}
			r := httptest.NewRequest("GET", "http://127.0.0.1/", nil)
			Sign(r, Credentials{AccessKeyID: "AKIAME", SecretAccessKey: "secret"}, Scope{region, test.service}, EmptySHA256, now.Add(test.at))
			r.Header.Set("X-Amz-Content-Sha256", EmptySHA256)
			if test.day != "" {
				r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "/20260102/", "/"+test.day+"/", 1))
			}
			_, err := Verifier{Service: test.verify, Region: "us-east-1", Lookup: oneKey("AKIAME", "secret")}.Verify(r, EmptySHA256, now)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("accepted: %v", err)
			}
			for want, said := range map[string]func() (string, string, int){test.s3: e.S3, test.query: e.Query, test.json: e.JSON} {
				if want == "" {
					continue
				}
				code, message, status := said()
				parts := strings.SplitN(want, " ", 3)
				if code != parts[0] || parts[1] != map[int]string{400: "400", 403: "403"}[status] || !strings.Contains(message, parts[2]) {
					t.Errorf("%s %d %s, want %s", code, status, message, want)
				}
			}
		})
	}
}
