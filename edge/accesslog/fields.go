package accesslog

import (
	"strconv"
	"time"
)

// field is one value of a record, by one of its names.
type field struct {
	name string
	// append appends the value and a tab.
	append func(b []byte, r *Record) []byte
}

func byName(lists ...[]field) map[string]field {
	by := map[string]field{}
	for _, fields := range lists {
		for _, f := range fields {
			by[f.name] = f
		}
	}
	return by
}

// own makes a field of a value of the edge's own, foreign of one that others chose,
// number and seconds of what they say.
func own(name string, of func(*Record) string) field {
	return field{name, func(b []byte, r *Record) []byte { return appendOwn(b, of(r)) }}
}

func foreign(name string, of func(*Record) string) field {
	return field{name, func(b []byte, r *Record) []byte { return appendText(b, of(r)) }}
}

func number(name string, of func(*Record) int64) field {
	return field{name, func(b []byte, r *Record) []byte {
		n := of(r)
		if n < 0 {
			return append(b, '-', '\t')
		}
		return append(strconv.AppendInt(b, n, 10), '\t')
	}}
}

func nothing(name string) field { return own(name, func(*Record) string { return "" }) }

// standardFields are the 33 of standard logs, in their order.
func standardFields() []field {
	return []field{
		{"date", func(b []byte, r *Record) []byte { return append(b, r.dateTime()[:len("2006-01-02\t")]...) }},
		{"time", func(b []byte, r *Record) []byte { return append(b, r.dateTime()[len("2006-01-02\t"):]...) }},
		own("x-edge-location", func(r *Record) string { return r.Location }),
		number("sc-bytes", func(r *Record) int64 { return r.Sent }),
		{"c-ip", func(b []byte, r *Record) []byte { return append(appendViewer(b, r), '\t') }},
		foreign("cs-method", func(r *Record) string { return r.Method }),
		own("cs(Host)", func(r *Record) string { return r.Domain }),
		foreign("cs-uri-stem", func(r *Record) string { return r.Path }),
		{"sc-status", func(b []byte, r *Record) []byte { return appendStatus(b, r.Status) }},
		foreign("cs(Referer)", func(r *Record) string { return r.Referer }),
		foreign("cs(User-Agent)", func(r *Record) string { return r.UserAgent }),
		foreign("cs-uri-query", func(r *Record) string { return r.Query }),
		foreign("cs(Cookie)", func(r *Record) string { return r.Cookie }),
		own("x-edge-result-type", func(r *Record) string { return r.Result }),
		own("x-edge-request-id", func(r *Record) string { return r.RequestID }),
		foreign("x-host-header", func(r *Record) string { return r.Host }),
		own("cs-protocol", func(r *Record) string { return r.Protocol }),
		number("cs-bytes", func(r *Record) int64 { return r.Received }),
		{"time-taken", func(b []byte, r *Record) []byte { return appendSeconds(b, r.Took) }},
		foreign("x-forwarded-for", func(r *Record) string { return r.ForwardedFor }),
		own("ssl-protocol", func(r *Record) string { return r.TLSVersion }),
		own("ssl-cipher", func(r *Record) string { return r.Cipher }),
		own("x-edge-response-result-type", func(r *Record) string { return r.ResponseResult }),
		{"cs-protocol-version", func(b []byte, r *Record) []byte { return appendVersion(b, r) }},
		own("fle-status", func(r *Record) string { return r.Encryption }),
		{"fle-encrypted-fields", appendEncrypted},
		number("c-port", func(r *Record) int64 { return int64(r.Viewer.Port()) }),
		{"time-to-first-byte", func(b []byte, r *Record) []byte { return appendSeconds(b, r.FirstByte) }},
		own("x-edge-detailed-result-type", func(r *Record) string { return r.Detail }),
		foreign("sc-content-type", func(r *Record) string { return r.ContentType }),
		number("sc-content-len", func(r *Record) int64 { return r.ContentLength }),
		foreign("sc-range-start", func(r *Record) string { first, _ := bounds(r.ContentRange); return first }),
		foreign("sc-range-end", func(r *Record) string { _, last := bounds(r.ContentRange); return last }),
	}
}

// sharedFields are those that both standard logging (v2) and real-time logs have beside
// the 33.
func sharedFields() []field {
	return []field{
		{"timestamp", func(b []byte, r *Record) []byte { return appendUnix(b, r.Ended.UnixMilli(), true) }},
		foreign("cache-behavior-path-pattern", func(r *Record) string { return r.Behavior }),
		own("c-country", func(r *Record) string { return r.Country }),
		{"asn", func(b []byte, r *Record) []byte {
			if r.ASN == 0 {
				return append(b, '-', '\t')
			}
			return append(strconv.AppendUint(b, uint64(r.ASN), 10), '\t')
		}},
		{"origin-fbl", func(b []byte, r *Record) []byte { return appendLatency(b, r.OriginFirst) }},
		{"origin-lbl", func(b []byte, r *Record) []byte { return appendLatency(b, r.OriginLast) }},
		// There are no tenants, no mutual TLS with viewers, and functions have no words of
		// their own for the log (belief 584).
		nothing("distribution-tenant-id"), nothing("connection-id"), nothing("viewer-request-log-data"), nothing("viewer-response-log-data"),
	}
}

// furtherFields are those of standard logging (v2) alone.
func furtherFields() []field {
	id := func(r *Record) string { return r.Distribution }
	return []field{
		{"timestamp(ms)", func(b []byte, r *Record) []byte { return appendUnix(b, r.Ended.UnixMilli(), false) }},
		own("DistributionId", id), own("distributionid", id),
	}
}

// appendLatency appends what an origin took, to the thousandth of a second, and a tab;
// "-" where it was not asked.
func appendLatency(b []byte, d time.Duration) []byte {
	if d <= 0 {
		return append(b, '-', '\t')
	}
	return appendSeconds(b, d)
}

// appendUnix appends milliseconds since 1970, as seconds with a fraction or whole, and
// a tab.
func appendUnix(b []byte, ms int64, seconds bool) []byte {
	if !seconds {
		return append(strconv.AppendInt(b, ms, 10), '\t')
	}
	ms = max(ms, 0)
	b = append(strconv.AppendInt(b, ms/1000, 10), '.')
	return append(b, byte('0'+ms/100%10), byte('0'+ms/10%10), byte('0'+ms%10), '\t')
}
