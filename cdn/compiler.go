package cdn

import (
	"github.com/warmfront/warmfront/cdn/document"
	"github.com/warmfront/warmfront/cdn/origins"
)

// compiler makes one Plan: it knows what the configuration may refer to, and notes
// what it does refer to.
type compiler struct {
	resources Resources
	arn       string // the distribution's
	// lenient passes over references that releases before did not look at: a journal
	// may hold configurations with ids of what never was.
	lenient bool
	uses    []ResourceRef
	made    map[ResourceRef]any
}

// use returns what the configuration refers to by an id, compiled: once, however many
// behaviors refer to it. Without the id, or where it is missing and that is passed
// over, it is nil.
func use[T any](c *compiler, kind ResourceKind, id string, compile func(*document.Element, *Resource) (*T, error)) (*T, error) {
	if id == "" {
		return nil, nil
	}
	ref := ResourceRef{kind, id}
	if made, found := c.made[ref]; found {
		return made.(*T), nil
	}
	c.uses = append(c.uses, ref)
	r := c.resources.Get(kind, id)
	if r == nil {
		if c.lenient && kind != ResourceCachePolicy && kind != ResourceAccessControl {
			return nil, nil
		}
		return nil, ref.Missing()
	}
	doc, err := parse(r.Document)
	if err != nil {
		return nil, err
	}
	made, err := compile(doc, r)
	if err != nil {
		return nil, err
	}
	c.made[ref] = made
	return made, nil
}

// byID is a compiler of documents that are told the resource's id alone.
func byID[T any](compile func(*document.Element, string) (*T, error)) func(*document.Element, *Resource) (*T, error) {
	return func(e *document.Element, r *Resource) (*T, error) { return compile(e, r.ID) }
}

// AccessControl is what an origin's id of an origin access control stands for.
func (c *compiler) AccessControl(id string) (*origins.AccessControl, error) {
	return use(c, ResourceAccessControl, id, byID(origins.CompileAccessControl))
}

// AccessIdentity is what an origin's id of an origin access identity stands for.
func (c *compiler) AccessIdentity(id string) (*origins.AccessIdentity, error) {
	return use(c, ResourceAccessIdentity, id, byID(origins.CompileAccessIdentity))
}
