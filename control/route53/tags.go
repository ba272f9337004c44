package route53

import (
	"encoding/xml"
	"maps"
	"slices"
	"strings"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/account"
)

type tag struct{ Key, Value string }

const maxTags = 50

// tagged refuses what cannot have tags here.
func (c *call) tagged() error {
	if kind := c.r.PathValue("kind"); kind != "hostedzone" {
		return cdn.Errorf("InvalidInput", "The resource type %.32q has no tags here: hostedzone has.", kind)
	}
	return nil
}

func (h *handler) listTags(c *call) (any, error) {
	if err := c.tagged(); err != nil {
		return nil, err
	}
	r, _, err := c.zone(h.Journal.State())
	if err != nil {
		return nil, err
	}
	type set struct {
		ResourceType string
		ResourceID   string `xml:"ResourceId"`
		Tags         []tag  `xml:"Tags>Tag"`
	}
	out := set{"hostedzone", r.ID, nil}
	for _, key := range slices.Sorted(maps.Keys(r.Tags)) {
		out.Tags = append(out.Tags, tag{key, r.Tags[key]})
	}
	return struct {
		XMLName xml.Name `xml:"https://route53.amazonaws.com/doc/2013-04-01/ ListTagsForResourceResponse"`
		Set     set      `xml:"ResourceTagSet"`
	}{Set: out}, nil
}

func (h *handler) changeTags(c *call) (any, error) {
	if err := c.tagged(); err != nil {
		return nil, err
	}
	in, err := decode[struct {
		Add    []tag    `xml:"AddTags>Tag"`
		Remove []string `xml:"RemoveTagKeys>Key"`
	}](c)
	if err != nil {
		return nil, err
	}
	_, err = h.put(c, func(_ *cdn.State, r *cdn.Resource, _ *account.Zone) error {
		tags := map[string]string{}
		maps.Copy(tags, r.Tags)
		for _, t := range in.Add {
			if t.Key == "" || len([]rune(t.Key)) > 128 || len([]rune(t.Value)) > 256 || strings.HasPrefix(t.Key, "aws:") {
				return cdn.Errorf("InvalidInput", "The tag %.128q is not valid.", t.Key)
			}
			tags[t.Key] = t.Value
		}
		for _, key := range in.Remove {
			delete(tags, key)
		}
		if len(tags) > maxTags {
			return cdn.Errorf("InvalidInput", "A hosted zone can have at most %d tags.", maxTags)
		}
		r.Tags = tags
		return nil
	})
	return struct {
		XMLName xml.Name `xml:"https://route53.amazonaws.com/doc/2013-04-01/ ChangeTagsForResourceResponse"`
	}{}, err
}
