package lb

// candidate is a target as the algorithms see it.
type candidate struct {
	healthy, draining bool
	outstanding       int64
}

// choose returns the index of the target to ask, -1 if there is none: among the
// healthy, or among all that are not taken away where none is. turn counts requests:
// round robin goes by it, and of targets with the same number of requests outstanding
// the next in turn is taken.
func choose(all []candidate, algorithm string, turn uint64) int {
	may := func(c candidate) bool { return c.healthy && !c.draining }
	n := count(all, may)
	if n == 0 {
		may = func(c candidate) bool { return !c.draining }
		n = count(all, may)
	}
	if n == 0 {
		return -1
	}
	best, skip := -1, int(turn%uint64(n))
	for range 2 { // from the one whose turn it is, round
		for i, c := range all {
			if !may(c) {
				continue
			}
			if skip--; skip >= 0 {
				continue
			}
			if algorithm == RoundRobin {
				return i
			}
			if best < 0 || c.outstanding < all[best].outstanding {
				best = i
			}
		}
	}
	return best
}

func count(all []candidate, may func(candidate) bool) (n int) {
	for _, c := range all {
		if may(c) {
			n++
		}
	}
	return n
}
