package sigv4

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

func hexSize(n int) string { return strconv.FormatInt(int64(n), 16) }

func reasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return 0
}

func TestRefusals(t *testing.T) {
	now := instant(t, "20260102T030405Z")
	cred := Credentials{AccessKeyID: "AKIAME", SecretAccessKey: "secret"}
	scope := Scope{"eu-west-1", "s3"}
	tests := []struct {
		name   string
		cred   Credentials
		scope  Scope
		at     time.Duration // when it was signed, from now
		change func(*http.Request)
		want   Reason
		s3     string
		query  string
	}{
		{name: "good"},
		{name: "no signature", change: func(r *http.Request) { r.Header.Del("Authorization") }, want: MissingAuthentication, s3: "AccessDenied", query: "MissingAuthenticationToken"},
		{name: "version 2", change: func(r *http.Request) { r.Header.Set("Authorization", "AWS AKIAME:x") }, want: UnsupportedScheme, s3: "InvalidRequest", query: "IncompleteSignature"},
		{name: "both mechanisms", change: func(r *http.Request) { r.URL.RawQuery = "X-Amz-Signature=1" }, want: TwoMechanisms, s3: "InvalidArgument", query: "IncompleteSignature"},
		{name: "no SignedHeaders", change: func(r *http.Request) {
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAME/20260102/eu-west-1/s3/aws4_request, Signature="+strings.Repeat("a", 64))
		}, want: Malformed, s3: "AuthorizationHeaderMalformed", query: "IncompleteSignature"},
		{name: "another key", cred: Credentials{AccessKeyID: "AKIAYOU", SecretAccessKey: "secret"}, want: UnknownKey, s3: "InvalidAccessKeyId", query: "InvalidClientTokenId"},
		{name: "another secret", cred: Credentials{AccessKeyID: "AKIAME", SecretAccessKey: "Secret"}, want: Mismatch, s3: "SignatureDoesNotMatch", query: "SignatureDoesNotMatch"},
		{name: "another service", scope: Scope{"eu-west-1", "cloudfront"}, want: WrongScope, s3: "AuthorizationHeaderMalformed", query: "SignatureDoesNotMatch"},
		{name: "another method", change: func(r *http.Request) { r.Method = "DELETE" }, want: Mismatch, s3: "SignatureDoesNotMatch", query: "SignatureDoesNotMatch"},
		{name: "another path", change: func(r *http.Request) { r.URL.Path = "/bucket/other" }, want: Mismatch},
		{name: "another query", change: func(r *http.Request) { r.URL.RawQuery = "acl" }, want: Mismatch},
		{name: "another host", change: func(r *http.Request) { r.Host = "other.s3.amazonaws.com" }, want: Mismatch},
		{name: "broken query", change: func(r *http.Request) { r.URL.RawQuery = "%zz" }, want: MalformedQuery},
		{name: "header added", change: func(r *http.Request) { r.Header.Set("X-Amz-Source-Arn", "arn:aws:cloudfront::1:distribution/E") }, want: HeadersNotSigned, s3: "AccessDenied"},
		{name: "late", at: -15*time.Minute - time.Second, want: Skewed, s3: "RequestTimeTooSkewed", query: "SignatureDoesNotMatch"},
		{name: "just in time", at: -15 * time.Minute},
		{name: "early", at: 15*time.Minute + time.Second, want: Skewed},
		{name: "token nobody gave", cred: Credentials{AccessKeyID: "AKIAME", SecretAccessKey: "secret", SessionToken: "t"}, want: InvalidToken, s3: "InvalidToken", query: "InvalidClientTokenId"},
		{name: "token missing", cred: Credentials{AccessKeyID: "ASIATEMP", SecretAccessKey: "temporary"}, want: InvalidToken},
		{name: "token", cred: Credentials{AccessKeyID: "ASIATEMP", SecretAccessKey: "temporary", SessionToken: "token"}},
		{name: "expired token", cred: Credentials{AccessKeyID: "ASIAOLD", SecretAccessKey: "temporary", SessionToken: "token"}, want: ExpiredToken, s3: "ExpiredToken", query: "ExpiredToken"},
		{name: "payload hash missing", change: func(r *http.Request) { r.Header.Del("X-Amz-Content-Sha256") }, want: BadPayloadHash, s3: "InvalidRequest"},
		{name: "payload hash unknown", change: func(r *http.Request) {
			r.Header.Set("X-Amz-Content-Sha256", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD")
		}, want: BadPayloadHash},
	}
	v := Verifier{Service: "s3", Lookup: func(id string) (Key, bool) {
		k, ok := map[string]Key{
			"AKIAME":   {Secret: "secret"},
			"ASIATEMP": {Secret: "temporary", Token: "token", Expires: now.Add(time.Second)},
			"ASIAOLD":  {Secret: "temporary", Token: "token", Expires: now},
		}[id]
		return k, ok
	}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "http://bucket.s3.amazonaws.com/bucket/key?list-type=2", nil)
			c, s := cred, scope
			if tt.cred.AccessKeyID != "" {
				c = tt.cred
			}
			if tt.scope.Service != "" {
				s = tt.scope
			}
			Sign(r, c, s, EmptySHA256, now.Add(tt.at))
			r.Header.Set("X-Amz-Content-Sha256", EmptySHA256) // Sign leaves it out where the scope is another service
			if tt.change != nil {
				tt.change(r)
			}
			_, err := v.Verify(r, "", now)
			if reasonOf(err) != tt.want {
				t.Fatalf("got %v, want reason %d", err, tt.want)
			}
			if err == nil {
				return
			}
			if code, message, status := err.(*Error).S3(); message == "" || status < 400 || (tt.s3 != "" && code != tt.s3) {
				t.Errorf("S3: %s %q %d, want %s", code, message, status, tt.s3)
			}
			if code, message, status := err.(*Error).Query(); message == "" || status < 400 || (tt.query != "" && code != tt.query) {
				t.Errorf("query: %s %q %d, want %s", code, message, status, tt.query)
			}
		})
	}
}

// Both signers must make the same signature, and the verifier must accept what
// AWS's signer makes: whole requests, as an SDK would send them.
func TestAgainstAWSSigner(t *testing.T) {
	now := instant(t, "20260102T030405Z")
	creds := aws.Credentials{AccessKeyID: "AKIAME", SecretAccessKey: "secret", SessionToken: "token+/="}
	own := Credentials{AccessKeyID: creds.AccessKeyID, SecretAccessKey: creds.SecretAccessKey, SessionToken: creds.SessionToken}
	lookup := func(id string) (Key, bool) { return Key{Secret: "secret", Token: "token+/="}, id == "AKIAME" }
	targets := []string{
		"http://127.0.0.1:9000/bucket/key", "http://127.0.0.1:9000/", "http://h", "http://h/a%20b/c%2Fd/e%2Bf", "http://h/%E1%88%B4%3F%23",
		"http://h/2020-05-31/distribution/E1/config", "http://h/tagging?Resource=arn%3Aaws%3Acloudfront%3A%3A1%3Adistribution%2FE1",
		"http://h/?b=2&a=1&a=0&empty&x-y=1&x=2", "http://h/?prefix=a%20b%2Fc&delimiter=%2F&marker=%C3%A9",
	}
	for _, target := range targets {
		for _, service := range []string{"s3", "cloudfront"} {
			sdk := func() *http.Request {
				r, err := http.NewRequest("POST", target, nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Content-Type", "text/xml; charset=utf-8")
				r.Header.Set("X-Amz-Meta-Spaced", "  a   b ")
				return r
			}
			s3Rules := func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" }
			theirs, ours := sdk(), sdk()
			if service == "s3" {
				theirs.Header.Set("X-Amz-Content-Sha256", EmptySHA256)
			}
			if err := v4.NewSigner().SignHTTP(context.Background(), creds, theirs, EmptySHA256, service, "eu-west-1", now, s3Rules); err != nil {
				t.Fatal(err)
			}
			Sign(ours, own, Scope{"eu-west-1", service}, EmptySHA256, now)
			if a, b := theirs.Header.Get("Authorization"), ours.Header.Get("Authorization"); a != b {
				t.Errorf("%s %s:\n AWS  %s\n ours %s", service, target, a, b)
			}
			verify := func(r *http.Request) error {
				var wire bytes.Buffer
				if err := r.Write(&wire); err != nil {
					t.Fatal(err)
				}
				_, err := Verifier{Service: service, Lookup: lookup}.Verify(parse(t, wire.Bytes()), EmptySHA256, now)
				return err
			}
			if err := verify(theirs); err != nil {
				t.Errorf("%s %s: %v", service, target, err)
			}
			presigned := sdk()
			presigned.URL.RawQuery = strings.TrimPrefix(presigned.URL.RawQuery+"&X-Amz-Expires=60", "&")
			payload := EmptySHA256
			if service == "s3" {
				payload = UnsignedPayload
			}
			uri, signedHeaders, err := v4.NewSigner().PresignHTTP(context.Background(), creds, presigned, payload, service, "eu-west-1", now, s3Rules)
			if err != nil {
				t.Fatal(err)
			}
			got := sdk()
			if got.URL, err = url.Parse(uri); err != nil {
				t.Fatal(err)
			}
			for k, v := range signedHeaders {
				got.Header[k] = v
			}
			if err := verify(got); err != nil {
				t.Errorf("presigned %s %s: %v", service, uri, err)
			}
		}
	}
}

func parse(t testing.TB, wire []byte) *http.Request {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestBodyForms(t *testing.T) {
	now := instant(t, "20260102T030405Z")
	cred, scope := Credentials{AccessKeyID: "A", SecretAccessKey: "s"}, Scope{"r", "s3"}
	body := "hello, world"
	tests := []struct {
		name, payload, wire string
		headers             map[string]string
		want                Reason // 0: the body is read as it was meant
	}{
		{name: "hash", payload: hexSHA256(body), wire: body},
		{name: "another hash", payload: hexSHA256("x"), wire: body, want: BodyMismatch},
		{name: "unsigned", payload: UnsignedPayload, wire: body},
		{name: "unsigned chunks", payload: StreamingUnsignedTrailer, wire: "6\r\nhello,\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", headers: map[string]string{"X-Amz-Trailer": "x-amz-checksum-crc32"}},
		{name: "no trailer, no last line", payload: StreamingUnsignedTrailer, wire: "c\r\nhello, world\r\n0\r\n"},
		{name: "trailer missing", payload: StreamingUnsignedTrailer, wire: "c\r\nhello, world\r\n0\r\n\r\n", headers: map[string]string{"X-Amz-Trailer": "x-amz-checksum-crc32"}, want: MalformedBody},
		{name: "trailer not announced", payload: StreamingUnsignedTrailer, wire: "c\r\nhello, world\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", want: MalformedBody},
		{name: "too long", payload: StreamingUnsignedTrailer, wire: "d\r\nhello, world!\r\n0\r\n\r\n", want: IncompleteBody},
		{name: "too short", payload: StreamingUnsignedTrailer, wire: "b\r\nhello, worl\r\n0\r\n\r\n", want: IncompleteBody},
		{name: "cut in a chunk", payload: StreamingUnsignedTrailer, wire: "c\r\nhello, ", want: IncompleteBody},
		{name: "cut between chunks", payload: StreamingUnsignedTrailer, wire: "c\r\nhello, world\r\n", want: IncompleteBody},
		{name: "negative size", payload: StreamingUnsignedTrailer, wire: "-1\r\n\r\n", want: MalformedBody},
		{name: "no size", payload: StreamingUnsignedTrailer, wire: "\r\n\r\n", want: MalformedBody},
		{name: "size and data differ", payload: StreamingUnsignedTrailer, wire: "6\r\nhello, world\r\n0\r\n\r\n", want: MalformedBody},
		{name: "endless line", payload: StreamingUnsignedTrailer, wire: strings.Repeat("0", 1<<20), want: MalformedBody},
		{name: "something after the end", payload: StreamingUnsignedTrailer, wire: "c\r\nhello, world\r\n0\r\n\r\nGET /", want: MalformedBody},
		{name: "chunk without signature", payload: StreamingPayload, wire: "c\r\nhello, world\r\n0\r\n\r\n", want: MalformedBody},
		{name: "chunk with another signature", payload: StreamingPayload, wire: "c;chunk-signature=" + strings.Repeat("0", 64) + "\r\nhello, world\r\n0\r\n\r\n", want: Mismatch},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("PUT", "http://h/b/k", strings.NewReader(tt.wire))
			for k, v := range tt.headers {
				r.Header.Set(k, v)
			}
			r.Header.Set("X-Amz-Decoded-Content-Length", strconv.Itoa(len(body)))
			Sign(r, cred, scope, tt.payload, now)
			signed, err := Verifier{Service: "s3", Lookup: oneKey("A", "s")}.Verify(r, "", now)
			if err != nil {
				t.Fatal(err)
			}
			b, err := signed.Body(r)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(b)
			if reasonOf(err) != tt.want {
				t.Fatalf("got %v, want reason %d", err, tt.want)
			}
			if tt.want == 0 && string(got) != body {
				t.Fatalf("read %q", got)
			}
		})
	}
}

// FuzzVerify holds two things over arbitrary requests: what Sign signed
// verifies after a trip over the wire, and nothing verifies with a signature
// made by another secret.
func FuzzVerify(f *testing.F) {
	f.Add("GET", "/a b/../c//", "x=1&y=%20&x=0", "X-Amz-Meta-A", " a  b ", "s3")
	f.Add("POST", "/2020-05-31/distribution", "", "Content-Type", "text/xml", "cloudfront")
	f.Add("PUT", "/\u1234%", "a=b=c&&=", "X-Amz-Acl", "", "s3")
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f.Fuzz(func(t *testing.T, method, path, query, name, value, service string) {
		u := &url.URL{Scheme: "http", Host: "h", Path: "/" + path, RawQuery: query}
		r, err := http.NewRequest(method, u.String(), nil)
		if err != nil || service == "" || strings.ContainsAny(service, "/,= \t\r\n") || r.URL.Query().Has("X-Amz-Signature") ||
			r.URL.Query().Has("X-Amz-Algorithm") || r.URL.Query().Has("X-Amz-Credential") {
			t.Skip()
		}
		r.Header.Set(name, value)
		if strings.EqualFold(name, "X-Amz-Security-Token") {
			t.Skip()
		}
		Sign(r, Credentials{AccessKeyID: "A", SecretAccessKey: "s"}, Scope{"r", service}, EmptySHA256, now)
		var wire bytes.Buffer
		if r.Write(&wire) != nil {
			t.Skip()
		}
		got, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire.Bytes())))
		if err != nil {
			t.Skip()
		}
		v := Verifier{Service: service, Lookup: oneKey("A", "s")}
		if _, err := v.Verify(got, EmptySHA256, now); err != nil && reasonOf(err) != MalformedQuery {
			t.Fatalf("own signature refused: %v\n%s", err, wire.Bytes())
		}
		v.Lookup = oneKey("A", "another")
		if _, err := v.Verify(got, EmptySHA256, now); err == nil {
			t.Fatal("accepted under another secret")
		}
	})
}

// FuzzAuthorization throws arbitrary claims at the verifier: none is accepted,
// since nobody has the secret, and none makes it panic.
func FuzzAuthorization(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=A/20260102/r/s3/aws4_request, SignedHeaders=host, Signature="+strings.Repeat("0", 64), "20260102T030405Z", "")
	f.Add("", "", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20260102%2Fr%2Fs3%2Faws4_request&X-Amz-Date=20260102T030405Z&X-Amz-Expires=1&X-Amz-SignedHeaders=host&X-Amz-Signature="+strings.Repeat("0", 64))
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f.Fuzz(func(t *testing.T, auth, date, query string) {
		r := &http.Request{Method: "GET", Host: "h", Header: http.Header{}, URL: &url.URL{Path: "/b/k", RawQuery: query}}
		if auth != "" {
			r.Header.Set("Authorization", auth)
		}
		r.Header.Set("X-Amz-Date", date)
		r.Header.Set("X-Amz-Content-Sha256", EmptySHA256)
		_, err := Verifier{Service: "s3", Lookup: oneKey("A", "a secret nobody has")}.Verify(r, "", now)
		if err == nil {
			t.Fatal("accepted")
		}
		code, message, status := err.(*Error).S3()
		if code == "" || message == "" || status < 400 {
			t.Fatalf("%q %q %d", code, message, status)
		}
	})
}

// FuzzChunked reads arbitrary bytes as chunked bodies. Unsigned ones yield at
// most the announced length; signed ones are accepted only as the chain of
// signatures made them, here never.
func FuzzChunked(f *testing.F) {
	f.Add([]byte("5\r\nhello\r\n0\r\n\r\n"), int64(5))
	f.Add([]byte("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"), int64(5))
	f.Fuzz(func(t *testing.T, wire []byte, length int64) {
		if length < 0 {
			t.Skip()
		}
		for _, form := range []string{StreamingUnsignedTrailer, StreamingPayload, StreamingPayloadTrailer} {
			r := httptest.NewRequest("PUT", "http://h/b/k", bytes.NewReader(wire))
			r.Header.Set("X-Amz-Decoded-Content-Length", strconv.FormatInt(length, 10))
			s := &Signed{Payload: form, key: []byte("a key nobody has"), signature: hex.EncodeToString(make([]byte, 32))}
			b, err := s.Body(r)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(b)
			if int64(len(got)) > length {
				t.Fatalf("%d bytes of %d", len(got), length)
			}
			if err == nil && (form != StreamingUnsignedTrailer || int64(len(got)) != length) {
				t.Fatalf("%s accepted with %d bytes of %d", form, len(got), length)
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r := httptest.NewRequest("GET", "http://bucket.s3.amazonaws.com/a/key?x=1", nil)
	Sign(r, Credentials{AccessKeyID: "A", SecretAccessKey: "s"}, Scope{"r", "s3"}, EmptySHA256, now)
	v := Verifier{Service: "s3", Lookup: oneKey("A", "s")}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(r, "", now); err != nil {
			b.Fatal(err)
		}
	}
}
