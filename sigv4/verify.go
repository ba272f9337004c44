package sigv4

import (
	"crypto/hmac"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Key is what the verifier knows of an access key.
type Key struct {
	Secret  string
	Token   string    // set for temporary credentials: requests must carry it
	Expires time.Time // zero: never
}

// Lookup finds the key of an access key ID. It is called on attacker-chosen
// IDs, before anything is known of the caller.
type Lookup func(accessKeyID string) (Key, bool)

// Verifier checks requests to one service.
type Verifier struct {
	Service string // "s3", "cloudfront", …: must be the scope's
	Region  string // "" accepts any: CloudFront is us-east-1 whatever the client's region
	Lookup  Lookup
	Skew    time.Duration // how far clocks may differ; 0 means AWS's 15 minutes
	// Asymmetric takes Signature Version 4A as well, in the Authorization header.
	Asymmetric bool
}

// Signed is what a verified signature says.
type Signed struct {
	AccessKeyID   string
	Region        string
	Date          time.Time
	SignedHeaders []string // lower case
	Presigned     bool
	// Payload is the signed payload hash or one of UnsignedPayload,
	// StreamingPayload, StreamingPayloadTrailer and StreamingUnsignedTrailer.
	Payload string

	scope     string
	key       []byte
	signature string
}

// Covers tells whether the named header was part of the signature.
func (s *Signed) Covers(header string) bool {
	return slices.Contains(s.SignedHeaders, strings.ToLower(header))
}

// Verify checks the signature of r. bodySHA256 is the hex SHA-256 of the body
// for services other than S3, whose callers read the (small) body first; for
// S3 it is ignored and the body is to be read through Signed.Body. Every error
// is an *Error.
func (v Verifier) Verify(r *http.Request, bodySHA256 string, now time.Time) (*Signed, error) {
	c, err := parseClaim(r)
	if err != nil {
		return nil, err
	}
	if c.asymmetric && !v.Asymmetric {
		return nil, &Error{Reason: UnsupportedScheme}
	}
	if c.asymmetric {
		if err := v.checkRegionSet(r, c); err != nil {
			return nil, err
		}
	}
	if err := v.checkScope(c); err != nil {
		return nil, err
	}
	key, ok := v.Lookup(c.accessKeyID)
	if !ok || key.Secret == "" {
		return nil, &Error{Reason: UnknownKey, AccessKeyID: c.accessKeyID}
	}
	if err := checkToken(key, c.token, now); err != nil {
		return nil, err
	}
	if err := v.checkTime(c, now); err != nil {
		return nil, err
	}
	if err := checkCoverage(r, c); err != nil {
		return nil, err
	}
	payload, err := v.payload(r, c, bodySHA256)
	if err != nil {
		return nil, err
	}
	query, ok := canonicalQuery(r.URL.RawQuery)
	if !ok {
		return nil, refuse(MalformedQuery, "The query string contains an escape that cannot be decoded.")
	}
	signingKey := Scope{Region: c.region, Service: c.service}.signingKey(key.Secret, c.date)
	var mismatch error
	for _, path := range paths(r.URL, v.Service) {
		canonical := canonicalRequestFor(r, path, query, c.signed, payload)
		sts := stringToSign(c.algorithm(), c.date, c.scope, canonical)
		if c.asymmetric && checkAsymmetric(c, key, sts) || !c.asymmetric && equalSignature(hmacSHA256(signingKey, sts), c.signature) {
			mismatch = nil
			break
		}
		if mismatch == nil { // the canonical one is told
			mismatch = &Error{Reason: Mismatch, AccessKeyID: c.accessKeyID, StringToSign: sts, CanonicalRequest: canonical}
		}
	}
	if mismatch != nil {
		return nil, mismatch
	}
	return &Signed{
		AccessKeyID: c.accessKeyID, Region: c.region, Date: c.date, SignedHeaders: c.signed,
		Presigned: c.presigned, Payload: payload, scope: c.scope, key: signingKey, signature: c.signature,
	}, nil
}

// equalSignature compares in constant time: a timing difference would let a
// stranger find a valid signature digit by digit.
func equalSignature(want []byte, got string) bool {
	return hmac.Equal([]byte(hex.EncodeToString(want)), []byte(got))
}

func (v Verifier) checkScope(c *claim) error {
	s3 := v.Service == serviceS3
	switch {
	case c.service != v.Service && s3:
		return refuse(WrongScope, "The authorization header is malformed; incorrect service %.64q. This endpoint belongs to %q.", c.service, v.Service)
	case c.service != v.Service:
		return refuse(WrongScope, "Credential should be scoped to correct service: '%s'.", v.Service)
	case v.Region != "" && c.region != v.Region && s3:
		return refuse(WrongScope, "The authorization header is malformed; the region '%.64s' is wrong; expecting '%s'", c.region, v.Region)
	case v.Region != "" && c.region != v.Region && !c.asymmetric:
		return refuse(WrongScope, "Credential should be scoped to a valid region, not '%.64s': expecting '%s'.", c.region, v.Region)
	case c.day != c.date.Format(dateFormat) && s3:
		return refuse(WrongScope, "Invalid credential date %.16q. This date is not the same as X-Amz-Date: %q.", c.day, c.date.Format(dateFormat))
	case c.day != c.date.Format(dateFormat):
		return refuse(WrongScope, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%.16s' != '%s'.", c.day, c.date.Format(dateFormat))
	}
	return nil
}

func checkToken(key Key, token string, now time.Time) error {
	if subtle.ConstantTimeCompare([]byte(key.Token), []byte(token)) != 1 {
		return &Error{Reason: InvalidToken}
	}
	if !key.Expires.IsZero() && !now.Before(key.Expires) {
		return &Error{Reason: ExpiredToken}
	}
	return nil
}

// checkTime bounds replays: a header signature is good for the skew to either
// side, a presigned one from its date (less the skew) until it expires.
func (v Verifier) checkTime(c *claim, now time.Time) error {
	skew := v.Skew
	if skew == 0 {
		skew = defaultSkew
	}
	ahead := c.date.Sub(now)
	switch {
	case c.presigned && ahead > skew:
		return &Error{Reason: NotYetValid}
	case c.presigned && -ahead > c.expires:
		return &Error{Reason: Expired}
	case !c.presigned && (ahead > skew || -ahead > skew):
		return v.skewed(c.date, now, skew)
	}
	return nil
}

// skewed says by how much: S3 in fields of its own, others in a sentence.
func (v Verifier) skewed(date, now time.Time, skew time.Duration) *Error {
	e := &Error{Reason: Skewed, RequestTime: date, ServerTime: now, MaxSkew: skew}
	stamp := func(t time.Time) string { return t.UTC().Format(timeFormat) }
	switch {
	case v.Service == serviceS3:
	case date.Before(now):
		e.Detail = fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - %d min.)", stamp(date), stamp(now.Add(-skew)), stamp(now), int(skew.Minutes()))
	default:
		e.Detail = fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + %d min.)", stamp(date), stamp(now.Add(skew)), stamp(now), int(skew.Minutes()))
	}
	return e
}

// checkCoverage refuses a request with an X-Amz-* header outside the
// signature: whoever is between signer and server could have added it, and
// such headers change what a request does (x-amz-copy-source, x-amz-acl).
func checkCoverage(r *http.Request, c *claim) error {
	if !slices.Contains(c.signed, "host") {
		return &Error{Reason: HeadersNotSigned}
	}
	for name := range r.Header {
		name = strings.ToLower(name)
		if !strings.HasPrefix(name, "x-amz-") || slices.Contains(c.signed, name) {
			continue
		}
		// S3 clients may put the payload hash beside a presigned URL unsigned;
		// the query form does not take its payload hash from there.
		if c.presigned && name == "x-amz-content-sha256" {
			continue
		}
		return refuse(HeadersNotSigned, "There were headers present in the request which were not signed: %.128s", name)
	}
	return nil
}

// payload is the payload hash that the canonical request ends with.
func (v Verifier) payload(r *http.Request, c *claim, bodySHA256 string) (string, error) {
	if v.Service != serviceS3 {
		return bodySHA256, nil
	}
	value := r.Header.Get(hashHeader)
	if c.presigned && !slices.Contains(c.signed, "x-amz-content-sha256") {
		value = r.URL.Query().Get(hashHeader)
		if value == "" {
			value = UnsignedPayload
		}
	}
	switch value {
	case UnsignedPayload, StreamingPayload, StreamingPayloadTrailer, StreamingUnsignedTrailer:
		return value, nil
	case "":
		return "", &Error{Reason: BadPayloadHash}
	}
	if !isHex64(value) {
		return "", refuse(BadPayloadHash, "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, a STREAMING- form that this server knows, or a valid sha256 value.")
	}
	return value, nil
}

func isHex64(s string) bool {
	if len(s) != 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
