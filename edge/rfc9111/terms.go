package rfc9111

import "time"

// Terms are what a lifetime was summed from, for whoever asks why it is what it is. All are
// times.
type Terms struct {
	Source Source
	// Stated is what the source says, and Aged what is taken from it: under CloudFront's rules
	// the Age that the response came with, under RFC 9111 its age when it was received.
	Stated, Aged time.Duration
	// Least and Most are the bounds: the minimum and the maximum TTL, or the
	// ErrorCachingMinTTL. -Forever and Forever are none.
	Least, Most time.Duration
	// Fresh is the sum, as in Lifetime.
	Fresh time.Duration
}

// JudgeTerms is Judge, and says what the lifetime was summed from: of what may not be stored
// too, as far as it was.
func JudgeTerms(p Policy, q Request, r Response) (Lifetime, Terms) {
	if p.Strict {
		return judgeStrict(q, r)
	}
	return judgeCloudFront(p, r, CacheControl(r.Header))
}
