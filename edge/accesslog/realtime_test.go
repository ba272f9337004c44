package accesslog

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn/logs"
)

// Each field of real-time logs is what the developer guide says of it.
func TestRealtimeFields(t *testing.T) {
	r := example()
	r.Ended = time.UnixMilli(1731620046814)
	r.Host, r.Query, r.Referer, r.Cookie, r.ForwardedFor = "www.example.com", "a=b&CMCD=br%3D3200%2Cbs%2Ccid%3D%22x%2Cy%22", "http://r/", "a=1", "192.0.2.1"
	r.Headers = "Accept:*/*\nX-A:b c\n"
	r.Accept, r.AcceptEncoding, r.Behavior, r.Country, r.ASN, r.Server = "*/*", "gzip", "/i/*", "DE", 64496, netip.MustParseAddr("203.0.113.1")
	r.Encryption, r.EncryptedFields, r.ContentRange = "Processed", 2, "bytes 1-2/3"
	r.Primary, r.PrimaryDomain = "E9", "d9.cloudfront.net"
	r.Origin, r.Failover, r.OriginFirst, r.OriginLast = "second.example.com", "503", 251*time.Millisecond, 1254*time.Millisecond
	want := map[string]string{
		"timestamp": "1731620046.814", "c-ip": "192.0.2.100", "s-ip": "203.0.113.1", "time-to-first-byte": "0.001", "sc-status": "200", "sc-bytes": "392",
		"cs-method": "GET", "cs-protocol": "https", "cs-host": "www.example.com", "cs-uri-stem": "/index.html?a=b&CMCD=br%253D3200%252Cbs%252Ccid%253D%2522x%252Cy%2522",
		"cs-bytes": "23", "x-edge-location": "LAX1", "x-edge-request-id": r.RequestID, "x-host-header": "d111111abcdef8.cloudfront.net", "time-taken": "0.001",
		"cs-protocol-version": "HTTP/2.0", "c-ip-version": "IPv4", "cs-user-agent": strings.ReplaceAll(r.UserAgent, " ", "%20"), "cs-referer": "http://r/", "cs-cookie": "a=1",
		"cs-uri-query": "a=b&CMCD=br%253D3200%252Cbs%252Ccid%253D%2522x%252Cy%2522", "x-edge-response-result-type": "Hit", "x-forwarded-for": "192.0.2.1",
		"ssl-protocol": "TLSv1.2", "ssl-cipher": "ECDHE-RSA-AES128-GCM-SHA256", "x-edge-result-type": "Hit", "fle-encrypted-fields": "2", "fle-status": "Processed",
		"sc-content-type": "text/html", "sc-content-len": "78", "sc-range-start": "1", "sc-range-end": "2", "c-port": "11040", "x-edge-detailed-result-type": "Hit",
		"c-country": "DE", "cs-accept-encoding": "gzip", "cs-accept": "*/*", "cache-behavior-path-pattern": "/i/*", "cs-headers": "Accept:*/*%0AX-A:b%20c%0A",
		"cs-header-names": "Accept%0AX-A%0A", "cs-headers-count": "2", "primary-distribution-id": "E9", "primary-distribution-dns-name": "d9.cloudfront.net",
		"origin-fbl": "0.251", "origin-lbl": "1.254", "asn": "64496", "cmcd-encoded-bitrate": "3200", "cmcd-buffer-starvation": "true", "cmcd-content-id": "x,y",
		"r-host": "second.example.com", "sr-reason": "Failover:503",
	}
	asked := logs.RealtimeFields()
	slices.Reverse(asked) // lines have them in their own order
	got := values(t, Realtime(asked), r)
	if len(got) != len(logs.RealtimeFields()) || len(got) != 71 {
		t.Fatalf("%d values", len(got))
	}
	for i, name := range logs.RealtimeFields() {
		if wanted, known := want[name]; known && got[i] != wanted || !known && got[i] != "-" {
			t.Errorf("%s is %q, want %q", name, got[i], wanted)
		}
		if empty := values(t, Realtime([]string{name}), &Record{ContentLength: -1, Viewer: r.Viewer}); len(empty) != 1 || empty[0] == "" {
			t.Errorf("%s of nothing is %q", name, empty)
		}
	}
	if f := Realtime([]string{"no-such-field", "c-ip"}); string(f.Append(nil, r)) != "192.0.2.100\n" {
		t.Error("what is no field is in the line")
	}
}

func values(t *testing.T, f *Format, r *Record) []string {
	t.Helper()
	line := string(f.Append(nil, r))
	if strings.Count(line, "\n") != 1 || line[len(line)-1] != '\n' {
		t.Errorf("%q is not one line", line)
	}
	return strings.Split(strings.TrimSuffix(line, "\n"), "\t")
}

func TestWhatViewersSendIsCut(t *testing.T) {
	for _, c := range []struct{ cookie, want string }{
		{strings.Repeat("x", 800), strings.Repeat("x", 800)},
		{strings.Repeat("x", 801), strings.Repeat("x", 800)},
		{strings.Repeat("x", 797) + " y", strings.Repeat("x", 797) + "%20"},
		{strings.Repeat("x", 798) + " y", strings.Repeat("x", 798)},
		{strings.Repeat("x", 799) + " y", strings.Repeat("x", 799)},
	} {
		if got := values(t, Realtime([]string{"cs-cookie"}), &Record{Cookie: c.cookie}); got[0] != c.want {
			t.Errorf("%d bytes become %d: …%s", len(c.cookie), len(got[0]), got[0][max(0, len(got[0])-5):])
		}
	}
}

func TestCommonMediaClientData(t *testing.T) {
	for _, c := range []struct{ query, headers, key, want string }{
		{"CMCD=br%3D3200%2Csid%3D%226e2fb550%22", "", "br", "3200"},
		{"a=b&CMCD=br%3D3200%2Csid%3D%226e2fb550%22", "", "sid", "6e2fb550"},
		{"CMCD=nor%3D%22..%252Fa%2Cb.m4s%22%2Csu", "", "nor", "..%2Fa,b.m4s"},
		{"CMCD=nor%3D%22a%5C%22%2Cb%22%2Csu", "", "su", "true"},
		{"CMCD=su%3Dfalse", "", "su", "false"},
		{"CMCD=br%3D3200", "", "r", ""},
		{"CMCD=br%3", "CMCD-Object:br=1\n", "br", ""},
		{"cmcd=br%3D3200", "", "br", ""},
		{"", "CMCD-Object:br=3200,d=4004,ot=v\nCMCD-Request:bl=21300\n", "d", "4004"},
		{"", "cmcd-session:v=1\ncmcd-status:bs,rtp=15000\n", "rtp", "15000"},
		{"", "Accept:br=1\nCMCD:br=2\n", "br", ""},
		{"", "CMCD-Object:=,\"\n", "br", ""},
	} {
		r := &Record{Query: c.query, Headers: c.headers}
		if got := r.media(c.key); got != c.want {
			t.Errorf("%s of %q %q is %q, want %q", c.key, c.query, c.headers, got, c.want)
		}
	}
}

func FuzzMedia(f *testing.F) {
	f.Add(`br=3200,cid="a\\",b"`)
	f.Fuzz(func(t *testing.T, list string) {
		r := &Record{Headers: "CMCD-Status:" + list + "\n"}
		for _, k := range mediaKeys() {
			if v := r.media(k.key); v != "true" && len(v) > len(list) {
				t.Errorf("%q of %q", v, list)
			}
		}
	})
}
