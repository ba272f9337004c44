package cdn

import (
	"strings"
	"time"
)

// Invalidation is a request to stop serving what matches its paths.
type Invalidation struct {
	ID              string    `json:"id"`
	Distribution    string    `json:"distribution"`
	CallerReference string    `json:"caller_reference"`
	Paths           []string  `json:"paths"`
	CreateTime      time.Time `json:"create_time"`
	// Version is the journal version of the change that made it.
	Version Version `json:"-"`
}

// CheckInvalidationPath applies CloudFront's rules: at most 4,000 characters,
// "/" first ("*" alone stands for "/*"), "*" only at the end, printable ASCII
// (anything else is to be URL-encoded).
func CheckInvalidationPath(path string) error {
	const code = "InvalidArgument"
	switch {
	case path == "*":
		return nil
	case !strings.HasPrefix(path, "/"):
		return Errorf(code, "Your request contains an invalid invalidation path: %q must start with a slash (/).", path)
	case len(path) > 4000:
		return Errorf(code, "Your request contains an invalid invalidation path: it has %d characters, at most 4,000 are allowed.", len(path))
	case strings.Contains(strings.TrimSuffix(path, "*"), "*"):
		return Errorf(code, "Your request contains an invalid invalidation path: in %q the wildcard (*) is not the last character.", path)
	}
	for i := range len(path) {
		if path[i] <= ' ' || path[i] >= 0x7f {
			return Errorf(code, "Your request contains an invalid invalidation path: %q has a character that must be URL-encoded.", path)
		}
	}
	return nil
}
