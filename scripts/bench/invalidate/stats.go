package main

import (
	"fmt"
	"slices"
	"syscall"
	"time"
)

// A spread is how a list of times lies.
type spread struct {
	Count int           `json:"count"`
	P50   time.Duration `json:"p50_ns"`
	P99   time.Duration `json:"p99_ns"`
	P999  time.Duration `json:"p999_ns"`
	Most  time.Duration `json:"max_ns"`
}

// spreadOf leaves the list as it is. Of an empty one all is zero.
func spreadOf(list []time.Duration) spread {
	if len(list) == 0 {
		return spread{}
	}
	sorted := slices.Sorted(slices.Values(list))
	at := func(permille int) time.Duration { return sorted[min(len(sorted)-1, len(sorted)*permille/1000)] }
	return spread{len(sorted), at(500), at(990), at(999), sorted[len(sorted)-1]}
}

// median returns the middle of f over list, and its smallest and largest.
func median[T any](list []T, f func(T) time.Duration) (middle, least, most time.Duration) {
	if len(list) == 0 {
		return 0, 0, 0
	}
	var times []time.Duration
	for _, t := range list {
		times = append(times, f(t))
	}
	slices.Sort(times)
	return times[len(times)/2], times[0], times[len(times)-1]
}

// ms writes a time with as many digits as mean something.
func ms(d time.Duration) string {
	switch m := float64(d) / 1e6; {
	case m >= 100 || m <= -100:
		return fmt.Sprintf("%.0f ms", m)
	case m >= 10 || m <= -10:
		return fmt.Sprintf("%.1f ms", m)
	default:
		return fmt.Sprintf("%.2f ms", m)
	}
}

// selfCPU is the CPU time that this process has used.
func selfCPU() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0 // it fails for a bad argument only
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
