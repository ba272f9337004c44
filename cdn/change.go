package cdn

import (
	"encoding/json"
	"fmt"
	"time"
)

// Kind says what a Change changes.
type Kind string

// The kinds of change, each with the type of its body.
const (
	KindDistributionPut    Kind = "distribution.put"    // Distribution
	KindDistributionDelete Kind = "distribution.delete" // Ref
	KindInvalidation       Kind = "invalidation.create" // Invalidation
	KindResourcePut        Kind = "resource.put"        // Resource
	KindResourceDelete     Kind = "resource.delete"     // ResourceRef
	KindKeyValues          Kind = "key-values.update"   // KeyValueUpdate
	KindNodeRegister       Kind = "node.register"       // Node
	KindNodeForget         Kind = "node.forget"         // Ref
	KindSetting            Kind = "setting.put"         // Setting

	// In journals of earlier releases: an origin access control is a Resource.
	KindAccessControlPut Kind = "origin-access-control.put"    // origins.AccessControl
	KindAccessControlDel Kind = "origin-access-control.delete" // Ref
)

// Change is one entry of the journal: everything that alters what nodes do is
// one of these.
type Change struct {
	Version Version   `json:"version"`
	Time    time.Time `json:"time"`
	Kind    Kind      `json:"kind"`
	// Schema is the version of Body's form; a node that knows only older ones
	// treats the change as of an unknown kind.
	Schema int `json:"schema,omitempty"`
	// Critical changes may not be skipped: a node that does not know the kind
	// stops applying and is fenced. Others it skips and acknowledges.
	Critical bool            `json:"critical,omitempty"`
	Body     json.RawMessage `json:"body"`
}

// Ref names the thing that a deleting change deletes.
type Ref struct {
	ID string `json:"id"`
}

// Setting is one named value of the network as a whole.
type Setting struct {
	Name  string          `json:"name"`
	Value json.RawMessage `json:"value"`
}

// NewChange makes a change of a kind this release knows, without a version: the
// journal gives it one. All kinds known so far are critical.
func NewChange(kind Kind, body any, now time.Time) (Change, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return Change{}, fmt.Errorf("%s: %w", kind, err)
	}
	return Change{Time: now.UTC().Round(0), Kind: kind, Schema: 1, Critical: true, Body: b}, nil
}
