package http1

import (
	"strconv"
	"strings"
	"testing"
)

const ok = "GET /x HTTP/1.1\r\nHost: a.test\r\n"

// attacks are refused: one answer with that status, and the connection closed,
// whatever follows.
var attacks = []struct {
	name, request string
	status        int
}{
	// Lines.
	{"bare LF after the request line", "GET / HTTP/1.1\nHost: a.test\r\n\r\n", 400},
	{"bare LF after a field", "GET / HTTP/1.1\r\nHost: a.test\n\r\n", 400},
	{"bare LF for the empty line", ok + "\n", 400},
	{"LF LF", "GET / HTTP/1.1\nHost: a.test\n\n", 400},
	{"bare CR in a value", ok + "A: b\rTransfer-Encoding: chunked\r\n\r\n", 400},
	{"bare CR in a name", ok + "A\r: b\r\n\r\n", 400},
	{"bare CR in the request line", "GET /\rx HTTP/1.1\r\nHost: a.test\r\n\r\n", 400},
	{"CR CR LF", "GET / HTTP/1.1\r\r\nHost: a.test\r\n\r\n", 400},
	{"leading empty line", "\r\n" + ok + "\r\n", 400},
	{"noise", "\x16\x03\x01\x02\x00\x01\x00", 400},
	{"NUL", ok + "A: b\x00c\r\n\r\n", 400},
	{"control character", ok + "A: b\x01c\r\n\r\n", 400},
	{"delete", ok + "A: b\x7fc\r\n\r\n", 400},
	{"vertical tab around chunked", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n", 400},
	{"ends in the header", "GET / HTTP/1.1\r\nHost: a.te", 400},
	{"ends in the request line", "GET / HT", 400},

	// The request line.
	{"no version (0.9)", "GET /\r\n\r\n", 400},
	{"no target", "GET HTTP/1.1\r\nHost: a.test\r\n\r\n", 400},
	{"empty target", "GET  HTTP/1.1\r\nHost: a.test\r\n\r\n", 400},
	{"no method", " / HTTP/1.1\r\nHost: a.test\r\n\r\n", 400},
	{"method with a control character", "GE\x01T / HTTP/1.1\r\nHost: a.test\r\n\r\n", 400},
	{"method in brackets", "G(T / HTTP/1.1\r\nHost: a.test\r\n\r\n", 400},
	{"two spaces", "GET  / HTTP/1.1\r\nHost: a.test\r\n\r\n", 400},
	{"two spaces before the version", "GET /  HTTP/1.1\r\nHost: a.test\r\n\r\n", 400},
	{"space in the target", "GET /a b HTTP/1.1\r\nHost: a.test\r\n\r\n", 400},
	{"space behind the version", "GET / HTTP/1.1 \r\nHost: a.test\r\n\r\n", 400},
	{"tab as the separator", "GET\t/\tHTTP/1.1\r\nHost: a.test\r\n\r\n", 400},
	{"lower-case version", "GET / http/1.1\r\nHost: a.test\r\n\r\n", 400},
	{"long version", "GET / HTTP/1.10\r\nHost: a.test\r\n\r\n", 400},
	{"version 1.2", "GET / HTTP/1.2\r\nHost: a.test\r\n\r\n", 505},
	{"version 2.0", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
	{"version 0.9", "GET / HTTP/0.9\r\nHost: a.test\r\n\r\n", 505},
	{"version x", "GET / HTTP/1.x\r\nHost: a.test\r\n\r\n", 400},
	{"fragment", "GET /a#b HTTP/1.1\r\nHost: a.test\r\n\r\n", 400},
	{"raw UTF-8", "GET /\xc3\xa9 HTTP/1.1\r\nHost: a.test\r\n\r\n", 400},
	{"raw UTF-8 in the query", "GET /?\xc3\xa9 HTTP/1.1\r\nHost: a.test\r\n\r\n", 400},
	{"delete in the target", "GET /\x7f HTTP/1.1\r\nHost: a.test\r\n\r\n", 400},
	{"NUL in the target", "GET /\x00 HTTP/1.1\r\nHost: a.test\r\n\r\n", 400},
	{"percent at the end", "GET /a% HTTP/1.1\r\nHost: a.test\r\n\r\n", 400},
	{"percent and one digit", "GET /a%4 HTTP/1.1\r\nHost: a.test\r\n\r\n", 400},
	{"percent and no digits", "GET /a%zz HTTP/1.1\r\nHost: a.test\r\n\r\n", 400},
	{"no slash", "GET a HTTP/1.1\r\nHost: a.test\r\n\r\n", 400},
	{"asterisk", "GET * HTTP/1.1\r\nHost: a.test\r\n\r\n", 400},
	{"authority form", "GET a.test:80 HTTP/1.1\r\nHost: a.test\r\n\r\n", 400},
	{"CONNECT", "CONNECT a.test:80 HTTP/1.1\r\nHost: a.test\r\n\r\n", 405},
	{"CONNECT of a path", "CONNECT /x HTTP/1.1\r\nHost: a.test\r\n\r\n", 405},
	{"absolute form of another scheme", "GET ftp://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n", 400},
	{"absolute form without a host", "GET http:///x HTTP/1.1\r\nHost: a.test\r\n\r\n", 400},
	{"absolute form with a user", "GET http://u@a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n", 400},
	{"absolute form, bad Host", "GET http://a.test/ HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
	{"absolute form, no Host", "GET http://a.test/ HTTP/1.1\r\n\r\n", 400},
	{"absolute form, bad port", "GET http://a.test:x/ HTTP/1.1\r\nHost: a.test\r\n\r\n", 400},

	// Fields.
	{"folded", ok + "A: b\r\n c\r\n\r\n", 400},
	{"folded by a tab", ok + "A: b\r\n\tc\r\n\r\n", 400},
	{"first line folded", "GET / HTTP/1.1\r\n Host: a.test\r\nHost: a.test\r\n\r\n", 400},
	{"space before the colon", ok + "Content-Length : 5\r\n\r\nhello", 400},
	{"tab before the colon", ok + "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n", 400},
	{"no colon", ok + "A\r\n\r\n", 400},
	{"no name", ok + ": b\r\n\r\n", 400},
	{"space in the name", ok + "A B: c\r\n\r\n", 400},
	{"name that is no token", ok + "A(): c\r\n\r\n", 400},
	{"name in UTF-8", ok + "\xc3\xa9: c\r\n\r\n", 400},
	{"too many", ok + strings.Repeat("A: b\r\n", 256) + "\r\n", 431},
	{"too large", ok + "A: " + strings.Repeat("x", 70_000) + "\r\n\r\n", 431},
	{"too large in many", ok + strings.Repeat("A: "+strings.Repeat("x", 997)+"\r\n", 70) + "\r\n", 431},
	{"URL too large", "GET /" + strings.Repeat("x", 70_000) + " HTTP/1.1\r\nHost: a.test\r\n\r\n", 413},

	// Host.
	{"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
	{"two Hosts", "GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n", 400},
	{"the same Host twice", "GET / HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n\r\n", 400},
	{"two Hosts of HTTP/1.0", "GET / HTTP/1.0\r\nHost: a.test\r\nhOST: a.test\r\n\r\n", 400},
	{"empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
	{"Host list", "GET / HTTP/1.1\r\nHost: a.test, b.test\r\n\r\n", 400},
	{"Host with a space", "GET / HTTP/1.1\r\nHost: a.test b.test\r\n\r\n", 400},
	{"Host with a path", "GET / HTTP/1.1\r\nHost: a.test/b\r\n\r\n", 400},
	{"Host with a user", "GET / HTTP/1.1\r\nHost: u@a.test\r\n\r\n", 400},
	{"Host with a bad port", "GET / HTTP/1.1\r\nHost: a.test:80x\r\n\r\n", 400},
	{"Host with a long port", "GET / HTTP/1.1\r\nHost: a.test:655350\r\n\r\n", 400},
	{"Host with two ports", "GET / HTTP/1.1\r\nHost: a.test:80:80\r\n\r\n", 400},
	{"Host of a port alone", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n", 400},
	{"Host in an open bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400},
	{"Host with rubbish behind the bracket", "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", 400},
	{"Host of 256 bytes", "GET / HTTP/1.1\r\nHost: " + strings.Repeat("a", 256) + "\r\n\r\n", 400},
	{"Host in UTF-8", "GET / HTTP/1.1\r\nHost: \xc3\xa9.test\r\n\r\n", 400},

	// Framing.
	{"two lengths", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400},
	{"the same length twice", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400},
	{"list of lengths", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5, 5\r\n\r\nhello", 400},
	{"negative length", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: -1\r\n\r\n", 400},
	{"length with a sign", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: +5\r\n\r\nhello", 400},
	{"hexadecimal length", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0x5\r\n\r\nhello", 400},
	{"empty length", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length:\r\n\r\n", 400},
	{"length with a space", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1 2\r\n\r\nhello", 400},
	{"huge length", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 18446744073709551621\r\n\r\nhello", 400},
	{"length of a GET twice", ok + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n", 400},
	{"CL.TE", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG", 400},
	{"TE.CL", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n8\r\nSMUGGLED\r\n0\r\n\r\n", 400},
	{"TE.TE", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n", 400},
	{"chunked twice", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
	{"list of codings", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
	{"chunked, chunked", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 501},
	{"chunked and a comma", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked,\r\n\r\n0\r\n\r\n", 501},
	{"coding in quotes", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 501},
	{"identity", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: identity\r\n\r\n", 501},
	{"xchunked", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: xchunked\r\n\r\n", 501},
	{"coding with a parameter", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked;q=1\r\n\r\n", 501},
	{"empty coding", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding:\r\n\r\n", 501},
	{"coding of HTTP/1.0", "POST / HTTP/1.0\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
	{"unknown expectation", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\nExpect: 200-ok\r\n\r\nx", 417},
}

func TestAttacksAreRefusedAndTheConnectionClosed(t *testing.T) {
	for _, c := range attacks {
		t.Run(c.name, func(t *testing.T) {
			h := handle(echo)
			got := speak(t, h, c.request+"GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n")
			if !strings.HasPrefix(got, "HTTP/1.1 "+strconv.Itoa(c.status)+" ") || strings.Count(got, "HTTP/1.1 ") != 1 || !strings.Contains(got, "\r\nConnection: close\r\n") {
				t.Errorf("answered %q", got)
			}
			if len(h.deliveries) != 0 {
				t.Error("it was asked for")
			}
		})
	}
}

const chunked = "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"

// broken are bodies that are refused while they are read.
var broken = []struct {
	name, body string
	status     int
}{
	{"no size", "\r\nhello\r\n0\r\n\r\n", 400},
	{"size that is no number", "x\r\nhello\r\n0\r\n\r\n", 400},
	{"size with 0x", "0x5\r\nhello\r\n0\r\n\r\n", 400},
	{"negative size", "-5\r\nhello\r\n0\r\n\r\n", 400},
	{"size with a sign", "+5\r\nhello\r\n0\r\n\r\n", 400},
	{"space before the size", " 5\r\nhello\r\n0\r\n\r\n", 400},
	{"space behind the size", "5 \r\nhello\r\n0\r\n\r\n", 400},
	{"space before the extension", "5 ;a=b\r\nhello\r\n0\r\n\r\n", 400},
	{"underscore in the size", "1_0\r\nhello\r\n0\r\n\r\n", 400},
	{"size that overflows", "10000000000000005\r\nhello\r\n0\r\n\r\n", 400},
	{"size of 2^63", "8000000000000000\r\nhello\r\n0\r\n\r\n", 400},
	{"long zero", strings.Repeat("0", 17) + "\r\n\r\n", 400},
	{"bare LF behind the size", "5\nhello\r\n0\r\n\r\n", 400},
	{"bare CR in the size", "5\r;\r\nhello\r\n0\r\n\r\n", 400},
	{"bare LF behind the data", "5\r\nhello\n0\r\n\r\n", 400},
	{"no end behind the data", "5\r\nhello0\r\n\r\n", 400},
	{"data longer than its size", "4\r\nhello\r\n0\r\n\r\n", 400},
	{"data shorter than its size", "6\r\nhello\r\n0\r\n\r\n", 400},
	{"ends in the data", "5\r\nhel", 400},
	{"ends behind the data", "5\r\nhello\r\n", 400},
	{"ends in the size", "5", 400},
	{"ends in the trailer", "0\r\nA: b\r\n", 400},
	{"control character in an extension", "5;a=\x01\r\nhello\r\n0\r\n\r\n", 400},
	{"LF in an extension", "5;a=\nb\r\nhello\r\n0\r\n\r\n", 400},
	{"large extension", "5;" + strings.Repeat("a", 300) + "\r\nhello\r\n0\r\n\r\n", 400},
	{"many extensions", strings.Repeat("1;"+strings.Repeat("a", 200)+"\r\nx\r\n", 200) + "0\r\n\r\n", 400},
	{"folded trailer", "0\r\nA: b\r\n c\r\n\r\n", 400},
	{"bare LF in the trailer", "0\r\nA: b\n\r\n", 400},
	{"bare LF at the end", "0\r\n\n", 400},
	{"trailer without a colon", "0\r\nA\r\n\r\n", 400},
	{"space before the trailer's colon", "0\r\nA : b\r\n\r\n", 400},
	{"length in the trailer", "0\r\nContent-Length: 5\r\n\r\n", 400},
	{"coding in the trailer", "0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
	{"Host in the trailer", "0\r\nHost: b.test\r\n\r\n", 400},
	{"large trailer", "0\r\nA: " + strings.Repeat("x", 5000) + "\r\n\r\n", 431},
	{"large trailer of many", "0\r\n" + strings.Repeat("A: "+strings.Repeat("x", 100)+"\r\n", 50) + "\r\n", 431},
	{"many trailers", "0\r\n" + strings.Repeat("A: b\r\n", 65) + "\r\n", 431},
}

func TestBrokenBodiesAreTheViewersFault(t *testing.T) {
	for _, c := range broken {
		t.Run(c.name, func(t *testing.T) {
			said := chunked + c.body
			if !strings.HasPrefix(c.name, "ends") {
				said += "GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n"
			}
			got := speak(t, handle(echo), said)
			if !strings.HasPrefix(got, "HTTP/1.1 "+strconv.Itoa(c.status)+" ") || strings.Count(got, "HTTP/1.1 ") != 1 || !strings.Contains(got, "\r\nConnection: close\r\n") || !strings.Contains(got, "Why: ") {
				t.Errorf("answered %q", got)
			}
		})
	}
	got := speak(t, handle(echo), "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 6\r\n\r\nhello")
	if !strings.HasPrefix(got, "HTTP/1.1 400 ") || strings.Count(got, "HTTP/1.1 ") != 1 {
		t.Errorf("body that is too short: %q", got)
	}
}

func TestWellFormedRequests(t *testing.T) {
	for _, c := range []struct{ name, request, want string }{
		{"origin form", ok + "\r\n", "GET http://a.test/x"},
		{"query", "GET /x?a=b&c?d HTTP/1.1\r\nHost: a.test\r\n\r\n", "GET http://a.test/x?a=b&c?d"},
		{"escapes", "GET /%41%2f%e9?% HTTP/1.1\r\nHost: a.test\r\n\r\n", "GET http://a.test/%41%2f%e9?%"},
		{"odd characters", "GET /\"<>\\^`{|}//../. HTTP/1.1\r\nHost: a.test\r\n\r\n", "GET http://a.test/\"<>\\^`{|}//../."},
		{"absolute form", "GET http://B.test:8080/y?z HTTP/1.1\r\nHost: a.test\r\n\r\n", "GET http://b.test/y?z"},
		{"absolute form, https", "GET HTTPS://b.test HTTP/1.1\r\nHost: a.test\r\n\r\n", "GET http://b.test/"},
		{"absolute form, query alone", "GET http://b.test?q HTTP/1.1\r\nHost: a.test\r\n\r\n", "GET http://b.test/?q"},
		{"asterisk", "OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n", "OPTIONS http://a.test*"},
		{"method", "M-SEARCH / HTTP/1.1\r\nHost: a.test\r\n\r\n", "M-SEARCH http://a.test/"},
		{"Host", "GET / HTTP/1.1\r\nhOST: \tA_b.TEST.:8080 \t\r\n\r\n", "GET http://a_b.test/"},
		{"Host with an empty port", "GET / HTTP/1.1\r\nHost: a.test:\r\n\r\n", "GET http://a.test/"},
		{"Host in brackets", "GET / HTTP/1.1\r\nHost: [::FFFF:1.2.3.4]:80\r\n\r\n", "GET http://[::ffff:1.2.3.4]/"},
		{"fields", ok + "A:b\r\na: \t c d\t \r\nE:\r\nF: \xc3\xa9\r\n!#$%&'*+-.^_`|~09: x\r\n\r\n", "GET http://a.test/x|A=b|a=c d|E=|F=\xc3\xa9|!#$%&'*+-.^_`|~09=x"},
		{"255 fields and Host", ok + strings.Repeat("A: b\r\n", 255) + "\r\n", "GET http://a.test/x" + strings.Repeat("|A=b", 255)},
		{"large header", ok + "A: " + strings.Repeat("x", 60_000) + "\r\n\r\n", "GET http://a.test/x|A=" + strings.Repeat("x", 60_000)},
		{"length", "POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello", "POST http://a.test/x|Content-Length=5|hello"},
		{"length of many digits", "POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 000000000000000005\r\n\r\nhello", "POST http://a.test/x|Content-Length=000000000000000005|hello"},
		{"length of nothing", "POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n", "POST http://a.test/x|Content-Length=0"},
		{"chunked", "POST /x HTTP/1.1\r\nHost: a.test\r\nTRANSFER-encoding: \tChunked\r\n\r\n5\r\nhello\r\n00A;a=\"b c\"\r\n, world!!!\r\n0\r\n\r\n", "POST http://a.test/x|hello, world!!!"},
		{"trailer", "POST /x HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0;a\r\nA: b\r\nC:\td\r\n\r\n", "POST http://a.test/x||A=b|C=d"},
		{"chunked behind a large header", "POST /x HTTP/1.1\r\nHost: a.test\r\nA: " + strings.Repeat("x", 4000) + "\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nT: " + strings.Repeat("t", 4000) + "\r\n\r\n", "POST http://a.test/x|A=" + strings.Repeat("x", 4000) + "|hello|T=" + strings.Repeat("t", 4000)},
		{"large body", "POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 300000\r\n\r\n" + strings.Repeat("b", 300_000), "POST http://a.test/x|Content-Length=300000|" + strings.Repeat("b", 300_000)},
		{"large chunks", "POST /x HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("2710\r\n"+strings.Repeat("b", 10_000)+"\r\n", 30) + "0\r\n\r\n", "POST http://a.test/x|" + strings.Repeat("b", 300_000)},
		{"small chunks", "POST /x HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1\r\nb\r\n", 10_000) + "0\r\n\r\n", "POST http://a.test/x|" + strings.Repeat("b", 10_000)},
		{"HTTP/1.0 without Host", "GET /x HTTP/1.0\r\n\r\n", "GET http:///x"},
		{"HTTP/1.0 with an expectation", "GET /x HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", "GET http:///x|Expect=100-continue"},
	} {
		t.Run(c.name, func(t *testing.T) {
			// Twice, to see that the second begins where the first ends.
			got := speak(t, handle(echo), c.request+c.request)
			answers := strings.Split(got, "HTTP/1.1 200 OK\r\n")
			want := 2
			if strings.Contains(c.request, "HTTP/1.0") {
				want = 1
			}
			if len(answers) != want+1 || answers[0] != "" {
				t.Fatalf("answered %.500q", got)
			}
			for _, a := range answers[1:] {
				if _, body, _ := strings.Cut(a, "\r\n\r\n"); body != c.want {
					t.Errorf("answered %.500q, want %.500q", body, c.want)
				}
			}
		})
	}
}

func TestALineEndBehindABodyIsTaken(t *testing.T) {
	post := "POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\n\r\nb\r\n"
	if got := speak(t, handle(echo), post+post+ok+"\r\n\r\n"); strings.Count(got, "HTTP/1.1 200 OK") != 3 || strings.Count(got, "HTTP/1.1 400") != 1 {
		t.Errorf("%q", got)
	}
}
