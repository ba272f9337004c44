package store

import (
	"context"
	"errors"
)

// The errors of a Shared store.
var (
	// ErrNotLeader is the answer to a write of a control that does not lead, or
	// cannot be sure of what it has written and must not go on from there.
	ErrNotLeader = errors.New("this control does not lead")
	// ErrUnknown is the answer to a write of which nobody can say whether it was
	// made. Whoever asked for it leads no more, and reads the journal anew.
	ErrUnknown = errors.New("the store has not said whether this was written")
)

// Leader is who leads among the controls that share a store.
type Leader struct {
	// ID names the control; API is the URL of its API, by which others reach it.
	ID  string `json:"id"`
	API string `json:"api"`
	// Reign is another with each change of leader; zero before the first.
	Reign int64 `json:"-"`
	// Mark is another with each renewal; zero if the leader has resigned.
	Mark int64 `json:"-"`
}

// Shared is a Store that several controls share, each through one of its own. One
// of them leads: every Append, Compact and Put is made if its store's control is
// the leader at that very moment, and refused with ErrNotLeader otherwise.
//
// It knows nothing of time. A leader renews, a standby looks and waits: package
// journal says for how long.
type Shared interface {
	Store
	// Leader returns who leads, as everybody's last write left it.
	Leader(ctx context.Context) (Leader, error)
	// Take makes this control the leader if nobody has renewed, resigned or taken
	// over since seen was; ErrNotLeader if somebody has. After any other error it
	// does not lead either, though others may see that it does.
	Take(ctx context.Context, seen, own Leader) error
	// Renew tells the others that the leader is there; ErrNotLeader if it does not
	// lead any more, in which case nothing more of it is written.
	Renew(ctx context.Context) error
	// Resign lets others take over at once. The caller has stopped leading.
	Resign(ctx context.Context) error
}
