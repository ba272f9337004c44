package edge

import (
	"time"

	"github.com/warmfront/warmfront/edge/cache"
	"github.com/warmfront/warmfront/edge/compression"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/rfc9111"
)

// learn brings what a GET stored up to date by what the origin answers to a HEAD,
// or drops it (RFC 9111 section 4.3.5); CloudFront does neither. The object's birth
// stays what it was: the origin has confirmed no byte of it.
func (e *Edge) learn(f *flight, resp *message.Response, sent, received time.Time) {
	if f.get == "" {
		return
	}
	o := e.store.Get(f.get, f.selects)
	if o == nil || o.Failure != "" || o.Status != 200 {
		return
	}
	head, length := resp.Header, resp.Length
	if o.Compressed { // as would be the answer to a GET
		head, length = head.Clone(2), -1
		compression.Label(&head, compression.Encoding(o.Header.Get("Content-Encoding")))
	}
	switch rfc9111.Head(o.Header, size(o), resp.Status, head, length) {
	case rfc9111.HeadOutdates:
		e.store.Remove(o)
	case rfc9111.HeadUpdates:
		header := rfc9111.Update(o.Header, head)
		life := rfc9111.Judge(f.policy(200), rfc9111.Request{Method: "GET", Header: f.request.Header},
			rfc9111.Response{Status: 200, Header: header, RequestTime: sent, ResponseTime: received})
		if !life.Store {
			return
		}
		e.store.Put(&cache.Object{
			Key: o.Key, Vary: o.Vary, Variant: o.Variant, Status: o.Status, Header: header, Compressed: o.Compressed, OriginTag: o.OriginTag,
			Body: o.Body, Length: o.Length, Fragment: o.Fragment, Birth: o.Birth, Order: o.Order, Received: received,
			InitialAge: rfc9111.InitialAge(header, sent, received), Lifetime: life, URIs: o.URIs,
		})
	}
}
