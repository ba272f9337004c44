package logdelivery

import (
	"context"
	"maps"
	"strings"

	"github.com/warmfront/warmfront/cdn"
)

type tagsInput struct {
	ResourceArn string
	Tags        map[string]string
	TagKeys     []string
}

const maxTags = 50

func checkTags(tags map[string]string) error {
	for key, value := range tags {
		if key == "" || len([]rune(key)) > 128 || len([]rune(value)) > 256 || strings.HasPrefix(key, "aws:") {
			return cdn.Errorf("ValidationException", "The tag %.128q is not valid.", key)
		}
	}
	if len(tags) > maxTags {
		return cdn.Errorf("TooManyTagsException", "A resource can have at most %d tags.", maxTags)
	}
	return nil
}

// named is the resource with an ARN.
func (h *handler) named(s *cdn.State, arn string) (*cdn.Resource, error) {
	for _, kind := range []cdn.ResourceKind{cdn.ResourceLogSource, cdn.ResourceLogDestination, cdn.ResourceLogDelivery} {
		if id, found := strings.CutPrefix(arn, h.arn(kind, "")); found {
			return find(s, kind, id)
		}
	}
	return nil, cdn.Errorf("ResourceNotFoundException", "There is nothing with the ARN %.256q.", arn)
}

func (h *handler) listTags(_ context.Context, in *tagsInput) (any, error) {
	r, err := h.named(h.Journal.State(), in.ResourceArn)
	if err != nil {
		return nil, err
	}
	tags := map[string]string{}
	maps.Copy(tags, r.Tags)
	return map[string]any{"tags": tags}, nil
}

func (h *handler) tag(ctx context.Context, in *tagsInput) (any, error) {
	return h.retag(ctx, in.ResourceArn, func(tags map[string]string) { maps.Copy(tags, in.Tags) })
}

func (h *handler) untag(ctx context.Context, in *tagsInput) (any, error) {
	return h.retag(ctx, in.ResourceArn, func(tags map[string]string) {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
	})
}

func (h *handler) retag(ctx context.Context, arn string, change func(map[string]string)) (any, error) {
	_, err := h.put(ctx, func(s *cdn.State) (*cdn.Resource, error) {
		r, err := h.named(s, arn)
		if err != nil {
			return nil, err
		}
		next := *r
		next.Tags = map[string]string{}
		maps.Copy(next.Tags, r.Tags)
		change(next.Tags)
		return &next, checkTags(next.Tags)
	})
	return nil, err
}
