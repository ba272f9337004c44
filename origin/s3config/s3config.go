// Package s3config holds the sub-resources of a bucket that are documents: what S3
// accepts as one, the form in which it gives it back, and what follows from the
// two on which a request's answer rests, CORS and website.
//
// It is pure. [Parse] reads what a caller put, refuses what S3 would refuse or
// what this store cannot keep its word on, and returns the text that is stored
// and answered from then on; a document of the store is therefore always one
// that Parse made. [CORS.Match] and [Website.Route] decide on a request.
//
// Of what can be stored, these act: publicAccessBlock, tagging (of objects, in
// policies), cors and website. Lifecycle rules, logging, accelerate and the
// encryption rule are kept and given back, and nothing else happens (see
// docs/compatibility.md). What would be a lie to keep is refused: versioning,
// replication, keys of KMS, requester pays, notifications.
package s3config

import (
	"encoding/xml"
	"fmt"
	"unicode/utf8"
)

// Kind is a sub-resource, by the query parameter that names it.
type Kind string

// The sub-resources that are XML documents.
const (
	PublicAccess   Kind = "publicAccessBlock"
	Ownership      Kind = "ownershipControls"
	Tagging        Kind = "tagging"
	CORSRules      Kind = "cors"
	WebsiteRules   Kind = "website"
	Lifecycle      Kind = "lifecycle"
	Encryption     Kind = "encryption"
	Accelerate     Kind = "accelerate"
	Logging        Kind = "logging"
	RequestPayment Kind = "requestPayment"
	Versioning     Kind = "versioning"
	Notification   Kind = "notification"
)

// MaxBytes bounds each of these documents, as S3 bounds most of them.
const MaxBytes = 64 << 10

// Error is a document that is refused: S3's code and a sentence.
type Error struct{ Code, Message string }

func (e *Error) Error() string { return e.Code + ": " + e.Message }

func refuse(code, format string, args ...any) *Error {
	return &Error{code, fmt.Sprintf(format, args...)}
}

const malformed = "The XML you provided was not well-formed or did not validate against our published schema"

// document is one kind's structure: it checks itself and is what is stored.
type document interface{ check() error }

func newDocument(kind Kind) document {
	switch kind {
	case PublicAccess:
		return &Block{}
	case Ownership:
		return &ownership{}
	case Tagging:
		return &Tags{}
	case CORSRules:
		return &CORS{}
	case WebsiteRules:
		return &Website{}
	case Lifecycle:
		return &lifecycle{}
	case Encryption:
		return &encryption{}
	case Accelerate:
		return &accelerate{}
	case Logging:
		return &LoggingStatus{}
	case RequestPayment:
		return &requestPayment{}
	case Versioning:
		return &versioning{}
	case Notification:
		return &notification{}
	}
	return nil
}

// Parse reads a document of a kind and returns it as it is stored and given back.
// Its errors are *Error.
func Parse(kind Kind, doc []byte) (string, error) {
	d := newDocument(kind)
	if d == nil {
		return "", refuse("NotImplemented", "There is no document %s here.", kind)
	}
	if !utf8.Valid(doc) || xml.Unmarshal(doc, d) != nil {
		return "", refuse("MalformedXML", malformed)
	}
	if err := d.check(); err != nil {
		return "", err
	}
	return encode(d), nil
}

// read takes a stored document apart. "" is the zero value.
func read[T any](doc string) (v T, err error) {
	if doc != "" {
		err = xml.Unmarshal([]byte(doc), &v)
	}
	return v, err
}

const xmlns = "http://s3.amazonaws.com/doc/2006-03-01/"

// encode renders a document in S3's namespace; the structures here cannot fail to
// be XML.
func encode(v any) string {
	b, err := xml.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// root is the element that a document is, in S3's namespace. It is filled in when
// a document is encoded, so that one without a namespace is given back in it.
type root struct {
	Xmlns string `xml:"xmlns,attr"`
}

func (r *root) inNamespace() { r.Xmlns = xmlns }

// Empty is what S3 answers where a kind that is never absent was not put: a root
// without content, or the default.
func Empty(kind Kind) string {
	switch kind {
	case Accelerate:
		d := accelerate{}
		d.inNamespace()
		return encode(d)
	case Logging:
		d := LoggingStatus{}
		d.inNamespace()
		return encode(d)
	case Versioning:
		d := versioning{}
		d.inNamespace()
		return encode(d)
	case Notification:
		d := notification{}
		d.inNamespace()
		return encode(d)
	case RequestPayment:
		d := requestPayment{Payer: "BucketOwner"}
		d.inNamespace()
		return encode(d)
	}
	return ""
}
