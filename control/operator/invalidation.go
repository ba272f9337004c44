package operator

import (
	"time"

	"github.com/warmfront/warmfront/cdn"
)

// Invalidation is the answer to
// GET /warmfront/v1/distributions/{distribution}/invalidations/{id}: how far an
// invalidation is, and for whom it is not Completed.
type Invalidation struct {
	ID           string      `json:"id"`
	Distribution string      `json:"distribution"`
	Paths        []string    `json:"paths"`
	CreateTime   time.Time   `json:"create_time"`
	Version      cdn.Version `json:"version"`
	// Status is CloudFront's: InProgress or Completed.
	Status string `json:"status"`
	// WhenIsolated is what edges without a lease do with the distribution.
	WhenIsolated string `json:"when_isolated"`
	// Edges are how many are registered, Acknowledged how many of them have applied
	// the invalidation and said so.
	Edges        int `json:"edges"`
	Acknowledged int `json:"acknowledged"`
	// Fenced are edges that have not and are not waited for: without a lease they
	// serve nothing of the distribution that the origin has not confirmed.
	Fenced  []string  `json:"fenced"`
	Waiting []Waiting `json:"waiting"`
	// QuietLeft is for how long a control that was started waits for leases that its
	// predecessor may have granted.
	QuietLeft time.Duration `json:"quiet_left_ns"`
	// EndsWithin is after which time it is Completed whoever stays away; nil where
	// no time will do, for an edge may serve without a lease.
	EndsWithin *time.Duration `json:"ends_within_ns"`
}

// Waiting is a process that an invalidation waits for.
type Waiting struct {
	Node        string `json:"node"`
	Incarnation uint64 `json:"incarnation"`
	// Replaced is set where another process has joined as the node since, and this
	// one was not seen to end.
	Replaced bool        `json:"replaced,omitempty"`
	Applied  cdn.Version `json:"applied"`
	// LeaseLeft is how long its lease may still run.
	LeaseLeft time.Duration `json:"lease_left_ns"`
	// Endless is set where the end of the lease will not do: the node serves the
	// distribution without one. It must be back, or be forgotten.
	Endless bool `json:"endless"`
}

// The values of Invalidation.Status.
const (
	InProgress = "InProgress"
	Completed  = "Completed"
)
