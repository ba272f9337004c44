package accesslog

import (
	"strconv"
	"strings"
)

// field is one value of a record, by one of its names.
type field struct {
	name string
	// append appends the value and a tab.
	append func(b []byte, r *Record) []byte
}

// Fields are the names of all fields that a format may have: those of standard logs,
// and those of real-time logs, of which some are the same by another name (developer
// guide, "Log file fields" and "Real-time log configuration fields").
func Fields() []string {
	all := make([]string, 0, len(standardFields())+len(realtimeFields()))
	for _, f := range standardFields() {
		all = append(all, f.name)
	}
	for _, f := range realtimeFields() {
		all = append(all, f.name)
	}
	return all
}

func fieldsByName() map[string]field {
	by := map[string]field{}
	for _, f := range realtimeFields() {
		by[f.name] = f
	}
	for _, f := range standardFields() {
		by[f.name] = f
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

// realtimeFields are those that real-time logs have besides, or by another name.
func realtimeFields() []field {
	return []field{
		{"timestamp", func(b []byte, r *Record) []byte { return appendUnix(b, r.Ended.UnixMilli(), true) }},
		{"timestamp(ms)", func(b []byte, r *Record) []byte { return appendUnix(b, r.Ended.UnixMilli(), false) }},
		own("cs-host", func(r *Record) string { return r.Domain }),
		own("DistributionId", func(r *Record) string { return r.Distribution }),
		own("distribution-id", func(r *Record) string { return r.Distribution }),
		own("primary-distribution-id", func(r *Record) string { return r.Primary }),
		own("primary-distribution-dns-name", func(r *Record) string { return r.PrimaryDomain }),
		foreign("cs-user-agent", func(r *Record) string { return r.UserAgent }),
		foreign("cs-referer", func(r *Record) string { return r.Referer }),
		foreign("cs-cookie", func(r *Record) string { return r.Cookie }),
		foreign("cs-accept", func(r *Record) string { return r.Accept }),
		foreign("cs-accept-encoding", func(r *Record) string { return r.AcceptEncoding }),
		foreign("cache-behavior-path-pattern", func(r *Record) string { return r.Behavior }),
		own("c-country", func(r *Record) string { return r.Country }),
		{"asn", func(b []byte, r *Record) []byte { return append(b, '-', '\t') }},
		own("c-ip-version", func(r *Record) string {
			if r.Viewer.Addr().Unmap().Is4() {
				return "IPv4"
			}
			return "IPv6"
		}),
		foreign("cs-headers", func(r *Record) string { return r.Headers }),
		foreign("cs-header-names", func(r *Record) string {
			var names strings.Builder
			r.headers(func(name, _ string) bool { names.WriteString(name + "\n"); return true })
			return names.String()
		}),
		number("cs-headers-count", func(r *Record) (n int64) {
			r.headers(func(string, string) bool { n++; return true })
			return n
		}),
		nothing("origin-fbl"),
		nothing("origin-lbl"),
	}
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
