package edge

// result is CloudFront's result type.
type result int

const (
	resultMiss result = iota
	resultHit
	resultRefreshHit
	resultError
	resultRedirect
	resultShieldHit
	results
)

// names are those by which metrics and logs know the results.
func names() [results]string {
	return [...]string{"Miss", "Hit", "RefreshHit", "Error", "Redirect", "OriginShieldHit"}
}

// String is the result's name.
func (r result) String() string { return names()[r] }

// xCache is the value of X-Cache.
func (r result) xCache() string {
	return [...]string{
		"Miss from cloudfront", "Hit from cloudfront", "RefreshHit from cloudfront", "Error from cloudfront", "Redirect from cloudfront",
		"OriginShieldHit from cloudfront",
	}[r]
}
