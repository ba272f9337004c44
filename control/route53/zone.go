package route53

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/account"
	"github.com/warmfront/warmfront/journal"
)

type zoneConfig struct {
	Comment     string `xml:",omitempty"`
	PrivateZone bool
}

type hostedZone struct {
	ID                     string `xml:"Id"`
	Name, CallerReference  string
	Config                 zoneConfig
	ResourceRecordSetCount int
}

type changeInfo struct {
	ID                  string `xml:"Id"`
	Status, SubmittedAt string
}

const (
	maxZones = 500 // Route 53's quota for an account
	slashed  = "/hostedzone/"
)

// zoneID takes off a hosted zone's id what the API puts before it.
func zoneID(s string) string {
	return strings.TrimPrefix(strings.TrimPrefix(s, slashed), "hostedzone/")
}

func (c *call) zone(s *cdn.State) (*cdn.Resource, *account.Zone, error) {
	return find(s, zoneID(c.r.PathValue("id")))
}

func find(s *cdn.State, id string) (*cdn.Resource, *account.Zone, error) {
	r := s.Resource(cdn.ResourceHostedZone, id)
	if r == nil {
		return nil, nil, cdn.Errorf("NoSuchHostedZone", "No hosted zone found with ID: %.64s", id)
	}
	z, err := account.ParseZone(r.Document)
	return r, z, err
}

func show(r *cdn.Resource, z *account.Zone) hostedZone {
	return hostedZone{slashed + r.ID, escape(r.Name), r.CallerReference, zoneConfig{Comment: z.Comment}, len(z.Records) + 2}
}

// nameServers are the network's own routers, which all serve all zones.
func (h *handler) nameServers(s *cdn.State) []string {
	n := 0
	for _, node := range s.Nodes {
		if node.Role == cdn.RoleRouter {
			n++
		}
	}
	var names []string
	for i := range max(n, 1) {
		names = append(names, fmt.Sprintf("ns%d.%s", i+1, strings.Trim(h.Zone, ".")))
	}
	return names
}

type delegation struct {
	NameServers []string `xml:"NameServers>NameServer"`
}

func (h *handler) create(c *call) (any, error) {
	in, err := decode[struct {
		Name, CallerReference string
		VPC                   *struct{}
		DelegationSetID       string     `xml:"DelegationSetId"`
		Config                zoneConfig `xml:"HostedZoneConfig"`
	}](c)
	if err != nil {
		return nil, err
	}
	name, err := domain(in.Name)
	switch {
	case err != nil || strings.HasPrefix(name, "*") || strings.Count(name, ".") < 2:
		return nil, cdn.Errorf("InvalidDomainName", "%.253q is not the name of a zone.", in.Name)
	case in.VPC != nil || in.Config.PrivateZone || in.DelegationSetID != "":
		return nil, cdn.Errorf("InvalidInput", "There are no private zones and no reusable delegation sets here.")
	case in.CallerReference == "" || len(in.CallerReference) > 128:
		return nil, cdn.Errorf("InvalidInput", "CallerReference has 1 to 128 characters.")
	}
	own := strings.ToLower(strings.Trim(h.Zone, ".")) + "."
	if within(name, own) || within(own, name) {
		return nil, cdn.Errorf("InvalidDomainName", "%s overlaps the network's own zone, in which aliases are answered without record sets.", name)
	}
	now := h.Now().UTC().Truncate(time.Second)
	r := &cdn.Resource{
		Kind: cdn.ResourceHostedZone, ID: "Z" + rand.Text()[:20], Name: name, CallerReference: in.CallerReference, Created: now, LastModified: now,
		Document: account.Encode(account.Zone{Comment: in.Config.Comment, Records: []account.Record{}}),
	}
	v, err := h.Journal.Propose(c, func(s *cdn.State) ([]cdn.Change, error) {
		switch {
		case s.ResourceReferenced(cdn.ResourceHostedZone, in.CallerReference) != nil:
			return nil, cdn.Errorf("HostedZoneAlreadyExists", "A hosted zone has already been created with the specified caller reference.")
		case s.ResourceNamed(cdn.ResourceHostedZone, name) != nil:
			return nil, cdn.Errorf("ConflictingDomainExists", "There is a hosted zone for %s already: here one name has one zone.", name)
		case len(s.ResourcesOf(cdn.ResourceHostedZone)) >= maxZones:
			return nil, cdn.Errorf("TooManyHostedZones", "There can be at most %d hosted zones.", maxZones)
		}
		change, err := cdn.NewChange(cdn.KindResourcePut, r, h.Now())
		return []cdn.Change{change}, err
	})
	if err != nil {
		return nil, err
	}
	c.status, c.location = http.StatusCreated, "hostedzone/"+r.ID
	return struct {
		XMLName       xml.Name `xml:"https://route53.amazonaws.com/doc/2013-04-01/ CreateHostedZoneResponse"`
		HostedZone    hostedZone
		ChangeInfo    changeInfo
		DelegationSet delegation
	}{HostedZone: show(r, &account.Zone{Comment: in.Config.Comment}), ChangeInfo: h.changeInfo(v, now), DelegationSet: delegation{h.nameServers(h.Journal.State())}}, nil
}

func (h *handler) get(c *call) (any, error) {
	s := h.Journal.State()
	r, z, err := c.zone(s)
	if err != nil {
		return nil, err
	}
	return struct {
		XMLName       xml.Name `xml:"https://route53.amazonaws.com/doc/2013-04-01/ GetHostedZoneResponse"`
		HostedZone    hostedZone
		DelegationSet delegation
	}{HostedZone: show(r, z), DelegationSet: delegation{h.nameServers(s)}}, nil
}

func (h *handler) updateComment(c *call) (any, error) {
	in, err := decode[struct{ Comment string }](c)
	if err != nil {
		return nil, err
	}
	var shown hostedZone
	_, err = h.put(c, func(_ *cdn.State, r *cdn.Resource, z *account.Zone) error {
		z.Comment = in.Comment
		shown = show(r, z)
		return nil
	})
	return struct {
		XMLName    xml.Name `xml:"https://route53.amazonaws.com/doc/2013-04-01/ UpdateHostedZoneCommentResponse"`
		HostedZone hostedZone
	}{HostedZone: shown}, err
}

// put proposes the call's zone as f changes it.
func (h *handler) put(c *call, f func(*cdn.State, *cdn.Resource, *account.Zone) error) (cdn.Version, error) {
	return h.Journal.Propose(c, func(s *cdn.State) ([]cdn.Change, error) {
		old, z, err := c.zone(s)
		if err != nil {
			return nil, err
		}
		next := *old
		if err := f(s, &next, z); err != nil {
			return nil, err
		}
		next.Document, next.LastModified = account.Encode(z), h.Now().UTC().Truncate(time.Second)
		change, err := cdn.NewChange(cdn.KindResourcePut, &next, h.Now())
		return []cdn.Change{change}, err
	})
}

func (h *handler) delete(c *call) (any, error) {
	v, err := h.Journal.Propose(c, func(s *cdn.State) ([]cdn.Change, error) {
		r, z, err := c.zone(s)
		if err != nil {
			return nil, err
		}
		if len(z.Records) > 0 {
			return nil, cdn.Errorf("HostedZoneNotEmpty", "The specified hosted zone contains non-required resource record sets and so cannot be deleted.")
		}
		change, err := cdn.NewChange(cdn.KindResourceDelete, r.Ref(), h.Now())
		return []cdn.Change{change}, err
	})
	return struct {
		XMLName    xml.Name `xml:"https://route53.amazonaws.com/doc/2013-04-01/ DeleteHostedZoneResponse"`
		ChangeInfo changeInfo
	}{ChangeInfo: h.changeInfo(v, h.Now())}, err
}

// limit is a parameter that bounds a page.
func (c *call) limit(most int) (int, error) {
	text := c.r.URL.Query().Get("maxitems")
	if text == "" {
		return most, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, cdn.Errorf("InvalidInput", "maxitems is a number above zero, not %.32q.", text)
	}
	return min(n, most), nil
}

// zones lists zones by a key that is unique among them, from one on.
func (h *handler) zones(key func(*cdn.Resource) string, from string, limit int) (list []hostedZone, next *cdn.Resource, err error) {
	all := slices.SortedFunc(maps.Values(h.Journal.State().ResourcesOf(cdn.ResourceHostedZone)), func(a, b *cdn.Resource) int { return strings.Compare(key(a), key(b)) })
	for _, r := range all {
		if key(r) < from {
			continue
		}
		if len(list) == limit {
			return list, r, nil
		}
		z, err := account.ParseZone(r.Document)
		if err != nil {
			return nil, nil, err
		}
		list = append(list, show(r, z))
	}
	return list, nil, nil
}

func (h *handler) list(c *call) (any, error) {
	limit, err := c.limit(100)
	if err != nil {
		return nil, err
	}
	marker := zoneID(c.r.URL.Query().Get("marker"))
	list, next, err := h.zones(func(r *cdn.Resource) string { return r.ID }, marker, limit)
	out := struct {
		XMLName     xml.Name     `xml:"https://route53.amazonaws.com/doc/2013-04-01/ ListHostedZonesResponse"`
		HostedZones []hostedZone `xml:"HostedZones>HostedZone"`
		Marker      string       `xml:",omitempty"`
		IsTruncated bool
		NextMarker  string `xml:",omitempty"`
		MaxItems    int
	}{HostedZones: list, Marker: marker, MaxItems: limit}
	if next != nil {
		out.IsTruncated, out.NextMarker = true, next.ID
	}
	return out, err
}

func (h *handler) listByName(c *call) (any, error) {
	limit, err := c.limit(100)
	if err != nil {
		return nil, err
	}
	from := ""
	if name := c.r.URL.Query().Get("dnsname"); name != "" {
		if from, err = domain(name); err != nil {
			return nil, cdn.Errorf("InvalidDomainName", "%.253q is not a domain name.", name)
		}
	}
	list, next, err := h.zones(func(r *cdn.Resource) string { return reversed(r.Name) }, reversed(from), limit)
	out := struct {
		XMLName          xml.Name     `xml:"https://route53.amazonaws.com/doc/2013-04-01/ ListHostedZonesByNameResponse"`
		HostedZones      []hostedZone `xml:"HostedZones>HostedZone"`
		DNSName          string       `xml:",omitempty"`
		IsTruncated      bool
		NextDNSName      string `xml:",omitempty"`
		NextHostedZoneID string `xml:"NextHostedZoneId,omitempty"`
		MaxItems         int
	}{HostedZones: list, DNSName: from, MaxItems: limit}
	if next != nil {
		out.IsTruncated, out.NextDNSName, out.NextHostedZoneID = true, next.Name, next.ID
	}
	return out, err
}

func (h *handler) count(*call) (any, error) {
	return struct {
		XMLName         xml.Name `xml:"https://route53.amazonaws.com/doc/2013-04-01/ GetHostedZoneCountResponse"`
		HostedZoneCount int
	}{HostedZoneCount: len(h.Journal.State().ResourcesOf(cdn.ResourceHostedZone))}, nil
}

// dnssec says that a zone is not signed, which who destroys one asks.
func (h *handler) dnssec(c *call) (any, error) {
	if _, _, err := c.zone(h.Journal.State()); err != nil {
		return nil, err
	}
	return struct {
		XMLName        xml.Name `xml:"https://route53.amazonaws.com/doc/2013-04-01/ GetDNSSECResponse"`
		ServeSignature string   `xml:"Status>ServeSignature"`
		KeySigningKeys struct{}
	}{ServeSignature: "NOT_SIGNING"}, nil
}

// changeEncoding writes a change's id, which is made of the version of the journal
// that it made and of the time, so that nothing more of it is to be kept.
func changeEncoding() *base32.Encoding { return base32.StdEncoding.WithPadding(base32.NoPadding) }

func (h *handler) changeInfo(v cdn.Version, at time.Time) changeInfo {
	b := binary.AppendUvarint(nil, v.Epoch)
	b = binary.AppendUvarint(b, v.Number)
	b = binary.AppendUvarint(b, uint64(max(at.Unix(), 0)))
	info := changeInfo{"/change/C" + changeEncoding().EncodeToString(b), "PENDING", at.UTC().Format(time.RFC3339)}
	if !h.Journal.Settled(journal.Deployed).Before(v) {
		info.Status = "INSYNC"
	}
	return info
}

func (h *handler) change(c *call) (any, error) {
	id := c.r.PathValue("id")
	b, err := changeEncoding().DecodeString(strings.TrimPrefix(id, "C"))
	var parts [3]uint64
	for i := range parts {
		n := 0
		if parts[i], n = binary.Uvarint(b); n <= 0 {
			err = strconv.ErrSyntax
			break
		}
		b = b[n:]
	}
	v := cdn.Version{Epoch: parts[0], Number: parts[1]}
	if err != nil || len(b) > 0 || h.Journal.State().Version.Before(v) {
		return nil, cdn.Errorf("NoSuchChange", "Could not find resource with ID: %.64s", id)
	}
	return struct {
		XMLName    xml.Name `xml:"https://route53.amazonaws.com/doc/2013-04-01/ GetChangeResponse"`
		ChangeInfo changeInfo
	}{ChangeInfo: h.changeInfo(v, time.Unix(int64(min(parts[2], 1<<40)), 0))}, nil
}
