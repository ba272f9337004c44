package route53

import (
	"encoding/xml"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/account"
)

// distributions is the hosted zone that distributions' names are in, at CloudFront.
const distributions = "Z2FDTNDATAQYW2"

const (
	maxRecords = 10000 // Route 53's quota for a zone
	maxChanges = 1000
)

type recordSet struct {
	Name          string
	Type          string
	SetIdentifier string       `xml:",omitempty"`
	TTL           *uint32      `xml:",omitempty"`
	Values        []value      `xml:"ResourceRecords>ResourceRecord,omitempty"`
	AliasTarget   *aliasTarget `xml:",omitempty"`
	HealthCheckID string       `xml:"HealthCheckId,omitempty"`
}

type value struct{ Value string }

type aliasTarget struct {
	HostedZoneID         string `xml:"HostedZoneId"`
	DNSName              string
	EvaluateTargetHealth bool
}

func invalid(format string, args ...any) error {
	return cdn.Errorf("InvalidChangeBatch", "[%s]", fmt.Sprintf(format, args...))
}

func (h *handler) changeRecords(c *call) (any, error) {
	in, err := decode[struct {
		Changes []struct {
			Action string
			Set    recordSet `xml:"ResourceRecordSet"`
		} `xml:"ChangeBatch>Changes>Change"`
	}](c)
	if err != nil {
		return nil, err
	}
	if len(in.Changes) == 0 || len(in.Changes) > maxChanges {
		return nil, cdn.Errorf("InvalidInput", "A change batch has 1 to %d changes.", maxChanges)
	}
	now := h.Now()
	v, err := h.put(c, func(s *cdn.State, r *cdn.Resource, z *account.Zone) error {
		for _, change := range in.Changes {
			rec, err := record(s, r, change.Set)
			if err != nil {
				return err
			}
			if err := apply(z, r.Name, change.Action, rec); err != nil {
				return err
			}
		}
		if len(z.Records) > maxRecords {
			return invalid("A hosted zone can have at most %d resource record sets.", maxRecords)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return struct {
		XMLName    xml.Name `xml:"https://route53.amazonaws.com/doc/2013-04-01/ ChangeResourceRecordSetsResponse"`
		ChangeInfo changeInfo
	}{ChangeInfo: h.changeInfo(v, now)}, nil
}

// apply makes one change of a zone. The batch is made whole or not at all.
func apply(z *account.Zone, apex, action string, rec account.Record) error {
	what := fmt.Sprintf("resource record set [name='%s', type='%s']", escape(rec.Name), rec.Type)
	i := slices.IndexFunc(z.Records, func(o account.Record) bool { return o.Name == rec.Name && o.Type == rec.Type })
	switch action {
	case "CREATE":
		if i >= 0 {
			return invalid("Tried to create %s but it already exists", what)
		}
	case "DELETE":
		if i < 0 {
			return invalid("Tried to delete %s but it was not found", what)
		}
		if old := z.Records[i]; old.TTL != rec.TTL || old.Alias != rec.Alias || !slices.Equal(old.Values, rec.Values) {
			return invalid("Tried to delete %s but the values provided do not match the current values", what)
		}
		z.Records = slices.Delete(z.Records, i, i+1)
		return nil
	case "UPSERT":
	default:
		return cdn.Errorf("InvalidInput", "The action %.32q is none of CREATE, UPSERT and DELETE.", action)
	}
	if rec.Type == "CNAME" && rec.Name == apex {
		return invalid("RRSet of type CNAME with DNS name %s is not permitted at apex in zone %s", rec.Name, apex)
	}
	for _, o := range z.Records {
		if o.Name == rec.Name && o.Type != rec.Type && (o.Type == "CNAME" || rec.Type == "CNAME") {
			return invalid("RRSet of type %s with DNS name %s is not permitted as it conflicts with other records with the same DNS name in zone %s", rec.Type, escape(rec.Name), apex)
		}
	}
	if i >= 0 {
		z.Records[i] = rec
	} else {
		z.Records = append(z.Records, rec)
	}
	return nil
}

// record checks a record set and makes of it what is kept.
func record(s *cdn.State, zone *cdn.Resource, set recordSet) (account.Record, error) {
	name, err := domain(set.Name)
	if err != nil {
		return account.Record{}, invalid("%.253q is not a domain name", set.Name)
	}
	rec := account.Record{Name: name, Type: set.Type}
	switch {
	case !within(name, zone.Name):
		return rec, invalid("RRSet with DNS name %s is not permitted in zone %s", name, zone.Name)
	case !slices.Contains([]string{"A", "AAAA", "CNAME", "TXT", "HTTPS"}, set.Type) || set.Type == "HTTPS" && set.AliasTarget == nil:
		return rec, invalid("Record sets of the type %.16s are not served here: A, AAAA, CNAME and TXT are, and aliases of the types A, AAAA and HTTPS", set.Type)
	case set.SetIdentifier != "" || set.HealthCheckID != "":
		return rec, invalid("Routing policies and health checks are not served here: give one record set for %s, type %s", name, set.Type)
	}
	if set.AliasTarget != nil {
		return rec, alias(s, &rec, set)
	}
	if set.TTL == nil || *set.TTL > 1<<31-1 || len(set.Values) == 0 || len(set.Values) > 400 {
		return rec, cdn.Errorf("InvalidInput", "Invalid request: a record set has a TTL and 1 to 400 values, or an alias target.")
	}
	rec.TTL = *set.TTL
	if rec.Type == "CNAME" && len(set.Values) > 1 {
		return rec, invalid("A CNAME has one value, %s has %d", name, len(set.Values))
	}
	for _, v := range set.Values {
		text, ok := canonical(rec.Type, v.Value)
		if !ok {
			return rec, invalid("Invalid Resource Record: '%.100s' is no value of a record of the type %s", v.Value, rec.Type)
		}
		if slices.Contains(rec.Values, text) {
			return rec, invalid("Duplicate Resource Record: '%s'", text)
		}
		rec.Values = append(rec.Values, text)
	}
	return rec, nil
}

func alias(s *cdn.State, rec *account.Record, set recordSet) error {
	target := strings.ToLower(strings.TrimSuffix(set.AliasTarget.DNSName, "."))
	switch {
	case set.TTL != nil || len(set.Values) > 0:
		return cdn.Errorf("InvalidInput", "Invalid request: a record set has a TTL and values, or an alias target, not both.")
	case set.AliasTarget.HostedZoneID != distributions:
		return invalid("Aliases lead to distributions here: the alias target's hosted zone is %s, not %.64s", distributions, set.AliasTarget.HostedZoneID)
	case rec.Type != "A" && rec.Type != "AAAA" && rec.Type != "HTTPS":
		return invalid("An alias to a distribution has the type A, AAAA or HTTPS, not %s", rec.Type)
	}
	if p := s.PlanFor(target); p == nil || p.Domain != target {
		return invalid("Tried to create an alias that targets %s., type %s in zone %s, but the alias target name does not lie within the target zone: no distribution has that domain name", target, rec.Type, distributions)
	}
	rec.Alias, rec.Evaluate = target, set.AliasTarget.EvaluateTargetHealth
	return nil
}

// canonical writes a value in one form, and tells whether it is one.
func canonical(rrtype, v string) (string, bool) {
	switch rrtype {
	case "A", "AAAA":
		a, err := netip.ParseAddr(v)
		return a.String(), err == nil && a.Is4() == (rrtype == "A") && a.Zone() == ""
	case "CNAME":
		name, err := domain(v)
		return name, err == nil && !strings.HasPrefix(name, "*")
	}
	return v, isText(v)
}

// maxText bounds a TXT value, so that every answer fits TCP.
const maxText = 4000

// isText reports whether v is one or more strings in double quotes, of at most 255
// bytes each, with backslashes before quotes and backslashes, in printable ASCII.
func isText(v string) bool {
	quoted, n, strs := false, 0, 0
	for i := 0; i < len(v); i++ {
		c := v[i]
		switch {
		case c < ' ' || c > '~':
			return false
		case c == '"':
			if quoted = !quoted; quoted {
				n, strs = 0, strs+1
			}
		case !quoted && c != ' ':
			return false
		case quoted:
			if c == '\\' {
				if i++; i == len(v) || v[i] != '"' && v[i] != '\\' {
					return false
				}
			}
			if n++; n > 255 {
				return false
			}
		}
	}
	return strs > 0 && !quoted && len(v) <= maxText
}

func shown(rec account.Record) recordSet {
	out := recordSet{Name: escape(rec.Name), Type: rec.Type}
	if rec.Alias != "" {
		out.AliasTarget = &aliasTarget{distributions, rec.Alias + ".", rec.Evaluate}
		return out
	}
	out.TTL = &rec.TTL
	for _, v := range rec.Values {
		out.Values = append(out.Values, value{v})
	}
	return out
}

// listRecords lists record sets by name, the labels in reverse order, then by type.
// Those of the zone's own come with them.
func (h *handler) listRecords(c *call) (any, error) {
	limit, err := c.limit(300)
	if err != nil {
		return nil, err
	}
	s := h.Journal.State()
	r, z, err := c.zone(s)
	if err != nil {
		return nil, err
	}
	servers := h.nameServers(s)
	ns := account.Record{Name: r.Name, Type: "NS", TTL: 3600}
	for _, server := range servers {
		ns.Values = append(ns.Values, server+".")
	}
	soa := account.Record{Name: r.Name, Type: "SOA", TTL: 60, Values: []string{fmt.Sprintf("%s. hostmaster.%s. 1 7200 900 1209600 60", servers[0], strings.Trim(h.Zone, "."))}}
	all := append([]account.Record{ns, soa}, z.Records...)
	key := func(name, rrtype string) string { return reversed(name) + "\x00" + rrtype }
	slices.SortFunc(all, func(a, b account.Record) int { return strings.Compare(key(a.Name, a.Type), key(b.Name, b.Type)) })
	from, query := "", c.r.URL.Query()
	if name := query.Get("name"); name != "" {
		if name, err = domain(name); err != nil {
			return nil, err
		}
		from = key(name, query.Get("type"))
	}
	out := struct {
		XMLName        xml.Name    `xml:"https://route53.amazonaws.com/doc/2013-04-01/ ListResourceRecordSetsResponse"`
		Sets           []recordSet `xml:"ResourceRecordSets>ResourceRecordSet"`
		IsTruncated    bool
		NextRecordName string `xml:",omitempty"`
		NextRecordType string `xml:",omitempty"`
		MaxItems       int
	}{MaxItems: limit}
	for _, rec := range all {
		switch {
		case key(rec.Name, rec.Type) < from:
		case len(out.Sets) < limit:
			out.Sets = append(out.Sets, shown(rec))
		default:
			out.IsTruncated, out.NextRecordName, out.NextRecordType = true, escape(rec.Name), rec.Type
			return out, nil
		}
	}
	return out, nil
}
