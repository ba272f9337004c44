package edge

import "github.com/warmfront/warmfront/edge/accesslog"

// result is CloudFront's result type.
type result int

const (
	resultMiss result = iota
	resultHit
	resultRefreshHit
	resultError
	resultRedirect
	resultShieldHit
	resultLimitExceeded
	results
)

// names are those by which metrics and logs know the results.
func names() [results]string {
	return [...]string{
		accesslog.Miss, accesslog.Hit, accesslog.RefreshHit, accesslog.Error, accesslog.Redirect, accesslog.OriginShieldHit, accesslog.LimitExceeded,
	}
}

// String is the result's name.
func (r result) String() string { return names()[r] }

// xCache is the value of X-Cache.
func (r result) xCache() string {
	return [...]string{
		accesslog.Miss + from, accesslog.Hit + from, accesslog.RefreshHit + from, accesslog.Error + from, accesslog.Redirect + from, accesslog.OriginShieldHit + from,
		accesslog.LimitExceeded + from,
	}[r]
}

const from = " from cloudfront"
