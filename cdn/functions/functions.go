// Package functions is what a cache behavior runs at the events of a request: the code of
// CloudFront Functions, and which Lambda functions.
package functions

import (
	"strings"

	"github.com/warmfront/warmfront/cdn/document"
)

// Function is a CloudFront function as it was published.
type Function struct {
	Name    string
	Runtime string // "cloudfront-js-1.0" or "cloudfront-js-2.0"
	ETag    string // of the stage LIVE: another one is other code
	Code    string
	// KeyValueStores are the ids of those that the code may read.
	KeyValueStores []string
}

// Reroutes reports whether a function may send requests to another origin than their
// behavior's: it names a helper method that does. One that it does not name it cannot call.
func (f *Function) Reroutes() bool {
	if f == nil || f.Runtime != "cloudfront-js-2.0" {
		return false
	}
	for _, name := range [...]string{"updateRequestOrigin", "selectRequestOriginById", "createRequestOriginGroup"} {
		if strings.Contains(f.Code, name) {
			return true
		}
	}
	return false
}

// Lambda is a Lambda function of which a behavior is associated with one version.
type Lambda struct {
	ARN string // ends with the version
	// IncludeBody is whether it is shown the body of requests.
	IncludeBody bool
}

// Lambdas are a behavior's, by the event at which they run; nil: none does.
type Lambdas struct {
	ViewerRequest, OriginRequest, OriginResponse, ViewerResponse *Lambda
}

// At returns where the function for an event is kept, "viewer-request" and so on; nil if
// there is no such event.
func (l *Lambdas) At(event string) **Lambda {
	switch event {
	case "viewer-request":
		return &l.ViewerRequest
	case "origin-request":
		return &l.OriginRequest
	case "origin-response":
		return &l.OriginResponse
	case "viewer-response":
		return &l.ViewerResponse
	}
	return nil
}

// All are those there are, in the order in which they run.
func (l *Lambdas) All() (all []*Lambda) {
	for _, f := range [...]*Lambda{l.ViewerRequest, l.OriginRequest, l.OriginResponse, l.ViewerResponse} {
		if f != nil {
			all = append(all, f)
		}
	}
	return all
}

// OfViewer reports whether one runs at an event of viewers, OfOrigin at one of origins.
func (l *Lambdas) OfViewer() bool { return l.ViewerRequest != nil || l.ViewerResponse != nil }

// OfOrigin is described with OfViewer.
func (l *Lambdas) OfOrigin() bool { return l.OriginRequest != nil || l.OriginResponse != nil }

// Associated reads a LambdaFunctionAssociations; nil has none.
func Associated(doc *document.Element) (l Lambdas) {
	for _, e := range doc.Items() {
		if at := l.At(e.String("EventType")); at != nil && *at == nil {
			*at = &Lambda{ARN: e.String("LambdaFunctionARN"), IncludeBody: e.Bool("IncludeBody")}
		}
	}
	return l
}

// Parse makes a Function of a stage of it: the text is an UpdateFunctionRequest.
func Parse(name, etag, text string) (*Function, error) {
	doc, err := document.Parse(text)
	if err != nil {
		return nil, err
	}
	code, err := doc.Bytes("FunctionCode")
	if err != nil {
		return nil, err
	}
	return &Function{Name: name, Runtime: doc.String("FunctionConfig", "Runtime"), ETag: etag, Code: string(code), KeyValueStores: Stores(doc)}, nil
}

// Stores are the ids of the key value stores that a function may read.
func Stores(doc *document.Element) (ids []string) {
	for _, e := range doc.Items("FunctionConfig", "KeyValueStoreAssociations") {
		if _, id, found := strings.Cut(e.String("KeyValueStoreARN"), ":key-value-store/"); found {
			ids = append(ids, id)
		}
	}
	return ids
}
