package api

import "github.com/warmfront/warmfront/control/cloudfront"

// checkIfMatch checks that the caller has seen the newest version. It is called
// inside Propose: of two updates on the same ETag one is refused.
func (c *call) checkIfMatch(etag string) error {
	switch {
	case !isETag(c.ifMatch):
		return cloudfront.CodeInvalidIfMatchVersion.Errorf("The If-Match version is missing or not valid for the resource.")
	case c.ifMatch != etag:
		return cloudfront.CodePreconditionFailed.Errorf("The request failed because it didn't meet the preconditions in one or more request-header fields.")
	}
	return nil
}
