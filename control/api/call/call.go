// Package call is what the operations of CloudFront's API have in common, whatever they
// are about: the call and its answer, ids and ETags, the precondition If-Match, and the
// pages of lists.
//
// It decides nothing: an operation is given a Call that was found authentic, takes from
// it what it needs, and returns an Answer, which the caller of the operation writes.
package call

import (
	"context"

	"github.com/warmfront/warmfront/control/cloudfront"
)

// Call is one request that was found authentic.
type Call struct {
	context.Context
	Params  cloudfront.Params
	Body    []byte
	IfMatch string
}

// Get returns a parameter of the call by the API's name.
func (c *Call) Get(name string) string { return c.Params.Get(name) }

type callerKey struct{}

// WithCaller returns a context of a call by whoever has an access key, by its id.
func WithCaller(ctx context.Context, accessKeyID string) context.Context {
	return context.WithValue(ctx, callerKey{}, accessKeyID)
}

// Caller is the id of the access key of whoever calls, "" where that is not known.
func Caller(ctx context.Context) string {
	id, _ := ctx.Value(callerKey{}).(string)
	return id
}

// Decode reads the body of a call into its shape.
func Decode[T any](c *Call) (*T, error) {
	v := new(T)
	return v, cloudfront.Decode(c.Body, c.Params.Version, v)
}

// Answer is what an operation answers, besides the status, which is the operation's
// own.
type Answer struct {
	ETag     string
	Location string // path beneath the version
	// Body is a shape, or a Raw; nil for none.
	Body any
}

// Raw is a body that is no XML.
type Raw struct {
	ContentType string
	Bytes       []byte
}

// Operation does one of CloudFront's operations.
type Operation func(*Call) (*Answer, error)

// CheckIfMatch checks that a caller has seen the newest version of a thing, by the
// header that it sent. Called inside a proposal to the journal, it refuses one of two
// updates on the same ETag.
func CheckIfMatch(ifMatch, etag string) error {
	switch {
	case !IsETag(ifMatch):
		return cloudfront.CodeInvalidIfMatchVersion.Errorf("The If-Match version is missing or not valid for the resource.")
	case ifMatch != etag:
		return cloudfront.CodePreconditionFailed.Errorf("The request failed because it didn't meet the preconditions in one or more request-header fields.")
	}
	return nil
}
