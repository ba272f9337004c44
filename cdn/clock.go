package cdn

import (
	"encoding/json"
	"time"
)

// SettingClock is the setting that says how a sandbox's time was moved: its value is a Clock.
const SettingClock = "clock"

// MaxAhead is how far a sandbox's time may be moved: ten years.
const MaxAhead = 10 * 365 * 24 * time.Hour

// Clock is how far a sandbox's time is ahead of the real one. Edges of a sandbox go by it for
// freshness, the dates of signed URLs and cookies, and access logs, and for nothing else.
type Clock struct {
	Ahead time.Duration `json:"ahead_ns"`
	// SetBack is the version at which it was last set back, zero where it never was: what was
	// stored before, at a time that is yet to come, is stale.
	SetBack Version `json:"set_back"`
}

// Advanced returns the clock moved ahead by d.
func (c Clock) Advanced(d time.Duration) (Clock, error) {
	switch {
	case d <= 0:
		return c, Errorf("InvalidArgument", "The clock goes forward only, by more than nothing; `warmfront clock reset` sets it back to the real time.")
	case d > MaxAhead-c.Ahead:
		return c, Errorf("InvalidArgument", "The clock can be moved ten years ahead at most; it is %v ahead.", c.Ahead)
	}
	c.Ahead += d
	return c, nil
}

// Reset returns the clock at the real time, if the change that says so has version v.
func (c Clock) Reset(v Version) Clock {
	if c.Ahead != 0 {
		c = Clock{SetBack: v}
	}
	return c
}

// Clock returns how the network's time was moved.
func (s *State) Clock() Clock { return s.clock }

// moveClock notes a setting, if it is that of the clock.
func (s *State) moveClock(v Setting) error {
	if v.Name != SettingClock {
		return nil
	}
	return json.Unmarshal(v.Value, &s.clock)
}
