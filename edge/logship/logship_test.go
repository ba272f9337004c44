package logship

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/logs"
	"github.com/warmfront/warmfront/edge/accesslog"
	"github.com/warmfront/warmfront/sigv4"
)

// store is a store of objects in memory, some of whose buckets refuse.
type store struct {
	mu      sync.Mutex
	objects map[string]string // by bucket/key
	refuse  map[string]error  // by bucket
	puts    int
}

func (s *store) put(ctx context.Context, o Object, gz []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.puts++
	if err := s.refuse[o.Bucket]; err != nil {
		return err
	}
	r, err := gzip.NewReader(bytes.NewReader(gz))
	if err != nil {
		return err
	}
	text, err := io.ReadAll(r)
	if s.objects == nil {
		s.objects = map[string]string{}
	}
	s.objects[o.Bucket+"/"+o.Key] = string(text)
	return err
}

func (s *store) refusing(bucket string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse == nil {
		s.refuse = map[string]error{}
	}
	s.refuse[bucket] = err
}

// paths are the paths in a bucket's lines, sorted.
func (s *store) paths(bucket string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for key, text := range s.objects {
		if !strings.HasPrefix(key, bucket+"/") {
			continue
		}
		for line := range strings.Lines(text) {
			if f := strings.Split(line, "\t"); len(f) == 33 {
				all = append(all, f[7])
			}
		}
	}
	slices.Sort(all)
	return all
}

func (s *store) keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for key := range s.objects {
		all = append(all, key)
	}
	slices.Sort(all)
	return all
}

// logging is a state in which distributions log to buckets, "ID bucket prefix".
func logging(distributions ...string) *cdn.State {
	s := cdn.NewState(1)
	for _, d := range distributions {
		f := strings.Fields(d + " -")
		prefix := strings.TrimPrefix(f[2], "-")
		s.Plans[f[0]] = &cdn.Plan{ID: f[0], ARN: "arn:aws:cloudfront::123456789012:distribution/" + f[0], Logging: &logs.Standard{Bucket: f[1], Prefix: prefix}}
	}
	return s
}

func record(distribution, path string) *accesslog.Record {
	return &accesslog.Record{
		Distribution: distribution, Path: path, Method: "GET", Cookie: "secret=1", ContentLength: -1,
		Ended: time.Date(2026, 3, 1, 12, 59, 59, 0, time.UTC),
	}
}

func start(t *testing.T, cfg Config) *Shipper {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closed(t *testing.T, s *Shipper) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// counted is the value of a line counter.
func counted(t *testing.T, registry *prometheus.Registry, name, result string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (result == "" || len(m.GetLabel()) > 0 && m.GetLabel()[0].GetValue() == result) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return 0
}

func TestLinesGoWhereTheirDistributionSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var to store
		registry := prometheus.NewRegistry()
		s := start(t, Config{Dir: filepath.Join(t.TempDir(), "logs"), Interval: 10 * time.Second, Put: to.put, Registry: registry})
		s.Update(logging("E1 one a/b", "E2 two"))
		if !s.Wants("E1") || s.Wants("E3") || s.Wants("") {
			t.Error("what is wanted is not what distributions say")
		}
		s.Log(record("E1", "/1"))
		s.Log(record("E2", "/2"))
		s.Log(record("E3", "/3"))
		next := record("E1", "/4")
		next.Ended = next.Ended.Add(time.Second) // of the next hour
		s.Log(next)
		<-time.After(8 * time.Second)
		synctest.Wait()
		if len(to.keys()) != 0 {
			t.Errorf("%v is put before the interval is over", to.keys())
		}
		<-time.After(3 * time.Second)
		synctest.Wait()
		names := []string{
			`^one/a/b/E1\.2026-03-01-12\.[A-Z0-9]{11}\.gz$`, `^one/a/b/E1\.2026-03-01-13\.[A-Z0-9]{11}\.gz$`, `^two/E2\.2026-03-01-12\.[A-Z0-9]{11}\.gz$`,
		}
		for i, key := range to.keys() {
			if i >= len(names) || !regexp.MustCompile(names[i]).MatchString(key) {
				t.Errorf("an object is named %s", key)
			}
			if text := to.objects[key]; !strings.HasPrefix(text, accesslog.Header) || strings.Contains(text, "secret") || strings.Count(text, "\n") != 3 {
				t.Errorf("%s: %q", key, text)
			}
		}
		if one, two := to.paths("one"), to.paths("two"); fmt.Sprint(one, two) != "[/1 /4] [/2]" {
			t.Errorf("%v %v", one, two)
		}
		if n := counted(t, registry, "warmfront_edge_log_spool_bytes", ""); n != 0 {
			t.Errorf("%v bytes are left in the spool", n)
		}
		if n := counted(t, registry, "warmfront_edge_log_lines_total", "put"); n != 3 {
			t.Errorf("%v lines are counted", n)
		}
		closed(t, s)
	})
}

// A change of the configuration is of what is asked for from then on: what was taken
// goes where it was to go.
func TestChangesTakeEffectFromThenOn(t *testing.T) {
	var to store
	s := start(t, Config{Dir: t.TempDir(), Interval: time.Hour, Put: to.put})
	s.Update(logging("E1 one"))
	s.Log(record("E1", "/1"))
	withCookies := logging("E1 two")
	withCookies.Plans["E1"].Logging.Cookies = true
	s.Update(withCookies)
	s.Log(record("E1", "/2"))
	s.Update(logging("E2 two"))
	s.Log(record("E1", "/3"))
	s.Update(logging())
	if s.Wants("E1") || s.Wants("E2") {
		t.Error("logging that was turned off is on")
	}
	closed(t, s)
	if one, two := to.paths("one"), to.paths("two"); fmt.Sprint(one, two) != "[/1] [/2]" {
		t.Errorf("%v %v", one, two)
	}
	for key, text := range to.objects {
		if strings.Contains(text, "secret=1") != strings.HasPrefix(key, "two/") {
			t.Errorf("%s: cookies are written where they were not asked for, or not where they were: %s", key, text)
		}
	}
}

// What a process had on its disk when it was killed is put by the next, and once
// again by one that does not know that it was put: under the same name.
func TestWhatWasSpooledOutlivesTheProcess(t *testing.T) {
	var to store
	to.refusing("one", &Refusal{Status: 404, Code: "NoSuchBucket"})
	dir := t.TempDir()
	first := start(t, Config{Dir: dir, Interval: time.Hour, Put: to.put})
	first.Update(logging("E1 one"))
	const lines = 1000
	for i := range lines {
		first.Log(record("E1", fmt.Sprintf("/%04d", i)))
	}
	// As the disk is once the second has passed; the process goes on, for all we know.
	if !within(func() bool { return spooledLines(t, dir) == lines }) {
		t.Fatalf("%d lines are in the spool a second later", spooledLines(t, dir))
	}
	killed := t.TempDir()
	if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	// The last block is torn.
	paths, _, err := segments(killed)
	if err != nil || len(paths) != 1 {
		t.Fatal(paths, err)
	}
	f, err := os.OpenFile(paths[0], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write([]byte{blockRecords, 0, 1, 0, 0, 1, 2, 3, 4, 5, 6})
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	again := t.TempDir()
	if err := os.CopyFS(again, os.DirFS(killed)); err != nil {
		t.Fatal(err)
	}
	closed(t, first)
	to.refusing("one", nil)
	for _, dir := range []string{killed, again} {
		second := start(t, Config{Dir: dir, Put: to.put})
		closed(t, second)
		if got := to.paths("one"); len(got) != lines || got[0] != "/0000" || got[lines-1] != "/0999" {
			t.Errorf("%d lines were put", len(got))
		}
		if left, err := os.ReadDir(dir); len(left) > 0 || err != nil {
			t.Errorf("%v is left", left)
		}
	}
}

func within(done func() bool) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-tick.C {
		if done() {
			return true
		}
	}
	return false
}

func spooledLines(t *testing.T, dir string) (n int) {
	t.Helper()
	paths, _, err := segments(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		if err := readSegment(p, func(string, *route, *accesslog.Record) error { n++; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// A bucket that is not there is said once, holds up no other, and gets its lines once
// it is.
func TestAMissingBucketIsSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var to store
		var said bytes.Buffer
		to.refusing("missing", &Refusal{Status: 404, Code: "NoSuchBucket", Message: "The specified bucket does not exist"})
		s := start(t, Config{Dir: t.TempDir(), Interval: time.Second, Put: to.put, Logger: slog.New(slog.NewTextHandler(&said, nil))})
		s.Update(logging("E1 missing", "E2 there"))
		for i := range 5 {
			s.Log(record("E1", fmt.Sprintf("/%d", i)))
			s.Log(record("E2", fmt.Sprintf("/%d", i)))
			<-time.After(20 * time.Second)
		}
		synctest.Wait()
		if got := len(to.paths("there")); got != 5 {
			t.Errorf("%d lines are in the other bucket", got)
		}
		if n := strings.Count(said.String(), "make the bucket"); n != 1 {
			t.Errorf("said %d times: %s", n, said.String())
		}
		if to.puts > 5+12 {
			t.Errorf("%d attempts in 100 seconds", to.puts)
		}
		to.refusing("missing", nil)
		<-time.After(2 * lastRetry)
		synctest.Wait()
		if got := len(to.paths("missing")); got != 5 {
			t.Errorf("%d lines are in the bucket that was made", got)
		}
		closed(t, s)
	})
}

// What a bucket does not take fills half of the spool at most; what has no room is
// dropped and counted, and the spool keeps to its limit.
func TestTheSpoolHasALimit(t *testing.T) {
	var to store
	to.refusing("never", errors.New("refused"))
	registry, dir := prometheus.NewRegistry(), t.TempDir()
	const limit = 256 << 10
	s := start(t, Config{Dir: dir, Interval: time.Hour, SpoolBytes: limit, Put: to.put, Registry: registry})
	s.Update(logging("E1 never"))
	lines := 0
	for counted(t, registry, "warmfront_edge_log_lines_total", "dropped: spool") == 0 {
		s.Log(record("E1", fmt.Sprintf("/%d", lines)))
		lines++
	}
	closed(t, s)
	result := func(r string) float64 { return counted(t, registry, "warmfront_edge_log_lines_total", r) }
	if result("taken")+result("dropped: spool")+result("dropped: memory") != float64(lines) {
		t.Errorf("of %d lines %v are taken, %v and %v dropped", lines, result("taken"), result("dropped: spool"), result("dropped: memory"))
	}
	if n := counted(t, registry, "warmfront_edge_log_spool_bytes", ""); n > limit || n < 100 {
		t.Errorf("%v bytes are in the spool", n)
	}
}

func TestADiskThatTakesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Dir: dir}); err == nil {
		t.Error("a file is taken for a folder")
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	s := start(t, Config{Dir: dir, Registry: registry})
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.Update(logging("E1 one"))
	s.Log(record("E1", "/1"))
	if err := s.Close(); err == nil || counted(t, registry, "warmfront_edge_log_lines_total", "dropped: disk") != 1 {
		t.Errorf("what is lost is not said: %v", err)
	}
	if s.Log(record("E1", "/2")) {
		t.Error("a closed log takes more")
	}
}

// Of many distributions and hours all files are made, though only some at a time.
func TestManyFilesOfOneSegment(t *testing.T) {
	var to store
	s := start(t, Config{Dir: t.TempDir(), Interval: time.Second, Put: to.put})
	var all []string
	for i := range 3 * maxOpen {
		all = append(all, fmt.Sprintf("E%03d one", i))
	}
	s.Update(logging(all...))
	for round := range 2 {
		for i := range all {
			s.Log(record(fmt.Sprintf("E%03d", i), fmt.Sprintf("/%d", round)))
		}
	}
	if !within(func() bool { return len(to.paths("one")) == 2*len(all) }) {
		t.Error("not all lines are put")
	}
	closed(t, s)
	if keys, lines := to.keys(), to.paths("one"); len(keys) != len(all) || len(lines) != 2*len(all) {
		t.Errorf("%d files with %d lines", len(keys), len(lines))
	}
}

func TestPutIsSigned(t *testing.T) {
	key := sigv4.Key{Secret: "secret"}
	verify := sigv4.Verifier{Service: "s3", Lookup: func(id string) (sigv4.Key, bool) { return key, id == "ID" }}
	answer := 200
	var seen *http.Request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r
		if _, err := verify.Verify(r, "", time.Now()); err != nil {
			t.Error(err)
		}
		w.WriteHeader(answer)
		if answer == 404 {
			_, _ = io.WriteString(w, "<Error><Code>NoSuchBucket</Code><Message>none</Message></Error>")
		}
	}))
	defer server.Close()
	put, done := Buckets{Endpoint: server.URL, Delivery: true, Credentials: func() (sigv4.Credentials, error) {
		return sigv4.Credentials{AccessKeyID: "ID", SecretAccessKey: "secret"}, nil
	}}.Sender()
	defer done()
	o := Object{Bucket: "logs", Key: "a b/E1.2026-03-01-12.X.gz", Source: "arn:x"}
	if err := put(context.Background(), o, []byte("gz")); err != nil {
		t.Error(err)
	}
	if seen.URL.Path != "/logs/a b/E1.2026-03-01-12.X.gz" || seen.Header.Get(SourceField) != "arn:x" || seen.Header.Get(ServiceField) != DeliveryService {
		t.Errorf("%s %v", seen.URL, seen.Header)
	}
	answer = 404
	var refusal *Refusal
	if err := put(context.Background(), o, []byte("gz")); !errors.As(err, &refusal) || refusal.Code != "NoSuchBucket" {
		t.Errorf("%v", err)
	}
	for bucket, want := range map[string]string{"logs": "https://logs.s3.eu-west-1.amazonaws.com/", "a.b": "https://s3.eu-west-1.amazonaws.com/a.b/"} {
		if got := (Buckets{}).base(Object{Bucket: bucket}, "eu-west-1"); got != want {
			t.Errorf("%s is at %s", bucket, got)
		}
	}
}

func TestLogAllocatesNothing(t *testing.T) {
	var to store
	s := start(t, Config{Dir: t.TempDir(), Interval: time.Hour, Put: to.put})
	defer closed(t, s)
	s.Update(logging("E1 one"))
	r := record("E1", "/1")
	for range 50_000 { // the buffers have grown
		s.Log(r)
	}
	if n := testing.AllocsPerRun(1000, func() { s.Log(r) }); n != 0 {
		t.Errorf("%v allocations a record", n)
	}
}

func BenchmarkLog(b *testing.B) {
	var to store
	s, err := New(Config{Dir: b.TempDir(), Interval: time.Hour, Put: to.put, SpoolBytes: 8 << 30})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	s.Update(logging("E1 one"))
	r := record("E1", "/index.html")
	b.ReportAllocs()
	for b.Loop() {
		s.Log(r)
	}
}

// Standard logging (v2): what a state's sources, destinations and deliveries say.
func TestDeliveriesOfAState(t *testing.T) {
	state := cdn.NewState(1)
	state.Plans["E1"] = &cdn.Plan{ID: "E1", ARN: "arn:aws:cloudfront::123456789012:distribution/E1", Logging: &logs.Standard{Bucket: "legacy"}}
	put := func(kind cdn.ResourceKind, id, document string) {
		t.Helper()
		c, err := cdn.NewChange(cdn.KindResourcePut, cdn.Resource{Kind: kind, ID: id, Document: document}, time.Now())
		c.Version = state.Version.Next()
		if err == nil {
			state, err = state.Apply(c)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	put(cdn.ResourceLogSource, "src", logs.Encode(&logs.Source{ResourceARN: state.Plans["E1"].ARN}))
	put(cdn.ResourceLogDestination, "dst", logs.Encode(&logs.Destination{ResourceARN: "arn:aws:s3:::v2", Format: "json"}))
	put(cdn.ResourceLogDelivery, "D1", logs.Encode(&logs.Delivery{
		Source: "src", Destination: "dst", Fields: []string{"cs-uri-stem", "cs(Cookie)", "c-country"}, SuffixPath: "{DistributionId}/{yyyy}/{MM}/{dd}/{HH}", Hive: true,
	}))
	put(cdn.ResourceLogDelivery, "D2", logs.Encode(&logs.Delivery{Source: "none", Destination: "dst", Fields: []string{"date"}}))
	var to store
	s := start(t, Config{Dir: t.TempDir(), Interval: time.Hour, Put: to.put, LookUp: func(r *accesslog.Record) { r.Country = "DE" }})
	s.Update(state)
	s.Log(record("E1", "/1"))
	closed(t, s)
	keys := to.keys()
	if len(keys) != 2 || !strings.HasPrefix(keys[1], "v2/AWSLogs/aws-account-id=123456789012/CloudFront/DistributionId=E1/year=2026/month=03/day=01/hour=12/E1.2026-03-01-12.") {
		t.Fatal(keys)
	}
	if got := to.objects[keys[1]]; got != `{"cs-uri-stem":"/1","cs(Cookie)":"secret=1","c-country":"DE"}`+"\n" {
		t.Errorf("%q", got)
	}
	if strings.Contains(to.objects[keys[0]], "secret") { // the other's cookies
		t.Errorf("%q", to.objects[keys[0]])
	}
	if d := deliveries(state)["E1"][1]; d.Source != "arn:aws:logs:us-east-1:123456789012:delivery-source:src" {
		t.Errorf("%+v", d)
	}
}

// What control lets be chosen, edges can write.
func TestDeliveryFieldsAreKnown(t *testing.T) {
	standard, further := logs.StandardFields(), logs.FurtherFields()
	if _, err := accesslog.NewFormat(accesslog.JSON, append(standard, further...), ""); err != nil {
		t.Error(err)
	}
}

// A delivery in Parquet is a file of columns under a name of its own.
func TestDeliveryInParquet(t *testing.T) {
	state := logging("E1 legacy")
	put := func(kind cdn.ResourceKind, id, document string) {
		t.Helper()
		c, err := cdn.NewChange(cdn.KindResourcePut, &cdn.Resource{Kind: kind, ID: id, Document: document}, time.Now())
		if err == nil {
			c.Version = state.Version.Next()
			state, err = state.Apply(c)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	put(cdn.ResourceLogSource, "src", logs.Encode(&logs.Source{ResourceARN: state.Plans["E1"].ARN}))
	put(cdn.ResourceLogDestination, "dst", logs.Encode(&logs.Destination{ResourceARN: "arn:aws:s3:::v2/p", Format: "parquet"}))
	put(cdn.ResourceLogDelivery, "D1", logs.Encode(&logs.Delivery{Source: "src", Destination: "dst", Fields: []string{"sc-status", "cs-uri-stem"}, Delimiter: "|"}))
	var key string
	var file []byte
	s := start(t, Config{Dir: t.TempDir(), Interval: time.Hour, Put: func(_ context.Context, o Object, b []byte) error {
		if o.Bucket == "v2" {
			key, file = o.Key, b
		}
		return nil
	}})
	s.Update(state)
	s.Log(record("E1", "/1"))
	s.Log(record("E1", "/2"))
	closed(t, s)
	if !strings.HasPrefix(key, "p/E1.2026-03-01-12.") || !strings.HasSuffix(key, ".parquet") {
		t.Errorf("it is named %s", key)
	}
	f, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]parquet.Row, 3)
	read := f.RowGroups()[0].Rows()
	n, _ := read.ReadRows(rows)
	lines := make([]string, n)
	for i, row := range rows[:n] {
		lines[i] = fmt.Sprint(row)
	}
	slices.Sort(lines) // what comes at one time is in no order
	if got := fmt.Sprint(f.Root().Columns()[0].Name(), lines); got != "sc_status[[000 /1] [000 /2]]" {
		t.Errorf("%s", got)
	}
	if err := read.Close(); err != nil {
		t.Error(err)
	}
}
