package policy

import (
	"net/netip"
	"testing"

	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/geo"
)

// TestOwnHeaders: the fields that edges make (compatibility.md 133).
func TestOwnHeaders(t *testing.T) {
	const iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1"
	const pixel = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36"
	const ipad = "Mozilla/5.0 (iPad; CPU OS 12_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
	const tv = "Mozilla/5.0 (SMART-TV; Linux; Tizen 5.0) AppleWebKit/538.1 (KHTML, like Gecko) Version/5.0 TV Safari/538.1"
	const desktop = "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"
	place := geo.Place{
		Country: "BR", CountryName: "Brazil", Region: "São Paulo", RegionCode: "SP", City: "São Paulo", PostalCode: "01000", TimeZone: "America/Sao_Paulo",
		Lat: -23.5475, Lon: -46.63611, Precision: geo.CityLevel,
	}
	for _, c := range []struct{ agent, name, want string }{
		{iphone, "CloudFront-Is-Mobile-Viewer", "true"}, {iphone, "CloudFront-Is-IOS-Viewer", "true"}, {iphone, "CloudFront-Is-Desktop-Viewer", "false"}, {iphone, "CloudFront-Is-Android-Viewer", "false"},
		{pixel, "CloudFront-Is-Mobile-Viewer", "true"}, {pixel, "cloudfront-is-android-viewer", "true"},
		{ipad, "CloudFront-Is-Tablet-Viewer", "true"}, {ipad, "CloudFront-Is-Desktop-Viewer", "false"}, {ipad, "CloudFront-Is-IOS-Viewer", "true"},
		{tv, "CloudFront-Is-SmartTV-Viewer", "true"}, {tv, "CloudFront-Is-Desktop-Viewer", "false"},
		{desktop, "CloudFront-Is-Desktop-Viewer", "true"}, {desktop, "CloudFront-Is-Mobile-Viewer", "false"}, {"", "CloudFront-Is-Desktop-Viewer", "true"},
		{"", "CloudFront-Viewer-Country", "BR"}, {"", "CloudFront-Viewer-Country-Name", "Brazil"}, {"", "CloudFront-Viewer-Country-Region", "SP"},
		{"", "CloudFront-Viewer-Country-Region-Name", "S%C3%A3o Paulo"}, {"", "CloudFront-Viewer-City", "S%C3%A3o Paulo"}, {"", "CloudFront-Viewer-Postal-Code", "01000"},
		{"", "CloudFront-Viewer-Metro-Code", ""}, {"", "CloudFront-Viewer-Latitude", "-23.54750"}, {"", "CloudFront-Viewer-Longitude", "-46.63611"},
		{"", "CloudFront-Viewer-Time-Zone", "America/Sao_Paulo"}, {"", "CloudFront-Viewer-Http-Version", "2.0"}, {"", "CloudFront-Forwarded-Proto", "https"},
		{"", "CloudFront-Viewer-Address", "[2001:db8::1]:4711"}, {"", "CloudFront-Viewer-TLS", "TLSv1.3:TLS_AES_128_GCM_SHA256:connectionReused"},
		{"x", "CloudFront-Viewer-Header-Order", "Host:User-Agent"}, {"x", "CloudFront-Viewer-Header-Count", "2"},
		{"", "CloudFront-Viewer-JA3-Fingerprint", ""}, {"", "CloudFront-Is-Toaster-Viewer", ""},
	} {
		v := View{Text: &message.Text{}, Locate: func(netip.Addr) geo.Place { return place }, Request: &message.Request{
			Scheme: "https", Major: 2, Viewer: netip.MustParseAddrPort("[2001:db8::1]:4711"), TLSVersion: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256",
		}}
		if c.agent != "" {
			v.Request.Header.Add("User-Agent", c.agent)
		}
		if got, own := v.ownHeader(c.name); got != c.want || !own {
			t.Errorf("%s, %q: %q, want %q", c.name, c.agent, got, c.want)
		}
	}
	v := View{Text: &message.Text{}, Request: &message.Request{}}
	if got, own := v.ownHeader("CloudFront-Viewer-City"); got != "" || !own {
		t.Errorf("where nobody knows: %q", got)
	}
	if _, own := v.ownHeader("X-Other"); own {
		t.Error("X-Other is made by edges")
	}
}
