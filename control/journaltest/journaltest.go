// Package journaltest is a journal in memory for the tests of what is built on one.
package journaltest

import (
	"context"
	"sync"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/journal"
)

// Journal applies what is proposed at once. What has settled is what Settle was
// given last.
type Journal struct {
	mu      sync.Mutex
	state   *cdn.State
	settled cdn.Version
	secrets map[string][]byte
}

// New returns an empty journal.
func New() *Journal { return &Journal{state: cdn.NewState(1), secrets: map[string][]byte{}} }

// State returns the newest state.
func (j *Journal) State() *cdn.State {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.state
}

// Propose applies the changes that f makes of the newest state.
func (j *Journal) Propose(_ context.Context, f func(*cdn.State) ([]cdn.Change, error)) (cdn.Version, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	next := j.state
	changes, err := f(next)
	if err != nil {
		return cdn.Version{}, err
	}
	for _, c := range changes {
		c.Version = next.Version.Next()
		if next, err = next.Apply(c); err != nil {
			return cdn.Version{}, err
		}
	}
	j.state = next
	return next.Version, nil
}

// Settle says that everything up to v is effective.
func (j *Journal) Settle(v cdn.Version) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.settled = v
}

// Settled is the version up to which changes are effective, in every scope.
func (j *Journal) Settled(journal.Scope) cdn.Version {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.settled
}

// Secret returns a secret kept by name, nil where there is none.
func (j *Journal) Secret(name string) ([]byte, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.secrets[name], nil
}

// PutSecret keeps a secret; nil removes it.
func (j *Journal) PutSecret(name string, value []byte) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.secrets[name] = value
	return nil
}
