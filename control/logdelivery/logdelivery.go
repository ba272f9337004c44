// Package logdelivery serves what standard logging (v2) of distributions needs of
// CloudWatch Logs, over its JSON protocol: delivery sources, delivery destinations and
// deliveries, and their tags. Logs are delivered to buckets; there are no log groups
// and no Firehose here.
//
// Each is a resource of the journal, which every edge knows: it is by those that edges
// deliver lines (edge/logship).
package logdelivery

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/admission"
	"github.com/warmfront/warmfront/control/awsjson"
)

// Journal is what deliveries are kept in; *control.Control is one.
type Journal interface {
	State() *cdn.State
	Propose(ctx context.Context, f func(*cdn.State) ([]cdn.Change, error)) (cdn.Version, error)
}

// Config is what the service is given.
type Config struct {
	Gate    admission.Gate
	Journal Journal
	// Account is the twelve digits in ARNs.
	Account   string
	Now       func() time.Time
	RequestID func() string
	Logger    *slog.Logger
}

// Target is how X-Amz-Target begins.
const Target = "Logs_20140328."

// Handler serves the calls.
func Handler(cfg Config) http.Handler {
	h := &handler{cfg}
	return &awsjson.Service{
		Name: "the delivery of logs", Target: Target, Internal: "ServiceUnavailableException", Served: "of CloudWatch Logs the delivery of access logs is served",
		Gate: cfg.Gate, RequestID: cfg.RequestID, Logger: cfg.Logger,
		Operations: map[string]awsjson.Operation{
			"PutDeliverySource":               awsjson.Handle(h.putSource),
			"GetDeliverySource":               awsjson.Handle(h.getSource),
			"DescribeDeliverySources":         awsjson.Handle(h.listSources),
			"DeleteDeliverySource":            awsjson.Handle(h.deleteSource),
			"PutDeliveryDestination":          awsjson.Handle(h.putDestination),
			"GetDeliveryDestination":          awsjson.Handle(h.getDestination),
			"DescribeDeliveryDestinations":    awsjson.Handle(h.listDestinations),
			"DeleteDeliveryDestination":       awsjson.Handle(h.deleteDestination),
			"PutDeliveryDestinationPolicy":    awsjson.Handle(h.putPolicy),
			"GetDeliveryDestinationPolicy":    awsjson.Handle(h.getPolicy),
			"DeleteDeliveryDestinationPolicy": awsjson.Handle(h.deletePolicy),
			"CreateDelivery":                  awsjson.Handle(h.create),
			"GetDelivery":                     awsjson.Handle(h.get),
			"DescribeDeliveries":              awsjson.Handle(h.list),
			"DeleteDelivery":                  awsjson.Handle(h.delete),
			"UpdateDeliveryConfiguration":     awsjson.Handle(h.update),
			"ListTagsForResource":             awsjson.Handle(h.listTags),
			"TagResource":                     awsjson.Handle(h.tag),
			"UntagResource":                   awsjson.Handle(h.untag),
		},
	}
}

type handler struct{ Config }

// put proposes one resource, made of the newest state.
func (h *handler) put(ctx context.Context, f func(*cdn.State) (*cdn.Resource, error)) (made *cdn.Resource, err error) {
	_, err = h.Journal.Propose(ctx, func(s *cdn.State) ([]cdn.Change, error) {
		if made, err = f(s); err != nil {
			return nil, err
		}
		now := h.Now().UTC().Truncate(time.Second)
		if made.LastModified = now; made.Created.IsZero() {
			made.Created = now
		}
		c, err := cdn.NewChange(cdn.KindResourcePut, made, h.Now())
		return []cdn.Change{c}, err
	})
	return made, err
}

// remove deletes a resource that no delivery leads from or to.
func (h *handler) remove(ctx context.Context, kind cdn.ResourceKind, id string) (any, error) {
	_, err := h.Journal.Propose(ctx, func(s *cdn.State) ([]cdn.Change, error) {
		if _, err := find(s, kind, id); err != nil {
			return nil, err
		}
		for _, d := range deliveries(s) {
			if kind == cdn.ResourceLogSource && d.Source == id || kind == cdn.ResourceLogDestination && d.Destination == id {
				return nil, cdn.Errorf("ConflictException", "%.64s is used by the delivery %s: delete that first.", id, d.id)
			}
		}
		c, err := cdn.NewChange(cdn.KindResourceDelete, cdn.ResourceRef{Kind: kind, ID: id}, h.Now())
		return []cdn.Change{c}, err
	})
	return nil, err
}

// find returns a resource, or the error that there is none.
func find(s *cdn.State, kind cdn.ResourceKind, id string) (*cdn.Resource, error) {
	if r := s.Resource(kind, id); r != nil {
		return r, nil
	}
	return nil, cdn.Errorf("ResourceNotFoundException", "Requested %s does not exist: %.64q.", map[cdn.ResourceKind]string{
		cdn.ResourceLogSource: "Delivery Source", cdn.ResourceLogDestination: "Delivery Destination", cdn.ResourceLogDelivery: "Delivery",
	}[kind], id)
}

// sorted are the resources of a kind by id.
func sorted(s *cdn.State, kind cdn.ResourceKind) []*cdn.Resource {
	all := s.ResourcesOf(kind)
	var list []*cdn.Resource
	for _, id := range slices.Sorted(maps.Keys(all)) {
		list = append(list, all[id])
	}
	return list
}

// pageInput asks for a part of a list; all of it fits one, for there are few.
type pageInput struct{}

// nameInput names a source or a destination, idInput a delivery.
type (
	nameInput struct{ Name string }
	idInput   struct{ ID string }
)

const maxOfAKind = 1000

// room refuses more resources of a kind than an account may have.
func room(s *cdn.State, kind cdn.ResourceKind) error {
	if len(s.ResourcesOf(kind)) >= maxOfAKind {
		return cdn.Errorf("ServiceQuotaExceededException", "The account has %d of these.", maxOfAKind)
	}
	return nil
}

// checkName refuses what is no name of a source or destination.
func checkName(name string) error {
	valid := name != "" && len(name) <= 60
	for _, c := range name {
		valid = valid && (c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z')
	}
	if !valid {
		return cdn.Errorf("ValidationException", "The name %.64q must have 1 to 60 letters, digits, hyphens and underscores.", name)
	}
	return nil
}

// arn is the ARN of a source, a destination or a delivery.
func (h *handler) arn(kind cdn.ResourceKind, id string) string {
	return "arn:aws:logs:us-east-1:" + h.Account + ":" + strings.TrimPrefix(string(kind), "log-") + ":" + id
}
