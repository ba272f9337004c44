package cdn

import (
	"strings"
	"time"
)

// Invalidation is a request to stop serving what matches its paths, some of which
// may be cache tags.
type Invalidation struct {
	ID              string    `json:"id"`
	Distribution    string    `json:"distribution"`
	CallerReference string    `json:"caller_reference"`
	Paths           []string  `json:"paths"`
	CreateTime      time.Time `json:"create_time"`
	// Version is the journal version of the change that made it.
	Version Version `json:"-"`
}

// CheckInvalidationPath applies CloudFront's rules: at most 4,000 characters, "/"
// first ("*" alone stands for "/*"), printable ASCII (anything else is to be
// URL-encoded). A "*" is a wildcard at the end and itself anywhere else. What
// begins with "#" is a cache tag, and has no wildcard (developer guide, "What you
// need to know when invalidating paths", and tags).
func CheckInvalidationPath(path string) error {
	const code, invalid = "InvalidArgument", "Your request contains one or more invalid invalidation paths."
	switch {
	case path == "*":
		return nil
	case NamesCacheTag(path):
		if !isCacheTag(path[1:]) {
			return Errorf(code, invalid+" The tag %.300q must have 1 to %d visible ASCII characters, and no comma.", path, maxCacheTag)
		}
		return nil
	case !strings.HasPrefix(path, "/"):
		return Errorf(code, invalid+" %.100q must start with a slash (/), or be a cache tag after a number sign (#).", path)
	case len(path) > maxPathLength:
		return Errorf(code, invalid+" One has %d characters, at most %d are allowed.", len(path), maxPathLength)
	}
	for i := range len(path) {
		if path[i] <= ' ' || path[i] >= 0x7f {
			return Errorf(code, invalid+" %.100q has a character that must be URL-encoded.", path)
		}
	}
	return nil
}

const maxPathLength = 4000

// IsWildcard reports whether what an invalidation names is a path for many files.
func IsWildcard(path string) bool { return strings.HasSuffix(path, "*") && !NamesCacheTag(path) }
