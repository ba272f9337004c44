package result

import (
	"strconv"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/accesslog"
	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/fetch"
	"github.com/warmfront/warmfront/edge/fieldencryption"
	"github.com/warmfront/warmfront/edge/tier"
)

// Outcome is what was done with a request: it becomes header fields, metrics, a log line
// and a span. It is written by the request's own goroutine alone.
type Outcome struct {
	Type Type
	Sent int // the answer's status
	Hit  bool
	// Forward says why the origin was asked, in RFC 9211's words, and Status what
	// it answered.
	Forward   string
	Status    int
	Stored    bool
	Collapsed bool
	TTL       time.Duration
	Detail    string // as Cache-Status has it
	// Failover says why a group's second origin was asked, "" if it was not.
	Failover string
	// Timing is of the origin, if it was asked for this request; nil where it was not.
	Timing *fetch.Timing
	// From is what the answer was made of, or Birth since when what was not stored
	// holds; Failure says why there is neither.
	From    *cache.Object
	Birth   cdn.Version
	Failure string
	// ErrorType is CloudFront's detailed result type of an error, where it is known.
	ErrorType string
	// Document is the body of an error that is no page, but XML; else "".
	Document string
	// Encryption is what became of a form whose fields are encrypted, "" where none are,
	// and Encrypted how many were.
	Encryption fieldencryption.Status
	Encrypted  int
	// Uncounted is set on what is no request of a viewer's for an object: the routers' own
	// questions, and those for an explanation.
	Uncounted bool
}

// AppendCacheStatus appends the member of Cache-Status for the cache of that name (RFC 9211).
func (o *Outcome) AppendCacheStatus(b []byte, name string) []byte {
	b = append(b, name...)
	switch {
	case o.Hit:
		b = append(b, "; hit; ttl="...)
		b = strconv.AppendInt(b, int64(o.TTL/time.Second), 10)
	case o.Forward != "":
		b = append(append(b, "; fwd="...), o.Forward...)
		if o.Status != 0 {
			b = strconv.AppendInt(append(b, "; fwd-status="...), int64(o.Status), 10)
		}
		if o.Stored {
			b = strconv.AppendInt(append(b, "; stored; ttl="...), int64(o.TTL/time.Second), 10)
		}
		if o.Collapsed {
			b = append(b, "; collapsed"...)
		}
	}
	switch {
	case o.Detail != "":
		b = append(append(b, "; detail="...), o.Detail...)
	case o.Failover != "" && !o.Hit:
		b = append(append(b, "; detail=failover-"...), o.Failover...)
	}
	return b
}

// Told is an outcome in the words of access logs (developer guide, "Standard logging
// reference"): Result when the answer had gone out, Response before that, and Detail.
type Told struct{ Result, Response, Detail string }

// Tell says what came of a request whose method the behavior allows or not, and whose
// answer broke off or, if broken is nil, did not.
func (o *Outcome) Tell(allowed bool, broken error) Told {
	name := o.Type.String()
	t := Told{name, name, name}
	if o.Type == ShieldHit { // is a detailed result type alone
		t.Result, t.Response = tier.Hit, tier.Hit
	}
	switch {
	case o.Type == Error:
		t.Detail = o.errorType(allowed)
	case o.Type.Failed(): // a function's failure is its own result, wherever it is told
	case broken != nil:
		t.Result, t.Detail = Error.String(), DetailOfBroken(broken)
	case o.Failover != "" && !o.Hit:
		t.Detail = accesslog.OriginFailover
	}
	return t
}

// errorType is the detailed result type of an answer that is an error.
func (o *Outcome) errorType(allowed bool) string {
	switch forwarded := o.Forward != ""; {
	case o.ErrorType != "":
		return o.ErrorType
	case forwarded && o.Status >= 500:
		return accesslog.OriginError
	case forwarded || o.Hit || o.Sent >= 500 && o.Sent != 508:
		return Error.String()
	case o.Sent == 421:
		return accesslog.InvalidRequestCertificate
	case o.Sent == 431:
		return accesslog.InvalidRequestHeader
	case !allowed:
		return accesslog.InvalidRequestMethod
	case o.Sent == 403:
		return accesslog.InvalidRequestBlocked
	}
	return accesslog.InvalidRequest
}
