package api

import (
	"slices"
	"unicode/utf8"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/cloudfront"
)

// CloudFront's quota of origin access controls for an account, and the limits of
// one.
const (
	maxAccessControls    = 100
	maxAccessName        = 64
	maxAccessDescription = 256
)

func (h *handler) accessControlOperations() map[string]operation {
	return map[string]operation{
		"CreateOriginAccessControl":    h.createAccessControl,
		"GetOriginAccessControl":       h.getAccessControl,
		"GetOriginAccessControlConfig": h.getAccessControlConfig,
		"UpdateOriginAccessControl":    h.updateAccessControl,
		"DeleteOriginAccessControl":    h.deleteAccessControl,
		"ListOriginAccessControls":     h.listAccessControls,
	}
}

func (h *handler) createAccessControl(c *call) (*answer, error) {
	ac, err := newAccessControl(c)
	if err != nil {
		return nil, err
	}
	_, err = h.Journal.Propose(c, func(s *cdn.State) ([]cdn.Change, error) {
		if len(s.AccessControl) >= maxAccessControls {
			return nil, cloudfront.CodeTooManyOriginAccessControls.Errorf("The number of origin access controls in your account would exceed the maximum allowed, %d.", maxAccessControls)
		}
		var err error
		ac.ID, err = h.unusedID("E", upper, func(id string) bool { return s.AccessControl[id] != nil })
		if err != nil {
			return nil, err
		}
		return h.putAccessControl(s, ac)
	})
	return &answer{etag: ac.ETag, location: "origin-access-control/" + ac.ID, body: showAccessControl(ac)}, err
}

// newAccessControl reads the configuration in a call.
func newAccessControl(c *call) (*cdn.AccessControl, error) {
	cfg, err := decode[cloudfront.OriginAccessControlConfig](c)
	if err != nil {
		return nil, err
	}
	description := cloudfront.Or(cfg.Description, "")
	switch {
	case cfg.Name == "" || utf8.RuneCountInString(cfg.Name) > maxAccessName:
		return nil, cloudfront.CodeInvalidArgument.Errorf("The parameter Name must have 1 to %d characters.", maxAccessName)
	case utf8.RuneCountInString(description) > maxAccessDescription:
		return nil, cloudfront.CodeInvalidArgument.Errorf("The parameter Description must have at most %d characters.", maxAccessDescription)
	case cfg.SigningProtocol != cloudfront.OriginAccessControlSigningProtocolsSigv4:
		// An edge could not sign what an origin expects to be signed.
		return nil, cloudfront.CodeInvalidArgument.Errorf("The parameter SigningProtocol must be sigv4: %s is not supported.", cfg.SigningProtocol)
	}
	return &cdn.AccessControl{
		Name: cfg.Name, Description: description,
		OriginType: string(cfg.OriginAccessControlOriginType), SigningBehavior: string(cfg.SigningBehavior),
		SigningProtocol: string(cfg.SigningProtocol),
	}, nil
}

// putAccessControl gives ac a new ETag and makes the change, unless another has
// its name.
func (h *handler) putAccessControl(s *cdn.State, ac *cdn.AccessControl) (changes []cdn.Change, err error) {
	for _, other := range s.AccessControl {
		if other.Name == ac.Name && other.ID != ac.ID {
			return nil, cloudfront.CodeOriginAccessControlAlreadyExists.Errorf("An origin access control with the same name already exists: %s.", other.ID)
		}
	}
	if ac.ETag, err = h.newETag(); err != nil {
		return nil, err
	}
	return h.change(cdn.KindAccessControlPut, ac)
}

func (h *handler) getAccessControl(c *call) (*answer, error) {
	ac, err := accessControl(h.Journal.State(), c.get("Id"))
	if err != nil {
		return nil, err
	}
	return &answer{etag: ac.ETag, body: showAccessControl(ac)}, nil
}

func (h *handler) getAccessControlConfig(c *call) (*answer, error) {
	ac, err := accessControl(h.Journal.State(), c.get("Id"))
	if err != nil {
		return nil, err
	}
	return &answer{etag: ac.ETag, body: showAccessControl(ac).OriginAccessControlConfig}, nil
}

func (h *handler) updateAccessControl(c *call) (*answer, error) {
	ac, err := newAccessControl(c)
	if err != nil {
		return nil, err
	}
	_, err = h.Journal.Propose(c, func(s *cdn.State) ([]cdn.Change, error) {
		old, err := accessControl(s, c.get("Id"))
		if err != nil {
			return nil, err
		}
		if err := c.checkIfMatch(old.ETag); err != nil {
			return nil, err
		}
		ac.ID = old.ID
		return h.putAccessControl(s, ac)
	})
	return &answer{etag: ac.ETag, body: showAccessControl(ac)}, err
}

func (h *handler) deleteAccessControl(c *call) (*answer, error) {
	_, err := h.Journal.Propose(c, func(s *cdn.State) ([]cdn.Change, error) {
		ac, err := accessControl(s, c.get("Id"))
		if err != nil {
			return nil, err
		}
		if err := c.checkIfMatch(ac.ETag); err != nil {
			return nil, err
		}
		for _, p := range s.Plans {
			if slices.ContainsFunc(p.Origins, func(o cdn.Origin) bool { return o.AccessControl != nil && o.AccessControl.ID == ac.ID }) {
				return nil, cloudfront.CodeOriginAccessControlInUse.Errorf("Cannot delete the origin access control because it's in use by one or more distributions: %s.", p.ID)
			}
		}
		return h.change(cdn.KindAccessControlDel, cdn.Ref{ID: ac.ID})
	})
	return &answer{}, err
}

func (h *handler) listAccessControls(c *call) (*answer, error) {
	p, err := newPage(c.params, after(h.Journal.State().AccessControl, c.get("Marker")))
	if err != nil {
		return nil, err
	}
	list := &cloudfront.OriginAccessControlList{
		Marker: p.marker, NextMarker: p.next, MaxItems: p.maxItems, IsTruncated: p.truncated(), Quantity: len(p.items),
	}
	for _, ac := range p.items {
		cfg := showAccessControl(ac).OriginAccessControlConfig
		list.Items = append(list.Items, cloudfront.OriginAccessControlSummary{
			Id: ac.ID, Name: cfg.Name, Description: *cfg.Description, SigningProtocol: cfg.SigningProtocol,
			SigningBehavior: cfg.SigningBehavior, OriginAccessControlOriginType: cfg.OriginAccessControlOriginType,
		})
	}
	return &answer{body: list}, nil
}

func accessControl(s *cdn.State, id string) (*cdn.AccessControl, error) {
	if ac := s.AccessControl[id]; ac != nil {
		return ac, nil
	}
	return nil, cloudfront.CodeNoSuchOriginAccessControl.Errorf("The specified origin access control does not exist.")
}

func showAccessControl(ac *cdn.AccessControl) *cloudfront.OriginAccessControl {
	return &cloudfront.OriginAccessControl{
		Id: ac.ID,
		OriginAccessControlConfig: &cloudfront.OriginAccessControlConfig{
			Name: ac.Name, Description: new(ac.Description),
			SigningProtocol:               cloudfront.OriginAccessControlSigningProtocols(ac.SigningProtocol),
			SigningBehavior:               cloudfront.OriginAccessControlSigningBehaviors(ac.SigningBehavior),
			OriginAccessControlOriginType: cloudfront.OriginAccessControlOriginTypes(ac.OriginType),
		},
	}
}
