package compression

import (
	"strings"

	"github.com/warmfront/warmfront/edge/message"
)

// Label makes the header of an answer speak of its compressed body: a strong
// entity tag becomes a weak one, one that is neither is dropped (developer guide,
// "ETag header conversion"), and digests of other bytes go. It returns the
// origin's entity tag, if it was changed: that is what the origin knows it by.
//
// A header that has been labelled, and then brought up to date by a 304, may be
// labelled again.
func Label(h *message.Header, e Encoding) (originTag string) {
	h.Filter(func(f message.Field) bool {
		switch strings.ToLower(f.Name) {
		case "content-length", "content-md5", "digest", "content-digest", "repr-digest":
			return false
		}
		return true
	})
	h.Set("Content-Encoding", string(e))
	if vary := h.Joined("Vary"); !names(vary, "Accept-Encoding") && !names(vary, "*") {
		if vary != "" {
			vary += ", "
		}
		h.Set("Vary", vary+"Accept-Encoding")
	}
	switch tag := h.Get("ETag"); {
	case strings.HasPrefix(tag, `"`):
		h.Set("ETag", "W/"+tag)
		return tag
	case !strings.HasPrefix(tag, "W/"):
		h.Del("ETag")
	}
	return ""
}

func names(list, member string) bool {
	for m := range message.Members(list) {
		if strings.EqualFold(m, member) {
			return true
		}
	}
	return false
}
