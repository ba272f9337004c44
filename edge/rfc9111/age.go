package rfc9111

import (
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// AgeValue returns what a response says of its age itself (section 5.1): the
// first member counts, and what is no number counts as absent.
func AgeValue(h message.Header) time.Duration {
	items := message.Items(h.Joined("Age"))
	if len(items) == 0 {
		return 0
	}
	return parseDelta(items[0])
}

// InitialAge is corrected_initial_age: the age of a response when it was received
// (section 4.2.3). requestTime is when it was asked for.
func InitialAge(h message.Header, requestTime, responseTime time.Time) time.Duration {
	apparent := max(0, responseTime.Sub(date(h, responseTime)))
	return max(apparent, AgeValue(h)+max(0, responseTime.Sub(requestTime)))
}

// Age is current_age: how old a response is now that had the age initial when it
// was received.
func Age(initial time.Duration, responseTime, now time.Time) time.Duration {
	return initial + max(0, now.Sub(responseTime))
}
