package rfc9111

import (
	"math"
	"time"

	"github.com/dunglas/httpsfv"

	"github.com/warmfront/warmfront/edge/message"
)

// governing returns the directives that a response is stored by under RFC 9111.
// Those of CDN-Cache-Control take the place of Cache-Control and of Expires
// (targeted is true then), for they are meant for caches such as this one (RFC
// 9213). CloudFront does not know the field.
func governing(h message.Header) (d Directives, targeted bool) {
	if d, ok := cdnCacheControl(h); ok {
		return d, true
	}
	return CacheControl(h), false
}

// cdnCacheControl reads CDN-Cache-Control, a Dictionary of structured fields. It
// counts as absent if it is empty, if it cannot be parsed (RFC 9213 section 2.1),
// and if a time in it is no whole number: half of what it says would be worse than
// nothing. Parameters are ignored.
func cdnCacheControl(h message.Header) (Directives, bool) {
	value := h.Joined("CDN-Cache-Control")
	if value == "" {
		return Directives{}, false
	}
	dict, err := httpsfv.UnmarshalDictionary([]string{value})
	if err != nil || len(dict.Names()) == 0 {
		return Directives{}, false
	}
	var d Directives
	for _, name := range dict.Names() {
		member, _ := dict.Get(name)
		item, _ := member.(httpsfv.Item) // a list in parentheses becomes the zero Item, of no type
		if s := d.seconds(name); s != nil {
			n, ok := item.Value.(int64)
			if !ok {
				return Directives{}, false
			}
			s.set(time.Duration(min(max(n, 0), math.MaxInt32)) * time.Second)
		} else if item.Value != false {
			d.add(name, "", false)
		}
	}
	return d, true
}
