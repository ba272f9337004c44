package operator

import (
	"fmt"
	"time"

	"github.com/warmfront/warmfront/cdn"
)

// Node is what `warmfront nodes` shows of one node.
type Node struct {
	cdn.Node
	// Applied is the version the node acknowledged last.
	Applied cdn.Version `json:"applied"`
	// LeaseLeft is how much longer control must take the node to be serving; 0
	// where it holds no lease.
	LeaseLeft time.Duration `json:"lease_left_ns"`
	// Fenced is set where the node certainly holds none: see control.NodeStatus.
	Fenced bool `json:"fenced"`
	// Incarnation counts how often the node has joined.
	Incarnation uint64 `json:"incarnation"`
	// Follows is another journal than control's that the node keeps to: control has
	// lost its own, or is not the one that the node knows.
	Follows string `json:"follows,omitempty"`
	// Gossip is the state its peers give it: alive, suspect, dead, left or "".
	Gossip string `json:"gossip,omitempty"`
	// Fault is the fault in force on it, in a sandbox.
	Fault string `json:"fault,omitempty"`
}

// Nodes is the answer to GET /warmfront/v1/nodes.
type Nodes struct {
	Head cdn.Version `json:"head"`
	// Journal names the journal that the head is of.
	Journal string `json:"journal"`
	Nodes   []Node `json:"nodes"`
}

// RoundTrips is the answer to GET /warmfront/v1/round-trips: what edges have measured.
type RoundTrips struct {
	Ways []Way `json:"ways"`
	// Silent are the edges that could not be asked.
	Silent []string `json:"silent,omitempty"`
}

// Way is a round trip from one POP to another, by their codes: of several nodes of the first
// the least.
type Way struct {
	From string        `json:"from"`
	To   string        `json:"to"`
	Time time.Duration `json:"round_trip_ns"`
}

// LeaseText says how long the node's lease runs. Control that has just started
// knows of no lease, and not that there is none.
func (n Node) LeaseText() string {
	switch {
	case n.LeaseLeft > 0:
		return n.LeaseLeft.Round(100 * time.Millisecond).String()
	case n.Fenced:
		return "fenced"
	}
	return "unknown"
}

// Keepers says which nodes keep to another journal than control's, and what to do;
// nothing where none does.
func (a Nodes) Keepers() (lines []string) {
	for _, n := range a.Nodes {
		if n.Follows != "" {
			lines = append(lines, fmt.Sprintf("%s keeps to another journal, %s up to %v, and is fenced.", n.ID, n.Follows, n.Applied))
		}
	}
	if len(lines) > 0 {
		lines = append(lines, "Control has lost its journal, or is another one: restore its data folder from a backup. To give up what only",
			"these nodes still know, start each of them with --adopt-journal "+a.Journal)
	}
	return lines
}
