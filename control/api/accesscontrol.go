package api

import (
	"errors"
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
	cfg, err := newAccessControl(c)
	if err != nil {
		return nil, err
	}
	r := &cdn.Resource{Kind: cdn.ResourceAccessControl, Created: h.now()}
	_, err = h.Journal.Propose(c, func(s *cdn.State) ([]cdn.Change, error) {
		if len(s.ResourcesOf(r.Kind)) >= maxAccessControls {
			return nil, cloudfront.CodeTooManyOriginAccessControls.Errorf("The number of origin access controls in your account would exceed the maximum allowed, %d.", maxAccessControls)
		}
		var err error
		r.ID, err = h.unusedID("E", upper, func(id string) bool { return s.Resource(r.Kind, id) != nil })
		if err != nil {
			return nil, err
		}
		return h.putAccessControl(s, r, cfg)
	})
	return &answer{etag: r.ETag, location: "origin-access-control/" + r.ID, body: &cloudfront.OriginAccessControl{Id: r.ID, OriginAccessControlConfig: cfg}}, err
}

// newAccessControl reads the configuration in a call.
func newAccessControl(c *call) (*cloudfront.OriginAccessControlConfig, error) {
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
	cfg.Description = &description
	return cfg, nil
}

// putAccessControl gives r a new ETag and makes the change, unless another has
// its name.
func (h *handler) putAccessControl(s *cdn.State, r *cdn.Resource, cfg *cloudfront.OriginAccessControlConfig) (changes []cdn.Change, err error) {
	if other := s.ResourceNamed(r.Kind, cfg.Name); other != nil && other.ID != r.ID {
		return nil, cloudfront.CodeOriginAccessControlAlreadyExists.Errorf("An origin access control with the same name already exists: %s.", other.ID)
	}
	if r.ETag, err = h.newETag(); err != nil {
		return nil, err
	}
	r.Name, r.LastModified, r.Document = cfg.Name, h.now(), string(cloudfront.Marshal(cloudfront.Version, cfg))
	return h.change(cdn.KindResourcePut, r)
}

func (h *handler) getAccessControl(c *call) (*answer, error) {
	r, cfg, err := accessControl(h.Journal.State(), c.get("Id"))
	if err != nil {
		return nil, err
	}
	return &answer{etag: r.ETag, body: &cloudfront.OriginAccessControl{Id: r.ID, OriginAccessControlConfig: cfg}}, nil
}

func (h *handler) getAccessControlConfig(c *call) (*answer, error) {
	r, cfg, err := accessControl(h.Journal.State(), c.get("Id"))
	if err != nil {
		return nil, err
	}
	return &answer{etag: r.ETag, body: cfg}, nil
}

func (h *handler) updateAccessControl(c *call) (*answer, error) {
	cfg, err := newAccessControl(c)
	if err != nil {
		return nil, err
	}
	var r cdn.Resource
	_, err = h.Journal.Propose(c, func(s *cdn.State) ([]cdn.Change, error) {
		old, _, err := accessControl(s, c.get("Id"))
		if err != nil {
			return nil, err
		}
		if err := c.checkIfMatch(old.ETag); err != nil {
			return nil, err
		}
		r = *old
		return h.putAccessControl(s, &r, cfg)
	})
	return &answer{etag: r.ETag, body: &cloudfront.OriginAccessControl{Id: r.ID, OriginAccessControlConfig: cfg}}, err
}

func (h *handler) deleteAccessControl(c *call) (*answer, error) {
	_, err := h.Journal.Propose(c, func(s *cdn.State) ([]cdn.Change, error) {
		r, _, err := accessControl(s, c.get("Id"))
		if err != nil {
			return nil, err
		}
		if err := c.checkIfMatch(r.ETag); err != nil {
			return nil, err
		}
		if by := s.UserOf(r.Ref()); by != "" {
			return nil, r.Ref().InUse(by)
		}
		return h.change(cdn.KindResourceDelete, r.Ref())
	})
	return &answer{}, err
}

func (h *handler) listAccessControls(c *call) (*answer, error) {
	s := h.Journal.State()
	p, err := newPage(c.params, after(s.ResourcesOf(cdn.ResourceAccessControl), c.get("Marker")))
	if err != nil {
		return nil, err
	}
	list := &cloudfront.OriginAccessControlList{
		Marker: p.marker, NextMarker: p.next, MaxItems: p.maxItems, IsTruncated: p.truncated(), Quantity: len(p.items),
	}
	for _, r := range p.items {
		_, cfg, err := accessControl(s, r.ID)
		if err != nil {
			return nil, err
		}
		list.Items = append(list.Items, cloudfront.OriginAccessControlSummary{
			Id: r.ID, Name: cfg.Name, Description: cloudfront.Or(cfg.Description, ""), SigningProtocol: cfg.SigningProtocol,
			SigningBehavior: cfg.SigningBehavior, OriginAccessControlOriginType: cfg.OriginAccessControlOriginType,
		})
	}
	return &answer{body: list}, nil
}

func accessControl(s *cdn.State, id string) (*cdn.Resource, *cloudfront.OriginAccessControlConfig, error) {
	r := s.Resource(cdn.ResourceAccessControl, id)
	if r == nil {
		return nil, nil, cloudfront.CodeNoSuchOriginAccessControl.Errorf("The specified origin access control does not exist.")
	}
	cfg := &cloudfront.OriginAccessControlConfig{}
	return r, cfg, kept(r, cfg)
}

// kept reads the document of a resource.
func kept(r *cdn.Resource, into any) error {
	if err := cloudfront.Unmarshal([]byte(r.Document), into); err != nil {
		// Not wrapped: what the journal holds is not the caller's mistake, whatever
		// code the error has.
		return errors.New("the document of " + r.ID + " in the journal: " + err.Error())
	}
	return nil
}
