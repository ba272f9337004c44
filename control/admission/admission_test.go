package admission_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/admission"
	"github.com/warmfront/warmfront/sigv4"
)

func TestNames(t *testing.T) {
	for _, test := range []struct {
		zone, host, origin string
		good               bool
	}{
		{"warmfront.test", "127.0.0.1:8800", "", true},
		{"warmfront.test", "[::1]:8800", "", true},
		{"warmfront.test", "[::1]", "", true},
		{"warmfront.test", "localhost:8800", "http://localhost:8800", true},
		{"warmfront.test", "control", "", true},
		{"warmfront.test", "a.localhost", "", true},
		{"warmfront.test", "Control.Warmfront.Test.:8800", "", true},
		{"Warmfront.test.", "warmfront.test", "", true},
		{"warmfront.test", "warmfront.test.evil.example", "", false},
		{"warmfront.test", "notwarmfront.test", "", false},
		{"warmfront.test", "rebound.example:8800", "", false},
		{"warmfront.test", "", "", false},
		{"", "rebound.", "", true},
		{"", "rebound.example.", "", false},
		{"warmfront.test", "127.0.0.1:8800", "http://evil.example", false},
		{"warmfront.test", "127.0.0.1:8800", "http://127.0.0.1:9000", false},
		{"warmfront.test", "127.0.0.1:8800", "null", false},
		{"warmfront.test", "127.0.0.1:8800", "http://%zz", false},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = test.host
		if test.origin != "" {
			r.Header.Set("Origin", test.origin)
		}
		err := admission.LocalNames(test.zone).Check(r)
		if good := err == nil; good != test.good || !good && cdn.ErrorCode(err) != "AccessDenied" {
			t.Errorf("in %q, host %q, origin %q: %v", test.zone, test.host, test.origin, err)
		}
	}
}

func TestSignature(t *testing.T) {
	now := time.Unix(1700000000, 0)
	keys := func(id string) (sigv4.Key, bool) { return sigv4.Key{Secret: "secret"}, id == "ID" }
	authenticate := admission.Signature("warmfront", keys, func() time.Time { return now })
	r := httptest.NewRequest("POST", "http://127.0.0.1/x", nil)
	sum := sha256.Sum256([]byte("body"))
	sigv4.Sign(r, sigv4.Credentials{AccessKeyID: "ID", SecretAccessKey: "secret"},
		sigv4.Scope{Region: "us-east-1", Service: "warmfront"}, hex.EncodeToString(sum[:]), now)
	if err := authenticate(r, []byte("body")); err != nil {
		t.Error(err)
	}
	var refused *sigv4.Error
	if err := authenticate(r, []byte("another body")); !errors.As(err, &refused) {
		t.Errorf("another body: %v", err)
	}
	if err := admission.Signature("cloudfront", keys, time.Now)(r, []byte("body")); !errors.As(err, &refused) {
		t.Errorf("another service: %v", err)
	}
}
