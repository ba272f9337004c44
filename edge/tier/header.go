package tier

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/span"
	"github.com/warmfront/warmfront/edge/message"
)

// prefix begins the names of all fields of the protocol.
const prefix = "Warmfront-"

const (
	fieldLevel        = prefix + "Level"        // what the asked node is asked as
	fieldDistribution = prefix + "Distribution" // the distribution's id
	fieldBehavior     = prefix + "Behavior"     // the pattern of the behavior, if the path does not tell it
	fieldLeast        = prefix + "Least"        // epoch.number that must have been applied
	fieldConfirm      = prefix + "Confirm"      // "1": the origin's own word is needed
	fieldPassing      = prefix + "Passing"      // "1": the request is not to be answered by a cache
	fieldRerouted     = prefix + "Rerouted"     // where a function sent the request (edge/reroute)
	fieldViewer       = prefix + "Viewer"       // "192.0.2.7:1234 https 2.0"
	fieldID           = prefix + "Id"           // the request's X-Amz-Cf-Id
	fieldTraceparent  = prefix + span.Traceparent
	fieldTracestate   = prefix + span.Tracestate

	fieldBirth      = prefix + "Birth"      // epoch.number of what is answered
	fieldCompressed = prefix + "Compressed" // quoted: the origin's entity tag of what a tier compressed
	fieldResult     = prefix + "Result"     // what a viewer would be told that the cache did
	fieldFailed     = prefix + "Failed"     // quoted: why the origin gave no answer
	fieldPassed     = prefix + "Passed"     // why this tier gives none
	fieldWorking    = prefix + "Working"    // until the next sign of life, in milliseconds
)

// Own reports whether a field is of the protocol between tiers. Neither viewers nor
// origins get to see one or are believed one.
func Own(name string) bool {
	return len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
}

// Strip removes the protocol's fields.
func Strip(h *message.Header) { h.Filter(func(f message.Field) bool { return !Own(f.Name) }) }

// Ask is what an asker tells a tier beside the viewer's request.
type Ask struct {
	// Level is the tier's own; Do sets it.
	Level        Level
	Distribution string
	// Behavior is the pattern of the behavior, where it is not the path's: a function has
	// changed that. "" otherwise.
	Behavior string
	// Rerouted says where a function sent the request, if not to the behavior's target.
	Rerouted string
	// Least must have been applied by the tier: then it knows of every invalidation
	// that the asker knew of when it asked (D). Newest is that of the newest one of
	// what is asked for; it is not sent, but holds the answer to account.
	Least, Newest cdn.Version
	// Confirm asks for what the origin has confirmed after the request: the asker
	// has no lease (K).
	Confirm bool
	// Passing asks that the request be handed to the origin, and to no other, and its
	// answer back: nothing of it is cached (belief 461).
	Passing bool
	// Viewer, Scheme, Major and Minor are those of the viewer's request; ID is its
	// X-Amz-Cf-Id.
	Viewer       netip.AddrPort
	Scheme       string
	Major, Minor int
	ID           string
	// Trace is the span that the asking is, the zero Context for none.
	Trace span.Context
	// Timeout is how long a piece of the body may take. It is not sent either.
	Timeout time.Duration
}

// Accepts reports whether what was born then answers the ask: a tier knows better
// than to send anything older, but is not trusted to (D).
func (a Ask) Accepts(birth cdn.Version) bool {
	return a.Passing || birth.Epoch == a.Least.Epoch && !birth.Before(a.Newest)
}

// rerouted follows the level where a function sent the request elsewhere: a node of a
// release that knows nothing of that knows no such level, and is passed over, instead of
// asking the wrong origin.
const rerouted = "+rerouted"

func (a Ask) appendTo(l Level, h *message.Header) {
	if a.Rerouted == "" {
		h.Add(fieldLevel, l.String())
	} else {
		h.Add(fieldLevel, l.String()+rerouted)
		h.Add(fieldRerouted, a.Rerouted)
	}
	h.Add(fieldDistribution, a.Distribution)
	h.Add(fieldLeast, a.Least.String())
	if a.Confirm {
		h.Add(fieldConfirm, "1")
	}
	if a.Passing {
		h.Add(fieldPassing, "1")
	}
	if a.Behavior != "" {
		h.Add(fieldBehavior, a.Behavior)
	}
	h.Add(fieldViewer, a.Viewer.String()+" "+a.Scheme+" "+strconv.Itoa(a.Major)+"."+strconv.Itoa(a.Minor))
	h.Add(fieldID, a.ID)
	if a.Trace.Valid() {
		h.Add(fieldTraceparent, a.Trace.String())
		if a.Trace.State != "" {
			h.Add(fieldTracestate, a.Trace.State)
		}
	}
}

// parseAsk reads what appendTo wrote.
func parseAsk(h message.Header) (a Ask, err error) {
	for _, name := range [...]string{fieldLevel, fieldDistribution, fieldLeast, fieldViewer, fieldID} {
		if err := once(h, name); err != nil {
			return a, err
		}
	}
	level, elsewhere := strings.CutSuffix(h.Get(fieldLevel), rerouted)
	var ok bool
	if a.Level, ok = parseLevel(level); !ok {
		return a, fmt.Errorf("the level %q is none to ask at", h.Get(fieldLevel))
	}
	if a.Rerouted = h.Get(fieldRerouted); elsewhere != (a.Rerouted != "") {
		return a, errors.New("it is not clear which origin is to be asked")
	}
	if a.Least, err = cdn.ParseVersion(h.Get(fieldLeast)); err != nil {
		return a, err
	}
	a.Distribution, a.ID = h.Get(fieldDistribution), h.Get(fieldID)
	a.Confirm, a.Passing = h.Has(fieldConfirm), h.Has(fieldPassing)
	a.Behavior = h.Get(fieldBehavior)
	a.Trace = span.Parse(h.Get(fieldTraceparent), h.Get(fieldTracestate))
	parts := strings.Split(h.Get(fieldViewer), " ")
	if len(parts) != 3 {
		return a, errors.New("the viewer is not of the form ADDRESS SCHEME VERSION")
	}
	if a.Viewer, err = netip.ParseAddrPort(parts[0]); err != nil {
		return a, err
	}
	if a.Scheme = parts[1]; a.Scheme != "http" && a.Scheme != "https" {
		return a, fmt.Errorf("the scheme %q is no viewer's", a.Scheme)
	}
	version := parts[2]
	if len(version) != 3 || version[0] < '0' || version[0] > '9' || version[1] != '.' || version[2] < '0' || version[2] > '9' {
		return a, fmt.Errorf("the version %q is not of the form 1.1", version)
	}
	a.Major, a.Minor = int(version[0]-'0'), int(version[2]-'0')
	return a, nil
}

func once(h message.Header, name string) error {
	n := 0
	for _, f := range h {
		if strings.EqualFold(f.Name, name) && f.Value != "" {
			n++
		}
	}
	if n != 1 {
		return fmt.Errorf("%d fields %s, one is needed", n, name)
	}
	return nil
}

// Answer is what a tier says of its answer.
type Answer struct {
	// Birth is the version at which the fetch, or the last confirmation, of what is
	// answered began, at the tier nearest the origin.
	Birth cdn.Version
	// Compressed is set where a tier compressed the body; OriginTag is then the
	// origin's entity tag, if it was changed.
	Compressed bool
	OriginTag  string
	// Result is what the caches of this tier and those above did for it: Hit,
	// RefreshHit or ShieldHit; "" where the origin was asked for it. Where Failed is set
	// it is the result type of the function that failed, "" if none did.
	Result string
	// Failed, where it is set, says to a person why the origin gave no answer: the
	// status is what viewers are told then.
	Failed string
	// Passed, where it is set, says in one word why the tier does not answer.
	Passed string
}

// The results that an answer may have, as viewers are told them.
const (
	Hit        = "Hit"
	RefreshHit = "RefreshHit"
	ShieldHit  = "OriginShieldHit"
)

// The reasons for which a tier does not answer.
const (
	Lagging     = "lagging"     // it has not applied what the asker needs
	Unknown     = "unknown"     // it does not serve the distribution
	Uncacheable = "uncacheable" // by its plan nothing is cached
	malformed   = "malformed"   // what was asked is not of the protocol
)

func (a Answer) appendTo(h *message.Header) {
	if !a.Birth.IsZero() {
		h.Add(fieldBirth, a.Birth.String())
	}
	if a.Compressed {
		h.Add(fieldCompressed, strconv.QuoteToASCII(a.OriginTag))
	}
	if a.Result != "" {
		h.Add(fieldResult, a.Result)
	}
	if a.Failed != "" {
		h.Add(fieldFailed, strconv.QuoteToASCII(a.Failed))
	}
	if a.Passed != "" {
		h.Add(fieldPassed, a.Passed)
	}
}

var errNoAnswer = errors.New("the answer is not of the protocol between tiers")

// parseAnswer reads what appendTo wrote. An answer has a birth, a failure or a
// reason to pass the tier over; one that has none comes from something else.
func parseAnswer(h message.Header) (a Answer, err error) {
	switch a.Passed = h.Get(fieldPassed); a.Passed {
	case "":
	case Lagging, Unknown, Uncacheable, malformed:
		return a, nil
	default:
		a.Passed = "other" // of a later release
		return a, nil
	}
	if failed := h.Get(fieldFailed); failed != "" {
		if a.Failed, err = strconv.Unquote(failed); err != nil || a.Failed == "" {
			return a, errNoAnswer
		}
		a.Result = h.Get(fieldResult)
		return a, nil
	}
	if once(h, fieldBirth) != nil {
		return a, errNoAnswer
	}
	if a.Birth, err = cdn.ParseVersion(h.Get(fieldBirth)); err != nil || a.Birth.IsZero() {
		return a, errNoAnswer
	}
	switch a.Result = h.Get(fieldResult); a.Result {
	case Hit, RefreshHit, ShieldHit:
	default:
		a.Result = "" // of a later release
	}
	if tag := h.Get(fieldCompressed); tag != "" {
		a.Compressed = true
		if a.OriginTag, err = strconv.Unquote(tag); err != nil {
			return a, errNoAnswer
		}
	}
	return a, nil
}

// Satisfies reports whether a node that has applied a version may answer an asker
// that needs least: it knows then of all that the asker knew of. Versions of
// different epochs do not compare.
func Satisfies(applied, least cdn.Version) bool {
	return applied.Epoch == least.Epoch && !applied.Before(least)
}

// working is the interim answer that says that a tier is at work, and within what
// time it says so again.
const working = 102

func sayWorking(next time.Duration) message.Header {
	return message.Header{{Name: fieldWorking, Value: strconv.FormatInt(next.Milliseconds(), 10)}}
}

// parseWorking reads what sayWorking wrote; false for an interim answer that is
// not the tier's own.
func parseWorking(status int, h message.Header) (time.Duration, bool) {
	ms, err := strconv.ParseUint(h.Get(fieldWorking), 10, 32)
	return time.Duration(ms) * time.Millisecond, status == working && err == nil
}
