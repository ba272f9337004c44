package lb

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The algorithms by which a target is chosen, named as load balancers' attributes name
// them (load_balancing.algorithm.type).
const (
	RoundRobin       = "round_robin"
	LeastOutstanding = "least_outstanding_requests"
)

// Config is what a Balancer is started with.
type Config struct {
	// Addr is where it listens, host:port; Status where it tells of itself, "" nowhere.
	Addr, Status string
	// Targets are asked, host:port each: --target, or the file of --targets.
	Targets []string
	// Algorithm is RoundRobin (also "") or LeastOutstanding.
	Algorithm string
	Health    Health
	// Stickiness is for how long a viewer's cookie holds; 0 is off. Cookie is its name,
	// "" AWSALB.
	Stickiness time.Duration
	Cookie     string
	// Drain is how long a target that was taken away may take for the requests it has,
	// and the whole for those in flight once Run is to end. 0: 300 s, as load balancers
	// have it, and 8 s.
	Drain time.Duration
	// Timeout is how long a target may take for the header of its answer. 0: 60 s.
	Timeout time.Duration
	// AccessLog gets a line for each request; nil: none.
	AccessLog io.Writer
	Logger    *slog.Logger
}

// Health says how targets are checked; the zero value is what load balancers do by
// default, but for the interval.
type Health struct {
	Path              string        // "" is "/"
	Interval, Timeout time.Duration // 0: 10 s and 5 s
	// Healthy and Unhealthy are how many checks in a row change a target's state; 0: 5 and
	// 2. The first check of a new target decides by itself.
	Healthy, Unhealthy int
}

func (c *Config) complete() error {
	c.Algorithm = cmp.Or(c.Algorithm, RoundRobin)
	if c.Algorithm != RoundRobin && c.Algorithm != LeastOutstanding {
		return fmt.Errorf("--algorithm %q: use %s or %s", c.Algorithm, RoundRobin, LeastOutstanding)
	}
	c.Health.Path = cmp.Or(c.Health.Path, "/")
	if !strings.HasPrefix(c.Health.Path, "/") {
		return fmt.Errorf("--health-path %q must begin with a slash", c.Health.Path)
	}
	c.Health.Interval, c.Health.Timeout = cmp.Or(c.Health.Interval, 10*time.Second), cmp.Or(c.Health.Timeout, 5*time.Second)
	c.Health.Healthy, c.Health.Unhealthy = cmp.Or(c.Health.Healthy, 5), cmp.Or(c.Health.Unhealthy, 2)
	if c.Health.Interval < 0 || c.Health.Timeout < 0 || c.Health.Healthy < 0 || c.Health.Unhealthy < 0 || c.Stickiness < 0 || c.Drain < 0 || c.Timeout < 0 {
		return errors.New("a time or a threshold of the load balancer is negative")
	}
	c.Cookie = cmp.Or(c.Cookie, "AWSALB")
	c.Drain, c.Timeout = cmp.Or(c.Drain, 300*time.Second), cmp.Or(c.Timeout, time.Minute)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return CheckTargets(c.Targets)
}

// maxTargets is the quota of a load balancer.
const maxTargets = 1000

// CheckTargets says what is wrong with a list of targets.
func CheckTargets(targets []string) error {
	if len(targets) > maxTargets {
		return fmt.Errorf("%d targets: a load balancer has at most %d", len(targets), maxTargets)
	}
	for i, t := range targets {
		host, port, err := net.SplitHostPort(t)
		if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 || host == "" {
			return fmt.Errorf("the target %q is not HOST:PORT", t)
		}
		if slices.Contains(targets[:i], t) {
			return fmt.Errorf("the target %q is named twice", t)
		}
	}
	return nil
}

// ParseTargets reads a file of targets: {"targets": ["127.0.0.1:3000", "127.0.0.1:3001"]}.
func ParseTargets(text []byte) ([]string, error) {
	var file struct {
		Targets []string `json:"targets"`
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return nil, fmt.Errorf(`the targets are not of the form {"targets": ["HOST:PORT"]}: %w`, err)
	}
	return file.Targets, CheckTargets(file.Targets)
}
