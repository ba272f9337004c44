package realtime

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/logs"
	"github.com/warmfront/warmfront/edge/accesslog"
)

// logging is a state with a distribution whose behaviors have configurations.
func logging(byPattern map[string]*logs.Realtime) *cdn.State {
	s := cdn.NewState(1)
	p := &cdn.Plan{ID: "E1"}
	for pattern, r := range byPattern {
		p.Behaviors = append(p.Behaviors, cdn.Behavior{Pattern: pattern, Realtime: r})
	}
	s.Plans["E1"] = p
	return s
}

func record(pattern, path string) *accesslog.Record {
	return &accesslog.Record{Distribution: "E1", Behavior: pattern, Path: path, Status: 200, Ended: time.UnixMilli(1731620046814), ContentLength: -1}
}

func start(t *testing.T, cfg Config) *Log {
	t.Helper()
	l, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
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

func TestLinesOfTheBehaviorsThatSaySo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lines")
	var said bytes.Buffer
	l := start(t, Config{
		Sinks: map[string]string{"arn:a": "file:" + path}, LookUp: func(r *accesslog.Record) { r.Country = "DE" }, Logger: slog.New(slog.NewTextHandler(&said, nil)),
	})
	all := &logs.Realtime{Streams: []string{"arn:a"}, Fields: []string{"timestamp", "cs-uri-stem", "cmcd-session-id", "c-country"}, Rate: 100}
	state := logging(map[string]*logs.Realtime{"/x/*": all, "/y/*": {Streams: []string{"arn:nowhere"}, Fields: []string{"c-ip"}, Rate: 100}, "*": nil})
	l.Update(state)
	l.Update(state) // says nothing anew
	if !l.Wants("E1") || l.Wants("E2") {
		t.Error("what is wanted is not what behaviors say")
	}
	for _, r := range []*accesslog.Record{record("/x/*", "/x/1"), record("/y/*", "/y/2"), record("*", "/3"), record("/x/*", "/x/4")} {
		l.Log(r)
	}
	const want = "1731620046.814\t/x/1\tDE\t-\n1731620046.814\t/x/4\tDE\t-\n"
	read := func() string {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines := slices.Sorted(strings.Lines(string(b)))
		return strings.Join(lines, "")
	}
	if !within(func() bool { return read() == want }) {
		t.Errorf("%q", read())
	}
	l.Update(logging(nil))
	l.Log(record("/x/*", "/x/5"))
	if err := l.Close(); err != nil || read() != want || l.Wants("E1") {
		t.Errorf("%q, %v", read(), err)
	}
	if n := strings.Count(said.String(), "arn:nowhere"); n != 1 {
		t.Errorf("that a stream has no sink is said %d times", n)
	}
}

func TestAPartIsDrawn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lines")
	l := start(t, Config{Sinks: map[string]string{"arn:a": "file:" + path}})
	l.Update(logging(map[string]*logs.Realtime{"*": {Streams: []string{"arn:a"}, Fields: []string{"sc-status"}, Rate: 20}}))
	const requests = 10_000
	for range requests {
		l.Log(record("*", "/"))
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	// Five standard deviations around a fifth.
	if n := bytes.Count(b, []byte("\n")); err != nil || n < requests/5-200 || n > requests/5+200 {
		t.Errorf("%d of %d lines at a rate of 20: %v", n, requests, err)
	}
}

// A server that fails for a while is given the lines again; one that takes none for
// longer than there is room has them dropped, and counted, and no request waits.
func TestAServerThatFails(t *testing.T) {
	var mu sync.Mutex
	var got bytes.Buffer
	failures := 2
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if failures > 0 {
			failures--
			w.WriteHeader(503)
			return
		}
		_, _ = io.Copy(&got, r.Body)
	}))
	defer server.Close()
	l := start(t, Config{Sinks: map[string]string{"arn:a": server.URL}})
	l.Update(logging(map[string]*logs.Realtime{"*": {Streams: []string{"arn:a"}, Fields: []string{"cs-uri-stem"}, Rate: 100}}))
	l.Log(record("*", "/1"))
	l.Log(record("*", "/2"))
	if !within(func() bool { mu.Lock(); defer mu.Unlock(); return strings.Count(got.String(), "\n") == 2 }) {
		t.Errorf("%q", got.String())
	}

	registry := prometheus.NewRegistry()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close() // nobody is there now
	l = start(t, Config{Sinks: map[string]string{"arn:a": "http://" + closed.Addr().String()}, Registry: registry})
	l.Update(logging(map[string]*logs.Realtime{"*": {Streams: []string{"arn:a"}, Fields: []string{"cs-uri-stem"}, Rate: 100}}))
	long := record("*", "/"+strings.Repeat("x", 8000))
	for range 4 * waitingBytes / 8000 {
		l.Log(long)
	}
	if !within(func() bool { return dropped(t, registry) > 0 }) {
		t.Error("nothing is dropped of more than there is room for")
	}
}

func dropped(t *testing.T, registry *prometheus.Registry) float64 {
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range families[0].GetMetric() {
		if m.GetLabel()[0].GetValue() == "dropped" {
			return m.GetCounter().GetValue()
		}
	}
	return 0
}

func TestSinksThatAreNone(t *testing.T) {
	for _, name := range []string{"", "file:", "/a/path", "ftp://x/y", "kafka://broker", "kafka:///topic", "http://", "file:/none/at/all"} {
		if s, err := Open(name); err == nil {
			t.Errorf("%q is a sink: %v", name, s)
		}
	}
	if _, err := New(Config{Sinks: map[string]string{"arn:a": "nonsense"}}); err == nil {
		t.Error("a log is made of nonsense")
	}
}

// broker answers as a Kafka broker with one topic does, over a real socket: enough for
// a producer.
type broker struct {
	t    *testing.T
	l    net.Listener
	mu   sync.Mutex
	sets [][]byte // record batches as they came
}

func newBroker(t *testing.T) *broker {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &broker{t: t, l: l}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go b.serve(c)
		}
	}()
	return b
}

func (b *broker) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	r := bufio.NewReader(c)
	for {
		var size [4]byte
		if _, err := io.ReadFull(r, size[:]); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(size[:]))
		if _, err := io.ReadFull(r, body); err != nil {
			return
		}
		key, version, correlation := int16(binary.BigEndian.Uint16(body)), int16(binary.BigEndian.Uint16(body[2:])), body[4:8]
		request := kmsg.RequestForKey(key)
		request.SetVersion(version)
		rest := body[8:]
		client := int(int16(binary.BigEndian.Uint16(rest)))
		rest = rest[2+max(client, 0):]
		if request.IsFlexible() {
			rest = rest[1:] // no tags
		}
		if err := request.ReadFrom(rest); err != nil {
			b.t.Error(err)
			return
		}
		response := b.answer(request)
		response.SetVersion(version)
		out := append(make([]byte, 4), correlation...)
		if response.IsFlexible() && key != kmsg.ApiVersions.Int16() {
			out = append(out, 0)
		}
		out = response.AppendTo(out)
		binary.BigEndian.PutUint32(out, uint32(len(out)-4))
		if _, err := c.Write(out); err != nil {
			return
		}
	}
}

func (b *broker) answer(request kmsg.Request) kmsg.Response {
	host, port := "127.0.0.1", int32(b.l.Addr().(*net.TCPAddr).Port)
	switch q := request.(type) {
	case *kmsg.ApiVersionsRequest:
		a := q.ResponseKind().(*kmsg.ApiVersionsResponse)
		for key, most := range map[kmsg.Key]int16{kmsg.Produce: 9, kmsg.Metadata: 9, kmsg.ApiVersions: 3, kmsg.InitProducerID: 4} {
			a.ApiKeys = append(a.ApiKeys, kmsg.ApiVersionsResponseApiKey{ApiKey: key.Int16(), MaxVersion: most})
		}
		return a
	case *kmsg.MetadataRequest:
		a := q.ResponseKind().(*kmsg.MetadataResponse)
		a.Brokers = []kmsg.MetadataResponseBroker{{NodeID: 1, Host: host, Port: port}}
		a.ControllerID = 1
		for _, topic := range q.Topics {
			a.Topics = append(a.Topics, kmsg.MetadataResponseTopic{Topic: topic.Topic, Partitions: []kmsg.MetadataResponseTopicPartition{{Leader: 1, Replicas: []int32{1}, ISR: []int32{1}}}})
		}
		return a
	case *kmsg.InitProducerIDRequest:
		a := q.ResponseKind().(*kmsg.InitProducerIDResponse)
		a.ProducerID = 7
		return a
	case *kmsg.ProduceRequest:
		a := q.ResponseKind().(*kmsg.ProduceResponse)
		for _, topic := range q.Topics {
			answer := kmsg.ProduceResponseTopic{Topic: topic.Topic}
			for _, p := range topic.Partitions {
				b.mu.Lock()
				b.sets = append(b.sets, append([]byte(topic.Topic+" "), p.Records...))
				b.mu.Unlock()
				answer.Partitions = append(answer.Partitions, kmsg.ProduceResponseTopicPartition{Partition: p.Partition})
			}
			a.Topics = append(a.Topics, answer)
		}
		return a
	}
	b.t.Errorf("asked %T", request)
	return request.ResponseKind()
}

func TestKafka(t *testing.T) {
	b := newBroker(t)
	l := start(t, Config{Sinks: map[string]string{"arn:a": "kafka://" + b.l.Addr().String() + "/requests"}})
	l.Update(logging(map[string]*logs.Realtime{"*": {Streams: []string{"arn:a"}, Fields: []string{"cs-uri-stem", "sc-status"}, Rate: 100}}))
	for i := range 3 {
		l.Log(record("*", fmt.Sprintf("/%d", i)))
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	sets := bytes.Join(b.sets, nil)
	if !bytes.HasPrefix(sets, []byte("requests ")) {
		t.Fatalf("%q", sets)
	}
	for i := range 3 {
		if !bytes.Contains(sets, fmt.Appendf(nil, "200\t/%d", i)) {
			t.Errorf("line %d is not in %q", i, sets)
		}
	}
}

func TestLogAllocatesNothing(t *testing.T) {
	l := start(t, Config{Sinks: map[string]string{"arn:a": "file:" + filepath.Join(t.TempDir(), "lines")}})
	l.Update(logging(map[string]*logs.Realtime{"*": {Streams: []string{"arn:a"}, Fields: []string{"c-ip"}, Rate: 50}}))
	r := record("*", "/")
	for range 50_000 { // the buffers have grown
		l.Log(r)
	}
	if n := testing.AllocsPerRun(1000, func() { l.Log(r) }); n != 0 {
		t.Errorf("%v allocations a record", n)
	}
}
