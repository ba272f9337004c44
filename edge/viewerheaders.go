package edge

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// ownField reports whether a field of an origin's answer is one that the edge
// says itself.
func ownField(name string) bool {
	switch strings.ToLower(name) {
	case "x-cache", "x-amz-cf-pop", "x-amz-cf-id":
		return true
	}
	return false
}

// finish gives an answer the fields that tell what the edge did (developer guide,
// "Response behavior"; RFC 9211).
func (x *exchange) finish(r *message.Response) {
	h := &r.Header
	h.Add("X-Cache", string(x.done.result)+" from cloudfront")
	h.Add("Via", "1.1"+x.edge.pseudonym)
	h.Add("X-Amz-Cf-Pop", x.edge.pop)
	h.Add("X-Amz-Cf-Id", x.id)
	h.Add("Cache-Status", x.cacheStatus())
}

// cacheStatus is the member of Cache-Status for this cache.
func (x *exchange) cacheStatus() string {
	d := &x.done
	var b strings.Builder
	b.Grow(64)
	b.WriteString(x.edge.cacheName)
	switch {
	case d.hit:
		b.WriteString("; hit; ttl=")
		b.WriteString(strconv.FormatInt(int64(d.ttl/time.Second), 10))
	case d.forward != "":
		b.WriteString("; fwd=" + d.forward)
		if d.status != 0 {
			b.WriteString("; fwd-status=" + strconv.Itoa(d.status))
		}
		if d.stored {
			b.WriteString("; stored; ttl=" + strconv.FormatInt(int64(d.ttl/time.Second), 10))
		}
		if d.collapsed {
			b.WriteString("; collapsed")
		}
	}
	if d.detail != "" {
		b.WriteString("; detail=" + d.detail)
	}
	return b.String()
}

// newRequestID is 54 characters of the URL-safe base64 alphabet and "==".
func newRequestID() string {
	var b [40]byte
	_, _ = rand.Read(b[:]) // never fails (package documentation)
	return base64.URLEncoding.EncodeToString(b[:])
}

// pseudonym is how the node calls itself in Via, without the protocol's version:
// 32 hexadecimal digits that do not change.
func pseudonym(node string) string {
	sum := sha256.Sum256([]byte(node))
	return " " + hex.EncodeToString(sum[:16]) + ".cloudfront.net (CloudFront)"
}

// cacheName is the node's id as a token of RFC 9211.
func cacheName(node string) string {
	return "warmfront/" + strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.ContainsRune("-._~:", c):
			return c
		}
		return '_'
	}, node)
}
