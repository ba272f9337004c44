package resource

import (
	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/api/call"
	"github.com/warmfront/warmfront/control/cloudfront"
)

// What an account may have (compatibility.md, 303), and a name.
const (
	maxStoresPerAccount = 50
	maxStoreName        = 64
)

func (s *Service) storeOperations() map[string]call.Operation {
	return map[string]call.Operation{
		"CreateKeyValueStore":   s.createStore,
		"DescribeKeyValueStore": s.describeStore,
		"UpdateKeyValueStore":   s.updateStore,
		"DeleteKeyValueStore":   s.deleteStore,
		"ListKeyValueStores":    s.listStores,
	}
}

func (s *Service) createStore(c *call.Call) (*call.Answer, error) {
	in, err := call.Decode[cloudfront.CreateKeyValueStoreRequest](c)
	if err != nil {
		return nil, err
	}
	if err := checkName(in.Name, maxStoreName); err != nil {
		return nil, err
	}
	values, err := s.importSource(c, in.ImportSource)
	if err != nil {
		return nil, err
	}
	r := &cdn.Resource{Kind: cdn.ResourceKeyValueStore, Name: in.Name, Created: s.now()}
	if in.Tags != nil {
		if r.Tags, err = s.Tags(*in.Tags); err != nil {
			return nil, err
		}
	}
	r.Version, err = s.Journal.Propose(c, func(st *cdn.State) (_ []cdn.Change, err error) {
		if other := st.ResourceNamed(r.Kind, r.Name); other != nil {
			return nil, cloudfront.CodeEntityAlreadyExists.Errorf("The key value store already exists: %s is the name of %s.", r.Name, other.ID)
		}
		if len(st.ResourcesOf(r.Kind)) >= maxStoresPerAccount {
			return nil, cloudfront.CodeEntityLimitExceeded.Errorf("You have reached the maximum number of key value stores for this account, %d.", maxStoresPerAccount)
		}
		if r.ID, err = call.Unused(func(id string) bool { return st.Resource(r.Kind, id) != nil }, func() (string, error) { return call.NewUUID(s.Random) }); err != nil {
			return nil, err
		}
		made, err := s.put(r, &cloudfront.UpdateKeyValueStoreRequest{Comment: cloudfront.Or(in.Comment, "")})
		if err != nil {
			return nil, err
		}
		filled, err := s.fill(r.ID, values)
		return append(made, filled...), err
	})
	if err != nil {
		return nil, err
	}
	return s.storeAnswer(r, cdn.Version{}, "key-value-store/"+r.Name)
}

// storeAnswer shows a store. It is ready once every node has it (compatibility.md, 308).
func (s *Service) storeAnswer(r *cdn.Resource, settled cdn.Version, location string) (*call.Answer, error) {
	shown, err := s.store(r, settled)
	return &call.Answer{ETag: r.ETag, Location: location, Body: shown}, err
}

func (s *Service) store(r *cdn.Resource, settled cdn.Version) (*cloudfront.KeyValueStore, error) {
	body, err := document[cloudfront.UpdateKeyValueStoreRequest](r.Document, r.ID)
	if err != nil {
		return nil, err
	}
	return &cloudfront.KeyValueStore{
		Name: r.Name, Id: r.ID, Comment: body.Comment, ARN: s.arn(r.Kind, r.ID), Status: new(storeStatus(r, settled)), LastModifiedTime: r.LastModified,
	}, nil
}

func storeStatus(r *cdn.Resource, settled cdn.Version) string {
	if settled.Before(r.Version) {
		return "PROVISIONING"
	}
	return "READY"
}

func store(st *cdn.State, c *call.Call) (*cdn.Resource, error) {
	if r := st.ResourceNamed(cdn.ResourceKeyValueStore, c.Get("Name")); r != nil {
		return r, nil
	}
	return nil, cloudfront.CodeEntityNotFound.Errorf("The key value store does not exist: %.100q.", c.Get("Name"))
}

func (s *Service) describeStore(c *call.Call) (*call.Answer, error) {
	settled := s.settled()
	r, err := store(s.Journal.State(), c)
	if err != nil {
		return nil, err
	}
	return s.storeAnswer(r, settled, "")
}

func (s *Service) updateStore(c *call.Call) (*call.Answer, error) {
	in, err := call.Decode[cloudfront.UpdateKeyValueStoreRequest](c)
	if err != nil {
		return nil, err
	}
	settled := s.settled()
	var r cdn.Resource
	r.Version, err = s.Journal.Propose(c, func(st *cdn.State) ([]cdn.Change, error) {
		old, err := store(st, c)
		if err != nil {
			return nil, err
		}
		if err := call.CheckIfMatch(c.IfMatch, old.ETag); err != nil {
			return nil, err
		}
		r = *old
		return s.put(&r, in)
	})
	if err != nil {
		return nil, err
	}
	return s.storeAnswer(&r, settled, "")
}

func (s *Service) deleteStore(c *call.Call) (*call.Answer, error) {
	_, err := s.Journal.Propose(c, func(st *cdn.State) ([]cdn.Change, error) {
		r, err := store(st, c)
		if err != nil {
			return nil, err
		}
		if err := call.CheckIfMatch(c.IfMatch, r.ETag); err != nil {
			return nil, err
		}
		return s.remove(st, r)
	})
	return &call.Answer{}, err
}

func (s *Service) listStores(c *call.Call) (*call.Answer, error) {
	settled := s.settled()
	all := map[string]*cdn.Resource{}
	for id, r := range s.Journal.State().ResourcesOf(cdn.ResourceKeyValueStore) {
		if status := c.Get("Status"); status == "" || status == storeStatus(r, settled) {
			all[id] = r
		}
	}
	p, err := call.NewPage(c.Params, call.After(all, c.Get("Marker")))
	if err != nil {
		return nil, err
	}
	list := &cloudfront.KeyValueStoreList{NextMarker: p.Next, MaxItems: p.MaxItems, Quantity: len(p.Items)}
	for _, r := range p.Items {
		shown, err := s.store(r, settled)
		if err != nil {
			return nil, err
		}
		list.Items = append(list.Items, *shown)
	}
	return &call.Answer{Body: list}, nil
}
