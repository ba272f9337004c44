package wire_test

import (
	"crypto/tls"
	"testing"

	"github.com/warmfront/warmfront/control/wire"
)

func TestEveryPartOfAJoinIsAuthenticated(t *testing.T) {
	base := wire.RequestMAC([]byte("secret"), []byte("binding"), []byte("request"))
	if !wire.Equal(base, wire.RequestMAC([]byte("secret"), []byte("binding"), []byte("request"))) {
		t.Error("the same request has two MACs")
	}
	for name, other := range map[string]string{
		"another secret":     wire.RequestMAC([]byte("secret2"), []byte("binding"), []byte("request")),
		"another connection": wire.RequestMAC([]byte("secret"), []byte("binding2"), []byte("request")),
		"another request":    wire.RequestMAC([]byte("secret"), []byte("binding"), []byte("request2")),
		"parts cut anew":     wire.RequestMAC([]byte("secret"), []byte("bindingr"), []byte("equest")),
		"an answer":          wire.AnswerMAC([]byte("secret"), []byte("binding"), []byte("request"), nil),
		"nothing":            "",
	} {
		if wire.Equal(base, other) {
			t.Errorf("%s has the same MAC", name)
		}
	}
	answer := wire.AnswerMAC([]byte("secret"), []byte("binding"), []byte("request"), []byte("answer"))
	if wire.Equal(answer, wire.AnswerMAC([]byte("secret"), []byte("binding"), []byte("another request"), []byte("answer"))) {
		t.Error("an answer passes for that to another request")
	}
}

func TestJoiningNeedsTLS13(t *testing.T) {
	if _, err := wire.Binding(tls.ConnectionState{Version: tls.VersionTLS12}); err == nil {
		t.Error("TLS 1.2 was taken")
	}
}
