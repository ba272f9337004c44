package http1

import (
	"bytes"

	"github.com/warmfront/warmfront/edge/http1/authority"
	"github.com/warmfront/warmfront/edge/message"
)

// head is what the head of a request says beside what message.Request holds. The
// strings lie in the bytes that were parsed.
type head struct {
	hosts int
	host  []byte

	lengths, codings int
	length           int64 // -1: none given
	badLength        bool
	chunked          bool

	closes, keeps bool // Connection: close, keep-alive
	upgrades      bool // Connection: upgrade
	protocols     int
	protocol      string // Upgrade, as sent

	expects, badExpectation bool
}

// parseHead reads the head of a request from the beginning of b into r and h and
// returns its size, 0 if it is not there whole. r.Header's room is used again.
// It may be called again from the start once there are more bytes.
func parseHead(b []byte, r *message.Request, h *head, maxFields int) (int, *refusal) {
	*h = head{length: -1}
	r.Header = r.Header[:0]
	at, err := parseRequestLine(b, r, h)
	if at == 0 || err != nil {
		return 0, err
	}
	for {
		rest := b[at:]
		nl := bytes.IndexByte(rest, '\n')
		if nl < 0 {
			return 0, nil
		}
		if nl == 0 || rest[nl-1] != '\r' {
			return 0, errBareLF
		}
		at += nl + 1
		if nl == 1 {
			return at, h.check(r)
		}
		if len(r.Header)+h.hosts+h.codings >= maxFields {
			return 0, errFieldCount
		}
		name, value, err := parseField(rest[:nl-1])
		if err != nil {
			return 0, err
		}
		if !h.framing(name, value) {
			r.Header = append(r.Header, message.Field{Name: view(name), Value: view(value)})
		}
	}
}

// parseRequestLine reads the method, the target and the version, and returns the
// size of the line, 0 if it is not there whole.
func parseRequestLine(b []byte, r *message.Request, h *head) (int, *refusal) {
	nl := bytes.IndexByte(b, '\n')
	if nl < 0 {
		// A TLS hello or other noise need not be waited for to the end.
		if len(b) > 0 && !token[b[0]] {
			return 0, errMethod
		}
		return 0, nil
	}
	if nl == 0 || b[nl-1] != '\r' {
		return 0, errBareLF
	}
	line := b[:nl-1]
	i := 0
	for i < len(line) && token[line[i]] {
		i++
	}
	if i == 0 || i == len(line) || line[i] != ' ' {
		return 0, errMethod
	}
	r.Method = view(line[:i])
	end := len(line) - len(" HTTP/1.1")
	if end <= i || line[end] != ' ' {
		return 0, errRequestLine
	}
	r.Major = 1
	switch v := view(line[end+1:]); {
	case v == "HTTP/1.1":
		r.Minor = 1
	case v == "HTTP/1.0":
		r.Minor = 0
	case v[:5] == "HTTP/" && hexDigit(v[5]) < 10 && v[6] == '.' && hexDigit(v[7]) < 10:
		return 0, errVersion
	default:
		return 0, errRequestLine
	}
	if r.Method == "CONNECT" {
		return 0, errConnect
	}
	if err := h.target(line[i+1:end], r); err != nil {
		return 0, err
	}
	return nl + 1, nil
}

// target reads the request target (RFC 9112 section 3.2): origin form, absolute
// form, or "*" for OPTIONS.
func (h *head) target(t []byte, r *message.Request) *refusal {
	// A byte that may not stand in a URI is refused rather than encoded: origins
	// differ in what they make of it. nginx takes bytes above ASCII.
	if len(t) == 0 || !visible(t) || bytes.IndexByte(t, '#') >= 0 {
		return errTargetByte
	}
	if t[0] != '/' {
		if len(t) == 1 && t[0] == '*' && r.Method == "OPTIONS" {
			r.Path, r.Query = "*", ""
			return nil
		}
		var ok bool
		if t, ok = h.absolute(t); !ok {
			return errTargetForm
		}
	}
	r.Query = ""
	if i := bytes.IndexByte(t, '?'); i >= 0 {
		t, r.Query = t[:i], view(t[i+1:])
	}
	// nginx too takes a query that is not escaped well, since it means something to
	// the origin alone, and refuses such a path.
	if i := bytes.IndexByte(t, '%'); i >= 0 && !escaped(t[i:]) {
		return errEscape
	}
	if r.Path = view(t); r.Path == "" {
		r.Path = "/"
	}
	return nil
}

// absolute reads a target that is a whole URL and returns what follows its
// authority, which stands in the place of Host (RFC 9112 section 3.2.2).
func (h *head) absolute(t []byte) ([]byte, bool) {
	const http, https = len("http://"), len("https://")
	switch {
	case len(t) > http && same(t[:http], "http://"):
		t = t[http:]
	case len(t) > https && same(t[:https], "https://"):
		t = t[https:]
	default:
		return nil, false
	}
	end := bytes.IndexAny(t, "/?")
	if end < 0 {
		end = len(t)
	}
	h.host = t[:end]
	return t[end:], end > 0
}

// escaped reports whether every percent sign is followed by two hexadecimal
// digits.
func escaped(b []byte) bool {
	for {
		i := bytes.IndexByte(b, '%')
		if i < 0 {
			return true
		}
		if i+2 >= len(b) || hexDigit(b[i+1]) == 16 || hexDigit(b[i+2]) == 16 {
			return false
		}
		b = b[i+3:]
	}
}

// parseField reads one line of a header or a trailer, without its end.
func parseField(line []byte) (name, value []byte, err *refusal) {
	if line[0] == ' ' || line[0] == '\t' {
		return nil, nil, errFold
	}
	i := 0
	for i < len(line) && token[line[i]] {
		i++
	}
	if i == 0 || i == len(line) || line[i] != ':' {
		return nil, nil, errFieldName
	}
	value = trim(line[i+1:])
	if !printable(value) {
		return nil, nil, errFieldValue
	}
	return line[:i], value, nil
}

// framing notes a field that says how the message is delimited or what becomes
// of the connection, and reports whether it is for nobody else.
func (h *head) framing(name, value []byte) bool {
	switch len(name) {
	case len("host"):
		if same(name, "host") {
			if h.hosts++; h.host == nil { // an absolute target's goes first
				h.host = value
			} else if _, ok := authority.Parse(value); !ok {
				h.host = value // to be refused
			}
			return true
		}
	case len("expect"):
		if same(name, "expect") {
			h.badExpectation = h.badExpectation || !same(value, "100-continue")
			h.expects = true
		}
	case len("upgrade"):
		if same(name, "upgrade") {
			h.protocols++
			h.protocol = view(value)
		}
	case len("connection"):
		if same(name, "connection") {
			h.connection(value)
		}
	case len("content-length"):
		if same(name, "content-length") {
			h.lengths++
			h.length, h.badLength = parseLength(value)
		}
	case len("transfer-encoding"):
		if same(name, "transfer-encoding") {
			h.codings++
			h.chunked = same(value, "chunked")
			return true
		}
	}
	return false
}

// connection notes the options of a Connection field (RFC 9112 section 9.3). White
// space separates them too: "close" is heeded in a list that lacks a comma.
func (h *head) connection(list []byte) {
	for start := 0; start < len(list); {
		end := start
		for end < len(list) && list[end] != ',' && list[end] != ' ' && list[end] != '\t' {
			end++
		}
		switch option := list[start:end]; {
		case same(option, "close"):
			h.closes = true
		case same(option, "keep-alive"):
			h.keeps = true
		case same(option, "upgrade"):
			h.upgrades = true
		}
		start = end + 1
	}
}

// parseLength reads a Content-Length: digits alone, few enough for an int64.
func parseLength(b []byte) (n int64, bad bool) {
	if len(b) == 0 || len(b) > 18 {
		return -1, true
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return -1, true
		}
		n = n*10 + int64(c-'0')
	}
	return n, false
}

// check refuses what is wrong with the head as a whole, and completes r.
func (h *head) check(r *message.Request) *refusal {
	http11 := r.Minor == 1
	switch {
	case h.hosts > 1:
		return errHosts
	case h.hosts == 0 && http11:
		return errNoHost
	case h.codings > 0 && !http11:
		return errCodingOf10
	case h.codings > 1:
		return errCodings
	case h.codings > 0 && h.lengths > 0:
		return errBothLengths
	case h.lengths > 1:
		return errLengths
	case h.badLength:
		return errLength
	case h.codings > 0 && !h.chunked:
		return errCoding
	case h.badExpectation:
		return errExpectation
	}
	r.Host = ""
	if h.host != nil {
		host, ok := authority.Parse(h.host)
		if !ok {
			return errHost
		}
		r.Host = view(host)
	}
	r.Length = max(h.length, 0)
	if h.chunked {
		r.Length = -1
	}
	r.Upgrade = ""
	if http11 && h.upgrades && h.protocols == 1 && r.Method == "GET" && r.Length == 0 && same(h.protocol, "websocket") {
		r.Upgrade = "websocket"
	}
	return nil
}

// persists reports whether the viewer wants the connection kept (RFC 9112 section
// 9.3).
func (h *head) persists(minor int) bool { return !h.closes && (minor == 1 || h.keeps) }
