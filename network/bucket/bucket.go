// Package bucket reads objects for control: the files that key value stores are imported
// from. They are read with the access key of whoever asks for it, so that it is the object
// store that decides who may.
package bucket

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/warmfront/warmfront/sigv4"
)

// Reader reads objects at one endpoint.
type Reader struct {
	// Endpoint is where buckets are, "http://127.0.0.1:9000".
	Endpoint string
	// Keys are the access keys that there are.
	Keys sigv4.Lookup
	// Dial connects to the endpoint; nil: net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// limit is for the whole of an object.
const limit = 30 * time.Second

// Read returns an object, at most so many bytes of it, and the status that the object store
// answers with: 200 where the object is there and the access key may read it. The error is of
// a store that does not answer.
func (r Reader) Read(ctx context.Context, accessKey, bucket, key string, most int64) ([]byte, int, error) {
	k, found := r.Keys(accessKey)
	if !found {
		return nil, http.StatusForbidden, nil
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(r.Endpoint, "/")+"/"+url.PathEscape(bucket)+"/", nil)
	if err != nil {
		return nil, 0, err
	}
	req.URL.Path += key
	sigv4.Sign(req, sigv4.Credentials{AccessKeyID: accessKey, SecretAccessKey: k.Secret}, sigv4.Scope{Region: "us-east-1", Service: "s3"}, sigv4.EmptySHA256, time.Now())
	transport := &http.Transport{DialContext: r.Dial, DisableKeepAlives: true, TLSHandshakeTimeout: 10 * time.Second}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return nil, 0, fmt.Errorf("the object store at %s: %w", r.Endpoint, err)
	}
	defer func() { _ = resp.Body.Close() }() // all of it that matters was read
	body, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if err != nil {
		return nil, 0, fmt.Errorf("the object store at %s: %w", r.Endpoint, err)
	}
	return body, resp.StatusCode, nil
}
