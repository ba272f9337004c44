package upstream

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/warmfront/warmfront/edge/message"
)

// answer is what an HTTP/1.x answer begins with.
type answer struct {
	minor, status int
	header        message.Header
}

// parseAnswer reads a status line and the fields up to the empty line, which end
// block. Whatever could be read in two ways is refused: an answer that is passed
// on must not be two to somebody behind us (response splitting). A line may end
// in a bare LF, as RFC 9112 section 2.2 allows; CR has no other place.
func parseAnswer(block string) (answer, error) {
	line, rest := cutLine(block)
	a, err := parseStatusLine(line)
	if err == nil {
		a.header, err = parseFields(rest)
	}
	return a, err
}

// parseStatusLine: "HTTP/1.1 200 OK"; the reason, and the space before it, may be
// missing.
func parseStatusLine(line string) (answer, error) {
	version, rest, _ := strings.Cut(line, " ")
	if version != "HTTP/1.1" && version != "HTTP/1.0" {
		return answer{}, fmt.Errorf("the answer does not begin as one of HTTP/1.x: %q", shortened(line))
	}
	digits, reason, _ := strings.Cut(rest, " ")
	status, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || len(digits) != 3 || status < 100 || status > 599 {
		return answer{}, fmt.Errorf("the status %q is none", shortened(digits))
	}
	if !httpguts.ValidHeaderFieldValue(reason) {
		return answer{}, errors.New("the reason behind the status has bytes that are not allowed")
	}
	return answer{minor: int(version[len(version)-1] - '0'), status: int(status)}, nil
}

// parseFields reads field lines up to the empty line that ends block.
func parseFields(block string) (message.Header, error) {
	// Room for what the core adds: Date, Age and the like.
	h := make(message.Header, 0, strings.Count(block, "\n")+4)
	for {
		var line string
		if line, block = cutLine(block); line == "" {
			return h, nil
		}
		if line[0] == ' ' || line[0] == '\t' {
			return nil, errors.New("a field is continued on the next line (obs-fold)")
		}
		name, value, found := strings.Cut(line, ":")
		// A proxy removes white space before the colon (RFC 9112 section 5.1).
		name, value = strings.TrimRight(name, " \t"), strings.Trim(value, " \t")
		if !found || !httpguts.ValidHeaderFieldName(name) {
			return nil, fmt.Errorf("%q is no field", shortened(line))
		}
		if !httpguts.ValidHeaderFieldValue(value) {
			return nil, fmt.Errorf("the field %s has bytes that are not allowed", shortened(name))
		}
		h = append(h, message.Field{Name: name, Value: value})
	}
}

// cutLine takes the first line off; its end, CRLF or LF, goes.
func cutLine(block string) (line, rest string) {
	line, rest, _ = strings.Cut(block, "\n")
	return strings.TrimSuffix(line, "\r"), rest
}

// shortened is what of an origin's bytes an error quotes.
func shortened(s string) string { return s[:min(len(s), 64)] }

// framing says how a body ends.
type framing int

const (
	noBody framing = iota
	fixedLength
	chunked
	untilClose
)

// framing finds how the body of an answer to method ends, and its length, -1 if
// only its end will tell (RFC 9112 section 6.3). It brings Content-Length down to
// one field and removes Transfer-Encoding.
func (a *answer) framing(method string) (framing, int64, error) {
	length, err := a.contentLength()
	if err != nil {
		return 0, 0, err
	}
	coding, coded := "", a.header.Has("Transfer-Encoding")
	if coded {
		coding = strings.ToLower(a.header.Joined("Transfer-Encoding"))
		a.header.Del("Transfer-Encoding")
	}
	switch {
	case coded && a.header.Has("Content-Length"):
		return 0, 0, errors.New("the answer has both Transfer-Encoding and Content-Length")
	case a.status == 204 || a.status == 304:
		return noBody, 0, nil
	case method == "HEAD":
		return noBody, length, nil
	case coded && a.minor == 0:
		return 0, 0, errors.New("an answer of HTTP/1.0 has a Transfer-Encoding")
	case coding == "chunked":
		return chunked, -1, nil
	case coded && isCoded(coding):
		return 0, 0, fmt.Errorf("the transfer coding %q was not asked for", shortened(coding))
	case length >= 0 && !coded:
		return fixedLength, length, nil
	}
	return untilClose, -1, nil
}

// isCoded reports whether a Transfer-Encoding names a coding that there is. We ask
// for none but chunked, so any other would be bytes that nobody can read. A name
// that is of no coding has changed no byte: such a body ends with its connection
// (RFC 9112 section 6.3, rule 4).
func isCoded(list string) bool {
	for _, coding := range message.Items(list) {
		name, _, _ := strings.Cut(coding, ";")
		switch strings.TrimSpace(name) {
		case "chunked", "gzip", "x-gzip", "deflate", "compress", "x-compress":
			return true
		}
	}
	return false
}

// contentLength returns -1 where there is none. Several may say the same (RFC 9110
// section 8.6).
func (a *answer) contentLength() (int64, error) {
	if !a.header.Has("Content-Length") {
		return -1, nil
	}
	value := a.header.Joined("Content-Length")
	first, _, _ := strings.Cut(value, ",")
	first = strings.Trim(first, " \t")
	for item := range strings.SplitSeq(value, ",") {
		if strings.Trim(item, " \t") != first {
			return 0, fmt.Errorf("the answer has different lengths: %q", shortened(value))
		}
	}
	length, err := strconv.ParseUint(first, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("the length %q is none", shortened(first))
	}
	if first != value {
		a.header.Set("Content-Length", first)
	}
	return int64(length), nil
}

// persistent reports whether the connection stays open after the answer.
func (a *answer) persistent() bool {
	options := a.header.Joined("Connection")
	switch {
	case options == "":
		return a.minor == 1
	case hasToken(options, "close"):
		return false
	}
	return a.minor == 1 || hasToken(options, "keep-alive")
}

// patience returns for how long the origin says it keeps an idle connection
// ("Keep-Alive: timeout=5"), 0 if it does not say. Time is left for a request to
// get there before that.
func (a *answer) patience() time.Duration {
	for _, item := range message.Items(a.header.Joined("Keep-Alive")) {
		name, value, _ := strings.Cut(item, "=")
		if seconds, err := strconv.ParseUint(value, 10, 16); err == nil && strings.EqualFold(name, "timeout") {
			return time.Duration(seconds) * time.Second * 3 / 4
		}
	}
	return 0
}

func hasToken(list, token string) bool {
	for _, item := range message.Items(list) {
		if strings.EqualFold(item, token) {
			return true
		}
	}
	return false
}
