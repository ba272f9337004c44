package cdn

import (
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/warmfront/warmfront/cdn/document"
	"github.com/warmfront/warmfront/cdn/origins"
)

// nameKey is where a resource, or a distribution (kind ""), is found by what is
// unique among its kind beside the id.
type nameKey struct {
	kind        ResourceKind
	byReference bool // else by name
	value       string
}

// Resource returns a resource, CloudFront's managed policies included; nil if there
// is none.
func (s *State) Resource(kind ResourceKind, id string) *Resource { return s.resources.Get(kind, id) }

// Resources returns what configurations may refer to. Do not change it.
func (s *State) Resources() Resources { return s.resources }

// ResourcesOf returns the account's own resources of a kind, by id: without the
// managed ones. Do not change it.
func (s *State) ResourcesOf(kind ResourceKind) map[string]*Resource { return s.resources[kind] }

// ResourceNamed returns the account's resource of that name, nil if there is none.
func (s *State) ResourceNamed(kind ResourceKind, name string) *Resource {
	return s.resources[kind][s.names[nameKey{kind, false, name}]]
}

// ResourceReferenced returns the resource that was made with that caller reference,
// nil if there is none.
func (s *State) ResourceReferenced(kind ResourceKind, callerReference string) *Resource {
	return s.resources[kind][s.names[nameKey{kind, true, callerReference}]]
}

// DistributionReferenced returns the distribution that was made with that caller
// reference, nil if there is none.
func (s *State) DistributionReferenced(callerReference string) *Distribution {
	return s.Distributions[s.names[nameKey{"", true, callerReference}]]
}

// rename replaces what old was found by with what new is found by. Either may be
// empty.
func (s *State) rename(kind ResourceKind, id string, oldName, oldReference, newName, newReference string) {
	for _, k := range []nameKey{{kind, false, oldName}, {kind, true, oldReference}} {
		if k.value != "" && s.names[k] == id {
			s.names = without(s, s.names, k)
		}
	}
	for _, k := range []nameKey{{kind, false, newName}, {kind, true, newReference}} {
		if k.value != "" && s.names[k] != id {
			s.names = with(s, s.names, k, id)
		}
	}
}

// UserOf names one thing that refers to a resource, for people: "" if nothing does.
func (s *State) UserOf(ref ResourceRef) string {
	for _, p := range s.Plans {
		if p.UsesResource(ref) {
			return "the distribution " + p.ID
		}
	}
	for kind, all := range s.resources {
		for _, r := range all {
			if slices.Contains(r.uses, ref) {
				return "the " + strings.ReplaceAll(string(kind), "-", " ") + " " + r.ID
			}
		}
	}
	return ""
}

// UsesResource reports whether the plan was made with that resource, or would be if it
// existed.
func (p *Plan) UsesResource(ref ResourceRef) bool { return slices.Contains(p.Uses, ref) }

func (s *State) putResource(c Change) error {
	r := &Resource{}
	if err := json.Unmarshal(c.Body, r); err != nil {
		return err
	}
	// A snapshot gives resources no version of the journal: they come before all that
	// may refer to them.
	if !c.Version.IsZero() {
		r.Version = c.Version
	}
	return s.keepResource(r, c.Version)
}

func (s *State) keepResource(r *Resource, v Version) error {
	if err := CheckResource(r); err != nil {
		return err
	}
	if err := r.keepSessions(s.resources[r.Kind][r.ID], v); err != nil {
		return err
	}
	old := cmp.Or(s.resources[r.Kind][r.ID], &Resource{})
	s.resources = with(s, s.resources, r.Kind, with(s, s.resources.of(r.Kind), r.ID, r))
	s.rename(r.Kind, r.ID, old.Name, old.CallerReference, r.Name, r.CallerReference)
	return s.recompile(r.Ref(), v)
}

// of returns the resources of a kind, to be added to.
func (r Resources) of(kind ResourceKind) map[string]*Resource {
	if r[kind] == nil {
		return map[string]*Resource{}
	}
	return r[kind]
}

// recompile renews the plans that a resource is part of: the change is one of their
// distributions too, which are Deployed when nodes have it. Where the plan stays the
// same (a comment, a stage that is not live) it is none.
func (s *State) recompile(ref ResourceRef, v Version) error {
	changed := false
	for id, p := range s.Plans {
		if !p.UsesResource(ref) && (ref.Kind != ResourcePublicKey || !p.UsesResource(everyKey())) {
			continue
		}
		d := *s.Distributions[id]
		n, err := compile(&d, s.resources, true)
		if err != nil {
			return err
		}
		if reflect.DeepEqual(n, p) {
			continue
		}
		d.Version, n.Version = v, v
		s.Distributions = with(s, s.Distributions, id, &d)
		s.Plans = with(s, s.Plans, id, n)
		changed = true
	}
	if changed {
		s.indexHosts()
	}
	return nil
}

func (s *State) deleteResource(c Change) error {
	var ref ResourceRef
	if err := json.Unmarshal(c.Body, &ref); err != nil {
		return err
	}
	return s.dropResource(ref, c.Version)
}

func (s *State) dropResource(ref ResourceRef, v Version) error {
	r := s.resources[ref.Kind][ref.ID]
	if r == nil {
		return nil
	}
	if by := s.UserOf(ref); by != "" { // its snapshot could not be restored
		return ref.InUse(by)
	}
	s.resources = with(s, s.resources, ref.Kind, without(s, s.resources[ref.Kind], ref.ID))
	s.rename(ref.Kind, ref.ID, r.Name, r.CallerReference, "", "")
	if ref.Kind == ResourceKeyValueStore {
		s.values = without(s, s.values, ref.ID)
	}
	return s.recompile(ref, v)
}

// putAccessControl reads the change by which releases before made an origin access
// control.
func (s *State) putAccessControl(c Change) error {
	ac := origins.AccessControl{}
	if err := json.Unmarshal(c.Body, &ac); err != nil {
		return err
	}
	doc := &document.Element{Name: "OriginAccessControlConfig", Children: []*document.Element{
		{Name: "Name", Text: ac.Name}, {Name: "Description", Text: ac.Description},
		{Name: "SigningProtocol", Text: ac.SigningProtocol}, {Name: "SigningBehavior", Text: ac.SigningBehavior},
		{Name: "OriginAccessControlOriginType", Text: ac.OriginType},
	}}
	r := &Resource{
		Kind: ResourceAccessControl, ID: ac.ID, Name: ac.Name, ETag: ac.ETag, Document: doc.XML(),
		Created: c.Time, LastModified: c.Time, Version: c.Version,
	}
	return s.keepResource(r, c.Version)
}

func (s *State) deleteAccessControl(c Change) error {
	id, err := ref(c)
	if err != nil {
		return err
	}
	return s.dropResource(ResourceRef{ResourceAccessControl, id}, c.Version)
}
