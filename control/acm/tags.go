package acm

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/warmfront/warmfront/cdn"
)

type tag struct{ Key, Value string }

type tagsInput struct {
	CertificateArn string
	Tags           []tag
}

const maxTags = 50

// tagsOf makes a map of tags and refuses what are none.
func tagsOf(list []tag) (map[string]string, error) {
	out := map[string]string{}
	for _, t := range list {
		if t.Key == "" || len([]rune(t.Key)) > 128 || len([]rune(t.Value)) > 256 || strings.HasPrefix(t.Key, "aws:") {
			return nil, cdn.Errorf("InvalidTagException", "The tag %.128q is not valid.", t.Key)
		}
		out[t.Key] = t.Value
	}
	if len(out) > maxTags {
		return nil, cdn.Errorf("TooManyTagsException", "A certificate can have at most %d tags.", maxTags)
	}
	return out, nil
}

func (h *handler) listTags(_ context.Context, in *reference) (any, error) {
	r, _, err := h.find(h.Journal.State(), in.CertificateArn)
	if err != nil {
		return nil, err
	}
	tags := []tag{}
	for _, key := range slices.Sorted(maps.Keys(r.Tags)) {
		tags = append(tags, tag{key, r.Tags[key]})
	}
	return map[string]any{"Tags": tags}, nil
}

func (h *handler) addTags(ctx context.Context, in *tagsInput) (any, error) {
	added, err := tagsOf(in.Tags)
	if err != nil {
		return nil, err
	}
	return nil, h.retag(ctx, in.CertificateArn, func(tags map[string]string) error {
		maps.Copy(tags, added)
		if len(tags) > maxTags {
			return cdn.Errorf("TooManyTagsException", "A certificate can have at most %d tags.", maxTags)
		}
		return nil
	})
}

func (h *handler) removeTags(ctx context.Context, in *tagsInput) (any, error) {
	return nil, h.retag(ctx, in.CertificateArn, func(tags map[string]string) error {
		for _, t := range in.Tags {
			// With a value only that is meant (ACM API, RemoveTagsFromCertificate).
			if t.Value == "" || tags[t.Key] == t.Value {
				delete(tags, t.Key)
			}
		}
		return nil
	})
}

func (h *handler) retag(ctx context.Context, arn string, change func(map[string]string) error) error {
	return h.put(ctx, func(s *cdn.State) (*cdn.Resource, error) {
		old, _, err := h.find(s, arn)
		if err != nil {
			return nil, err
		}
		next := *old
		next.Tags = map[string]string{}
		maps.Copy(next.Tags, old.Tags)
		return &next, change(next.Tags)
	})
}
