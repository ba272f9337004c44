package cdn

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
)

// Snapshot is a State as a list of changes, each with the version it was made
// at, in their order: what a node is sent whose position the journal was
// compacted past, and what it keeps on its own disk.
type Snapshot struct {
	Version Version `json:"version"`
	// Floors gives, for distributions of which older invalidations were left
	// out, the version of the newest one left out: objects at or before it are to
	// be confirmed by the origin.
	Floors map[string]Version `json:"floors,omitempty"`
	// ServedStaleUntil gives, for distributions that were served without a lease,
	// the version at which that was last turned off.
	ServedStaleUntil map[string]Version `json:"served_stale_until,omitempty"`
	Changes          []Change           `json:"changes"`
}

// keptInvalidations is how many of a distribution's invalidations a snapshot
// carries one by one: more than may be in progress (3,015), lest control forgets of
// one while it is.
const keptInvalidations = 4000

// Snapshot returns the state in a form that can be written down.
func (s *State) Snapshot() (Snapshot, error) { return s.SnapshotKeeping(keptInvalidations) }

// SnapshotKeeping is Snapshot with that many of each distribution's invalidations
// kept one by one.
func (s *State) SnapshotKeeping(invalidations int) (Snapshot, error) {
	snap := Snapshot{Version: s.Version, Floors: map[string]Version{}, ServedStaleUntil: map[string]Version{}}
	add := func(kind Kind, v Version, body any) error {
		b, err := json.Marshal(body)
		snap.Changes = append(snap.Changes, Change{Version: v, Kind: kind, Schema: 1, Critical: true, Body: b})
		return err
	}
	var errs []error
	for _, all := range s.resources {
		for _, r := range all {
			errs = append(errs, add(KindResourcePut, Version{}, r))
		}
	}
	for id, v := range s.values {
		errs = append(errs, add(KindKeyValues, Version{}, KeyValueUpdate{id, v.Whole()}))
	}
	for _, d := range s.Distributions {
		errs = append(errs, add(KindDistributionPut, d.Version, d))
	}
	for _, n := range s.Nodes {
		errs = append(errs, add(KindNodeRegister, Version{}, n))
	}
	for name, v := range s.Settings {
		errs = append(errs, add(KindSetting, Version{}, Setting{name, v}))
	}
	for id, p := range s.invalidations {
		floor, kept := p.index.Floor().Max(p.dropped), 0
		for r := p.records; r != nil; r = r.older {
			if kept == invalidations {
				floor = floor.Max(r.Version)
				break
			}
			kept++
			errs = append(errs, add(KindInvalidation, r.Version, r.Invalidation))
		}
		if !floor.IsZero() {
			snap.Floors[id] = floor
		}
	}
	for id, i := range s.isolation {
		if !i.Until.IsZero() {
			snap.ServedStaleUntil[id] = i.Until
		}
	}
	for _, err := range errs {
		if err != nil {
			return Snapshot{}, err
		}
	}
	// What others refer to has the zero version and comes first; of it, what holds
	// values comes after that which they are in.
	later := func(c Change) int {
		if c.Kind == KindKeyValues {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(snap.Changes, func(a, b Change) int {
		return cmp.Or(a.Version.Compare(b.Version), cmp.Compare(later(a), later(b)), cmp.Compare(a.Kind, b.Kind))
	})
	return snap, nil
}

// Restore returns the state that a snapshot holds.
func Restore(snap Snapshot) (*State, error) {
	s := NewState(snap.Version.Epoch)
	s.building = true
	for _, c := range snap.Changes {
		next, err := s.fold(c)
		if err != nil {
			return nil, fmt.Errorf("snapshot %v: %w", snap.Version, err)
		}
		s = next
	}
	for id, floor := range snap.Floors {
		p := s.invalidations[id]
		if p == nil {
			p = &purges{}
		}
		s.invalidations = with(s, s.invalidations, id, &purges{p.index.WithFloor(floor), p.records, p.count, p.paths, floor})
	}
	for id, v := range snap.ServedStaleUntil {
		i := s.isolation[id]
		i.Until = v
		s.isolation = with(s, s.isolation, id, i)
	}
	s.Version = snap.Version
	s.building = false
	s.indexHosts()
	return s, nil
}
