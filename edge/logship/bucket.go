package logship

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/warmfront/warmfront/sigv4"
)

// Buckets puts objects into buckets over S3's protocol.
type Buckets struct {
	// Endpoint is where buckets are, "http://127.0.0.1:9000"; "": at AWS.
	Endpoint string
	// Credentials are asked for with each object. ErrNotYet says that there are none
	// yet.
	Credentials func() (sigv4.Credentials, error)
	// Delivery has requests say that they are the log delivery's, by DeliveryService and
	// the source's ARN in signed fields: true with the cluster's own key, which stores
	// other than this network's know nothing of.
	Delivery bool
	// Dial connects to the endpoint; nil: net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// ErrNotYet is of what will be there soon: it is not worth a word.
var ErrNotYet = errors.New("the node has not been given a key to sign with yet")

// The signed fields that say who puts an object, and on whose behalf.
const (
	ServiceField    = "X-Amz-Source-Service"
	SourceField     = "X-Amz-Source-Arn"
	DeliveryService = "delivery.logs.amazonaws.com"
)

// Refusal is the answer of a store that does not take an object.
type Refusal struct {
	Status        int
	Code, Message string // S3's
}

func (r *Refusal) Error() string {
	return strings.TrimSpace(fmt.Sprintf("%s (%d) %s", cmp.Or(r.Code, "refused"), r.Status, r.Message))
}

// putLimit is how long one object may take.
const putLimit = 30 * time.Second

// Sender makes the function that puts objects, and what ends its connections.
func (b Buckets) Sender() (put func(context.Context, Object, []byte) error, closeIdle func()) {
	transport := &http.Transport{DialContext: b.Dial, MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second, TLSHandshakeTimeout: 10 * time.Second}
	client := &http.Client{Transport: transport, Timeout: putLimit, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return func(ctx context.Context, o Object, gz []byte) error { return b.put(ctx, client, o, gz) }, transport.CloseIdleConnections
}

func (b Buckets) put(ctx context.Context, client *http.Client, o Object, gz []byte) error {
	key, err := b.Credentials()
	if err != nil {
		return err
	}
	region := cmp.Or(o.Region, "us-east-1")
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, b.base(o, region), bytes.NewReader(gz))
	if err != nil {
		return err
	}
	r.URL.Path += (&url.URL{Path: o.Key}).Path
	r.Header.Set("Content-Type", "application/gzip")
	if strings.HasSuffix(o.Key, ".parquet") {
		r.Header.Set("Content-Type", "application/vnd.apache.parquet")
	}
	if b.Delivery {
		r.Header.Set(ServiceField, DeliveryService)
		r.Header.Set(SourceField, o.Source)
		r.Header.Set("X-Amz-Acl", "bucket-owner-full-control") // which policies ask for
	}
	sum := sha256.Sum256(gz)
	sigv4.Sign(r, key, sigv4.Scope{Region: region, Service: "s3"}, hex.EncodeToString(sum[:]), time.Now())
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }() // all of it that matters was read
	body, _ := io.ReadAll(io.LimitReader(answer.Body, 16<<10))
	if answer.StatusCode < 300 {
		return nil
	}
	refusal := &Refusal{Status: answer.StatusCode}
	var said struct{ Code, Message string }
	if xml.Unmarshal(body, &said) == nil {
		refusal.Code, refusal.Message = said.Code, said.Message
	}
	return refusal
}

// base is the URL of the bucket, with a slash behind it.
func (b Buckets) base(o Object, region string) string {
	switch {
	case b.Endpoint != "":
		return strings.TrimSuffix(b.Endpoint, "/") + "/" + url.PathEscape(o.Bucket) + "/"
	case strings.Contains(o.Bucket, "."): // no certificate is for it as a host name
		return "https://s3." + region + ".amazonaws.com/" + url.PathEscape(o.Bucket) + "/"
	}
	return "https://" + o.Bucket + ".s3." + region + ".amazonaws.com/"
}
