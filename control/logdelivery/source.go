package logdelivery

import (
	"context"
	"strings"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/logs"
)

// accessLogs is the one type of log that distributions have here.
const accessLogs = "ACCESS_LOGS"

type source struct {
	Name         string            `json:"name"`
	ARN          string            `json:"arn"`
	ResourceArns []string          `json:"resourceArns"`
	Service      string            `json:"service"`
	LogType      string            `json:"logType"`
	Tags         map[string]string `json:"tags,omitempty"`
}

type putSourceInput struct {
	Name, ResourceArn, LogType string
	Tags                       map[string]string
}

// putSource makes a source, or changes it: a distribution has one at most.
func (h *handler) putSource(ctx context.Context, in *putSourceInput) (any, error) {
	if err := checkName(in.Name); err != nil {
		return nil, err
	}
	if in.LogType != accessLogs {
		return nil, cdn.Errorf("ValidationException", "The log type %.64q is not one that distributions have here: use ACCESS_LOGS.", in.LogType)
	}
	doc := &logs.Source{ResourceARN: in.ResourceArn, LogType: in.LogType}
	made, err := h.put(ctx, func(s *cdn.State) (*cdn.Resource, error) {
		d := s.Distributions[doc.DistributionID()]
		if d == nil || d.ARN != in.ResourceArn {
			return nil, cdn.Errorf("ResourceNotFoundException", "There is no distribution %.256q.", in.ResourceArn)
		}
		for _, r := range sorted(s, cdn.ResourceLogSource) {
			other, err := logs.Read[logs.Source](r.Document)
			if err == nil && r.ID != in.Name && other.ResourceARN == in.ResourceArn {
				return nil, cdn.Errorf("ConflictException", "This ResourceId has already been used in another Delivery Source in this account: %s.", r.ID)
			}
		}
		next, err := replace(s, cdn.ResourceLogSource, in.Name, in.Tags)
		if err == nil {
			next.Document = logs.Encode(doc)
		}
		return next, err
	})
	if err != nil {
		return nil, err
	}
	return h.showSource(made)
}

// replace is the resource with that id to be changed, or a new one.
func replace(s *cdn.State, kind cdn.ResourceKind, id string, tags map[string]string) (*cdn.Resource, error) {
	next := &cdn.Resource{Kind: kind, ID: id}
	if old := s.Resource(kind, id); old != nil {
		*next = *old
	} else if err := room(s, kind); err != nil {
		return nil, err
	}
	if len(tags) > 0 {
		next.Tags = tags
	}
	return next, checkTags(next.Tags)
}

func (h *handler) showSource(r *cdn.Resource) (any, error) {
	one, err := h.source(r)
	return map[string]any{"deliverySource": one}, err
}

func (h *handler) source(r *cdn.Resource) (*source, error) {
	doc, err := logs.Read[logs.Source](r.Document)
	if err != nil {
		return nil, err
	}
	return &source{
		Name: r.ID, ARN: h.arn(r.Kind, r.ID), ResourceArns: []string{doc.ResourceARN}, Service: "cloudfront", LogType: doc.LogType, Tags: r.Tags,
	}, nil
}

func (h *handler) getSource(_ context.Context, in *nameInput) (any, error) {
	r, err := find(h.Journal.State(), cdn.ResourceLogSource, in.Name)
	if err != nil {
		return nil, err
	}
	return h.showSource(r)
}

func (h *handler) listSources(context.Context, *pageInput) (any, error) {
	list := []*source{}
	for _, r := range sorted(h.Journal.State(), cdn.ResourceLogSource) {
		one, err := h.source(r)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return map[string]any{"deliverySources": list}, nil
}

func (h *handler) deleteSource(ctx context.Context, in *nameInput) (any, error) {
	return h.remove(ctx, cdn.ResourceLogSource, in.Name)
}

type destination struct {
	Name          string                   `json:"name"`
	ARN           string                   `json:"arn"`
	Type          string                   `json:"deliveryDestinationType"`
	OutputFormat  string                   `json:"outputFormat"`
	Configuration destinationConfiguration `json:"deliveryDestinationConfiguration"`
	Tags          map[string]string        `json:"tags,omitempty"`
}

type destinationConfiguration struct {
	DestinationResourceArn string `json:"destinationResourceArn"`
}

type putDestinationInput struct {
	Name, OutputFormat               string
	DeliveryDestinationConfiguration destinationConfiguration
	Tags                             map[string]string
}

// putDestination makes a destination, or changes it.
func (h *handler) putDestination(ctx context.Context, in *putDestinationInput) (any, error) {
	if err := checkName(in.Name); err != nil {
		return nil, err
	}
	doc := &logs.Destination{ResourceARN: in.DeliveryDestinationConfiguration.DestinationResourceArn, Format: in.OutputFormat}
	if doc.Format == "" {
		doc.Format = "json"
	}
	bucket, _ := doc.Bucket()
	switch {
	case !strings.HasPrefix(doc.ResourceARN, "arn:aws:s3:::") || bucket == "" || len(doc.ResourceARN) > 2048:
		return nil, cdn.Errorf("ValidationException", "Access logs are delivered to buckets here, arn:aws:s3:::BUCKET or arn:aws:s3:::BUCKET/PREFIX, not to %.256q.", doc.ResourceARN)
	case doc.Format != "json" && doc.Format != "plain" && doc.Format != "w3c" && doc.Format != "parquet":
		return nil, cdn.Errorf("ValidationException", "The output format %.32q is not one that buckets can have: use json, plain, w3c or parquet.", doc.Format)
	}
	made, err := h.put(ctx, func(s *cdn.State) (*cdn.Resource, error) {
		next, err := replace(s, cdn.ResourceLogDestination, in.Name, in.Tags)
		if err != nil {
			return nil, err
		}
		if old, err := logs.Read[logs.Destination](next.Document); err == nil && next.Document != "" {
			doc.Policy = old.Policy
		}
		next.Document = logs.Encode(doc)
		return next, nil
	})
	if err != nil {
		return nil, err
	}
	return h.showDestination(made)
}

func (h *handler) showDestination(r *cdn.Resource) (any, error) {
	one, err := h.destination(r)
	return map[string]any{"deliveryDestination": one}, err
}

func (h *handler) destination(r *cdn.Resource) (*destination, error) {
	doc, err := logs.Read[logs.Destination](r.Document)
	if err != nil {
		return nil, err
	}
	return &destination{
		Name: r.ID, ARN: h.arn(r.Kind, r.ID), Type: "S3", OutputFormat: doc.Format, Configuration: destinationConfiguration{doc.ResourceARN}, Tags: r.Tags,
	}, nil
}

func (h *handler) getDestination(_ context.Context, in *nameInput) (any, error) {
	r, err := find(h.Journal.State(), cdn.ResourceLogDestination, in.Name)
	if err != nil {
		return nil, err
	}
	return h.showDestination(r)
}

func (h *handler) listDestinations(context.Context, *pageInput) (any, error) {
	list := []*destination{}
	for _, r := range sorted(h.Journal.State(), cdn.ResourceLogDestination) {
		one, err := h.destination(r)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return map[string]any{"deliveryDestinations": list}, nil
}

func (h *handler) deleteDestination(ctx context.Context, in *nameInput) (any, error) {
	return h.remove(ctx, cdn.ResourceLogDestination, in.Name)
}

type policyInput struct {
	DeliveryDestinationName, DeliveryDestinationPolicy string
}

// A policy lets other accounts deliver; there are none here, and it is kept and given
// back.
func (h *handler) putPolicy(ctx context.Context, in *policyInput) (any, error) {
	const most = 51_200
	if in.DeliveryDestinationPolicy == "" || len(in.DeliveryDestinationPolicy) > most {
		return nil, cdn.Errorf("ValidationException", "The policy must have 1 to %d characters.", most)
	}
	if err := h.setPolicy(ctx, in.DeliveryDestinationName, in.DeliveryDestinationPolicy); err != nil {
		return nil, err
	}
	return h.getPolicy(ctx, in)
}

func (h *handler) setPolicy(ctx context.Context, name, policy string) error {
	_, err := h.put(ctx, func(s *cdn.State) (*cdn.Resource, error) {
		r, err := find(s, cdn.ResourceLogDestination, name)
		if err != nil {
			return nil, err
		}
		doc, err := logs.Read[logs.Destination](r.Document)
		if err != nil {
			return nil, err
		}
		doc.Policy = policy
		next := *r
		next.Document = logs.Encode(doc)
		return &next, nil
	})
	return err
}

func (h *handler) getPolicy(_ context.Context, in *policyInput) (any, error) {
	r, err := find(h.Journal.State(), cdn.ResourceLogDestination, in.DeliveryDestinationName)
	if err != nil {
		return nil, err
	}
	doc, err := logs.Read[logs.Destination](r.Document)
	if err != nil {
		return nil, err
	}
	policy := map[string]string{}
	if doc.Policy != "" {
		policy["deliveryDestinationPolicy"] = doc.Policy
	}
	return map[string]any{"policy": policy}, nil
}

func (h *handler) deletePolicy(ctx context.Context, in *policyInput) (any, error) {
	return nil, h.setPolicy(ctx, in.DeliveryDestinationName, "")
}
