package cdn

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/warmfront/warmfront/cdn/keyvalues"
)

// State is what the journal says up to a version. It is immutable: Apply returns
// another one that shares what did not change.
type State struct {
	Version       Version
	Distributions map[string]*Distribution
	Plans         map[string]*Plan // by distribution id
	Nodes         map[string]Node  // registered nodes by id
	Settings      map[string]json.RawMessage
	clock         Clock // as Settings has it

	resources Resources
	names     map[nameKey]string           // ids, by what else is unique
	values    map[string]*keyvalues.Values // by the id of the key value store

	hosts map[string]*Plan // domain names and aliases, lower case
	// building is true while a snapshot is restored: nobody else has the maps
	// yet, so they are changed in place, and hosts is made at the end.
	building      bool
	invalidations map[string]*purges
	isolation     map[string]Isolation
}

// purges is what was invalidated in one distribution: the index edges ask, and
// the records the API gives back, newest first.
type purges struct {
	index   Invalidations
	records *record
	// count is how many records there are, paths how many paths they name.
	count, paths int
	// dropped is the version of the newest record that is kept no more: a snapshot,
	// which is made of the records, knows single invalidations after it only.
	dropped Version
}

type record struct {
	Invalidation
	older *record
}

// with returns the purges with another one added. The records are bounded as the
// index is; those that may be in progress are always among what is kept (CloudFront
// allows 3,015 paths in progress).
func (p *purges) with(inv Invalidation) *purges {
	n := &purges{
		index: p.index.With(inv.Paths, inv.Version), records: &record{inv, p.records},
		count: p.count + 1, paths: p.paths + len(inv.Paths), dropped: p.dropped,
	}
	if n.count > 2*keptInvalidations || n.paths > maxInvalidated {
		n.cut(keptInvalidations, maxInvalidated/2)
	}
	return n
}

// cut keeps a copy of as many records as there may be, with as many paths, and at
// least one.
func (p *purges) cut(most, mostPaths int) {
	r := p.records
	p.count, p.paths = 0, 0
	for at := &p.records; r != nil; r = r.older {
		if p.count > 0 && (p.count == most || p.paths+len(r.Paths) > mostPaths) {
			*at, p.dropped = nil, r.Version
			return
		}
		*at = &record{Invalidation: r.Invalidation}
		at = &(*at).older
		p.count, p.paths = p.count+1, p.paths+len(r.Paths)
	}
}

// ErrUnknownKind is returned by Apply for a critical change of a kind or schema
// this release does not know: the node must stop applying and be fenced.
var ErrUnknownKind = errors.New("a critical change of a kind this release does not know")

// ErrGap is returned by Apply for a change that is not the one that follows.
var ErrGap = errors.New("the change does not follow the version applied")

// NewState returns the state before the first change of an epoch.
func NewState(epoch uint64) *State {
	return &State{
		Version:       Version{Epoch: epoch},
		Distributions: map[string]*Distribution{}, Plans: map[string]*Plan{},
		Nodes: map[string]Node{}, Settings: map[string]json.RawMessage{},
		resources: Resources{}, names: map[nameKey]string{}, values: map[string]*keyvalues.Values{},
		hosts: map[string]*Plan{}, invalidations: map[string]*purges{},
		isolation: map[string]Isolation{},
	}
}

// Apply returns the state with c applied. Changes are applied contiguously: one
// that is not the next is ErrGap, never skipped over (without it, a lost
// invalidation would go unnoticed). The first change of a newer epoch follows
// from a snapshot, never from Apply.
func (s *State) Apply(c Change) (*State, error) {
	if c.Version != s.Version.Next() {
		return nil, fmt.Errorf("%w: applied %v, given %v", ErrGap, s.Version, c.Version)
	}
	return s.fold(c)
}

// fold applies c without asking whether it is the next one.
func (s *State) fold(c Change) (*State, error) {
	next := *s
	next.Version = c.Version
	apply, known := map[Kind]func(*State, Change) error{
		KindDistributionPut: (*State).putDistribution, KindDistributionDelete: (*State).deleteDistribution,
		KindInvalidation: (*State).invalidate,
		KindResourcePut:  (*State).putResource, KindResourceDelete: (*State).deleteResource,
		KindKeyValues:        (*State).updateKeyValues,
		KindAccessControlPut: (*State).putAccessControl, KindAccessControlDel: (*State).deleteAccessControl,
		KindNodeRegister: (*State).registerNode, KindNodeForget: (*State).forgetNode,
		KindSetting: (*State).set,
	}[c.Kind]
	if !known || c.Schema > 1 {
		if c.Critical {
			return nil, fmt.Errorf("%w: %s, schema %d", ErrUnknownKind, c.Kind, c.Schema)
		}
		return &next, nil
	}
	if err := apply(&next, c); err != nil {
		return nil, fmt.Errorf("change %v, %s: %w", c.Version, c.Kind, err)
	}
	return &next, nil
}

func with[M ~map[K]V, K comparable, V any](s *State, m M, key K, v V) M {
	if !s.building {
		m = maps.Clone(m)
	}
	m[key] = v
	return m
}

func without[M ~map[K]V, K comparable, V any](s *State, m M, key K) M {
	if !s.building {
		m = maps.Clone(m)
	}
	delete(m, key)
	return m
}

func (s *State) putDistribution(c Change) error {
	d := &Distribution{}
	if err := json.Unmarshal(c.Body, d); err != nil {
		return err
	}
	d.Version = c.Version
	p, err := compile(d, s.resources, true)
	if err != nil {
		return err
	}
	if old := s.Distributions[d.ID]; old != nil {
		s.rename("", d.ID, "", old.CallerReference, "", d.CallerReference)
	} else {
		s.rename("", d.ID, "", "", "", d.CallerReference)
	}
	s.Distributions = with(s, s.Distributions, d.ID, d)
	s.Plans = with(s, s.Plans, d.ID, p)
	s.isolate(p, c.Version)
	s.indexHosts()
	return nil
}

func (s *State) deleteDistribution(c Change) error {
	id, err := ref(c)
	if err != nil {
		return err
	}
	if d := s.Distributions[id]; d != nil {
		s.rename("", id, "", d.CallerReference, "", "")
	}
	s.Distributions = without(s, s.Distributions, id)
	s.Plans = without(s, s.Plans, id)
	s.isolation = without(s, s.isolation, id)
	// Should the id ever come back, nothing stored under it before may be served.
	s.invalidations = with(s, s.invalidations, id, &purges{index: Invalidations{}.WithFloor(c.Version)})
	s.indexHosts()
	return s.dropResource(ResourceRef{ResourceMonitoringSubscription, id}, c.Version)
}

func (s *State) indexHosts() {
	if s.building {
		return
	}
	s.hosts = make(map[string]*Plan, len(s.Plans))
	for _, p := range s.Plans {
		s.hosts[p.Domain] = p
		for _, a := range p.Aliases {
			s.hosts[a] = p
		}
	}
}

func (s *State) invalidate(c Change) error {
	var inv Invalidation
	if err := json.Unmarshal(c.Body, &inv); err != nil {
		return err
	}
	inv.Version = c.Version
	old := s.invalidations[inv.Distribution]
	if old == nil {
		old = &purges{}
	}
	s.invalidations = with(s, s.invalidations, inv.Distribution, old.with(inv))
	return nil
}

func (s *State) registerNode(c Change) error {
	var n Node
	err := json.Unmarshal(c.Body, &n)
	s.Nodes = with(s, s.Nodes, n.ID, n)
	return err
}

func (s *State) forgetNode(c Change) error {
	id, err := ref(c)
	s.Nodes = without(s, s.Nodes, id)
	return err
}

func (s *State) set(c Change) error {
	var v Setting
	err := json.Unmarshal(c.Body, &v)
	s.Settings = with(s, s.Settings, v.Name, v.Value)
	return errors.Join(err, s.moveClock(v))
}

func ref(c Change) (string, error) {
	var r Ref
	err := json.Unmarshal(c.Body, &r)
	return r.ID, err
}

// PlanFor returns the plan for a viewer's host name (lower case, no port): by
// domain name, by alias, by the domain name at one POP (see AtPOP), or by the longest alias
// whose "*" stands for what is before it, of however many labels (developer guide, "Use
// custom URLs by adding alternate domain names", wildcards). Nil when no distribution
// answers to it.
func (s *State) PlanFor(host string) *Plan {
	if p := s.hosts[host]; p != nil { // nearly always, and on every request
		return p
	}
	p, _ := s.Named(host)
	return p
}

// Name is by what a distribution answers to a host name.
type Name struct {
	// By is "domain", "alias", "pop" (the domain name at one POP) or "wildcard" (an alias with
	// a "*").
	By string `json:"by"`
	// Name is the distribution's own, with its "*".
	Name string `json:"name"`
}

// Named is PlanFor, and says by which of its names the distribution was found.
func (s *State) Named(host string) (*Plan, Name) {
	if p := s.hosts[host]; p != nil {
		if p.Domain == host {
			return p, Name{"domain", host}
		}
		return p, Name{"alias", host}
	}
	if _, p := s.AtPOP(host); p != nil {
		return p, Name{"pop", p.Domain}
	}
	for {
		_, rest, below := strings.Cut(host, ".")
		if !below {
			return nil, Name{}
		}
		if p := s.hosts["*."+rest]; p != nil {
			return p, Name{"wildcard", "*." + rest}
		}
		host = rest
	}
}

// Invalidations returns the index of what was invalidated in a distribution.
func (s *State) Invalidations(distribution string) Invalidations {
	if p := s.invalidations[distribution]; p != nil {
		return p.index
	}
	return Invalidations{}
}

// LatestInvalidation is the version of the newest invalidation in any distribution,
// one that was deleted included.
func (s *State) LatestInvalidation() Version {
	v := Version{}
	for _, p := range s.invalidations {
		v = v.Max(p.index.Latest())
	}
	return v
}

// InvalidationRecords yields a distribution's invalidations, newest first.
func (s *State) InvalidationRecords(distribution string) func(yield func(Invalidation) bool) {
	return func(yield func(Invalidation) bool) {
		p := s.invalidations[distribution]
		if p == nil {
			return
		}
		for r := p.records; r != nil && yield(r.Invalidation); r = r.older {
		}
	}
}
