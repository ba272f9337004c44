package cdn

import "net/netip"

// Role is what a process of the network does.
type Role string

// The roles.
const (
	RoleControl Role = "control"
	RoleRouter  Role = "router"
	RoleEdge    Role = "edge"
	RoleOrigin  Role = "origin"
)

// Node is one process, as registered in the journal. A registered node counts
// for Deployed and Completed until it is forgotten, whatever gossip says of it.
type Node struct {
	// ID is unique in the network: for an edge its POP's code and its number
	// there, "NRT-1"; for the rest the role and a number, "router-1".
	ID   string `json:"id"`
	Role Role   `json:"role"`
	// POP is the code of the edge location ("NRT"), empty for other roles.
	POP string `json:"pop,omitempty"`
	// K is the node's number within its POP, from 1.
	K int `json:"k,omitempty"`
	// Regional is the AWS region that the node is a regional edge cache of. Viewers are
	// never sent to one; "" for all others.
	Regional string `json:"regional,omitempty"`
	// Addr is the identity address: the one DNS answers give.
	Addr netip.Addr `json:"addr"`
	// Addr6 is the same for AAAA; the zero Addr where the node has none.
	Addr6 netip.Addr `json:"addr6,omitzero"`
	// Endpoint is the address to dial where it differs from Addr (a machine on
	// which only 127.0.0.1 exists); the zero Addr otherwise.
	Endpoint  netip.Addr `json:"endpoint,omitzero"`
	HTTPPort  uint16     `json:"http_port,omitempty"`
	HTTPSPort uint16     `json:"https_port,omitempty"`
	// GossipPort and PeerPort are where other nodes reach it.
	GossipPort uint16 `json:"gossip_port,omitempty"`
	PeerPort   uint16 `json:"peer_port,omitempty"`
	// MetricsPort serves /metrics and /healthz.
	MetricsPort uint16 `json:"metrics_port,omitempty"`
}

// IsRegional reports whether the node is of a regional edge cache.
func (n Node) IsRegional() bool { return n.Regional != "" }

// Dial is the address to connect to for traffic meant for the node.
func (n Node) Dial() netip.Addr {
	if n.Endpoint.IsValid() {
		return n.Endpoint
	}
	return n.Addr
}
