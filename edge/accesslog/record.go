package accesslog

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// Record is a request that was answered. Its strings are the request's own, as
// they came, and are not kept by who is handed the record. Empty is what there was
// not.
type Record struct {
	// Ended is when the last byte of the answer was written, by the clock that
	// freshness goes by.
	Ended time.Time
	// Location is the edge location as X-Amz-Cf-Pop has it.
	Location string
	// Distribution is the id of the distribution, Domain its domain name, both empty
	// where the request was for none.
	Distribution, Domain string
	// Primary and PrimaryDomain are those of the distribution asked for, where another
	// one, its staging distribution, answered.
	Primary, PrimaryDomain string
	// Country is where the viewer is, ASN the autonomous system that it is of (0: nobody
	// knows), and Server the address of this node: what a log looks up if it is asked for.
	Country string
	ASN     uint32
	Server  netip.Addr
	// Behavior is the path pattern of the cache behavior.
	Behavior  string
	RequestID string

	Viewer netip.AddrPort
	Method string
	// Protocol is "http", "https", "ws" or "wss".
	Protocol     string
	Major, Minor int
	Host         string
	Path, Query  string
	Referer      string
	UserAgent    string
	Cookie       string
	ForwardedFor string
	Accept       string
	// AcceptEncoding is the viewer's own, as it came.
	AcceptEncoding string
	// Request is where all header fields are, and Headers what of them a raw record
	// has kept, as lines "Name:value".
	Request *message.Request
	Headers string
	// TLSVersion and Cipher are as in message.Request.
	TLSVersion, Cipher string

	// Status is the answer's; 0 where the viewer had left before there was one.
	Status int
	// Result is CloudFront's result type once the answer had gone out, ResponseResult
	// the one before that, and Detail the detailed one.
	Result, ResponseResult, Detail string
	ContentType, ContentRange      string
	ContentLength                  int64 // -1: not declared
	// Encryption is what became of a form whose fields were to be encrypted, and
	// EncryptedFields how many were.
	Encryption      string
	EncryptedFields int

	// Sent is the size of the answer with its header, Received that of the request.
	Sent, Received int64
	// Took and FirstByte are how long after the request the last and the first byte of
	// the answer were written.
	Took, FirstByte time.Duration
	// Origin is the domain of the origin that this request was sent to, the last of them
	// where there were two, and Failover the status for which it was not the first. Both
	// are empty where the origin was not asked for this request.
	Origin, Failover string
	// OriginFirst and OriginLast are how long after it was asked the origin's first and
	// last byte came; 0 where they did not.
	OriginFirst, OriginLast time.Duration

	// stamp is date and time of the second stamped: a record is used again, and often
	// within that.
	stamp   [len("2006-01-02\t15:04:05\t")]byte
	stamped int64
}

// SetFields fills in what the headers of request and answer say.
func (r *Record) SetFields(request, answer message.Header) {
	r.Cookie, r.Referer, r.UserAgent, r.ForwardedFor, r.Accept, r.AcceptEncoding = "", "", "", "", "", ""
	for i := range request {
		f := &request[i]
		switch len(f.Name) {
		case len("cookie"):
			set(&r.Cookie, f, "cookie")
			set(&r.Accept, f, "accept")
		case len("referer"):
			set(&r.Referer, f, "referer")
		case len("user-agent"):
			set(&r.UserAgent, f, "user-agent")
		case len("x-forwarded-for"):
			set(&r.ForwardedFor, f, "x-forwarded-for")
			set(&r.AcceptEncoding, f, "accept-encoding")
		}
	}
	r.ContentType, r.ContentRange = "", ""
	for i := range answer {
		f := &answer[i]
		switch len(f.Name) {
		case len("content-type"):
			set(&r.ContentType, f, "content-type")
		case len("content-range"):
			set(&r.ContentRange, f, "content-range")
		}
	}
}

func set(to *string, f *message.Field, name string) {
	if *to == "" && strings.EqualFold(f.Name, name) {
		*to = f.Value
	}
}

// Forget lets go of what the record refers to. It is good for another request.
func (r *Record) Forget() { *r = Record{stamp: r.stamp, stamped: r.stamped} }

// Header is how a log begins: the fields that Append writes, in their order.
const Header = "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) " +
	"cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for " +
	"ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte " +
	"x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end\n"

// Append appends the record's line, the end of line included. Cookies are written
// only if that is asked for, as CloudFront does. One goroutine at a time may do so.
func (r *Record) Append(b []byte, cookies bool) []byte {
	cookie := ""
	if cookies {
		cookie = r.Cookie
	}
	b = append(b, r.dateTime()...)
	b = appendOwn(b, r.Location)
	b = append(strconv.AppendInt(b, r.Sent, 10), '\t')
	b = append(appendViewer(b, r), '\t')
	b = appendText(b, r.Method)
	b = appendOwn(b, r.Domain)
	b = appendText(b, r.Path)
	b = appendStatus(b, r.Status)
	b = appendText(b, r.Referer)
	b = appendText(b, r.UserAgent)
	b = appendText(b, r.Query)
	b = appendText(b, cookie)
	b = appendOwn(b, r.Result)
	b = appendOwn(b, r.RequestID)
	b = appendText(b, r.Host)
	b = appendOwn(b, r.Protocol)
	b = append(strconv.AppendInt(b, r.Received, 10), '\t')
	b = appendSeconds(b, r.Took)
	b = appendText(b, r.ForwardedFor)
	b = appendOwn(b, r.TLSVersion)
	b = appendOwn(b, r.Cipher)
	b = appendOwn(b, r.ResponseResult)
	b = appendVersion(b, r)
	b = appendOwn(b, r.Encryption)
	b = appendEncrypted(b, r)
	b = append(strconv.AppendUint(b, uint64(r.Viewer.Port()), 10), '\t')
	b = appendSeconds(b, r.FirstByte)
	b = appendOwn(b, r.Detail)
	b = appendText(b, r.ContentType)
	if r.ContentLength >= 0 {
		b = append(strconv.AppendInt(b, r.ContentLength, 10), '\t')
	} else {
		b = append(b, "-\t"...)
	}
	first, last := bounds(r.ContentRange)
	b = appendText(b, first)
	b = appendText(b, last)
	b[len(b)-1] = '\n'
	return b
}

// dateTime is date and time of the record, each with a tab behind it.
func (r *Record) dateTime() []byte {
	if second := r.Ended.Unix(); second != r.stamped || r.stamp[0] == 0 {
		r.stamped = second
		appendTime(r.stamp[:0], r.Ended)
	}
	return r.stamp[:]
}

func appendViewer(b []byte, r *Record) []byte {
	viewer := r.Viewer.Addr().Unmap()
	if viewer.Is6() {
		viewer = viewer.WithZone("")
	}
	return viewer.AppendTo(b)
}

func appendStatus(b []byte, status int) []byte {
	return append(b, byte('0'+status/100%10), byte('0'+status/10%10), byte('0'+status%10), '\t')
}

// appendEncrypted appends how many fields of a form were encrypted, where any might have
// been, and a tab.
func appendEncrypted(b []byte, r *Record) []byte {
	if r.Encryption == "" {
		return append(b, '-', '\t')
	}
	return append(strconv.AppendInt(b, int64(r.EncryptedFields), 10), '\t')
}

func appendVersion(b []byte, r *Record) []byte {
	return append(b, 'H', 'T', 'T', 'P', '/', byte('0'+r.Major%10), '.', byte('0'+r.Minor%10), '\t')
}

// bounds are the first and the last position in a Content-Range: "bytes 0-9/100".
func bounds(contentRange string) (first, last string) {
	text, ok := strings.CutPrefix(contentRange, "bytes ")
	if !ok {
		return "", ""
	}
	text, _, _ = strings.Cut(text, "/")
	if first, last, ok = strings.Cut(text, "-"); !ok { // "*": of an answer of 416
		return "", ""
	}
	return first, last
}

// escapes has a bit for each byte that is written as %XX: control characters, space
// and what is not ASCII, and these (developer guide, "Standard logging reference").
// A tab or an end of line in a request can therefore never make a field or a line.
var escapes = [4]uint64{
	1<<33 - 1 | 1<<'"' | 1<<'#' | 1<<'%' | 1<<'\'' | 1<<'<' | 1<<'>',
	1<<('['-64) | 1<<('\\'-64) | 1<<(']'-64) | 1<<('^'-64) | 1<<('`'-64) | 1<<('{'-64) | 1<<('|'-64) | 1<<('}'-64) | 1<<('~'-64) | 1<<63,
	1<<64 - 1,
	1<<64 - 1,
}

// appendText appends a value that others have chosen, and a tab; "-" for an empty
// one.
func appendText(b []byte, s string) []byte {
	if s == "" {
		return append(b, '-', '\t')
	}
	const digits = "0123456789ABCDEF"
	b = slices.Grow(b, len("%XX")*len(s)+1)
	to, n := b[len(b):cap(b)], 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if escapes[c>>6]>>(c&63)&1 == 0 {
			to[n] = c
			n++
			continue
		}
		to[n], to[n+1], to[n+2] = '%', digits[c>>4], digits[c&15]
		n += len("%XX")
	}
	to[n] = '\t'
	return b[:len(b)+n+1]
}

// appendOwn appends a value of the edge's own choice, and a tab; "-" for an empty
// one.
func appendOwn(b []byte, s string) []byte {
	if s == "" {
		return append(b, '-', '\t')
	}
	return append(append(b, s...), '\t')
}

// appendTime appends date and time, in UTC.
func appendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	tens, ones := func(n int) byte { return byte('0' + n/10%10) }, func(n int) byte { return byte('0' + n%10) }
	return append(b, tens(year/100), ones(year/100), tens(year), ones(year), '-', tens(int(month)), ones(int(month)), '-', tens(day), ones(day), '\t',
		tens(hour), ones(hour), ':', tens(minute), ones(minute), ':', tens(second), ones(second), '\t')
}

// appendSeconds appends a duration in seconds to the thousandth, and a tab.
func appendSeconds(b []byte, d time.Duration) []byte {
	ms := int64(max(d, 0)+time.Millisecond/2) / int64(time.Millisecond)
	if ms < 10_000 {
		b = append(b, byte('0'+ms/1000))
	} else {
		b = strconv.AppendInt(b, ms/1000, 10)
	}
	return append(b, '.', byte('0'+ms/100%10), byte('0'+ms/10%10), byte('0'+ms%10), '\t')
}
