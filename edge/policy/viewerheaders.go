package policy

import (
	"net"
	"strconv"
	"strings"

	"github.com/mileusna/useragent"

	"github.com/warmfront/warmfront/geo"
)

// ownPrefix begins the names of the fields that edges make.
const ownPrefix = "CloudFront-"

// ownHeader returns the value of a field that the edge, not the viewer, makes, and whether
// the name is that of one (developer guide, "Add CloudFront request headers"). It has no
// value where what it tells is not known.
func (v *View) ownHeader(name string) (string, bool) {
	if strings.EqualFold(name, "Host") {
		return "", true // is the request's Host, no field
	}
	if len(name) <= len(ownPrefix) || !strings.EqualFold(name[:len(ownPrefix)], ownPrefix) {
		return "", false
	}
	lower := strings.ToLower(name[len(ownPrefix):])
	if v.Relayed && ofConnection(lower) {
		return v.Request.Header.Get(name), true
	}
	if kind, ok := strings.CutPrefix(lower, "is-"); ok {
		return v.device(kind), true
	}
	switch lower {
	case "forwarded-proto":
		return v.Request.Scheme, true
	case "viewer-http-version":
		return v.httpVersion(), true
	case "viewer-tls":
		if v.Request.TLSVersion == "" {
			return "", true
		}
		return v.Request.TLSVersion + ":" + v.Request.Cipher + ":connectionReused", true
	case "viewer-address":
		return net.JoinHostPort(v.Request.Viewer.Addr().Unmap().String(), strconv.Itoa(int(v.Request.Viewer.Port()))), true
	case "viewer-header-order":
		return v.headerOrder(), true
	case "viewer-header-count":
		return strconv.Itoa(len(v.Request.Header) + 1), true // Host is one
	}
	return placeHeader(lower, v.place()), true
}

// ofConnection reports whether a field tells of the viewer's own connection, which only the
// edge has seen that it leads to.
func ofConnection(lower string) bool {
	return lower == "viewer-tls" || lower == "viewer-header-order" || lower == "viewer-header-count"
}

func (v *View) httpVersion() string {
	if v.Request.Major > 1 {
		return strconv.Itoa(v.Request.Major) + ".0"
	}
	return strconv.Itoa(v.Request.Major) + "." + strconv.Itoa(v.Request.Minor)
}

// place is where the viewer is.
func (v *View) place() geo.Place {
	if v.Locate == nil {
		return geo.Place{}
	}
	return v.Locate(v.Request.Viewer.Addr())
}

// Country is the viewer's, as an ISO 3166 code; empty where it is not known.
func (v *View) Country() string { return v.place().Country }

// placeHeader is the field about a place with that name, in lower case and without
// "cloudfront-". Names are as they are written in English, with what is not ASCII in
// percent-encoded UTF-8.
func placeHeader(lower string, p geo.Place) string {
	switch lower {
	case "viewer-country":
		return p.Country
	case "viewer-country-name":
		return asciiOnly(p.CountryName)
	case "viewer-country-region":
		return p.RegionCode
	case "viewer-country-region-name":
		return asciiOnly(p.Region)
	case "viewer-city":
		return asciiOnly(p.City)
	case "viewer-postal-code":
		return asciiOnly(p.PostalCode)
	case "viewer-time-zone":
		return p.TimeZone
	case "viewer-latitude", "viewer-longitude":
		switch {
		case p.Precision == 0:
			return ""
		case lower == "viewer-latitude":
			return strconv.FormatFloat(p.Lat, 'f', 5, 64)
		}
		return strconv.FormatFloat(p.Lon, 'f', 5, 64)
	}
	return ""
}

func asciiOnly(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c > 0x7e || c == '%' {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// headerOrder is the names of the viewer's header as it sent them.
func (v *View) headerOrder() string {
	b := append(v.Text.Begin(), "Host"...)
	for i := range v.Request.Header {
		b = append(append(b, ':'), v.Request.Header[i].Name...)
	}
	return v.Text.End(b)
}

// device says whether the viewer is of a kind, "mobile-viewer" say, by its User-Agent:
// "true" or "false", and "" for a kind that there is not. A device may be of several.
func (v *View) device(kind string) string {
	agent := v.Request.Header.Get("User-Agent")
	ua := useragent.Parse(agent)
	tv := isTV(agent)
	var is bool
	switch kind {
	case "mobile-viewer":
		is = ua.Mobile && !tv
	case "tablet-viewer":
		is = ua.Tablet && !tv
	case "smarttv-viewer":
		is = tv
	case "desktop-viewer":
		is = !ua.Mobile && !ua.Tablet && !tv
	case "ios-viewer":
		is = ua.IsIOS()
	case "android-viewer":
		is = ua.IsAndroid()
	default:
		return ""
	}
	return strconv.FormatBool(is)
}

// isTV reports whether a User-Agent is that of a television or of what is plugged into one.
func isTV(agent string) bool {
	lower := strings.ToLower(agent)
	for _, sign := range [...]string{
		"smart-tv", "smarttv", "smart tv", "hbbtv", "appletv", "apple tv", "googletv", "android tv", "netcast", "web0s", "webos.tv",
		"bravia", "roku/", "roku ", "crkey", "aftb", "aftm", "aftn", "afts", "aftt", "viera", "tizen 2.4; tv", "; tv;",
	} {
		if strings.Contains(lower, sign) {
			return true
		}
	}
	return false
}
