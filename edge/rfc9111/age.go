package rfc9111

import (
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// AgeValue returns what a response says of its age itself (section 5.1): of
// several lines or members the first counts, and what is no number counts as
// absent.
func AgeValue(h message.Header) time.Duration {
	for item := range message.Members(h.Get("Age")) {
		return parseDelta(item)
	}
	return 0
}

// InitialAge is corrected_initial_age: the age of a response when it was received
// (section 4.2.3). requestTime is when it was asked for.
func InitialAge(h message.Header, requestTime, responseTime time.Time) time.Duration {
	apparent := since(date(h, responseTime), responseTime)
	return max(apparent, min(AgeValue(h)+since(requestTime, responseTime), maxDelta))
}

// InitialAge is that of a response.
func (r Response) InitialAge() time.Duration {
	return InitialAge(r.Header, r.RequestTime, r.ResponseTime)
}

// Age is current_age: how old a response is now that had the age initial when it
// was received.
func Age(initial time.Duration, responseTime, now time.Time) time.Duration {
	return min(initial+since(responseTime, now), maxDelta)
}

// since is how long ago then was, never negative and never more than maxDelta: so
// sums and differences of a few such times cannot overflow.
func since(then, now time.Time) time.Duration { return min(max(0, now.Sub(then)), maxDelta) }
