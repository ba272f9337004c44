package function

import (
	"context"
	"testing"

	"github.com/warmfront/warmfront/cdn/functions"
	"github.com/warmfront/warmfront/cdn/keyvalues"
)

// TestStoresBeforeTheFirstEvent: a handle of the key value store may be made as the code
// starts (compatibility.md, 574), and is that of the function's own store, whatever other
// functions have the same code.
func TestStoresBeforeTheFirstEvent(t *testing.T) {
	const code = `import cf from 'cloudfront';
const store = cf.kvs();
let atStart = 'not read';
store.get('k').then((v) => { atStart = v }, (e) => { atStart = String(e) });
async function handler(event) {
  event.request.headers = { x: { value: await store.get('k') + ' ' + atStart } };
  return event.request;
}`
	values := func(store string) *keyvalues.Values {
		return (*keyvalues.Values)(nil).With(keyvalues.Update{Put: map[string]string{"k": "of " + store}})
	}
	e := &Event{Type: "viewer-request", Request: Request{Method: "GET", URI: "/"}}
	for _, c := range []struct {
		stores []string
		want   string
	}{{[]string{"one"}, "of one Error: KeyNotFound"}, {[]string{"two"}, "of two Error: KeyNotFound"}, {nil, ""}} {
		f := &functions.Function{Name: "f", Runtime: "cloudfront-js-2.0", Code: code, KeyValueStores: c.stores}
		report, err := engines().Test(context.Background(), Run{Event: e, Function: f, Values: values})
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case c.want == "" && report.Failure == nil:
			t.Errorf("%v: %+v", c.stores, report.Returned.Request)
		case c.want != "" && (report.Failure != nil || report.Returned.Request.Headers.Get("x").Values[0] != c.want):
			t.Errorf("%v: %+v, %+v", c.stores, report.Returned.Request, report.Failure)
		}
	}
}
