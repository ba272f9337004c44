package http2

import (
	"strconv"
	"strings"

	"golang.org/x/net/http2/hpack"

	"github.com/warmfront/warmfront/edge/message"
)

// maxHeaderList is the most that a header list may have, counted as RFC 9113
// section 6.5.2 counts it; the core's own limit is lower.
const maxHeaderList = 64 << 10

// head collects the fields of one header block and judges them: RFC 9113 section
// 8.2 and 8.3, and what RFC 9112 would forbid on a connection of HTTP/1.1, where
// the request may be sent on.
type head struct {
	trailers bool // no pseudo-header field may occur
	fields   message.Header

	method, scheme, authority, path string
	pseudo                          byte // those seen
	regular                         bool // a field that is no pseudo-header field was seen
	host                            string
	hosts                           int
	cookie                          int // the place of the first Cookie, plus one
	crumbs                          []string
	length                          int64 // Content-Length, -1 if there is none
	continues                       bool  // Expect: 100-continue

	size int
	flaw string // what is malformed
}

const (
	pseudoMethod = 1 << iota
	pseudoScheme
	pseudoAuthority
	pseudoPath
)

// reset begins a block whose fields go where fields lie.
func (h *head) reset(trailers bool, fields message.Header) {
	*h = head{trailers: trailers, fields: fields[:0], crumbs: h.crumbs[:0], length: -1}
}

func (h *head) tooLarge() bool { return h.size > maxHeaderList }

// add takes the next field.
func (h *head) add(f hpack.HeaderField) {
	if h.size += int(f.Size()); h.tooLarge() || h.flaw != "" {
		return
	}
	switch {
	case f.Name == "":
		h.flaw = "a field without a name"
	case f.Name[0] == ':':
		h.addPseudo(f.Name, f.Value)
	case !validName(f.Name):
		h.flaw = "a field name with a character that none may have"
	case !validValue(f.Value):
		h.flaw = "a field value with a character that none may have"
	default:
		h.regular = true
		h.addRegular(f.Name, f.Value)
	}
}

func (h *head) addPseudo(name, value string) {
	bit, into := byte(0), (*string)(nil)
	switch name {
	case ":method":
		bit, into = pseudoMethod, &h.method
	case ":scheme":
		bit, into = pseudoScheme, &h.scheme
	case ":authority":
		bit, into = pseudoAuthority, &h.authority
	case ":path":
		bit, into = pseudoPath, &h.path
	}
	switch {
	case h.trailers:
		h.flaw = "a pseudo-header field in a trailer"
	case bit == 0:
		h.flaw = "an unknown pseudo-header field"
	case h.regular:
		h.flaw = "a pseudo-header field after the others"
	case h.pseudo&bit != 0:
		h.flaw = "a pseudo-header field twice"
	default:
		h.pseudo |= bit
		*into = value
	}
}

func (h *head) addRegular(name, value string) {
	switch name {
	case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade":
		h.flaw = "a field that belongs to HTTP/1.1's connections"
		return
	case "te":
		if value != "trailers" {
			h.flaw = `a TE other than "trailers"`
			return
		}
	}
	if !h.trailers {
		switch name {
		case "host":
			if h.hosts++; h.hosts > 1 {
				h.flaw = "more than one Host"
			}
			h.host = value
			return
		case "content-length":
			n, ok := parseLength(value)
			if !ok || h.length >= 0 {
				h.flaw = "a Content-Length that is none"
				return
			}
			h.length = n
		case "cookie":
			if h.cookie > 0 { // one line for the core and the origin (section 8.2.3)
				h.crumbs = append(h.crumbs, value)
				return
			}
			h.cookie = len(h.fields) + 1
		case "expect":
			if strings.EqualFold(value, "100-continue") {
				h.continues = true
				return
			}
		}
	}
	h.fields = append(h.fields, message.Field{Name: name, Value: value})
}

// finish judges the whole block, once all of it was added.
func (h *head) finish() {
	if len(h.crumbs) > 0 && h.flaw == "" {
		first := &h.fields[h.cookie-1].Value
		*first += "; " + strings.Join(h.crumbs, "; ")
		clear(h.crumbs)
	}
	if h.trailers || h.flaw != "" {
		return
	}
	if h.connect() {
		if h.pseudo != pseudoMethod|pseudoAuthority {
			h.flaw = "a CONNECT with a scheme or a path, or without an authority"
		}
		return
	}
	switch {
	case h.pseudo|pseudoAuthority != pseudoMethod|pseudoScheme|pseudoAuthority|pseudoPath:
		h.flaw = "no method, no scheme or no path"
	case !validMethod(h.method):
		h.flaw = "a method that is no token"
	case h.scheme != "https" && h.scheme != "http":
		h.flaw = "a scheme that is not HTTP's"
	case !validTarget(h.path) && (h.path != "*" || h.method != "OPTIONS"):
		h.flaw = "a path that is none"
	case !validAuthority(h.authority) || !validAuthority(h.host) || h.pseudo&pseudoAuthority != 0 && h.authority == "":
		h.flaw = "an authority that is none"
	case h.hosts > 0 && h.pseudo&pseudoAuthority != 0 && !strings.EqualFold(h.host, h.authority):
		h.flaw = "a Host that is not the authority"
	}
}

func (h *head) connect() bool { return h.method == "CONNECT" }

// fill writes what was collected into a request.
func (h *head) fill(r *message.Request) {
	r.Method = h.method
	r.Path, r.Query, _ = strings.Cut(h.path, "?")
	authority := h.authority
	if h.pseudo&pseudoAuthority == 0 {
		authority = h.host
	}
	r.Host = hostOf(authority)
	r.Header = h.fields
	r.Length = max(h.length, 0)
}

// hostOf is an authority without its port and final dot, in lower case.
func hostOf(authority string) string {
	if i := strings.LastIndexByte(authority, ':'); i >= 0 && strings.IndexByte(authority[i:], ']') < 0 {
		authority = authority[:i]
	}
	return strings.ToLower(strings.TrimSuffix(authority, "."))
}

// parseLength reads a Content-Length: digits and nothing else (RFC 9110 section
// 8.6).
func parseLength(s string) (int64, bool) {
	if s == "" || s[0] < '0' || s[0] > '9' { // ParseInt takes a sign
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}
