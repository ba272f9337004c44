package edge

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warmfront/warmfront/edge/event"
	"github.com/warmfront/warmfront/edge/explain"
	"github.com/warmfront/warmfront/edge/function"
	"github.com/warmfront/warmfront/edge/message"
)

// rewriting is a function that sends every request to /new.
type rewriting struct{}

func (rewriting) ViewerRequest(_ context.Context, in *event.Info, r *message.Request) event.Outcome {
	if in.Report != nil && in.Report.Quiet {
		return event.Outcome{}
	}
	if in.Report != nil {
		in.Report.Function = in.Behavior.Lambdas.ViewerRequest.ARN
	}
	rewritten := *r
	rewritten.Path = "/new"
	return event.Outcome{Request: &rewritten}
}

func (rewriting) ViewerResponse(context.Context, *event.Info, *message.Request, *message.Response) event.Outcome {
	return event.Outcome{}
}

// TestExplainedLambdas: an explanation alone runs none and says so; with the answer it is
// of the request as the function left it.
func TestExplainedLambdas(t *testing.T) {
	lambda := "<LambdaFunctionAssociations><Quantity>1</Quantity><Items><LambdaFunctionAssociation><LambdaFunctionARN>arn:aws:lambda:us-east-1:123456789012:function:f:1</LambdaFunctionARN><EventType>viewer-request</EventType></LambdaFunctionAssociation></Items></LambdaFunctionAssociations>"
	n := newExplained(t, site{behaviors: []behavior{{policy: optimized, more: lambda}}}, numbered())
	if !n.state.Load().Plans["E1"].Behaviors[0].HasViewerEvents() {
		t.Fatal("no function is configured")
	}
	n.edge.cfg.Events = rewriting{}
	if x := n.why(n.request("GET", "/a")); len(x.Lambdas) != 1 || x.Lambdas[0].Runs || x.Lambdas[0].Event != "viewer-request" || !strings.Contains(x.Lambdas[0].String(), "--lambda arn:aws:lambda:us-east-1:123456789012:function:f:1=PROGRAM") {
		t.Errorf("lambdas: %+v", x.Lambdas)
	}
	if x := n.why(n.request("GET", "/a")); x.Functions != explain.LambdaNotRun || x.Key[2].Value != "/a" || n.at.count() != 0 {
		t.Errorf("alone: %+v", x)
	}
	said := strings.Join(fieldsOf(n.get("/a", explain.Header, explain.Too), explain.Header), "\n")
	if !strings.Contains(said, explain.Ran+"GET /new") || !strings.Contains(said, "cache key: path: /new") || strings.Contains(said, "path: /a") || !strings.Contains(said, "changed: uri: /a -> /new") {
		t.Errorf("with the answer: %s", said)
	}
}

// explainable is a function that does what the path says, and leaves traces where it can.
const explainable = `import cf from 'cloudfront';
let runs = 0;
function handler(event) {
  const r = event.request;
  console.log('run', ++runs);
  r.headers['x-runs'] = { value: ` + "`${runs}`" + ` };
  switch (r.uri) {
    case '/same': delete r.headers['x-runs']; break;
    case '/all':
      r.uri = '/new';
      r.querystring = { b: { value: '2' } };
      r.headers['x-gone'] && delete r.headers['x-gone'];
      r.headers.accept = { value: 'text/html' };
      r.cookies = { keep: r.cookies.keep, made: { value: 'm' } };
      cf.updateRequestOrigin({ domainName: 'second.example.com', originShield: { enabled: true, region: 'eu-west-1' } });
      break;
    case '/group': cf.createRequestOriginGroup({ originIds: ['o', 'p'], failoverCriteria: { statusCodes: [500] } }); break;
    case '/moved': return { statusCode: 302, headers: { location: { value: '/there' } } };
    case '/throws': throw new Error('no way');
    case '/invalid': r.method = 'POST'; break;
  }
  return r;
}`

// TestExplainedFunctions: an explanation says what the function would do, and what is then
// done with the request as it left it; nothing is left of that run.
func TestExplainedFunctions(t *testing.T) {
	var log bytes.Buffer
	registry := prometheus.NewRegistry()
	n := newExplained(t, site{}, numbered("Cache-Control", "max-age=60"))
	withFunction(t, site{edit: twoOrigins, behaviors: []behavior{{policy: optimized}}}, explainable, n)
	node := function.NewNode(function.Config{Engine: engineForTests(), Logger: slog.New(slog.NewTextHandler(&log, nil)), Registry: registry})
	n.edge.cfg.Events = node
	asked := []string{"Accept", "*/*", "X-Gone", "g", "Cookie", "keep=k; lost=l"}
	for uri, want := range map[string]string{
		"/same?a=1": "function: f: changes nothing",
		"/all?a=1": "changed: uri: /all -> /new|changed: querystring: a=1 -> b=2|changed: header accept: */* -> text/html|changed: header x-gone removed: g|changed: header x-runs added: 1|" +
			"changed: cookie lost removed: l|changed: cookie made added: m|changed: origin: o at origin.test/base -> o at second.example.com/base, Origin Shield in eu-west-1|" +
			"cache key: path: /new|origin: o (second.example.com): GET /base/new, Host second.example.com",
		"/group":   "changed: origin: o at origin.test/base -> o at origin.test/base, or p at second.test/copy once that has failed|origin group: (of the function): p is asked where o gives no answer, or one of 500",
		"/moved":   "function: f: answers 302, location /there|functions: " + explain.Made,
		"/throws":  "function: f: fails, FunctionExecutionError: Error: no way in 19|refused: 503: ",
		"/invalid": "function: f: fails, FunctionValidationError: |request.method is read-only|refused: 502: ",
	} {
		for range 2 { // a second time nothing is left of the first
			x := n.why(n.request("GET", uri, asked...))
			var text strings.Builder
			for _, l := range x.Lines() {
				text.WriteString(l.About + ": " + l.Text + "\n")
			}
			for _, part := range strings.Split(want, "|") {
				if !strings.Contains(text.String(), part) {
					t.Errorf("%s: %q is not said:\n%s", uri, part, text.String())
				}
			}
			if answered := x.Function.Answer != nil || x.Function.Result != ""; answered != (x.Key == nil) || answered != (x.Origin == nil) {
				t.Errorf("%s: %s", uri, text.String())
			}
			if x.Function.Utilization < 1 || x.Function.Utilization > 100 {
				t.Errorf("%s: compute utilization %d", uri, x.Function.Utilization)
			}
		}
	}
	if got, err := registry.Gather(); err != nil || len(got) != 0 || log.Len() != 0 || n.at.count() != 0 {
		t.Errorf("figures %v %v, log %q, the origin was asked %d times", got, err, log.String(), n.at.count())
	}
	// With the answer the run is the viewer's own.
	said := strings.Join(fieldsOf(n.get("/all?a=1", append(asked, explain.Header, explain.Too)...), explain.Header), "\n")
	if !strings.Contains(said, "changed: uri: /all -> /new") || !strings.Contains(said, "cache key: path: /new") || !strings.Contains(log.String(), "run 1") {
		t.Errorf("with the answer: %s; log %q", said, log.String())
	}
	if r := n.get("/moved", explain.Header, explain.Too); r.Status != 302 || !strings.Contains(strings.Join(fieldsOf(r, explain.Header), "\n"), "answers 302, location /there") {
		t.Errorf("%d %v", r.Status, fieldsOf(r, explain.Header))
	}
}
