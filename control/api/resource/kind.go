package resource

import (
	"cmp"
	"io"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/api/call"
	"github.com/warmfront/warmfront/control/cloudfront"
)

// kind is a kind of resource as the API has it; C is the shape of its configuration.
type kind[C any] struct {
	of cdn.ResourceKind
	// noun and plural are in the names of the operations: CreateX, ListXs. get and
	// getConfig are other names of GetX and GetXConfig.
	noun, plural, get, getConfig string
	words                        string // in messages
	path                         string // in Location

	newID                    func(io.Reader) (string, error)
	quota                    int // how many an account may have
	tooMany, exists, missing cloudfront.Code

	// identify returns what is unique among the kind: "" for what it has not.
	identify func(*C) (name, reference string)
	// replays is set where a reference that is used again, with the same
	// configuration, gives what was made before.
	replays bool
	// check refuses a configuration whatever else there is.
	check func(*C) error
	// within refuses one beside what there is, in s; r is new, or as it was. Nil: it
	// fits everywhere.
	within func(s *cdn.State, r *cdn.Resource, cfg *C) error
	// update refuses to make was what cfg is. Nil: everything can be changed.
	update func(was, cfg *C) error
	// fill sets what CloudFront shows although it was left out. Nil: nothing.
	fill func(*C)
	// show returns what GetX answers.
	show func(shown[C]) any
	// list returns what ListXs answers.
	list func(*call.Page[shown[C]]) any
}

// shown is a resource with its configuration.
type shown[C any] struct {
	*cdn.Resource
	config *C
}

// etag is what a caller may send as If-Match.
func (r shown[C]) etag() string {
	if r.Managed { // compatibility.md, 304
		return call.FixedETag(r.ID)
	}
	return r.ETag
}

// operations returns the kind's operations.
func (k *kind[C]) operations(s *Service) map[string]call.Operation {
	return map[string]call.Operation{
		"Create" + k.noun:                          func(c *call.Call) (*call.Answer, error) { return k.create(s, c) },
		cmp.Or(k.get, "Get"+k.noun):                func(c *call.Call) (*call.Answer, error) { return k.read(s, c, k.show) },
		cmp.Or(k.getConfig, "Get"+k.noun+"Config"): func(c *call.Call) (*call.Answer, error) { return k.read(s, c, configOf) },
		"Update" + k.noun:                          func(c *call.Call) (*call.Answer, error) { return k.replace(s, c) },
		"Delete" + k.noun:                          func(c *call.Call) (*call.Answer, error) { return k.remove(s, c) },
		"List" + cmp.Or(k.plural, k.noun+"s"):      func(c *call.Call) (*call.Answer, error) { return k.page(s, c) },
	}
}

func configOf[C any](r shown[C]) any { return r.config }

// config reads and checks the configuration in a call.
func (k *kind[C]) config(c *call.Call) (*C, error) {
	cfg, err := call.Decode[C](c)
	if err != nil {
		return nil, err
	}
	return cfg, k.check(cfg)
}

// view returns a resource as clients see it.
func (k *kind[C]) view(r *cdn.Resource) (shown[C], error) {
	cfg, err := document[C](r.Document, r.ID)
	if err == nil && k.fill != nil {
		k.fill(cfg)
	}
	return shown[C]{r, cfg}, err
}

func (k *kind[C]) create(s *Service, c *call.Call) (*call.Answer, error) {
	cfg, err := k.config(c)
	if err != nil {
		return nil, err
	}
	return k.make(s, c, cfg, &cdn.Resource{Kind: k.of, Created: s.now()})
}

// make makes a new resource, which may have what is not in its configuration.
func (k *kind[C]) make(s *Service, c *call.Call, cfg *C, r *cdn.Resource) (*call.Answer, error) {
	r.Name, r.CallerReference = k.identify(cfg)
	replayed := false
	version, err := s.Journal.Propose(c, func(st *cdn.State) (changes []cdn.Change, err error) {
		if other := st.ResourceReferenced(k.of, r.CallerReference); other != nil {
			if k.replays && other.Document == string(cloudfront.Marshal(cloudfront.Version, cfg)) {
				*r, replayed = *other, true
				return nil, nil
			}
			return nil, k.exists.Errorf("The caller reference that you are using to create a %s is associated with another one: %s.", k.words, other.ID)
		}
		if err := k.checkName(st, r); err != nil {
			return nil, err
		}
		if len(st.ResourcesOf(k.of)) >= k.quota {
			return nil, k.tooMany.Errorf("The number of resources of the kind %s in your account would exceed the maximum allowed, %d.", k.words, k.quota)
		}
		if r.ID, err = call.Unused(func(id string) bool { return st.Resource(k.of, id) != nil }, func() (string, error) { return k.newID(s.Random) }); err != nil {
			return nil, err
		}
		return k.put(s, st, r, cfg)
	})
	if err != nil {
		return nil, err
	}
	if !replayed {
		r.Version = version
	}
	return k.answer(r, k.path+"/"+r.ID)
}

// checkName refuses a name that another one of the kind has, a managed one included.
func (k *kind[C]) checkName(st *cdn.State, r *cdn.Resource) error {
	if r.Name == "" {
		return nil
	}
	other := st.ResourceNamed(k.of, r.Name)
	for _, m := range cdn.ManagedPolicies(k.of) {
		if m.Name == r.Name {
			other = m
		}
	}
	if other != nil && other.ID != r.ID {
		return k.exists.Errorf("A %s with the same name already exists: %s.", k.words, other.ID)
	}
	return nil
}

func (k *kind[C]) put(s *Service, st *cdn.State, r *cdn.Resource, cfg *C) ([]cdn.Change, error) {
	if k.within != nil {
		if err := k.within(st, r, cfg); err != nil {
			return nil, err
		}
	}
	changes, err := s.put(r, cfg)
	if err != nil {
		return nil, err
	}
	return changes, cdn.CheckResource(r)
}

func (k *kind[C]) answer(r *cdn.Resource, location string) (*call.Answer, error) {
	v, err := k.view(r)
	if err != nil {
		return nil, err
	}
	return &call.Answer{ETag: v.etag(), Location: location, Body: k.show(v)}, nil
}

// find returns the resource that a call names.
func (k *kind[C]) find(st *cdn.State, c *call.Call) (*cdn.Resource, error) {
	if r := st.Resource(k.of, c.Get("Id")); r != nil {
		return r, nil
	}
	return nil, k.missing.Errorf("The specified %s does not exist.", k.words)
}

func (k *kind[C]) read(s *Service, c *call.Call, show func(shown[C]) any) (*call.Answer, error) {
	r, err := k.find(s.Journal.State(), c)
	if err != nil {
		return nil, err
	}
	v, err := k.view(r)
	if err != nil {
		return nil, err
	}
	return &call.Answer{ETag: v.etag(), Body: show(v)}, nil
}

func (k *kind[C]) replace(s *Service, c *call.Call) (*call.Answer, error) {
	cfg, err := k.config(c)
	if err != nil {
		return nil, err
	}
	var r cdn.Resource
	version, err := s.Journal.Propose(c, func(st *cdn.State) ([]cdn.Change, error) {
		old, err := k.find(st, c)
		if err != nil {
			return nil, err
		}
		if old.Managed {
			return nil, cloudfront.CodeIllegalUpdate.Errorf("The update contains modifications that are not allowed: the %s %s is managed.", k.words, old.ID)
		}
		if err := call.CheckIfMatch(c.IfMatch, old.ETag); err != nil {
			return nil, err
		}
		if k.update != nil {
			was, err := document[C](old.Document, old.ID)
			if err != nil {
				return nil, err
			}
			if err := k.update(was, cfg); err != nil {
				return nil, err
			}
		}
		r = *old
		r.Name, _ = k.identify(cfg)
		if err := k.checkName(st, &r); err != nil {
			return nil, err
		}
		return k.put(s, st, &r, cfg)
	})
	if err != nil {
		return nil, err
	}
	r.Version = version
	return k.answer(&r, "")
}

func (k *kind[C]) remove(s *Service, c *call.Call) (*call.Answer, error) {
	_, err := s.Journal.Propose(c, func(st *cdn.State) ([]cdn.Change, error) {
		r, err := k.find(st, c)
		if err != nil {
			return nil, err
		}
		if r.Managed {
			return nil, cloudfront.CodeIllegalDelete.Errorf("You cannot delete a managed %s.", k.words)
		}
		if err := call.CheckIfMatch(c.IfMatch, r.ETag); err != nil {
			return nil, err
		}
		return s.remove(st, r)
	})
	return &call.Answer{}, err
}

func (k *kind[C]) page(s *Service, c *call.Call) (*call.Answer, error) {
	all := s.Journal.State().ResourcesOf(k.of)
	if managed := cdn.ManagedPolicies(k.of); managed != nil {
		var err error
		if all, err = ofType(c.Get("Type"), managed, all); err != nil {
			return nil, err
		}
	}
	p, err := call.NewPage(c.Params, call.After(all, c.Get("Marker")))
	if err != nil {
		return nil, err
	}
	views := &call.Page[shown[C]]{Marker: p.Marker, MaxItems: p.MaxItems, Next: p.Next}
	for _, r := range p.Items {
		v, err := k.view(r)
		if err != nil {
			return nil, err
		}
		views.Items = append(views.Items, v)
	}
	return &call.Answer{Body: k.list(views)}, nil
}

// items makes what a list holds of the resources on its page.
func items[C, T any](p *call.Page[shown[C]], item func(shown[C]) T) []T {
	var all []T
	for _, r := range p.Items {
		all = append(all, item(r))
	}
	return all
}

func newE(random io.Reader) (string, error) { return call.NewID(random, "E", call.Upper) }
func newK(random io.Reader) (string, error) { return call.NewID(random, "K", call.Upper) }
