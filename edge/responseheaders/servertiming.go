package responseheaders

import (
	"strconv"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// ServerTiming is what the Server-Timing header says (developer guide, "Server-Timing
// header"): whether it was a hit, by CloudFront's result type, at which POP, the request's
// id, and how long it took until the answer's header was there, in milliseconds.
func ServerTiming(text *message.Text, result, pop, id string, took time.Duration) string {
	b := append(text.Begin(), "cdn-cache-"...)
	switch result {
	case "Hit":
		b = append(b, `hit,cdn-hit-layer;desc="EDGE"`...)
	case "RefreshHit":
		b = append(b, `refresh,cdn-upstream-layer;desc="EDGE"`...)
	default:
		b = append(b, `miss,cdn-upstream-layer;desc="EDGE"`...)
	}
	b = append(append(append(b, `,cdn-pop;desc="`...), pop...), `",cdn-rid;desc="`...)
	b = append(append(b, id...), '"')
	if result != "Hit" {
		b = strconv.AppendInt(append(b, ",cdn-upstream-fbl;dur="...), took.Milliseconds(), 10)
	}
	return text.End(strconv.AppendInt(append(b, ",cdn-downstream-fbl;dur="...), took.Milliseconds(), 10))
}
