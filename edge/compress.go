package edge

import (
	"github.com/warmfront/warmfront/edge/compression"
	"github.com/warmfront/warmfront/edge/message"
)

// encodersFor is how many bodies are compressed at one time beside a cache of so
// many bytes: encoders take megabytes too.
func encodersFor(memory int64) int { return int(min(max(memory>>22, 32), 256)) }

// compress has an answer of the origin that came whole compressed, if it is to be,
// on its way to all who read it. It reports whether it did, and what the origin
// calls the answer if that was changed. What would be stored, but is too large to
// be kept in one piece, stays as it is.
func (e *Edge) compress(f *flight, resp *message.Response, stored bool) (originTag string, compressed bool) {
	if f.answer.Compressed {
		return f.answer.OriginTag, true // by a tier
	}
	encoding := compression.Choose(compression.Answer{
		Compress: f.behavior.Compress, MaxTTL: f.behavior.Cache.MaxTTL, Accepted: f.encoding,
		Status: resp.Status, Header: resp.Header, Length: resp.Length,
	})
	if encoding == compression.Identity || stored && resp.Length > e.store.MaxObject() {
		return "", false
	}
	if hasBody(f, resp) {
		body := e.encoders.Body(encoding, resp.Body, resp.Length)
		if body == nil {
			return "", false
		}
		resp.Body = body
	}
	resp.Length = -1
	return compression.Label(&resp.Header, encoding), true
}
