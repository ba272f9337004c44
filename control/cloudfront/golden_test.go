package cloudfront

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// readGolden parses one file: the request line, headers, an empty line, a body.
func readGolden(t testing.TB, file string) golden {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	line, rest, _ := strings.Cut(string(text), "\n")
	method, uri, _ := strings.Cut(line, " ")
	path, query, _ := strings.Cut(uri, "?")
	_, body, _ := strings.Cut(strings.TrimPrefix(rest, "\n"), "\n\n")
	name := strings.TrimSuffix(filepath.Base(file), ".request.snap")
	return golden{name, method, path, query, []byte(strings.TrimSpace(body))}
}

// TestGoldenRequests routes and decodes the request of every operation as the
// Go SDK sends it, with every member set, and encodes it back to the same
// document.
func TestGoldenRequests(t *testing.T) {
	bodies, miscounted := 0, 0
	for _, g := range goldenRequests(t) {
		t.Run(g.op, func(t *testing.T) {
			op, p, ok := Route(g.method, g.path, g.query)
			if !ok || op.Name != g.op {
				t.Fatalf("%s %s?%s is routed to %q", g.method, g.path, g.query, op.Name)
			}
			if err := op.Check(p); err != nil {
				t.Error(err)
			}
			for _, q := range op.Query {
				if p.Get(q.Name) == "" {
					t.Errorf("parameter %s is lost", q.Name)
				}
			}
			v := op.NewRequest()
			if (v == nil) != (len(g.body) == 0) {
				t.Fatalf("the operation's body is %T, the request's is %q", v, g.body)
			}
			if v == nil {
				return
			}
			bodies++
			// The golden lists have two items and a Quantity of 1: what the
			// SDK does not mind is an error here, once the right one.
			tree := parseTree(t, g.body)
			if tree.countItems() > 0 {
				miscounted++
				var e *Error
				if err := Decode(g.body, Version, v); !errors.As(err, &e) || e.Code != CodeInconsistentQuantities {
					t.Errorf("a wrong Quantity decodes with %v", err)
				}
				v = op.NewRequest()
			}
			if err := Decode(tree.document(), Version, v); err != nil {
				t.Fatal(err)
			}
			again := Marshal(Version, v)
			if got, want := parseTree(t, again).canonical(), tree.canonical(); got != want {
				t.Errorf("encoded again:\n%s\nreceived:\n%s", got, want)
			}
			w := op.NewRequest()
			if err := Unmarshal(again, w); err != nil || !reflect.DeepEqual(v, w) {
				t.Errorf("read leniently it is %+v (%v), not %+v", w, err, v)
			}
		})
	}
	if bodies != 68 || miscounted == 0 {
		t.Errorf("%d requests have a body, %d a wrong Quantity", bodies, miscounted)
	}
}

func TestRoute(t *testing.T) {
	for _, c := range []struct {
		method, path, query string
		want                string // operation, "" for none
		version             string
		values              map[string]string
	}{
		{"POST", "/2020-05-31/distribution", "", "CreateDistribution", Version, nil},
		{"POST", "/2020-05-31/distribution", "WithTags", "CreateDistributionWithTags", Version, nil},
		{"POST", "/2020-05-31/distribution", "WithTags=", "CreateDistributionWithTags", Version, nil},
		{"POST", "/2018-11-05/streaming-distribution", "WithTags", "CreateStreamingDistributionWithTags", "2018-11-05", nil},
		{"GET", "/2020-05-31/distribution/", "Marker=a%2Fb&MaxItems=2", "ListDistributions", Version, map[string]string{"Marker": "a/b", "MaxItems": "2"}},
		{"GET", "/2016-01-28/distribution/E1/config", "", "GetDistributionConfig", "2016-01-28", map[string]string{"Id": "E1"}},
		{"PUT", "/2020-05-31/distribution/E1/config", "", "UpdateDistribution", Version, map[string]string{"Id": "E1"}},
		{"PUT", "/2020-05-31/cache-policy/p", "", "UpdateCachePolicy", Version, map[string]string{"Id": "p"}},
		{"PUT", "/2020-05-31/cache-policy/p/config", "", "", "", nil},
		{"POST", "/2020-05-31/tagging", "Operation=Tag&Resource=arn:aws:cloudfront::1:distribution/E1", "TagResource", Version,
			map[string]string{"Resource": "arn:aws:cloudfront::1:distribution/E1"}},
		{"POST", "/2020-05-31/tagging", "Resource=a&Operation=Untag", "UntagResource", Version, map[string]string{"Resource": "a"}},
		{"POST", "/2020-05-31/tagging", "Operation=Other", "", "", nil},
		{"POST", "/2020-05-31/tagging", "", "", "", nil},
		{"GET", "/2020-05-31/tagging", "Resource=a", "ListTagsForResource", Version, map[string]string{"Resource": "a"}},
		{"POST", "/2020-05-31/get-realtime-log-config/", "", "GetRealtimeLogConfig", Version, nil},
		{"DELETE", "/2020-05-31/distributions/E1/monitoring-subscription/", "", "DeleteMonitoringSubscription", Version, map[string]string{"DistributionId": "E1"}},
		{"GET", "/2020-05-31/function/f/describe", "Stage=LIVE", "DescribeFunction", Version, map[string]string{"Name": "f", "Stage": "LIVE"}},
		{"GET", "/2020-05-31/distributionsByWebACLId/arn%3Aaws%3Awafv2%2Fglobal%2Fw", "", "ListDistributionsByWebACLId", Version,
			map[string]string{"WebACLId": "arn:aws:wafv2/global/w"}},
		{"GET", "/2020-05-31/origin-access-identity/cloudfront/E1", "", "GetCloudFrontOriginAccessIdentity", Version, map[string]string{"Id": "E1"}},
		{"GET", "/2020-05-31/distribution-tenant", "domain=a.example", "GetDistributionTenantByDomain", Version, map[string]string{"domain": "a.example"}},
		{"PATCH", "/2020-05-31/distribution/E1", "", "", "", nil},
		{"GET", "/2020-05-31/distribution//config", "", "", "", nil},
		{"GET", "/2020-05-31/distribution/%zz/config", "", "", "", nil},
		{"GET", "/2020-05-31/distribution/E1/invalidation/I1/more", "", "", "", nil},
		{"GET", "/2020-05-31/Distribution", "", "", "", nil},
		{"GET", "/2021-01-01/distribution", "", "", "", nil}, // not yet known
		{"GET", "/2020-0x-31/distribution", "", "", "", nil},
		{"GET", "/distribution", "", "", "", nil},
		{"GET", "/", "", "", "", nil},
		{"GET", "", "", "", "", nil},
		{"GET", "/2020-05-31/distribution", "%zz", "", "", nil},
	} {
		op, p, ok := Route(c.method, c.path, c.query)
		if op.Name != c.want || ok != (c.want != "") || p.Version != c.version {
			t.Errorf("%s %s?%s: operation %q (%v) of version %q, want %q of %q", c.method, c.path, c.query, op.Name, ok, p.Version, c.want, c.version)
		}
		if len(p.Values) != len(c.values) || len(c.values) > 0 && !reflect.DeepEqual(p.Values, c.values) {
			t.Errorf("%s %s?%s: parameters %v, want %v", c.method, c.path, c.query, p.Values, c.values)
		}
	}
}

func TestParams(t *testing.T) {
	for value, want := range map[string]int{"": 100, "1": 1, "100": 100, "5000": 100, "0": 0, "-1": 0, "x": 0} {
		n, err := Params{Values: map[string]string{"MaxItems": value}}.MaxItems()
		if n != want || (err == nil) != (want > 0) {
			t.Errorf("MaxItems %q is %d (%v), want %d", value, n, err, want)
		}
	}
	for query, want := range map[string]string{
		"Alias=a&DistributionId=E1":            "",
		"Alias=a&DistributionId=E1&MaxItems=3": "",
		"Alias=a":                              "InvalidArgument: The parameter DistributionId is required.",
		"Alias=a&DistributionId=E1&MaxItems=x": `InvalidArgument: The parameter MaxItems must be a number, not "x".`,
	} {
		op, p, _ := Route("GET", "/2020-05-31/conflicting-alias", query)
		got := ""
		if err := op.Check(p); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}

// TestOperations holds the table to the counts that are published of it.
func TestOperations(t *testing.T) {
	status := map[int]int{}
	ifMatch := 0
	for _, op := range Operations() {
		status[op.Status]++
		if op.IfMatch() {
			ifMatch++
		}
		if v := op.NewRequest(); v != nil && op.RequestRoot() != reflect.TypeOf(v).Elem().Name() {
			t.Errorf("%s: root %s for %T", op.Name, op.RequestRoot(), v)
		}
		for _, e := range op.Errors {
			if modelStatus(e) == 0 {
				t.Errorf("%s: error %s has no status", op.Name, e)
			}
		}
	}
	if want := map[int]int{200: 117, 201: 24, 202: 4, 204: 22}; !reflect.DeepEqual(status, want) {
		t.Errorf("success codes %v, want %v", status, want)
	}
	if ifMatch != 51 {
		t.Errorf("%d operations take If-Match, want 51", ifMatch)
	}
}
