package functions

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn/functions"
	"github.com/warmfront/warmfront/cdn/keyvalues"
)

// TestTester holds what a test of a function says to belief 578.
func TestTester(t *testing.T) {
	tester := Tester{Engine: NewEngine(filepath.Join(os.TempDir(), "warmfront-functions"))}
	const (
		notRun  = "The CloudFront function associated with the CloudFront distribution is invalid or could not run. "
		invalid = "The CloudFront function returned an invalid value: "
		event   = `{"version":"1.0","context":{"eventType":"viewer-request"},"viewer":{"ip":"192.0.2.1"},"request":{"method":"GET","uri":"/","querystring":{},"headers":{"host":{"value":"a"}},"cookies":{}}}`
	)
	for name, c := range map[string]struct{ code, output, failed string }{
		"changed":    {`e.request.uri = '/new'; return e.request`, `{"request":{"method":"GET","uri":"/new",`, ""},
		"answered":   {`return { statusCode: 302, headers: { location: { value: '/x' } } }`, `{"response":{"statusCode":302,`, ""},
		"syntax":     {`return (`, "", notRun + "SyntaxError: "},
		"throws":     {`throw new Error('no')`, "", notRun + "Error: no in 1"},
		"endless":    {`for (;;);`, "", notRun + "The function exceeded the compute that it may use."},
		"memory":     {`const all = []; for (;;) all.push('x'.repeat(1000) + all.length)`, "", notRun + "The function exceeded the "},
		"read-only":  {`e.request.headers.host.value = 'b'; return e.request`, `{"request":`, "The CloudFront function tried to add, delete, or change a read-only header: request.headers.host."},
		"disallowed": {`e.request.headers['x-forwarded-proto'] = { value: 'https' }; return e.request`, `{"request":`, "The CloudFront function tried to add a disallowed header: request.headers.x-forwarded-proto."},
		"capitals":   {`e.request.headers['X-A'] = { value: '1' }; return e.request`, `{"request":`, invalid + "request.headers must have header names in lower case: "},
		"no value":   {``, "", invalid},
		"status":     {`return { statusCode: 99 }`, "", invalid + "response.statusCode is not between 200 and 599."},
		"large":      {`let s = 'x'; while (s.length <= 1 << 20) s += s; return { statusCode: 200, body: s }`, "", ""},
		"origin":     {`import_cf`, "", invalid + "cf.updateRequestOrigin: connectionAttempts is 9, not from 1 to 3."},
	} {
		t.Run(name, func(t *testing.T) {
			code := "function handler(e) { " + c.code + " }"
			if name == "origin" {
				code = "import cf from 'cloudfront';\nfunction handler(e) { cf.updateRequestOrigin({ connectionAttempts: 9 }); return e.request }"
			}
			f := &functions.Function{Name: "f", Runtime: "cloudfront-js-2.0", Code: code}
			tested, err := tester.Test(f, []byte(event), func(string) *keyvalues.Values { return nil }, time.Now())
			switch {
			case err != nil:
				t.Fatal(err)
			case tested.Refused != "" || !strings.HasPrefix(tested.Failed, c.failed) || (tested.Failed == "") != (c.failed == "") && name != "large" || !strings.HasPrefix(tested.Output, c.output):
				t.Errorf("%+v", tested)
			case name == "large" && tested.Failed == "":
				t.Errorf("a body of more than a megabyte was taken: %d bytes of output", len(tested.Output))
			case tested.Utilization < 0 || tested.Utilization > 100:
				t.Errorf("compute utilization %d", tested.Utilization)
			}
		})
	}
}
