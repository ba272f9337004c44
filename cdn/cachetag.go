package cdn

import (
	"strings"

	"github.com/warmfront/warmfront/cdn/document"
	"github.com/warmfront/warmfront/cdn/policies"
)

const (
	// maxCacheTags is how many tags an object may have, maxCacheTag how long one may
	// be (developer guide, "What you need to know when invalidating tags").
	maxCacheTags = 50
	maxCacheTag  = 256
)

// CacheTags returns the tags in the value of the field that a distribution's
// CacheTagConfig names: separated by commas, with space around them that does not
// count, alike in upper and lower case. They are written as an invalidation names
// them, after "#", in lower case. Of more than 50 the rest is left out; so is what
// is no tag.
func CacheTags(value string) []string {
	var tags []string
	seen := map[string]struct{}{}
	for rest, more := value, value != ""; more && len(tags) < maxCacheTags; {
		var tag string
		tag, rest, more = strings.Cut(rest, ",")
		tag = strings.Trim(tag, " \t")
		if !isCacheTag(tag) {
			continue
		}
		tag = "#" + strings.ToLower(tag)
		if _, found := seen[tag]; !found {
			seen[tag] = struct{}{}
			tags = append(tags, tag)
		}
	}
	return tags
}

// isCacheTag reports whether tag is one: 1 to 256 visible ASCII characters without
// a comma.
func isCacheTag(tag string) bool {
	if tag == "" || len(tag) > maxCacheTag {
		return false
	}
	for i := range len(tag) {
		if tag[i] <= ' ' || tag[i] >= 0x7f || tag[i] == ',' {
			return false
		}
	}
	return true
}

// NamesCacheTag reports whether what an invalidation names is a tag and no path.
func NamesCacheTag(item string) bool { return strings.HasPrefix(item, "#") }

// compileCacheTags reads the name of the field in which the origin gives an
// object's tags.
func compileCacheTags(doc *document.Element, p *Plan, _ *compiler) error {
	config := doc.Child("CacheTagConfig")
	if config == nil {
		return nil
	}
	name := config.String("HeaderName")
	if !policies.IsFieldName(name) || len(name) > 256 {
		return Errorf("InvalidArgument", "The header name %.300q of the cache tags is not the name of a header.", name)
	}
	p.CacheTagHeader = name
	return nil
}
