package realtime

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warmfront/warmfront/cdn/logs"
)

// brokers are three Kafka brokers of another implementation, librdkafka's, with kcat to
// read what is in them.
type brokers struct {
	t         *testing.T
	in        io.Writer
	out       *bufio.Scanner
	addresses string
}

func newBrokers(t *testing.T) *brokers {
	if testing.Short() {
		t.Skip("starts brokers in a process of their own")
	}
	for _, needed := range []string{"kcat", "python3"} {
		if _, err := exec.LookPath(needed); err != nil {
			t.Skipf("%s is not installed (apt-get install %s): the sink is tested with no Kafka of others", needed, needed)
		}
	}
	cmd := exec.CommandContext(t.Context(), "python3", "testdata/brokers.py")
	in, err := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // which ends it
		_ = cmd.Wait()
	})
	b := &brokers{t: t, in: in, out: bufio.NewScanner(out)}
	if b.out.Scan(); !strings.Contains(b.out.Text(), ":") {
		t.Skipf("librdkafka.so.1 is not here (apt-get install librdkafka1): %s", b.out.Text())
	}
	b.addresses = b.out.Text()
	return b
}

// do has the brokers do what testdata/brokers.py knows.
func (b *brokers) do(format string, args ...any) {
	b.t.Helper()
	if _, err := fmt.Fprintf(b.in, format+"\n", args...); err != nil {
		b.t.Fatal(err)
	}
	if !b.out.Scan() || b.out.Text() != "ok" {
		b.t.Fatalf(format+": %s", append(args, b.out.Text())...)
	}
}

// lines are all that kcat reads of a topic.
func (b *brokers) lines(topic string) []string {
	out, err := exec.CommandContext(b.t.Context(), "kcat", "-C", "-q", "-e", "-b", b.addresses, "-t", topic, "-o", "beginning").Output()
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

// comes waits until kcat reads that line, and fails if one is there twice.
func (b *brokers) comes(topic, line string) {
	b.t.Helper()
	var all []string
	if !within(func() bool {
		all = b.lines(topic)
		return strings.Contains("\n"+strings.Join(all, "\n")+"\n", "\n"+line+"\n")
	}) {
		b.t.Fatalf("%q has not come: %q", line, all)
	}
}

// What is sent is read by a client that others have written, whatever becomes of the
// brokers meanwhile.
func TestKafkaOfOthers(t *testing.T) {
	b := newBrokers(t)
	b.do("topic requests")
	registry := prometheus.NewRegistry()
	l := start(t, Config{Sinks: map[string]string{"arn:a": "kafka://" + b.addresses + "/requests"}, Registry: registry})
	l.Update(logging(map[string]*logs.Realtime{"*": {Streams: []string{"arn:a"}, Fields: []string{"cs-uri-stem", "sc-status"}, Rate: 100}}))
	ask := func(path string) {
		t.Helper()
		l.Log(record("*", path))
		b.comes("requests", "200\t"+path)
	}
	b.do("leader requests 1")
	ask("/first")
	b.do("leader requests 2")
	ask("/moved")
	// The leader is gone, and another leads a while later.
	b.do("down 2")
	l.Log(record("*", "/down"))
	b.do("leader requests 3")
	b.comes("requests", "200\t/down")
	b.do("up 2")
	// 0 is Produce and 3 Metadata; 3 is an unknown topic, 6 not the leader, 19 too few
	// replicas, 10 too large a message.
	b.do("error 3 3 4")
	b.do("error 0 6 2")
	ask("/elsewhere")
	b.do("error 0 3 2")
	ask("/unknown")
	b.do("error 0 19 2")
	ask("/replicas")
	// Too large with others, and not alone.
	b.do("error 0 10 1")
	ask("/again")
	if n := dropped(t, registry); n != 0 {
		t.Errorf("%v lines are dropped", n)
	}
	// Too large alone: given up, and those behind it come.
	b.do("error 0 10 2")
	l.Log(record("*", "/large"))
	if !within(func() bool { return dropped(t, registry) == 1 }) {
		t.Errorf("%v lines are dropped", dropped(t, registry))
	}
	ask("/behind")
	// All of them are away for a while.
	for broker := 1; broker <= 3; broker++ {
		b.do("down %d", broker)
	}
	l.Log(record("*", "/away"))
	for broker := 1; broker <= 3; broker++ {
		b.do("up %d", broker)
	}
	b.comes("requests", "200\t/away")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(b.lines("requests"), " "), "200\t/first 200\t/moved 200\t/down 200\t/elsewhere 200\t/unknown 200\t/replicas 200\t/again 200\t/behind 200\t/away"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// A topic that is not there yet is made, as brokers are set up to.
func TestKafkaMakesTopics(t *testing.T) {
	b := newBrokers(t)
	l := start(t, Config{Sinks: map[string]string{"arn:a": "kafka://" + b.addresses + "/new"}})
	l.Update(logging(map[string]*logs.Realtime{"*": {Streams: []string{"arn:a"}, Fields: []string{"cs-uri-stem"}, Rate: 100}}))
	l.Log(record("*", "/x"))
	b.comes("new", "/x")
}

// What a line is too large for before any broker sees it is given up too.
func TestKafkaDropsWhatIsTooLarge(t *testing.T) {
	b := newBroker(t)
	sink, err := Open("kafka://" + b.l.Addr().String() + "/requests")
	if err != nil {
		t.Fatal(err)
	}
	left, dropped, err := sink.Write(t.Context(), []byte("/1\n"+strings.Repeat("x", 2<<20)+"\n/2\n"))
	if len(left) != 0 || dropped != 1 || err != nil {
		t.Errorf("%d bytes are left, %d lines dropped: %v", len(left), dropped, err)
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
}
