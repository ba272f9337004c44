package logdelivery

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/logs"
)

type delivery struct {
	ID              string            `json:"id"`
	ARN             string            `json:"arn"`
	SourceName      string            `json:"deliverySourceName"`
	DestinationArn  string            `json:"deliveryDestinationArn"`
	DestinationType string            `json:"deliveryDestinationType"`
	RecordFields    []string          `json:"recordFields"`
	FieldDelimiter  string            `json:"fieldDelimiter,omitempty"`
	S3              s3Configuration   `json:"s3DeliveryConfiguration"`
	Tags            map[string]string `json:"tags,omitempty"`
}

type s3Configuration struct {
	SuffixPath               string `json:"suffixPath"`
	EnableHiveCompatiblePath bool   `json:"enableHiveCompatiblePath"`
}

type createInput struct {
	DeliverySourceName, DeliveryDestinationArn string
	configuration
	Tags map[string]string
}

// configuration is what can be changed of a delivery. What is not given stays, or is
// the default.
type configuration struct {
	RecordFields            []string
	FieldDelimiter          *string
	S3DeliveryConfiguration *struct {
		SuffixPath               *string
		EnableHiveCompatiblePath *bool
	}
}

type updateInput struct {
	ID string
	configuration
}

// kept is a delivery with its id.
type kept struct {
	id string
	*logs.Delivery
}

// deliveries are all that there are.
func deliveries(s *cdn.State) (all []kept) {
	for _, r := range sorted(s, cdn.ResourceLogDelivery) {
		if d, err := logs.Read[logs.Delivery](r.Document); err == nil {
			all = append(all, kept{r.ID, d})
		}
	}
	return all
}

// create makes a delivery. From one source to destinations of one type there is one at
// most.
func (h *handler) create(ctx context.Context, in *createInput) (any, error) {
	name, found := strings.CutPrefix(in.DeliveryDestinationArn, h.arn(cdn.ResourceLogDestination, ""))
	if !found {
		return nil, cdn.Errorf("ValidationException", "%.256q is not the ARN of a delivery destination of this account.", in.DeliveryDestinationArn)
	}
	standard := logs.StandardFields()
	doc := &logs.Delivery{Source: in.DeliverySourceName, Destination: name, Fields: standard}
	if err := in.apply(doc); err != nil {
		return nil, err
	}
	id := rand.Text()[:16]
	made, err := h.put(ctx, func(s *cdn.State) (*cdn.Resource, error) {
		if _, err := find(s, cdn.ResourceLogSource, doc.Source); err != nil {
			return nil, err
		}
		if _, err := find(s, cdn.ResourceLogDestination, doc.Destination); err != nil {
			return nil, err
		}
		for _, d := range deliveries(s) {
			if d.Source == doc.Source {
				return nil, cdn.Errorf("ConflictException", "Delivery %s already leads from %s to a bucket.", d.id, d.Source)
			}
		}
		next, err := replace(s, cdn.ResourceLogDelivery, id, in.Tags)
		if err == nil {
			next.Document = logs.Encode(doc)
		}
		return next, err
	})
	if err != nil {
		return nil, err
	}
	return h.show(made)
}

// apply puts what is given into the document.
func (c *configuration) apply(d *logs.Delivery) error {
	if len(c.RecordFields) > 0 {
		d.Fields = c.RecordFields
	}
	standard, further := logs.StandardFields(), logs.FurtherFields()
	for i, f := range d.Fields {
		switch {
		case !slices.Contains(standard, f) && !slices.Contains(further, f):
			return cdn.Errorf("ValidationException", "The record field %.64q is not one that access logs have.", f)
		case slices.Contains(d.Fields[:i], f):
			return cdn.Errorf("ValidationException", "The record field %.64q is given twice.", f)
		}
	}
	if c.FieldDelimiter != nil {
		if d.Delimiter = *c.FieldDelimiter; len(d.Delimiter) > 5 || strings.ContainsAny(d.Delimiter, "\r\n") {
			return cdn.Errorf("ValidationException", "The field delimiter %.16q must have at most 5 characters, and no end of line.", d.Delimiter)
		}
	}
	if s3 := c.S3DeliveryConfiguration; s3 != nil {
		if s3.SuffixPath != nil {
			d.SuffixPath = *s3.SuffixPath
		}
		if s3.EnableHiveCompatiblePath != nil {
			d.Hive = *s3.EnableHiveCompatiblePath
		}
	}
	return checkPath(d.SuffixPath)
}

// checkPath refuses a suffix path with variables that there are none of.
func checkPath(path string) error {
	rest := path
	for variable := range logs.Variables() {
		rest = strings.ReplaceAll(rest, variable, "")
	}
	for _, c := range rest {
		if c <= ' ' || c > '~' || c == '{' || c == '}' {
			return cdn.Errorf("ValidationException", "The suffix path %.256q is not valid: besides printable ASCII it may have {DistributionId}, {account-id}, {yyyy}, {MM}, {dd} and {HH}.", path)
		}
	}
	if len(path) > 256 {
		return cdn.Errorf("ValidationException", "The suffix path must have at most 256 characters.")
	}
	return nil
}

func (h *handler) show(r *cdn.Resource) (any, error) {
	one, err := h.delivery(r)
	return map[string]any{"delivery": one}, err
}

func (h *handler) delivery(r *cdn.Resource) (*delivery, error) {
	d, err := logs.Read[logs.Delivery](r.Document)
	if err != nil {
		return nil, err
	}
	path := d.SuffixPath
	if into := h.Journal.State().Resource(cdn.ResourceLogDestination, d.Destination); into != nil {
		if to, err := logs.Read[logs.Destination](into.Document); err == nil {
			if _, prefix := to.Bucket(); prefix == "" && !strings.HasPrefix(path, logs.ManagedPath) {
				path = logs.ManagedPath + strings.TrimPrefix(path, "/")
			}
		}
	}
	return &delivery{
		ID: r.ID, ARN: h.arn(r.Kind, r.ID), SourceName: d.Source, DestinationArn: h.arn(cdn.ResourceLogDestination, d.Destination), DestinationType: "S3",
		RecordFields: d.Fields, FieldDelimiter: d.Delimiter, S3: s3Configuration{path, d.Hive}, Tags: r.Tags,
	}, nil
}

func (h *handler) get(_ context.Context, in *idInput) (any, error) {
	r, err := find(h.Journal.State(), cdn.ResourceLogDelivery, in.ID)
	if err != nil {
		return nil, err
	}
	return h.show(r)
}

func (h *handler) list(context.Context, *pageInput) (any, error) {
	list := []*delivery{}
	for _, r := range sorted(h.Journal.State(), cdn.ResourceLogDelivery) {
		one, err := h.delivery(r)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return map[string]any{"deliveries": list}, nil
}

func (h *handler) delete(ctx context.Context, in *idInput) (any, error) {
	return h.remove(ctx, cdn.ResourceLogDelivery, in.ID)
}

func (h *handler) update(ctx context.Context, in *updateInput) (any, error) {
	_, err := h.put(ctx, func(s *cdn.State) (*cdn.Resource, error) {
		r, err := find(s, cdn.ResourceLogDelivery, in.ID)
		if err != nil {
			return nil, err
		}
		d, err := logs.Read[logs.Delivery](r.Document)
		if err == nil {
			err = in.apply(d)
		}
		if err != nil {
			return nil, err
		}
		next := *r
		next.Document = logs.Encode(d)
		return &next, nil
	})
	return map[string]any{}, err
}
