// Package site is the web site of a fault run: objects of every kind that caches treat differently, each with a
// version that only rises, and the origin that serves them.
//
// The version is in every part of an answer: in X-Version, in the validator and in every block of the body, so that a
// body made of two versions is noticed. The origin settles on the version when the request arrives and may take
// seconds to send it: what it sends may be old by then, which is what a fetch that straddles an invalidation is. It
// confirms (304) the version that is current then, and no other.
package site

import "fmt"

// Kind says how an object is cached and served.
type Kind string

// The kinds.
const (
	Plain    Kind = "plain"    // a strong ETag, fresh for an hour
	SlowHead Kind = "slowhead" // up to three seconds until the head comes
	SlowBody Kind = "slowbody" // the body takes up to three seconds
	Large    Kind = "large"    // several MiB, kept in slices
	Vary     Kind = "vary"     // another body for those who take gzip
	Query    Kind = "query"    // the query string counts
	Missing  Kind = "missing"  // 404 in odd versions
	Dated    Kind = "dated"    // Last-Modified and no ETag
	StaleOK  Kind = "stale"    // fresh for a second, stale-while-revalidate and stale-if-error
	Weak     Kind = "weak"     // a weak ETag
)

// Object is one object of the site.
type Object struct {
	Path string
	Kind Kind
	Size int
	// Queries are the query strings it is asked for with; "" is none.
	Queries []string
}

// BlockSize is the length of the blocks that a body consists of; each begins with path and version.
const BlockSize = 64 << 10

// Objects returns the site.
func Objects() []Object {
	sizes := map[Kind]int{Plain: 3000, SlowHead: 2000, SlowBody: 3 * BlockSize, Large: 4<<20 + 12345, Vary: 5000, Query: 1500, Missing: 800,
		Dated: 70000, StaleOK: 2500, Weak: 40000}
	counts := map[Kind]int{Plain: 10, SlowHead: 4, SlowBody: 4, Large: 3, Vary: 4, Query: 4, Missing: 4, Dated: 4, StaleOK: 4, Weak: 4}
	var all []Object
	for _, k := range []Kind{Plain, SlowHead, SlowBody, Large, Vary, Query, Missing, Dated, StaleOK, Weak} {
		for n := range counts[k] {
			o := Object{Path: fmt.Sprintf("/%s/%d", k, n), Kind: k, Size: sizes[k] + 17*n, Queries: []string{""}}
			if k == Query {
				o.Queries = []string{"", "q=1", "q=2"}
			}
			all = append(all, o)
		}
	}
	return all
}

// Exists reports whether a version of an object is there; a version that is not is a 404.
func (o Object) Exists(version int) bool { return o.Kind != Missing || version%2 == 0 }
