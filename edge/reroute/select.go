package reroute

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/origins"
)

// Overrides are what may be set of an origin that was selected. What is left out is nil.
type Overrides struct {
	// HostHeader is what the origin is told as Host.
	HostHeader *string `json:"hostHeader,omitempty"`
	// SNI is which name TLS asks the origin for.
	SNI *string `json:"sni,omitempty"`
	// CertificateNames are what the origin's certificate may be of; a name may begin with "*.".
	CertificateNames []string `json:"allowedCertificateNames,omitempty"`
}

const (
	maxDomain           = 253
	maxBucketDomain     = 128
	maxCertificateNames = 20
	maxCertificateName  = 64
)

func (o *Overrides) check() error {
	for what, name := range map[string]*string{"hostHeader": o.HostHeader, "sni": o.SNI} {
		if name == nil {
			continue
		}
		if _, err := netip.ParseAddr(*name); err == nil || !isDomain(*name) {
			return fmt.Errorf("the %s %.100q is no domain name", what, *name)
		}
	}
	if len(o.CertificateNames) > maxCertificateNames {
		return fmt.Errorf("there are %d allowedCertificateNames: %d are allowed", len(o.CertificateNames), maxCertificateNames)
	}
	for _, name := range o.CertificateNames {
		if !isDomain(strings.TrimPrefix(name, "*.")) || len(name) > maxCertificateName {
			return fmt.Errorf("the allowedCertificateNames have %.100q, which is no domain name of at most %d characters", name, maxCertificateName)
		}
	}
	return nil
}

// apply sets what is overridden of an origin, which is the request's own. A bucket is known
// by its Host, and what is signed is signed for it (570).
func (o *Overrides) apply(to *origins.Origin) error {
	if o.HostHeader == nil && o.SNI == nil && o.CertificateNames == nil {
		return nil
	}
	if to.Kind == origins.S3 || o.HostHeader != nil && to.AccessControl != nil {
		return fmt.Errorf("hostHeader, sni and allowedCertificateNames are for custom origins, without an access control where the Host is changed: the origin %q is none", to.ID)
	}
	if o.HostHeader != nil {
		to.Host = strings.ToLower(*o.HostHeader)
	}
	if o.SNI != nil {
		to.SNI = strings.ToLower(*o.SNI)
	}
	if o.CertificateNames != nil {
		to.CertificateNames = o.CertificateNames
	}
	return nil
}

// isDomain reports whether a name is one of a host, without a port.
func isDomain(name string) bool {
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_' {
			return false
		}
	}
	return name != "" && len(name) <= maxDomain && name[0] != '.' && name[0] != '-' && !strings.Contains(name, "..")
}

// Selection is an origin of the distribution, by its id.
type Selection struct {
	ID        string    `json:"originId"`
	Overrides Overrides `json:"originOverrides,omitzero"`
}

// UnmarshalJSON implements json.Unmarshaler: an id alone is one too.
func (s *Selection) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &s.ID)
	}
	type plain Selection
	return json.Unmarshal(b, (*plain)(s))
}

func (s *Selection) check() error {
	if s.ID == "" || len(s.ID) > 128 {
		return fmt.Errorf("the origin id %.140q has not 1 to 128 characters", s.ID)
	}
	return s.Overrides.check()
}

// of is the origin that is selected.
func (s *Selection) of(p *cdn.Plan) (*origins.Origin, error) {
	i := slices.IndexFunc(p.Origins, func(o origins.Origin) bool { return o.ID == s.ID })
	if i < 0 {
		return nil, fmt.Errorf("%q is the id of no origin of the distribution", s.ID)
	}
	made := p.Origins[i]
	return &made, s.Overrides.apply(&made)
}

// Group is an origin group: the second origin is asked where the first gives one of the
// statuses, or no answer.
type Group struct {
	Origins []Selection `json:"originIds"`
	// Criteria is "default", or "media-quality-score", which is taken for the same: media
	// quality is not judged here.
	Criteria string `json:"selectionCriteria,omitempty"`
	Failover struct {
		Statuses []int `json:"statusCodes"`
	} `json:"failoverCriteria"`
}

func (g *Group) check() error {
	switch {
	case len(g.Origins) != 2:
		return fmt.Errorf("the originIds are %d, two are needed: the primary origin first", len(g.Origins))
	case g.Origins[0].ID == g.Origins[1].ID:
		return errors.New("the two originIds are the same")
	case g.Criteria != "" && g.Criteria != "default" && g.Criteria != "media-quality-score":
		return fmt.Errorf("the selectionCriteria %.100q are neither default nor media-quality-score", g.Criteria)
	case len(g.Failover.Statuses) == 0:
		return errors.New("the failoverCriteria have no statusCodes")
	}
	for _, status := range g.Failover.Statuses {
		if !slices.Contains([]int{400, 403, 404, 416, 429, 500, 502, 503, 504}, status) {
			return fmt.Errorf("the failoverCriteria have the status code %d, by which nothing fails over", status)
		}
	}
	for i := range g.Origins {
		if err := g.Origins[i].check(); err != nil {
			return err
		}
	}
	return nil
}

func (g *Group) of(p *cdn.Plan) (t Target, err error) {
	if t.Origin, err = g.Origins[0].of(p); err != nil {
		return t, err
	}
	if t.Second, err = g.Origins[1].of(p); err != nil {
		return t, err
	}
	t.Failover = &origins.Failover{Group: "(of the function)", Origin: -1, Statuses: g.Failover.Statuses}
	return t, nil
}
