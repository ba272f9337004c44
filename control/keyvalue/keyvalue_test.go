package keyvalue_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudfrontkeyvaluestore"
	"github.com/aws/aws-sdk-go-v2/service/cloudfrontkeyvaluestore/types"
	"github.com/aws/smithy-go"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/admission"
	"github.com/warmfront/warmfront/control/journaltest"
	"github.com/warmfront/warmfront/control/keyvalue"
	"github.com/warmfront/warmfront/sigv4"
)

const (
	account = "123456789012"
	arn     = "arn:aws:cloudfront::" + account + ":key-value-store/6b4b9ab3-0000-4000-8000-000000000001"
)

func authenticate(r *http.Request, body []byte) error {
	v := sigv4.Verifier{Service: keyvalue.Service, Asymmetric: true, Lookup: func(id string) (sigv4.Key, bool) { return sigv4.Key{Secret: "secret"}, id == "ID" }}
	sum := sha256.Sum256(body)
	_, err := v.Verify(r, hex.EncodeToString(sum[:]), time.Now())
	return err
}

func newHandler(t testing.TB) (http.Handler, *journaltest.Journal) {
	j := journaltest.New()
	_, err := j.Propose(t.Context(), func(*cdn.State) ([]cdn.Change, error) {
		c, err := cdn.NewChange(cdn.KindResourcePut, cdn.Resource{Kind: cdn.ResourceKeyValueStore, ID: arn[strings.LastIndexByte(arn, '/')+1:], Name: "store", Created: time.Unix(1000, 0), Document: "<x/>"}, time.Now())
		return []cdn.Change{c}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return keyvalue.Handler(keyvalue.Config{
		Journal: j, Account: account,
		Authenticate: authenticate,
		Hosts:        admission.LocalNames("warmfront.test"), Now: time.Now, Random: rand.Reader, Logger: slog.New(slog.DiscardHandler),
	}), j
}

// newClient is AWS's own: it signs with SigV4A and puts the account before the name of
// the endpoint.
func newClient(t testing.TB, h http.Handler, secret string) *sdk.Client {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
	}
	return sdk.New(sdk.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://localhost:8800"), RetryMaxAttempts: 1,
		HTTPClient: &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "ID", SecretAccessKey: secret}, nil
		}),
	})
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantCode(t testing.TB, err error, code string, status int) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != code {
		t.Fatalf("error %v, want %s", err, code)
	}
	var s interface{ HTTPStatusCode() int }
	if errors.As(err, &s) && s.HTTPStatusCode() != status {
		t.Fatalf("status %d, want %d", s.HTTPStatusCode(), status)
	}
}

func TestKeysOfAStore(t *testing.T) {
	h, j := newHandler(t)
	c, ctx, store := newClient(t, h, "secret"), t.Context(), aws.String(arn)
	described := must(c.DescribeKeyValueStore(ctx, &sdk.DescribeKeyValueStoreInput{KvsARN: store}))(t)
	if *described.Status != "PROVISIONING" {
		t.Errorf("%s, before nodes have it", *described.Status)
	}
	j.Settle(j.State().Version)
	described = must(c.DescribeKeyValueStore(ctx, &sdk.DescribeKeyValueStoreInput{KvsARN: store}))(t)
	if *described.ItemCount != 0 || *described.Status != "READY" || described.Created.Unix() != 1000 || !strings.HasPrefix(*described.ETag, "KV") {
		t.Errorf("%+v", described)
	}
	// Keys that a path could mistake for its own.
	etag := described.ETag
	keys := []string{"a", "/", "a/b", "//", "..", "a b", "%2F", "é", "?x=1", "keys", "."}
	size := 0
	for i, k := range keys {
		put := must(c.PutKey(ctx, &sdk.PutKeyInput{KvsARN: store, Key: &k, Value: aws.String("v" + k), IfMatch: etag}))(t)
		if size += 2*len(k) + 1; int(*put.ItemCount) != i+1 || int(*put.TotalSizeInBytes) != size || *put.ETag == *etag {
			t.Errorf("%q: %+v", k, put)
		}
		etag = put.ETag
		if got := must(c.GetKey(ctx, &sdk.GetKeyInput{KvsARN: store, Key: &k}))(t); *got.Value != "v"+k || *got.Key != k {
			t.Errorf("%q: %+v", k, got)
		}
	}
	stale := described.ETag
	_, err := c.PutKey(ctx, &sdk.PutKeyInput{KvsARN: store, Key: aws.String("a"), Value: aws.String("x"), IfMatch: stale})
	wantCode(t, err, "ConflictException", 409)
	if v, _ := j.State().KeyValues(arn[strings.LastIndexByte(arn, '/')+1:]).Get("a"); v != "va" {
		t.Errorf("a refused call has put %q", v)
	}
	deleted := must(c.DeleteKey(ctx, &sdk.DeleteKeyInput{KvsARN: store, Key: aws.String("a/b"), IfMatch: etag}))(t)
	_, err = c.GetKey(ctx, &sdk.GetKeyInput{KvsARN: store, Key: aws.String("a/b")})
	wantCode(t, err, "ResourceNotFoundException", 404)
	_, err = c.DeleteKey(ctx, &sdk.DeleteKeyInput{KvsARN: store, Key: aws.String("a/b"), IfMatch: deleted.ETag})
	wantCode(t, err, "ResourceNotFoundException", 404)
	updated := must(c.UpdateKeys(ctx, &sdk.UpdateKeysInput{KvsARN: store, IfMatch: deleted.ETag,
		Puts: []types.PutKeyRequestListItem{{Key: aws.String("new"), Value: aws.String("")}}, Deletes: []types.DeleteKeyRequestListItem{{Key: aws.String("a")}, {Key: aws.String("none")}}}))(t)
	if int(*updated.ItemCount) != len(keys)-1 {
		t.Errorf("%+v", updated)
	}
	// All of them, in order, in pages of three.
	var listed []string
	pages := sdk.NewListKeysPaginator(c, &sdk.ListKeysInput{KvsARN: store, MaxResults: aws.Int32(3)})
	for pages.HasMorePages() {
		for _, item := range must(pages.NextPage(ctx))(t).Items {
			listed = append(listed, *item.Key)
		}
	}
	if got := strings.Join(listed, ","); got != "%2F,.,..,/,//,?x=1,a b,keys,new,é" {
		t.Error(got)
	}
	described = must(c.DescribeKeyValueStore(ctx, &sdk.DescribeKeyValueStoreInput{KvsARN: store}))(t)
	if *described.ETag != *updated.ETag || time.Since(*described.LastModified) > time.Minute {
		t.Errorf("%+v", described)
	}
}

func TestCallsRefused(t *testing.T) {
	h, _ := newHandler(t)
	c, ctx, store := newClient(t, h, "secret"), t.Context(), aws.String(arn)
	etag := must(c.DescribeKeyValueStore(ctx, &sdk.DescribeKeyValueStoreInput{KvsARN: store}))(t).ETag
	put := func(key, value string) error {
		_, err := c.PutKey(ctx, &sdk.PutKeyInput{KvsARN: store, Key: &key, Value: &value, IfMatch: etag})
		return err
	}
	update := func(n int, key func(int) string) error {
		in := &sdk.UpdateKeysInput{KvsARN: store, IfMatch: etag}
		for i := range n {
			in.Puts = append(in.Puts, types.PutKeyRequestListItem{Key: aws.String(key(i)), Value: aws.String("v")})
		}
		_, err := c.UpdateKeys(ctx, in)
		return err
	}
	wantCode(t, put(strings.Repeat("k", 513), "v"), "ValidationException", 400)
	wantCode(t, put("k", strings.Repeat("v", 1025)), "ValidationException", 400)
	wantCode(t, update(51, func(i int) string { return fmt.Sprint(i) }), "ValidationException", 400)
	wantCode(t, update(2, func(int) string { return "same" }), "ValidationException", 400)
	wantCode(t, update(0, nil), "ValidationException", 400)
	_, err := c.ListKeys(ctx, &sdk.ListKeysInput{KvsARN: store, MaxResults: aws.Int32(51)})
	wantCode(t, err, "ValidationException", 400)
	_, err = c.DescribeKeyValueStore(ctx, &sdk.DescribeKeyValueStoreInput{KvsARN: aws.String(strings.TrimSuffix(arn, "1"))})
	wantCode(t, err, "ResourceNotFoundException", 404)
	if err := put(strings.Repeat("k", 512), strings.Repeat("v", 1024)); err != nil {
		t.Error(err)
	}
	_, err = newClient(t, h, "another secret").DescribeKeyValueStore(ctx, &sdk.DescribeKeyValueStoreInput{KvsARN: store})
	wantCode(t, err, "AccessDeniedException", 403)
}

// signed makes a request that is signed as curl does it, with Version 4.
func signed(method, target, body string) *http.Request {
	r := httptest.NewRequest(method, "http://127.0.0.1:8800"+target, strings.NewReader(body))
	sum := sha256.Sum256([]byte(body))
	sigv4.Sign(r, sigv4.Credentials{AccessKeyID: "ID", SecretAccessKey: "secret"}, sigv4.Scope{Region: "us-east-1", Service: keyvalue.Service}, hex.EncodeToString(sum[:]), time.Now())
	return r
}

func TestWhatIsNoCall(t *testing.T) {
	h, j := newHandler(t)
	store := keyvalue.Path + strings.ReplaceAll(arn, "/", "%2F")
	before := j.State().Version
	for _, c := range []struct {
		request *http.Request
		status  int
	}{
		{signed("GET", store, ""), 200},
		{signed("GET", store+"/keys", ""), 200},
		{signed("GET", store+"/values", ""), 400},
		{signed("GET", store+"/keys/a/b", ""), 400},
		{signed("GET", keyvalue.Path, ""), 400},
		{signed("PATCH", store, ""), 400},
		{signed("PUT", store+"/keys/a", "{"), 400},
		{signed("PUT", store+"/keys/a", "{}"), 400},
		{signed("PUT", store+"/keys/a", `{"Value":"v"}`), 400}, // without If-Match
		{signed("POST", store+"/keys", `{"Puts":[{"Key":"a","Value":"v"}]}`), 400},
		{signed("GET", store+"/keys?NextToken=!", ""), 400},
		{httptest.NewRequest("GET", "http://127.0.0.1:8800"+store, nil), 403},
		{httptest.NewRequest("GET", "http://evil.example"+store, nil), 403},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, c.request)
		body, _ := io.ReadAll(w.Result().Body)
		if w.Code != c.status || c.status >= 400 && (w.Header().Get("X-Amzn-ErrorType") == "" || !strings.Contains(string(body), `"Message"`)) {
			t.Errorf("%s %s: %d %s", c.request.Method, c.request.URL, w.Code, body)
		}
	}
	if j.State().Version != before {
		t.Error("the journal has changed")
	}
}

func FuzzCalls(f *testing.F) {
	f.Add("PUT", "/keys/a", `{"Value":"v"}`, "KV")
	f.Add("POST", "/keys", `{"Puts":[{"Key":"a","Value":"v"}],"Deletes":[{"Key":"b"}]}`, "")
	f.Fuzz(func(t *testing.T, method, rest, body, ifMatch string) {
		h, j := newHandler(t)
		r, err := http.NewRequest(method, "http://127.0.0.1:8800"+keyvalue.Path+strings.ReplaceAll(arn, "/", "%2F")+rest, strings.NewReader(body))
		if err != nil {
			return
		}
		sum := sha256.Sum256([]byte(body))
		if strings.HasPrefix(ifMatch, "KV") { // the right one
			w := httptest.NewRecorder()
			h.ServeHTTP(w, signed("GET", keyvalue.Path+strings.ReplaceAll(arn, "/", "%2F"), ""))
			ifMatch = w.Header().Get("ETag")
		}
		r.Header.Set("If-Match", ifMatch)
		sigv4.Sign(r, sigv4.Credentials{AccessKeyID: "ID", SecretAccessKey: "secret"}, sigv4.Scope{Region: "us-east-1", Service: keyvalue.Service}, hex.EncodeToString(sum[:]), time.Now())
		before := j.State().Version
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 || w.Code != 200 && j.State().Version != before {
			t.Errorf("%s %s %q: %d %s", method, rest, body, w.Code, w.Body)
		}
	})
}
