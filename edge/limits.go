package edge

import "strings"

// fault is an answer of the edge's own: a status and a sentence for a person.
type fault struct {
	status   int
	sentence string
}

const (
	maxURL     = 8192   // developer guide, "Quotas": maximum length of a URL
	maxRequest = 20_480 // the same: request, with header fields and query string
)

// checkLimits refuses what is too large or malformed, before anything is made of
// it.
func (x *exchange) checkLimits() *fault {
	r := x.Request
	switch {
	case !strings.HasPrefix(r.Path, "/") || r.Host == "":
		return &fault{400, "The request is malformed."}
	case len(r.Path)+len("?")+len(r.Query) > maxURL:
		return &fault{413, "The URL is longer than 8,192 bytes."}
	case r.Header.Size()+len(r.Query) > maxRequest:
		return &fault{431, "The request's header fields and query string are larger than 20,480 bytes."}
	case (r.Method == "GET" || r.Method == "HEAD") && r.Length != 0:
		return &fault{403, "A GET or HEAD request may not have a body."}
	}
	return nil
}
