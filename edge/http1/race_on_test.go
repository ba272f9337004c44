//go:build race

package http1

// raceEnabled: the race detector makes sync.Pool forget at random.
const raceEnabled = true
