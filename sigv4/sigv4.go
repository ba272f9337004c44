// Package sigv4 signs and verifies AWS Signature Version 4, header form and
// presigned query form, verifies Version 4A, and decodes the aws-chunked bodies that S3 clients
// send. It is pure: now is a parameter, and nothing here keeps state.
//
// What it promises: a request that Verify accepts was made by a holder of the
// secret, within the allowed clock skew, for this service, with the method,
// path, query, host and every x-amz-* header as received; and a body read to
// EOF through Signed.Body is the body that was signed, unless the signer said
// that it signed none (Signed.Payload tells which).
//
// One request goes through it like this: parse the Authorization header (or
// the X-Amz-* query parameters), check the credential scope, look the key up,
// check token and time, rebuild the canonical request (canonical.go), derive
// the signing key and compare in constant time (verify.go). The caller then
// reads the body through Signed.Body (payload.go, chunk.go). Bytes come out of
// that reader before the signature that covers them has been seen, so a
// consumer publishes nothing until it has read io.EOF.
//
// S3 differs from every other service in two ways, both decided by the service
// name "s3": the path is URI-encoded once rather than twice and is never
// normalised, and the payload hash is what X-Amz-Content-Sha256 says.
package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	timeFormat = "20060102T150405Z"
	dateFormat = "20060102"

	// EmptySHA256 is the hex SHA-256 of no bytes: the payload hash of a
	// request without a body.
	EmptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

	// The values of X-Amz-Content-Sha256 that are not a hash.
	UnsignedPayload           = "UNSIGNED-PAYLOAD"
	StreamingPayload          = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	StreamingPayloadTrailer   = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	StreamingUnsignedTrailer  = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	maxPresignExpiry          = 7 * 24 * time.Hour
	defaultSkew               = 15 * time.Minute
	hashHeader                = "X-Amz-Content-Sha256"
	dateHeader                = "X-Amz-Date"
	tokenHeader               = "X-Amz-Security-Token"
	serviceS3                 = "s3"
	chunkStringToSignPrefix   = "AWS4-HMAC-SHA256-PAYLOAD"
	trailerStringToSignPrefix = "AWS4-HMAC-SHA256-TRAILER"
)

// Credentials are what a signer holds.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string // only of temporary credentials
}

// Scope is where a signature is valid: a region and a service, such as
// us-east-1 and cloudfront.
type Scope struct {
	Region  string
	Service string
}

// scopeString is the credential scope of AWS's definition: date, region,
// service and terminator, joined by slashes.
func (s Scope) scopeString(t time.Time) string {
	return strings.Join([]string{t.UTC().Format(dateFormat), s.Region, s.Service, terminator}, "/")
}

// signingKey derives the key of one day, region and service from the secret.
func (s Scope) signingKey(secret string, t time.Time) []byte {
	k := hmacSHA256([]byte("AWS4"+secret), t.UTC().Format(dateFormat))
	k = hmacSHA256(k, s.Region)
	k = hmacSHA256(k, s.Service)
	return hmacSHA256(k, terminator)
}

func hmacSHA256(key []byte, data string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(data))
	return h.Sum(nil)
}

func hexSHA256(data string) string {
	sum := sha256.Sum256([]byte(data))
	return hex.EncodeToString(sum[:])
}

// stringToSign is the text whose HMAC is the signature of a request.
func stringToSign(algorithm string, t time.Time, scope, canonical string) string {
	return strings.Join([]string{algorithm, t.UTC().Format(timeFormat), scope, hexSHA256(canonical)}, "\n")
}
