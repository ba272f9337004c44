package edge

// result is CloudFront's result type.
type result int

const (
	resultMiss result = iota
	resultHit
	resultRefreshHit
	resultError
	resultRedirect
	results
)

// String is the name that metrics and logs know it by.
func (r result) String() string {
	return [...]string{"Miss", "Hit", "RefreshHit", "Error", "Redirect"}[r]
}

// xCache is the value of X-Cache.
func (r result) xCache() string {
	return [...]string{
		"Miss from cloudfront", "Hit from cloudfront", "RefreshHit from cloudfront", "Error from cloudfront", "Redirect from cloudfront",
	}[r]
}
