// Package origins is where a distribution's objects come from: its origins, how each is
// spoken to and for how long it is waited for, who edges say they are, which Origin Shield
// stands before it, and the groups of two of which the second is asked once the first has
// failed.
//
// [Compile] and [CompileGroups] read them of a DistributionConfig; a behavior finds its own
// with [Find].
package origins

import "time"

// Kind says how an origin is spoken to.
type Kind int

// The kinds of origin: any HTTP server, or an S3 bucket's REST endpoint.
const (
	Custom Kind = iota
	S3
)

// Protocol is a custom origin's protocol policy.
type Protocol int

// The origin protocol policies.
const (
	HTTPOnly Protocol = iota
	HTTPSOnly
	MatchViewer
)

// Origin is where objects come from.
type Origin struct {
	ID     string
	Domain string // host name or address literal, no port
	Path   string // prefix for every request, "" or "/…" without a final slash
	Kind   Kind
	// Protocol and the ports are a custom origin's; an S3 origin is reached as
	// the edge's S3 endpoint says.
	Protocol            Protocol
	HTTPPort, HTTPSPort uint16
	// TLS are the versions of TLS that a custom origin may be spoken to by, as they are
	// on the wire, rising; empty: 1.2 and 1.3. SSLv3 is never spoken.
	TLS []uint16
	// Shield is the AWS region of the origin's Origin Shield, "" for none.
	Shield          string
	ConnectAttempts int
	ConnectTimeout  time.Duration
	ReadTimeout     time.Duration
	// CompletionTimeout is for the whole of an answer; 0: no limit.
	CompletionTimeout time.Duration
	KeepaliveTimeout  time.Duration
	CustomHeaders     []HeaderField
	// Host is what the origin is told in place of its Domain or of the viewer's Host, SNI what
	// TLS asks it for, CertificateNames what its certificate may be of and Addresses, "ipv4" or
	// "ipv6", what it is reached at: where a function says so (edge/reroute), else "".
	Host, SNI        string
	CertificateNames []string
	Addresses        string
	AccessControl    *AccessControl  // nil for none
	AccessIdentity   *AccessIdentity // nil for none
}

// HeaderField is one header line.
type HeaderField struct{ Name, Value string }
