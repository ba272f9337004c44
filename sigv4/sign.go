package sigv4

import (
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Sign adds X-Amz-Date, X-Amz-Security-Token (of temporary credentials),
// X-Amz-Content-Sha256 (for S3) and Authorization to r. Host, Content-Type,
// Content-Md5 and every X-Amz-* header that r holds are signed, so call it
// when those are final; headers that a transport or proxy may add or change
// are left out. payloadHash is the hex SHA-256 of the body, EmptySHA256
// without one, or UnsignedPayload.
func Sign(r *http.Request, c Credentials, s Scope, payloadHash string, now time.Time) {
	r.Header.Del("Authorization")
	r.Header.Set(dateHeader, now.UTC().Format(timeFormat))
	if c.SessionToken != "" {
		r.Header.Set(tokenHeader, c.SessionToken)
	}
	if s.Service == serviceS3 {
		r.Header.Set(hashHeader, payloadHash)
	}
	signed := headersToSign(r.Header)
	// A query that does not decode cannot be verified by anyone: the signature
	// is then made over none, and the server names the fault.
	query, _ := canonicalQuery(r.URL.RawQuery)
	canonical := canonicalRequest(r, s.Service, query, signed, payloadHash)
	signature := hmacSHA256(s.signingKey(c.SecretAccessKey, now), stringToSign(algorithm, now, s.scopeString(now), canonical))
	r.Header.Set("Authorization", algorithm+
		" Credential="+c.AccessKeyID+"/"+s.scopeString(now)+
		", SignedHeaders="+strings.Join(signed, ";")+
		", Signature="+hex.EncodeToString(signature))
}

// Presign returns r's URL with the signature in its query, valid from now for
// expires (at most seven days, as at AWS). The same headers as with Sign are
// signed and must be sent by whoever uses the URL. The payload is not signed
// at S3, and must be empty at any other service.
func Presign(r *http.Request, c Credentials, s Scope, expires time.Duration, now time.Time) *url.URL {
	signed := headersToSign(r.Header)
	u := *r.URL
	q := u.Query()
	q.Set("X-Amz-Algorithm", algorithm)
	q.Set("X-Amz-Credential", c.AccessKeyID+"/"+s.scopeString(now))
	q.Set("X-Amz-Date", now.UTC().Format(timeFormat))
	q.Set("X-Amz-Expires", strconv.Itoa(int(min(expires, maxPresignExpiry)/time.Second)))
	q.Set("X-Amz-SignedHeaders", strings.Join(signed, ";"))
	if c.SessionToken != "" {
		q.Set(tokenHeader, c.SessionToken)
	}
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	payload := UnsignedPayload
	if s.Service != serviceS3 {
		payload = EmptySHA256
	}
	query, _ := canonicalQuery(u.RawQuery)
	canonical := canonicalRequest(r, s.Service, query, signed, payload)
	signature := hmacSHA256(s.signingKey(c.SecretAccessKey, now), stringToSign(algorithm, now, s.scopeString(now), canonical))
	u.RawQuery += "&X-Amz-Signature=" + hex.EncodeToString(signature)
	return &u
}

// headersToSign lists, sorted and in lower case, the headers that AWS says
// must be signed.
func headersToSign(h http.Header) []string {
	signed := []string{"host"}
	for name := range h {
		name = strings.ToLower(name)
		if name == "content-type" || name == "content-md5" || strings.HasPrefix(name, "x-amz-") {
			signed = append(signed, name)
		}
	}
	slices.Sort(signed)
	return slices.Compact(signed)
}
