package logship

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/logs"
	"github.com/warmfront/warmfront/edge/accesslog"
)

// Delivery is one place that lines go to, and in which form.
type Delivery struct {
	// Source is the ARN on whose behalf objects are put.
	Source string `json:"source"`
	Bucket string `json:"bucket"`
	Region string `json:"region,omitempty"` // "" where nobody says
	// Folder is the part of objects' names before that of the file, with variables such
	// as {yyyy}; "" or ending with a slash.
	Folder string `json:"folder,omitempty"`
	// Kind, Fields and Divider are as accesslog.NewFormat is told; no fields is standard
	// logs (legacy).
	Kind    accesslog.Kind `json:"kind,omitempty"`
	Fields  []string       `json:"fields,omitempty"`
	Divider string         `json:"divider,omitempty"`
	Cookies bool           `json:"cookies,omitempty"` // of standard logs (legacy)
}

// account is the twelve digits of whose the source is.
func (d *Delivery) account() string {
	if parts := strings.Split(d.Source, ":"); len(parts) > 4 {
		return parts[4]
	}
	return ""
}

// ending is that of files' names.
func (d *Delivery) ending() string {
	if d.Kind == accesslog.Parquet {
		return ".parquet"
	}
	return ".gz"
}

// format is what makes lines of records.
func (d *Delivery) format() (*accesslog.Format, error) {
	if len(d.Fields) == 0 {
		return accesslog.Standard(d.Cookies), nil
	}
	return accesslog.NewFormat(d.Kind, d.Fields, d.Divider)
}

// route is what is to become of the records of one distribution.
type route struct {
	Number       uint32     `json:"number"`
	Distribution string     `json:"distribution"`
	Deliveries   []Delivery `json:"deliveries"`

	keep accesslog.Selection
}

// table is all routes at one time, by distribution. It is immutable.
type table map[string]*route

// deliveries are those of each distribution in a state.
func deliveries(s *cdn.State) map[string][]Delivery {
	all := map[string][]Delivery{}
	for id, p := range s.Plans {
		if l := p.Logging; l != nil {
			all[id] = append(all[id], Delivery{Source: p.ARN, Bucket: l.Bucket, Region: l.Region, Folder: folder(l.Prefix), Cookies: l.Cookies})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.ResourcesOf(cdn.ResourceLogDelivery))) {
		if to, distribution := delivery(s, s.Resource(cdn.ResourceLogDelivery, id)); to != nil {
			all[distribution] = append(all[distribution], *to)
		}
	}
	return all
}

// delivery is one of standard logging (v2), nil if it leads from nowhere or to nowhere.
func delivery(s *cdn.State, r *cdn.Resource) (to *Delivery, distribution string) {
	d, err := logs.Read[logs.Delivery](r.Document)
	if err != nil {
		return nil, ""
	}
	from, into := s.Resource(cdn.ResourceLogSource, d.Source), s.Resource(cdn.ResourceLogDestination, d.Destination)
	if from == nil || into == nil {
		return nil, ""
	}
	source, err := logs.Read[logs.Source](from.Document)
	destination, err2 := logs.Read[logs.Destination](into.Document)
	if err != nil || err2 != nil {
		return nil, ""
	}
	p := s.Plans[source.DistributionID()]
	if p == nil {
		return nil, ""
	}
	bucket, _ := destination.Bucket()
	to = &Delivery{
		Source: strings.Replace(p.ARN, ":cloudfront::", ":logs:us-east-1:", 1), Bucket: bucket, Folder: d.Folder(destination),
		Kind: accesslog.Kind(destination.Format), Fields: d.Fields, Divider: d.Delimiter,
	}
	to.Source, _, _ = strings.Cut(to.Source, ":distribution/")
	to.Source += ":delivery-source:" + d.Source
	if _, err := to.format(); err != nil {
		return nil, ""
	}
	return to, p.ID
}

// folder ends a prefix with a slash, as CloudFront does (developer guide, "Configure
// standard logging (legacy)", Log prefix).
func folder(prefix string) string {
	if prefix == "" || strings.HasSuffix(prefix, "/") {
		return prefix
	}
	return prefix + "/"
}

// routes keeps the table, and which routes segments may still have to name.
type routes struct {
	current table
	last    uint32
	// retired are routes that are no longer in the table, and since when.
	retired map[*route]time.Time
}

// linger is for how long a route is named in segments after it was replaced: a
// request looks it up and hands its record over at once.
const linger = time.Minute

// update makes the table of a state, nil where nothing is logged. A route that says
// the same keeps its number.
func (r *routes) update(wanted map[string][]Delivery, now time.Time) table {
	next := table{}
	for id, d := range wanted {
		if old := r.current[id]; old != nil && same(old.Deliveries, d) {
			next[id] = old
			continue
		}
		r.last++
		made := &route{Number: r.last, Distribution: id, Deliveries: d}
		for i := range d {
			if f, err := d[i].format(); err == nil {
				made.keep.Cookies = made.keep.Cookies || f.Keeps().Cookies
				made.keep.Headers = made.keep.Headers || f.Keeps().Headers
			}
		}
		next[id] = made
	}
	if r.retired == nil {
		r.retired = map[*route]time.Time{}
	}
	for id, old := range r.current {
		if next[id] != old {
			r.retired[old] = now
		}
	}
	maps.DeleteFunc(r.retired, func(_ *route, since time.Time) bool { return now.Sub(since) > linger })
	r.current = next
	if len(next) == 0 {
		return nil
	}
	return next
}

// named are the routes that records may be of.
func (r *routes) named() []*route {
	all := slices.AppendSeq(slices.Collect(maps.Values(r.current)), maps.Keys(r.retired))
	slices.SortFunc(all, func(a, b *route) int { return int(a.Number) - int(b.Number) })
	return all
}

func same(a, b []Delivery) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}
