package private

import (
	"fmt"
	"strconv"
	"time"
)

// Code is CloudFront's word for why a signature does not let a request pass.
type Code string

// The codes, of which CloudFront publishes no list: the knowledge center has the messages of
// the first two, and answers that others quoted have the rest (belief 592).
const (
	MissingKey         Code = "MissingKey"
	InvalidKey         Code = "InvalidKey"
	MalformedSignature Code = "MalformedSignature"
	MalformedPolicy    Code = "MalformedPolicy"
	AccessDenied       Code = "AccessDenied"
)

// message is what comes with the code.
func (c Code) message() string {
	switch c {
	case MissingKey:
		return "Missing Key-Pair-Id query parameter or cookie value"
	case InvalidKey:
		return "Unknown Key"
	case MalformedSignature:
		return "Could not unencode Signature"
	case MalformedPolicy:
		return "Malformed Policy"
	}
	return "Access denied"
}

// Refusal is why a request is not answered.
type Refusal struct {
	Code Code
	// Why is a sentence for a person, with all that is known.
	Why string
}

// Document is what the viewer is sent, as text/xml: the code and CloudFront's message, and
// nothing of what the policy says.
func (r *Refusal) Document() string {
	return `<?xml version="1.0" encoding="UTF-8"?><Error><Code>` + string(r.Code) + "</Code><Message>" + r.Code.message() + "</Message></Error>"
}

func refuse(code Code, format string, args ...any) *Refusal {
	return &Refusal{code, fmt.Sprintf(format, args...)}
}

// maxQuoted bounds what is repeated of a request.
const maxQuoted = 256

func quoted(s string) string {
	if len(s) > maxQuoted {
		return strconv.QuoteToASCII(s[:maxQuoted]) + " and so on"
	}
	return strconv.QuoteToASCII(s)
}

// when is a time of a policy.
func when(at int64) string { return time.Unix(at, 0).UTC().Format(time.RFC3339) }

// apart is how far a time of a policy is from now.
func apart(at int64, now time.Time) time.Duration {
	return time.Unix(at, 0).Sub(now.Truncate(time.Second)).Abs()
}
