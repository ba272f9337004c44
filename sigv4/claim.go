package sigv4

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// claim is what a request says of its own signature, unverified.
type claim struct {
	accessKeyID          string
	day, region, service string
	scope                string // as written: day/region/service/aws4_request
	date                 time.Time
	signed               []string
	signature            string
	token                string
	presigned            bool
	asymmetric           bool // Version 4A
	expires              time.Duration
}

// Claimed returns by which key and for which service a request says that it is
// signed, "" where it does not: unverified, to tell what it is meant for.
func Claimed(r *http.Request) (accessKeyID, service string) {
	c, err := parseClaim(r)
	if err != nil {
		return "", ""
	}
	return c.accessKeyID, c.service
}

// algorithm names the one that the claim is signed by.
func (c *claim) algorithm() string {
	if c.asymmetric {
		return asymmetricAlgorithm
	}
	return algorithm
}

func parseClaim(r *http.Request) (*claim, error) {
	headers := r.Header.Values("Authorization")
	q := r.URL.Query()
	inQuery := q.Has("X-Amz-Algorithm") || q.Has("X-Amz-Signature") || q.Has("X-Amz-Credential")
	switch {
	case len(headers) == 0 && !inQuery:
		return nil, &Error{Reason: MissingAuthentication}
	case len(headers) > 0 && inQuery, len(headers) > 1:
		return nil, &Error{Reason: TwoMechanisms}
	case inQuery:
		return parseQuery(q)
	}
	return parseHeader(headers[0], r.Header)
}

// parseHeader reads "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…,
// Signature=…", each field once, in any order.
func parseHeader(auth string, h http.Header) (*claim, error) {
	c := &claim{token: h.Get(tokenHeader)}
	rest, ok := strings.CutPrefix(auth, algorithm)
	if !ok {
		rest, c.asymmetric = strings.CutPrefix(auth, asymmetricAlgorithm)
		ok = c.asymmetric
	}
	if !ok || rest == "" || (rest[0] != ' ' && rest[0] != '\t') {
		return nil, &Error{Reason: UnsupportedScheme}
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if _, dup := fields[name]; !ok || dup {
			return nil, refuse(Malformed, "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature', once each.")
		}
		fields[name] = value
	}
	c.signature = fields["Signature"]
	date := h.Get(dateHeader)
	if date == "" {
		date = h.Get("Date")
	}
	if problem := c.fill(fields["Credential"], fields["SignedHeaders"], date); problem != "" {
		return nil, refuse(Malformed, "The authorization header is malformed; %s", problem)
	}
	return c, nil
}

// parseQuery reads a presigned URL. Each parameter must be there exactly once:
// with two, signer and server could mean different ones.
func parseQuery(q url.Values) (*claim, error) {
	for _, name := range []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature"} {
		if len(q[name]) != 1 {
			return nil, refuse(MalformedQuery, "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
		}
	}
	if len(q[tokenHeader]) > 1 || len(q[hashHeader]) > 1 {
		return nil, refuse(MalformedQuery, "X-Amz-Security-Token and X-Amz-Content-Sha256 may each be given once.")
	}
	if q.Get("X-Amz-Algorithm") != algorithm {
		return nil, refuse(MalformedQuery, "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"")
	}
	seconds, err := strconv.ParseUint(q.Get("X-Amz-Expires"), 10, 32)
	if err != nil {
		return nil, refuse(MalformedQuery, "X-Amz-Expires should be a number")
	}
	c := &claim{signature: q.Get("X-Amz-Signature"), token: q.Get(tokenHeader), presigned: true, expires: time.Duration(seconds) * time.Second}
	if c.expires > maxPresignExpiry {
		return nil, refuse(MalformedQuery, "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds")
	}
	if problem := c.fill(q.Get("X-Amz-Credential"), q.Get("X-Amz-SignedHeaders"), q.Get("X-Amz-Date")); problem != "" {
		return nil, refuse(MalformedQuery, "Error parsing the query-string authentication; %s", problem)
	}
	return c, nil
}

// fill parses what both forms share and returns what is wrong with it, or "".
func (c *claim) fill(credential, signed, date string) (problem string) {
	// An access key ID holds no slash, the scope is its last four parts.
	parts := strings.Split(credential, "/")
	if c.asymmetric { // its scope has no region
		if len(parts) != 4 {
			return "the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/SERVICE/aws4_request\"."
		}
		parts = slices.Insert(parts, 2, "*")
	}
	if len(parts) != 5 || slices.Contains(parts, "") || parts[4] != terminator {
		return "the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\"."
	}
	c.accessKeyID, c.day, c.region, c.service = parts[0], parts[1], parts[2], parts[3]
	_, c.scope, _ = strings.Cut(credential, "/")
	if c.asymmetric && !isAsymmetricSignature(c.signature) {
		return "the Signature must be a DER-encoded one in lower-case hexadecimal digits."
	}
	if !c.asymmetric && !isHex64(c.signature) {
		return "the Signature must be 64 lower-case hexadecimal digits."
	}
	c.signed = strings.Split(signed, ";")
	if signed == "" || !slices.IsSorted(c.signed) || len(slices.Compact(slices.Clone(c.signed))) != len(c.signed) || signed != strings.ToLower(signed) {
		return "SignedHeaders must be lower-case header names, sorted and separated by semicolons."
	}
	t, err := time.Parse(timeFormat, date)
	if err != nil {
		if t, err = http.ParseTime(date); err != nil {
			return "a valid X-Amz-Date, such as 20130524T000000Z, is required."
		}
	}
	c.date = t.UTC()
	return ""
}
