package api_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/aws/smithy-go"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/api"
	"github.com/warmfront/warmfront/control/cloudfront"
	"github.com/warmfront/warmfront/journal"
	"github.com/warmfront/warmfront/sigv4"
)

const (
	testZone    = "warmfront.test"
	testAccount = "123456789012"
	testKey     = "AKIDEXAMPLE"
	testSecret  = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

	cachingOptimized = "658327ea-f89d-4fab-a63d-7e88639e58f6"
)

// memory is a journal in memory: the real State, and what has settled as the test
// says.
type memory struct {
	mu      sync.Mutex
	state   *cdn.State
	changes int
	settled map[journal.Scope]cdn.Version
	// completed is for distributions that differ from settled.
	completed map[string]cdn.Version
}

func newMemory() *memory {
	return &memory{state: cdn.NewState(1), settled: map[journal.Scope]cdn.Version{}}
}

func (m *memory) State() *cdn.State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state
}

func (m *memory) Settled(s journal.Scope) cdn.Version {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.settled[s]
}

func (m *memory) CompletedFor(distribution string) cdn.Version {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, apart := m.completed[distribution]; apart {
		return v
	}
	return m.settled[journal.Completed]
}

// apart has a distribution's invalidations completed up to what is settled now.
func (m *memory) apart(distribution string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.completed = map[string]cdn.Version{distribution: m.settled[journal.Completed]}
}

func (m *memory) Propose(ctx context.Context, f func(*cdn.State) ([]cdn.Change, error)) (cdn.Version, error) {
	if err := ctx.Err(); err != nil {
		return cdn.Version{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	changes, err := f(m.state)
	if err != nil {
		return cdn.Version{}, err
	}
	state := m.state
	for _, c := range changes {
		c.Version = state.Version.Next()
		if state, err = state.Apply(c); err != nil {
			return cdn.Version{}, err
		}
	}
	m.state = state
	m.changes += len(changes)
	return state.Version, nil
}

// settle makes everything so far effective everywhere.
func (m *memory) settle() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.settled[journal.Deployed], m.settled[journal.Completed] = m.state.Version, m.state.Version
}

// fixture is the API over a journal, with a client of AWS's own.
type fixture struct {
	*sdk.Client
	t       testing.TB
	journal *memory
	handler http.Handler
	server  *httptest.Server
}

func configFor(j api.Journal) api.Config {
	return api.Config{
		Journal: j, Account: testAccount, Zone: testZone, Now: time.Now, Random: rand.Reader,
		Keys:   func(id string) (sigv4.Key, bool) { return sigv4.Key{Secret: testSecret}, id == testKey },
		Logger: slog.New(slog.DiscardHandler),
	}
}

func newFixture(t testing.TB) *fixture { return newFixtureWith(t, func(*api.Config) {}) }

// newFixtureWith is newFixture with another configuration.
func newFixtureWith(t testing.TB, change func(*api.Config)) *fixture {
	j := newMemory()
	cfg := configFor(j)
	change(&cfg)
	f := &fixture{t: t, journal: j, handler: api.Handler(cfg)}
	f.server = httptest.NewServer(f.handler)
	t.Cleanup(f.server.Close)
	f.Client = newClient(f.server.URL)
	return f
}

// plainBody sends bodies that can only be read: smithy-go's own can be copied from
// too, and one that is closed by then fails with EOF (see pause in handler.go).
// Pausing makes that rare, and these tests call too often for rare.
type plainBody struct{ *http.Client }

func (c plainBody) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return c.Client.Do(r)
}

func newClient(url string) *sdk.Client {
	return sdk.New(sdk.Options{
		Region: "us-east-1", BaseEndpoint: &url, RetryMaxAttempts: 1, HTTPClient: plainBody{http.DefaultClient},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: testKey, SecretAccessKey: testSecret}, nil
		}),
	})
}

// request makes a signed request.
func request(method, target, body string) *http.Request {
	r := httptest.NewRequest(method, "http://127.0.0.1:8800"+target, strings.NewReader(body))
	sum := sha256.Sum256([]byte(body))
	sigv4.Sign(r, sigv4.Credentials{AccessKeyID: testKey, SecretAccessKey: testSecret},
		sigv4.Scope{Region: "us-east-1", Service: api.Service}, hex.EncodeToString(sum[:]), time.Now())
	return r
}

// do serves a request without a network.
func (f *fixture) do(r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	return w.Result()
}

// errorCode returns the code in an error's body.
func errorCode(t testing.TB, resp *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := bytes.Cut(body, []byte("<Code>"))
	code, _, closed := bytes.Cut(rest, []byte("</Code>"))
	if !found || !closed {
		t.Fatalf("status %d, not an error document: %s", resp.StatusCode, body)
	}
	return string(code)
}

// wantCode checks that an SDK's error is CloudFront's of that code.
func wantCode(t testing.TB, err error, code cloudfront.Code) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != string(code) {
		t.Fatalf("error %v, want %s", err, code)
	}
	var status interface{ HTTPStatusCode() int }
	if errors.As(err, &status) && status.HTTPStatusCode() != code.Status() {
		t.Fatalf("%s has status %d, want %d", code, status.HTTPStatusCode(), code.Status())
	}
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

// siteConfig is a distribution on a bucket.
func siteConfig(reference string, alter ...func(*types.DistributionConfig)) *types.DistributionConfig {
	cfg := &types.DistributionConfig{
		CallerReference: &reference, Comment: aws.String(""), Enabled: aws.Bool(true),
		Origins: &types.Origins{Quantity: aws.Int32(1), Items: []types.Origin{{
			Id: aws.String("bucket"), DomainName: aws.String("demo.s3.us-east-1.amazonaws.com"),
			S3OriginConfig: &types.S3OriginConfig{OriginAccessIdentity: aws.String("")},
		}}},
		DefaultCacheBehavior: &types.DefaultCacheBehavior{
			TargetOriginId: aws.String("bucket"), ViewerProtocolPolicy: types.ViewerProtocolPolicyRedirectToHttps,
			CachePolicyId: aws.String(cachingOptimized),
		},
	}
	for _, f := range alter {
		f(cfg)
	}
	return cfg
}

func disabled(cfg *types.DistributionConfig) { cfg.Enabled = aws.Bool(false) }

func withAliases(names ...string) func(*types.DistributionConfig) {
	return func(cfg *types.DistributionConfig) {
		cfg.Aliases = &types.Aliases{Quantity: aws.Int32(int32(len(names))), Items: names}
	}
}

// create makes a distribution.
func (f *fixture) create(reference string, alter ...func(*types.DistributionConfig)) *sdk.CreateDistributionOutput {
	f.t.Helper()
	return must(f.CreateDistribution(f.t.Context(), &sdk.CreateDistributionInput{DistributionConfig: siteConfig(reference, alter...)}))(f.t)
}

// invalidate invalidates paths of a distribution.
func (f *fixture) invalidate(id, reference string, paths ...string) (*types.Invalidation, error) {
	out, err := f.CreateInvalidation(f.t.Context(), &sdk.CreateInvalidationInput{DistributionId: &id, InvalidationBatch: &types.InvalidationBatch{
		CallerReference: &reference, Paths: &types.Paths{Quantity: aws.Int32(int32(len(paths))), Items: paths},
	}})
	if err != nil {
		return nil, err
	}
	return out.Invalidation, nil
}

// restore has the journal start anew from its snapshot, as a node does that comes
// late.
func (f *fixture) restore(t testing.TB) {
	t.Helper()
	f.journal.state = must(cdn.Restore(must(f.journal.State().Snapshot())(t)))(t)
}

// resource puts a resource into the journal, as the operation for its kind does.
func (f *fixture) resource(kind cdn.ResourceKind, id, document string) {
	f.t.Helper()
	must(f.journal.Propose(f.t.Context(), func(*cdn.State) ([]cdn.Change, error) {
		c, err := cdn.NewChange(cdn.KindResourcePut, cdn.Resource{Kind: kind, ID: id, Name: id, Document: document}, time.Now())
		return []cdn.Change{c}, err
	}))(f.t)
}
