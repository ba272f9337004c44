// Package policy applies a behavior's cache and origin request policies to a
// viewer's request: it says what of the request makes the cache key, what the
// origin is sent, by which of its values an answer may vary, and for which URIs
// the answer stands. All of it is pure: a [View] is a request together with the
// settings found for it, and its methods read it and nothing else.
package policy
