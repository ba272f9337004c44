package compression

import (
	"strings"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// Encoding is a content coding (RFC 9110 section 8.4.1).
type Encoding string

// The encodings, as Content-Encoding names them.
const (
	Identity Encoding = ""
	Gzip     Encoding = "gzip"
	Brotli   Encoding = "br"
)

// Least and Most are the sizes that are compressed, as the origin declares them
// (developer guide, "Serve compressed files", conditions).
const (
	Least = 1_000
	Most  = 10_000_000
)

// Answer is what the decision goes by.
type Answer struct {
	// Compress is the behavior's setting, and MaxTTL its cache policy's: where
	// nothing may be cached nothing is compressed.
	Compress bool
	MaxTTL   time.Duration
	// Accepted is the request's Accept-Encoding as the cache policy normalises it:
	// "br,gzip", "br", "gzip" or empty.
	Accepted string

	// Status, Header and Length, -1 if not declared, are the origin's answer's.
	Status int
	Header message.Header
	Length int64
}

// Choose says how an answer is to be compressed; Identity: not at all.
func Choose(a Answer) Encoding {
	switch {
	case !a.Compress || a.MaxTTL <= 0 || a.Accepted == "",
		a.Length < Least || a.Length > Most,
		a.Status != 200 && a.Status != 403 && a.Status != 404,
		a.Header.Has("Content-Encoding"), // whatever it says
		!compressible(a.Header.Get("Content-Type")),
		forbidden(a.Header):
		return Identity
	case strings.HasPrefix(a.Accepted, string(Brotli)):
		return Brotli
	case a.Accepted == string(Gzip):
		return Gzip
	}
	return Identity
}

// forbidden reports whether the origin says that nobody may change the answer (RFC
// 9111 section 5.2.2.6).
func forbidden(h message.Header) bool {
	for d := range message.Members(h.Joined("Cache-Control")) {
		if strings.EqualFold(d, "no-transform") {
			return true
		}
	}
	return false
}

// compressible reports whether a Content-Type is one of those that are compressed:
// the 45 of the developer guide, "File types that CloudFront compresses".
func compressible(contentType string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	switch strings.ToLower(strings.Trim(mediaType, " \t")) {
	case "application/dash+xml", "application/eot", "application/font", "application/font-sfnt", "application/javascript",
		"application/json", "application/opentype", "application/otf", "application/pkcs7-mime", "application/protobuf",
		"application/rss+xml", "application/truetype", "application/ttf", "application/vnd.apple.mpegurl",
		"application/vnd.ms-fontobject", "application/xhtml+xml", "application/xml", "application/x-font-opentype",
		"application/x-font-truetype", "application/x-font-ttf", "application/x-httpd-cgi", "application/x-javascript",
		"application/x-mpegurl", "application/x-opentype", "application/x-otf", "application/x-perl", "application/x-ttf",
		"font/eot", "font/opentype", "font/otf", "font/ttf", "image/svg+xml", "text/css", "text/csv", "text/html",
		"text/javascript", "text/js", "text/plain", "text/richtext", "text/tab-separated-values", "text/xml",
		"text/x-component", "text/x-java-source", "text/x-script", "vnd.apple.mpegurl":
		return true
	}
	return false
}
