package journal

import "time"

// NextEpoch returns the epoch that a journal begins at now which was put back to
// an older state, over being the greatest epoch that is known of. One backup may be
// put back twice, and what was journalled in between is in it neither time: the
// epochs that follow must differ all the same, or two changes have one version, and
// a node that has applied the first never learns of the second. So an epoch is the
// time, in milliseconds; but greater than the last where the clock is behind that.
func NextEpoch(over uint64, now time.Time) uint64 {
	return max(over+1, uint64(max(0, now.UnixMilli())))
}

// EpochLeap is how far beyond its own epoch, and the time, a node's may be that
// control believes: clocks differ. One that claims to have seen more is broken or
// lies, and believing it would use up the numbers there are.
const EpochLeap = uint64(24 * time.Hour / time.Millisecond)

// Plausible reports whether there may be such an epoch at now, for a journal that
// is in epoch own itself.
func Plausible(epoch, own uint64, now time.Time) bool {
	most := max(own, uint64(max(0, now.UnixMilli())))
	return epoch <= most || epoch-most <= EpochLeap
}
