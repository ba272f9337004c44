// Package svcb says what HTTPS records say (RFC 9460): which protocols an edge speaks,
// at which port and address. It is pure.
package svcb

import (
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// Prefix reads the labels before a name under which HTTPS records of other
// ports are, `_8443._https.NAME` (RFC 9460, section 9.1). Port is 0 for `_https`
// alone, which exists because the others do.
func Prefix(name string) (port uint16, rest string, ok bool) {
	first, rest, _ := strings.Cut(name, ".")
	if first == "_https" {
		return 0, rest, true
	}
	second, rest, _ := strings.Cut(rest, ".")
	digits, underscore := strings.CutPrefix(first, "_")
	if second != "_https" || !underscore || strings.HasPrefix(digits, "0") {
		return 0, "", false
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	return uint16(n), rest, err == nil && n != 0
}

// Parameters are what a record says, by rising number (RFC 9460, section 2.2). What is
// the default is left out: HTTP/1.1, and the port that the record is about.
func Parameters(httpVersion string, at, port uint16, v4, v6 []netip.Addr) (out []dns.SVCBKeyValue) {
	var alpn []string
	switch httpVersion {
	case "http2":
		alpn = []string{"h2"}
	case "http3":
		alpn = []string{"h3"}
	case "http2and3":
		alpn = []string{"h3", "h2"}
	}
	if alpn != nil {
		out = append(out, &dns.SVCBAlpn{Alpn: alpn})
	}
	if at != port {
		out = append(out, &dns.SVCBPort{Port: at})
	}
	if hint := hints(v4); hint != nil {
		out = append(out, &dns.SVCBIPv4Hint{Hint: hint})
	}
	if hint := hints(v6); hint != nil {
		out = append(out, &dns.SVCBIPv6Hint{Hint: hint})
	}
	return out
}

func hints(addrs []netip.Addr) (out []net.IP) {
	for _, a := range addrs {
		out = append(out, a.Unmap().WithZone("").AsSlice())
	}
	return out
}
