package viewer

import (
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/warmfront/warmfront/cdn/span"
)

// TestAQuestionSaysItsTrace, and has no such option without one.
func TestAQuestionSaysItsTrace(t *testing.T) {
	asked := span.New()
	for _, c := range []span.Context{{}, asked} {
		packet, err := question{7, "d1.test", dnsmessage.TypeA, netip.MustParseAddr("203.0.113.9"), c}.build()
		if err != nil {
			t.Fatal(err)
		}
		var m dnsmessage.Message
		if err := m.Unpack(packet); err != nil || len(m.Additionals) != 1 {
			t.Fatal(err)
		}
		options := m.Additionals[0].Body.(*dnsmessage.OPTResource).Options
		if !c.Valid() {
			if len(options) != 1 || options[0].Code != optionClientSubnet {
				t.Errorf("without a trace: %v", options)
			}
			continue
		}
		if len(options) != 2 || options[1].Code != 65500 || span.ParseOption(options[1].Data).String() != asked.String() {
			t.Errorf("with a trace: %v", options)
		}
	}
}

func TestTheFrontDoorSaysTheTrace(t *testing.T) {
	const told = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	plain := "GET / HTTP/1.1\r\nHost: d1.test\r\nTraceParent: " + told + "\r\n\r\nbody"
	if got := traceOf([]byte(plain)); got.String() != told {
		t.Errorf("%v", got)
	}
	if got := traceOf([]byte("GET / HTTP/1.1\r\nHost: d1.test\r\n\r\n")); got.Valid() {
		t.Errorf("%v", got)
	}
	if got := withTrace([]byte(plain), span.Context{}); string(got) != plain {
		t.Errorf("without a trace it becomes %q", got)
	}
	c := span.New()
	if got := string(withTrace([]byte(plain), c)); got != strings.Replace(plain, "Host", "Traceparent: "+c.String()+"\r\nHost", 1) {
		t.Errorf("%q", got)
	}
	if got := withTrace([]byte("GET / HT"), c); string(got) != "GET / HT" {
		t.Errorf("what has no first line yet becomes %q", got)
	}
}
