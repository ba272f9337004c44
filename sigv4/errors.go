package sigv4

import (
	"fmt"
	"time"
)

// Reason is why a request was not accepted, whatever the service.
type Reason int

const (
	// MissingAuthentication: neither an Authorization header nor a signature in
	// the query. A caller that serves anonymous requests tests for this one.
	MissingAuthentication Reason = iota + 1
	// UnsupportedScheme: an Authorization header of another kind (Signature
	// Version 2, Version 4A where it is not taken, Basic).
	UnsupportedScheme
	// TwoMechanisms: header and query both carry a signature.
	TwoMechanisms
	// Malformed: the Authorization header cannot be read.
	Malformed
	// MalformedQuery: the X-Amz-* query parameters cannot be read.
	MalformedQuery
	// WrongScope: the credential is for another service, region or day.
	WrongScope
	// UnknownKey: no such access key.
	UnknownKey
	// InvalidToken: a session token that is missing, unexpected or not the key's.
	InvalidToken
	// ExpiredToken: the temporary credentials are past their time.
	ExpiredToken
	// Skewed: the request's time is too far from the server's.
	Skewed
	// Expired: a presigned URL past its time.
	Expired
	// NotYetValid: a presigned URL dated in the future.
	NotYetValid
	// HeadersNotSigned: Host or an X-Amz-* header is outside the signature.
	HeadersNotSigned
	// BadPayloadHash: X-Amz-Content-Sha256 is missing or not a known value.
	BadPayloadHash
	// Mismatch: the signature is wrong.
	Mismatch
	// BodyMismatch: the body is not the one whose hash was signed.
	BodyMismatch
	// MalformedBody: an aws-chunked body that cannot be decoded.
	MalformedBody
	// IncompleteBody: the body ended early, or is longer than announced.
	IncompleteBody
)

// Error says why a request or its body was refused. S3 and Query give the
// code, sentence and status in AWS's two dialects.
type Error struct {
	Reason Reason
	Detail string // a sentence that replaces the dialect's own where it says more

	// With Mismatch: what the server signed, for the client to compare. S3
	// returns both to the caller; they hold nothing that the request did not.
	AccessKeyID      string
	StringToSign     string
	CanonicalRequest string

	// With Skewed: when the request was signed, what time it is here, and how far
	// apart they may be.
	RequestTime, ServerTime time.Time
	MaxSkew                 time.Duration
}

func (e *Error) Error() string {
	code, message, _ := e.Query()
	return "sigv4: " + code + ": " + message
}

type rendering struct {
	code    string
	status  int
	message string
}

// S3 returns the error as Amazon S3 words it.
func (e *Error) S3() (code, message string, status int) { return e.render(s3Rendering(e.Reason)) }

// Query returns the error as CloudFront, IAM, STS and their kind word it.
func (e *Error) Query() (code, message string, status int) {
	return e.render(queryRendering(e.Reason))
}

// JSON returns the error as the services word it that speak JSON (ACM and its kind).
func (e *Error) JSON() (code, message string, status int) {
	code, message, status = e.Query()
	switch code {
	case "MissingAuthenticationToken", "IncompleteSignature":
		return code + "Exception", message, 400
	case "InvalidClientTokenId":
		return "UnrecognizedClientException", message, 400
	case "SignatureDoesNotMatch":
		return "InvalidSignatureException", message, 400
	case "ExpiredToken":
		return "ExpiredTokenException", message, 400
	case "MalformedInput":
		return "SerializationException", message, 400
	}
	return code, message, status
}

func (e *Error) render(r rendering) (code, message string, status int) {
	if e.Detail != "" {
		return r.code, e.Detail, r.status
	}
	return r.code, r.message, r.status
}

func s3Rendering(reason Reason) rendering {
	switch reason {
	case MissingAuthentication:
		return rendering{"AccessDenied", 403, "Access Denied"}
	case UnsupportedScheme:
		return rendering{"InvalidRequest", 400, "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."}
	case TwoMechanisms:
		return rendering{"InvalidArgument", 400, "Only one auth mechanism allowed"}
	case Malformed, WrongScope:
		return rendering{"AuthorizationHeaderMalformed", 400, "The authorization header is malformed"}
	case MalformedQuery:
		return rendering{"AuthorizationQueryParametersError", 400, "Error parsing the X-Amz-Credential parameter"}
	case UnknownKey:
		return rendering{"InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records."}
	case InvalidToken:
		return rendering{"InvalidToken", 400, "The provided token is malformed or otherwise invalid."}
	case ExpiredToken:
		return rendering{"ExpiredToken", 400, "The provided token has expired."}
	case Skewed:
		return rendering{"RequestTimeTooSkewed", 403, "The difference between the request time and the current time is too large."}
	case Expired:
		return rendering{"AccessDenied", 403, "Request has expired"}
	case NotYetValid:
		return rendering{"AccessDenied", 403, "Request is not valid yet"}
	case HeadersNotSigned:
		return rendering{"AccessDenied", 403, "There were headers present in the request which were not signed"}
	case BadPayloadHash:
		return rendering{"InvalidRequest", 400, "Missing required header for this request: x-amz-content-sha256"}
	case BodyMismatch:
		return rendering{"XAmzContentSHA256Mismatch", 400, "The provided 'x-amz-content-sha256' header does not match what was computed."}
	case MalformedBody:
		return rendering{"InvalidRequest", 400, "The aws-chunked body is malformed."}
	case IncompleteBody:
		return rendering{"IncompleteBody", 400, "The request body terminated unexpectedly"}
	default:
		return rendering{"SignatureDoesNotMatch", 403, "The request signature we calculated does not match the signature you provided. Check your key and signing method."}
	}
}

func queryRendering(reason Reason) rendering {
	switch reason {
	case MissingAuthentication:
		return rendering{"MissingAuthenticationToken", 403, "Missing Authentication Token"}
	case UnsupportedScheme, Malformed, MalformedQuery, TwoMechanisms:
		return rendering{"IncompleteSignature", 400, "The request signature does not conform to AWS standards."}
	case UnknownKey, InvalidToken:
		return rendering{"InvalidClientTokenId", 403, "The security token included in the request is invalid."}
	case ExpiredToken:
		return rendering{"ExpiredToken", 403, "The security token included in the request is expired"}
	case Skewed, Expired, NotYetValid:
		return rendering{"SignatureDoesNotMatch", 403, "Signature expired or not yet current"}
	case HeadersNotSigned:
		return rendering{"SignatureDoesNotMatch", 403, "'Host' and every 'X-Amz-' header must be signed in the Authorization header."}
	case IncompleteBody, MalformedBody:
		return rendering{"MalformedInput", 400, "The request body is malformed."}
	default:
		return rendering{"SignatureDoesNotMatch", 403, "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."}
	}
}

func refuse(reason Reason, format string, args ...any) *Error {
	return &Error{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}
