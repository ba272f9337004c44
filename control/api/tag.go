package api

import (
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/cloudfront"
)

// maxTags is CloudFront's quota for one distribution.
const maxTags = 50

func (h *handler) tagOperations() map[string]operation {
	return map[string]operation{
		"TagResource":         h.tagResource,
		"UntagResource":       h.untagResource,
		"ListTagsForResource": h.listTags,
	}
}

func (h *handler) tagResource(c *call) (*answer, error) {
	given, err := decode[cloudfront.Tags](c)
	if err != nil {
		return nil, err
	}
	add, err := newTags(*given)
	if err != nil {
		return nil, err
	}
	return h.retag(c, func(tags map[string]string) { maps.Copy(tags, add) })
}

func (h *handler) untagResource(c *call) (*answer, error) {
	keys, err := decode[cloudfront.TagKeys](c)
	if err != nil {
		return nil, err
	}
	return h.retag(c, func(tags map[string]string) {
		for _, key := range keys.Items {
			delete(tags, key)
		}
	})
}

// retag changes the tags of a thing and nothing else: tags are not part of what an
// ETag is the version of.
func (h *handler) retag(c *call, alter func(tags map[string]string)) (*answer, error) {
	_, err := h.Journal.Propose(c, func(s *cdn.State) ([]cdn.Change, error) {
		old, put, err := h.tagged(s, c.get("Resource"))
		if err != nil {
			return nil, err
		}
		tags := maps.Clone(old)
		if tags == nil {
			tags = map[string]string{}
		}
		alter(tags)
		if maps.Equal(tags, old) {
			return nil, nil
		}
		if err := checkTagCount(tags); err != nil {
			return nil, err
		}
		return put(tags)
	})
	return &answer{}, err
}

func (h *handler) listTags(c *call) (*answer, error) {
	all, _, err := h.tagged(h.Journal.State(), c.get("Resource"))
	if err != nil {
		return nil, err
	}
	tags := &cloudfront.Tags{Items: []cloudfront.Tag{}}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		tags.Items = append(tags.Items, cloudfront.Tag{Key: key, Value: new(all[key])})
	}
	return &answer{body: tags}, nil
}

// tagged finds what an ARN names: its tags, and what gives it others. Distributions
// have tags, and those resources that can be made with some.
func (h *handler) tagged(s *cdn.State, arn string) (tags map[string]string, put func(map[string]string) ([]cdn.Change, error), err error) {
	if !strings.HasPrefix(arn, "arn:") || strings.Count(arn, ":") < 5 {
		return nil, nil, cloudfront.CodeInvalidArgument.Errorf("The parameter Resource is not an ARN: %.300q.", arn)
	}
	if id, found := strings.CutPrefix(arn, h.arn("")); found && s.Distributions[id] != nil {
		d := *s.Distributions[id]
		return d.Tags, func(tags map[string]string) ([]cdn.Change, error) {
			d.Tags = tags
			return h.change(cdn.KindDistributionPut, d)
		}, nil
	}
	for _, kind := range []cdn.ResourceKind{cdn.ResourceFunction, cdn.ResourceKeyValueStore, cdn.ResourceStreamingDistribution} {
		id := cdn.ARNResource(kind, arn)
		if found := s.Resource(kind, id); found != nil && strings.HasPrefix(arn, "arn:aws:cloudfront::"+h.Account+":") {
			r := *found
			return r.Tags, func(tags map[string]string) ([]cdn.Change, error) {
				r.Tags = tags
				return h.change(cdn.KindResourcePut, r)
			}, nil
		}
	}
	return nil, nil, cloudfront.CodeNoSuchResource.Errorf("The specified resource does not exist: %.300s.", arn)
}

// newTags checks the tags of one request. A tag without a value has the empty
// one.
func newTags(given cloudfront.Tags) (map[string]string, error) {
	tags := make(map[string]string, len(given.Items))
	for _, t := range given.Items {
		value := cloudfront.Or(t.Value, "")
		_, twice := tags[t.Key]
		switch {
		case twice:
			return nil, invalidTag("The tag key %q is given more than once.", t.Key)
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return nil, invalidTag("The tag key %q begins with aws:, which is reserved.", t.Key)
		case !isTagText(t.Key) || !isTagText(value):
			return nil, invalidTag("The tag %q: %q has characters other than letters, digits, spaces and _ . : / = + - @", t.Key, value)
		}
		if t.Key == cdn.WhenIsolatedTag {
			if _, err := cdn.ParseWhenIsolated(value); err != nil {
				return nil, err
			}
		}
		tags[t.Key] = value
	}
	return tags, checkTagCount(tags)
}

func checkTagCount(tags map[string]string) error {
	if len(tags) > maxTags {
		return invalidTag("A resource can have at most %d tags.", maxTags)
	}
	return nil
}

func invalidTag(format string, args ...any) error {
	return cloudfront.CodeInvalidTagging.Errorf(format, args...)
}

func isTagText(s string) bool {
	for _, r := range s {
		if r == utf8.RuneError || !unicode.IsLetter(r) && !unicode.IsNumber(r) && r != ' ' && !strings.ContainsRune("_.:/=+-@", r) {
			return false
		}
	}
	return true
}
