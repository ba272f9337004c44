package http2

import "time"

// A viewer can make a server work with frames that ask for nothing: PING and
// SETTINGS that want an answer each (CVE-2019-9512, -9515), requests reset as soon
// as they are made (CVE-2023-44487), empty DATA (CVE-2019-9518), windows opened
// byte by byte (CVE-2019-9511), CONTINUATION without end (CVE-2024-27316). Each of
// them is also something that honest viewers send now and then. So every
// connection has a budget: such frames draw on it, time and answers refill it, and
// who has used it up is told to calm down.
const (
	fullBudget      = 1000
	budgetPerSecond = 100

	costFrame  = 1 // PING, PRIORITY, empty DATA, a small WINDOW_UPDATE, CONTINUATION, an unknown frame
	costChange = 5 // SETTINGS
	costStream = 4 // a request made in vain: reset, refused, malformed

	refundAnswer = 4 // a request that was answered to its end
)

// smallWindow is how much a WINDOW_UPDATE must open to cost nothing.
const smallWindow = 1024

type budget struct {
	left  int
	since time.Time
}

// spend takes cost off and reports whether there was enough.
func (b *budget) spend(cost int, now time.Time) error {
	if b.left -= cost; b.left >= 0 {
		return nil
	}
	// The clock refills it only when it is empty: nobody else has to ask.
	b.left += min(fullBudget, int(now.Sub(b.since).Seconds()*budgetPerSecond))
	b.since = now
	if b.left < 0 {
		return connError{codeEnhanceYourCalm, "too many frames that ask for nothing"}
	}
	return nil
}

func (b *budget) refund(n int) { b.left = min(b.left+n, fullBudget) }
