package api

import (
	calls "github.com/warmfront/warmfront/control/api/call"
	"github.com/warmfront/warmfront/control/api/resource"
)

// resourceOperations are those on everything besides distributions.
func (h *handler) resourceOperations() map[string]operation {
	s := &resource.Service{Journal: h.Journal, Account: h.Account, Zone: h.Zone, Now: h.Now, Random: h.Random, Functions: h.Functions, Objects: h.Objects, Tags: newTags}
	all := map[string]operation{}
	for name, serve := range s.Operations() {
		all[name] = func(c *call) (*answer, error) {
			a, err := serve(&calls.Call{Context: c.Context, Params: c.params, Body: c.body, IfMatch: c.ifMatch})
			if err != nil {
				return nil, err
			}
			return &answer{etag: a.ETag, location: a.Location, body: a.Body}, nil
		}
	}
	return all
}
