package cloudfront

import (
	"bytes"
	"encoding/xml"
	"fmt"
)

// Code is the error code a client acts on.
type Code string

// Codes that CloudFront answers with although its model has none of them: the
// XML it cannot use, the errors common to all AWS services, and the duplicate
// invalidation, which only the documentation of CreateInvalidation names.
const (
	CodeMalformedInput                 Code = "MalformedInput"
	CodeMalformedXML                   Code = "MalformedXML"
	CodeRequestEntityTooLarge          Code = "RequestEntityTooLarge"
	CodeInvalidationBatchAlreadyExists Code = "InvalidationBatchAlreadyExists"
	CodeUnknownOperation               Code = "UnknownOperationException"
	CodeMissingAuthenticationToken     Code = "MissingAuthenticationToken"
	CodeIncompleteSignature            Code = "IncompleteSignature"
	CodeInvalidClientTokenID           Code = "InvalidClientTokenId"
	CodeSignatureDoesNotMatch          Code = "SignatureDoesNotMatch"
	CodeRequestExpired                 Code = "RequestExpired"
	CodeThrottling                     Code = "Throttling"
	CodeServiceUnavailable             Code = "ServiceUnavailable"
	CodeInternalFailure                Code = "InternalFailure"
)

// Status returns the HTTP status that goes with a code; 400 for one that
// neither the model nor this package knows.
func (c Code) Status() int {
	if s := modelStatus(c); s != 0 {
		return s
	}
	switch c {
	case CodeMissingAuthenticationToken, CodeInvalidClientTokenID, CodeSignatureDoesNotMatch:
		return 403
	case CodeUnknownOperation:
		return 404
	case CodeInvalidationBatchAlreadyExists:
		return 409
	case CodeRequestEntityTooLarge:
		return 413
	case CodeServiceUnavailable:
		return 503
	case CodeInternalFailure:
		return 500
	}
	return 400
}

// Errorf returns the Error with this code.
func (c Code) Errorf(format string, args ...any) *Error {
	return &Error{Code: c, Status: c.Status(), Message: fmt.Sprintf(format, args...)}
}

// Error is what CloudFront answers when it does not do what it was asked.
type Error struct {
	Code    Code
	Status  int    // HTTP
	Message string // for a person
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Body returns the document that carries the error to a client, which reads the
// code from it; requestID goes into the header x-amzn-RequestId too.
func (e *Error) Body(version, requestID string) []byte {
	fault := "Sender"
	if e.Status >= 500 {
		fault = "Receiver"
	}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	fmt.Fprintf(&b, `<ErrorResponse xmlns="%s"><Error>`, namespace(version))
	text(&b, "Type", fault)
	text(&b, "Code", string(e.Code))
	text(&b, "Message", e.Message)
	b.WriteString(`</Error>`)
	text(&b, "RequestId", requestID)
	b.WriteString(`</ErrorResponse>`)
	return b.Bytes()
}
