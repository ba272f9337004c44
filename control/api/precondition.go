package api

import (
	"strings"

	calls "github.com/warmfront/warmfront/control/api/call"
	"github.com/warmfront/warmfront/control/cloudfront"
)

// checkIfMatch checks that the caller has seen the newest version. It is called
// inside Propose: of two updates on the same ETag one is refused.
func (c *call) checkIfMatch(etag string) error { return calls.CheckIfMatch(c.ifMatch, etag) }

// checkIfMatchBoth checks an If-Match that has the ETags of two things, as
// "PRIMARY, STAGING".
func (c *call) checkIfMatchBoth(primary, staging string) error {
	a, b, _ := strings.Cut(c.ifMatch, ",")
	a, b = strings.TrimSpace(a), strings.TrimSpace(b)
	switch {
	case !calls.IsETag(a) || !calls.IsETag(b):
		return cloudfront.CodeInvalidIfMatchVersion.Errorf("The If-Match version is missing or not valid for the resource: it must have the ETags of the primary and of the staging distribution, with a comma between.")
	case a != primary || b != staging:
		return preconditionFailed()
	}
	return nil
}

func preconditionFailed() error {
	return cloudfront.CodePreconditionFailed.Errorf("The request failed because it didn't meet the preconditions in one or more request-header fields.")
}
