package accesslog

import (
	"net/url"
	"strings"

	"github.com/warmfront/warmfront/edge/message"
)

// realtimeFields are those that real-time logs have alone, or with another meaning than
// standard logs: cs-host and x-host-header change places, and cs-uri-stem has the query
// (developer guide, "Use real-time logs", Fields; belief 581).
func realtimeFields() []field {
	all := []field{
		{"s-ip", func(b []byte, r *Record) []byte {
			if !r.Server.IsValid() {
				return append(b, '-', '\t')
			}
			return append(r.Server.AppendTo(b), '\t')
		}},
		foreign("cs-host", func(r *Record) string { return r.Host }),
		own("x-host-header", func(r *Record) string { return r.Domain }),
		{"cs-uri-stem", appendURI},
		own("c-ip-version", func(r *Record) string {
			if r.Viewer.Addr().Unmap().Is4() {
				return "IPv4"
			}
			return "IPv6"
		}),
		foreign("cs-user-agent", func(r *Record) string { return r.UserAgent }),
		foreign("cs-referer", func(r *Record) string { return r.Referer }),
		short("cs-cookie", func(r *Record) string { return r.Cookie }),
		foreign("cs-accept", func(r *Record) string { return r.Accept }),
		foreign("cs-accept-encoding", func(r *Record) string { return r.AcceptEncoding }),
		short("cs-headers", func(r *Record) string { return r.Headers }),
		short("cs-header-names", func(r *Record) string {
			var names strings.Builder
			r.headers(func(name, _ string) bool { names.WriteString(name + "\n"); return true })
			return names.String()
		}),
		number("cs-headers-count", func(r *Record) (n int64) {
			r.headers(func(string, string) bool { n++; return true })
			return n
		}),
		own("primary-distribution-id", func(r *Record) string { return r.Primary }),
		own("primary-distribution-dns-name", func(r *Record) string { return r.PrimaryDomain }),
		foreign("r-host", func(r *Record) string { return r.Origin }),
		own("sr-reason", func(r *Record) string {
			if r.Failover == "" {
				return ""
			}
			return "Failover:" + r.Failover
		}),
		nothing("x-edge-mqcs"), // of origin groups that go by the media's quality, of which there are none
	}
	for _, key := range mediaKeys() {
		all = append(all, foreign("cmcd-"+key.name, func(r *Record) string { return r.media(key.key) }))
	}
	return all
}

// maxValue is how much of the viewer's header a field has at most, in bytes.
const maxValue = 800

// short makes a field that is cut.
func short(name string, of func(*Record) string) field {
	return field{name, func(b []byte, r *Record) []byte {
		from := len(b)
		b = appendText(b, of(r))
		if len(b)-from-1 <= maxValue {
			return b
		}
		end := from + maxValue
		for i := end - len("%X"); i < end; i++ { // one further back is whole
			if b[i] == '%' {
				end = i
			}
		}
		return append(b[:end], '\t')
	}}
}

// appendURI appends the path with the query, and a tab.
func appendURI(b []byte, r *Record) []byte {
	b = appendText(b, r.Path)
	if r.Query == "" {
		return b
	}
	b[len(b)-1] = '?'
	return appendText(b, r.Query)
}

// mediaKeys are the keys of Common Media Client Data (CTA-5004, section 3.2) and the
// names of the fields that have their values.
func mediaKeys() []struct{ key, name string } {
	return []struct{ key, name string }{
		{"br", "encoded-bitrate"}, {"bl", "buffer-length"}, {"bs", "buffer-starvation"}, {"cid", "content-id"}, {"d", "object-duration"},
		{"dl", "deadline"}, {"mtp", "measured-throughput"}, {"nor", "next-object-request"}, {"nrr", "next-range-request"}, {"ot", "object-type"},
		{"pr", "playback-rate"}, {"rtp", "requested-maximum-throughput"}, {"sf", "streaming-format"}, {"sid", "session-id"},
		{"st", "stream-type"}, {"su", "startup"}, {"tb", "top-bitrate"}, {"v", "version"},
	}
}

// media is the value of a key of Common Media Client Data, as the query's argument CMCD
// or the header fields CMCD-Object, -Request, -Session and -Status have it (CTA-5004,
// section 2); "" if neither does. Strings come without their quotation marks, and a key
// without a value is "true" (belief 583).
func (r *Record) media(key string) string {
	for argument := range strings.SplitSeq(r.Query, "&") {
		encoded, found := strings.CutPrefix(argument, "CMCD=")
		if !found {
			continue
		}
		list, err := url.QueryUnescape(encoded)
		if err != nil {
			return ""
		}
		return mediaValue(list, key)
	}
	value := ""
	r.headers(func(name, list string) bool {
		if len(name) > len("CMCD-") && strings.EqualFold(name[:len("CMCD-")], "CMCD-") {
			value = mediaValue(list, key)
		}
		return value == ""
	})
	return value
}

// mediaValue is the value of a key in a list such as `br=3200,bs,cid="a,b"`.
func mediaValue(list, key string) string {
	for pair := range message.Members(list) {
		name, value, given := strings.Cut(pair, "=")
		switch {
		case name != key:
			continue
		case !given:
			return "true"
		}
		return unquote(value)
	}
	return ""
}

// unquote is a value, where it is in quotation marks the string within (RFC 8941,
// section 3.3.3).
func unquote(value string) string {
	within, quoted := strings.CutPrefix(value, `"`)
	if !quoted {
		return value
	}
	return strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(strings.TrimSuffix(within, `"`))
}
