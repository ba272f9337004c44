// Package policies is what a behavior's policies compile to: which part of a request makes
// the cache key and for how long objects stay fresh, what the origin gets, and which headers
// viewers get. It reads the documents of the API and does no I/O; errors are
// *apierror.Error, with CloudFront's codes.
package policies
