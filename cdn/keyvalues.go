package cdn

import (
	"encoding/json"

	"github.com/warmfront/warmfront/cdn/keyvalues"
)

// KeyValueUpdate changes what a key value store holds.
type KeyValueUpdate struct {
	Store string `json:"store"`
	keyvalues.Update
}

// KeyValues returns what a key value store holds, by the store's id: nil where
// nothing was ever put.
func (s *State) KeyValues(store string) *keyvalues.Values { return s.values[store] }

func (s *State) updateKeyValues(c Change) error {
	var u KeyValueUpdate
	if err := json.Unmarshal(c.Body, &u); err != nil {
		return err
	}
	if s.resources.Get(ResourceKeyValueStore, u.Store) == nil {
		return Errorf("ResourceNotFoundException", "The key value store %s does not exist.", u.Store)
	}
	s.values = with(s, s.values, u.Store, s.values[u.Store].With(u.Update))
	return nil
}
