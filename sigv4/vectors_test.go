package sigv4

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// The figures of AWS's published Signature Version 4 test suite (service
// "service", 30 August 2015) and of the S3 API reference's worked examples
// (24 May 2013), with the credentials that those publish.
const (
	suiteKey    = "AKIDEXAMPLE"
	suiteSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	s3Key       = "AKIAIOSFODNN7EXAMPLE"
	s3Secret    = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

func instant(t *testing.T, s string) time.Time {
	t.Helper()
	v, err := time.Parse(timeFormat, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func oneKey(id, secret string) Lookup {
	return func(got string) (Key, bool) { return Key{Secret: secret}, got == id }
}

func TestVerifyPublishedSuite(t *testing.T) {
	now := instant(t, "20150830T123600Z")
	tests := []struct {
		name, method, path, query, body string
		headers                         [][2]string
		signed, signature               string
	}{
		{name: "get-vanilla", signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{name: "get-vanilla-query-order-key-case", query: "Param2=value2&Param1=value1", signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
		{name: "get-vanilla-empty-query-key", query: "Param1=value1", signature: "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
		{name: "get-vanilla-utf8-query", query: "\u1234=bar", signature: "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
		{name: "get-utf8", path: "/\u1234", signature: "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
		{name: "get-unreserved", path: "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", signature: "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
		{name: "get-space", path: "/example space/", signature: "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
		{name: "get-slash", path: "//", signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{name: "get-slashes", path: "//example//", signature: "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
		{name: "get-slash-dot-slash", path: "/./", signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{name: "get-slash-pointless-dot", path: "/./example", signature: "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"},
		{name: "get-relative-relative", path: "/example1/example2/../..", signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{name: "get-header-key-duplicate", headers: [][2]string{{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}}, signed: "host;my-header1;x-amz-date", signature: "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
		{name: "get-header-value-order", headers: [][2]string{{"My-Header1", "value4"}, {"My-Header1", "value1"}, {"My-Header1", "value3"}, {"My-Header1", "value2"}}, signed: "host;my-header1;x-amz-date", signature: "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
		{name: "get-header-value-trim", headers: [][2]string{{"My-Header1", " value1"}, {"My-Header2", ` "a   b   c"`}}, signed: "host;my-header1;my-header2;x-amz-date", signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
		{name: "post-vanilla", method: "POST", signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		{name: "post-header-value-case", method: "POST", headers: [][2]string{{"My-Header1", "VALUE1"}}, signed: "host;my-header1;x-amz-date", signature: "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"},
		{name: "post-x-www-form-urlencoded", method: "POST", body: "Param1=value1", headers: [][2]string{{"Content-Type", "application/x-www-form-urlencoded"}}, signed: "content-type;host;x-amz-date", signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
		{name: "post-x-www-form-urlencoded-parameters", method: "POST", body: "Param1=value1", headers: [][2]string{{"Content-Type", "application/x-www-form-urlencoded; charset=utf8"}}, signed: "content-type;host;x-amz-date", signature: "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &http.Request{Method: or(tt.method, "GET"), Host: "example.amazonaws.com", Header: http.Header{}, URL: &url.URL{Path: or(tt.path, "/"), RawPath: or(tt.path, "/"), RawQuery: tt.query}}
			r.Header.Set("X-Amz-Date", "20150830T123600Z")
			for _, h := range tt.headers {
				r.Header.Add(h[0], h[1])
			}
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders="+or(tt.signed, "host;x-amz-date")+", Signature="+tt.signature)
			v := Verifier{Service: "service", Lookup: oneKey(suiteKey, suiteSecret)}
			if _, err := v.Verify(r, hexSHA256(tt.body), now); err != nil {
				t.Fatalf("%v\n%s", err, err.(*Error).CanonicalRequest)
			}
			if _, err := v.Verify(r, hexSHA256(tt.body+"x"), now); err == nil {
				t.Fatal("another body has the same signature")
			}
		})
	}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func TestVerifyS3Examples(t *testing.T) {
	now := instant(t, "20130524T000000Z")
	tests := []struct {
		name, method, target, payload, body, signed, signature string
		headers                                                map[string]string
	}{
		{
			name: "get object", method: "GET", target: "/test.txt", payload: EmptySHA256, headers: map[string]string{"Range": "bytes=0-9"},
			signed: "host;range;x-amz-content-sha256;x-amz-date", signature: "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
		},
		{
			name: "put object", method: "PUT", target: "/test$file.text", payload: "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072", body: "Welcome to Amazon S3.",
			headers: map[string]string{"Date": "Fri, 24 May 2013 00:00:00 GMT", "X-Amz-Storage-Class": "REDUCED_REDUNDANCY"},
			signed:  "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class", signature: "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
		},
		{
			name: "get bucket lifecycle", method: "GET", target: "/?lifecycle", payload: EmptySHA256,
			signed: "host;x-amz-content-sha256;x-amz-date", signature: "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
		},
		{
			name: "list objects", method: "GET", target: "/?max-keys=2&prefix=J", payload: EmptySHA256,
			signed: "host;x-amz-content-sha256;x-amz-date", signature: "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, "http://examplebucket.s3.amazonaws.com"+tt.target, strings.NewReader(tt.body))
			for k, v := range tt.headers {
				r.Header.Set(k, v)
			}
			r.Header.Set("X-Amz-Date", "20130524T000000Z")
			r.Header.Set("X-Amz-Content-Sha256", tt.payload)
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+s3Key+"/20130524/us-east-1/s3/aws4_request,SignedHeaders="+tt.signed+",Signature="+tt.signature)
			signed, err := Verifier{Service: "s3", Region: "us-east-1", Lookup: oneKey(s3Key, s3Secret)}.Verify(r, "", now)
			if err != nil {
				t.Fatalf("%v\n%s", err, err.(*Error).CanonicalRequest)
			}
			body, err := signed.Body(r)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(body); err != nil || string(got) != tt.body {
				t.Fatalf("body %q, %v", got, err)
			}
		})
	}
}

func TestPresignS3Example(t *testing.T) {
	now := instant(t, "20130524T000000Z")
	r := httptest.NewRequest("GET", "https://examplebucket.s3.amazonaws.com/test.txt", nil)
	u := Presign(r, Credentials{AccessKeyID: s3Key, SecretAccessKey: s3Secret}, Scope{"us-east-1", "s3"}, 24*time.Hour, now)
	const want = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
	if got := u.Query().Get("X-Amz-Signature"); got != want {
		t.Fatalf("signature %s, want %s", got, want)
	}
	v := Verifier{Service: "s3", Lookup: oneKey(s3Key, s3Secret)}
	got := httptest.NewRequest("GET", u.String(), nil)
	if _, err := v.Verify(got, "", now.Add(24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(got, "", now.Add(24*time.Hour+time.Second)); err == nil || err.(*Error).Reason != Expired {
		t.Fatalf("after its time: %v", err)
	}
}

// The chunked uploads of the S3 API reference: 66,560 bytes of "a", the first
// without trailers, the second with a CRC-32C trailer.
func TestChunkedS3Examples(t *testing.T) {
	plain := chunked(
		chunk{65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"},
		chunk{1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"},
		chunk{0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"}) + "\r\n"
	trailing := chunked(
		chunk{65536, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2"},
		chunk{1024, "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7"},
		chunk{0, "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"}) +
		"x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n"
	tests := []struct {
		name, payload, length, trailer, signed, signature, wire string
	}{
		{
			"signed", StreamingPayload, "66824", "", "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class",
			"4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9", plain,
		},
		{
			"signed with trailer", StreamingPayloadTrailer, "", "x-amz-checksum-crc32c", "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer",
			"106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e", trailing,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			read := func(wire string) (*Body, []byte, error) {
				r := httptest.NewRequest("PUT", "https://s3.amazonaws.com/examplebucket/chunkObject.txt", strings.NewReader(wire))
				r.Header.Set("X-Amz-Date", "20130524T000000Z")
				r.Header.Set("X-Amz-Storage-Class", "REDUCED_REDUNDANCY")
				r.Header.Set("X-Amz-Content-Sha256", tt.payload)
				r.Header.Set("Content-Encoding", "aws-chunked")
				r.Header.Set("X-Amz-Decoded-Content-Length", "66560")
				if tt.length != "" {
					r.Header.Set("Content-Length", tt.length)
				}
				if tt.trailer != "" {
					r.Header.Set("X-Amz-Trailer", tt.trailer)
				}
				r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+s3Key+"/20130524/us-east-1/s3/aws4_request,SignedHeaders="+tt.signed+",Signature="+tt.signature)
				signed, err := Verifier{Service: "s3", Lookup: oneKey(s3Key, s3Secret)}.Verify(r, "", instant(t, "20130524T000000Z"))
				if err != nil {
					t.Fatalf("%v\n%s", err, err.(*Error).CanonicalRequest)
				}
				body, err := signed.Body(r)
				if err != nil {
					t.Fatal(err)
				}
				data, err := io.ReadAll(body)
				return body, data, err
			}
			body, data, err := read(tt.wire)
			if err != nil || !bytes.Equal(data, bytes.Repeat([]byte("a"), 66560)) {
				t.Fatalf("%d bytes, %v", len(data), err)
			}
			if tt.trailer != "" && body.Trailer().Get(tt.trailer) != "sOO8/Q==" {
				t.Fatalf("trailer %v", body.Trailer())
			}
			// Any one byte changed, and any truncation, must be noticed. (The
			// very last line break may be missing: nothing is lost with it.)
			for i := 0; i < len(tt.wire)-2; i += 97 {
				wire := []byte(tt.wire)
				wire[i] ^= 1
				if _, _, err := read(string(wire)); err == nil {
					t.Fatalf("byte %d changed and nobody noticed", i)
				}
				if _, _, err := read(tt.wire[:i]); err == nil {
					t.Fatalf("cut at %d and nobody noticed", i)
				}
			}
		})
	}
}

type chunk struct {
	size      int
	signature string
}

func chunked(chunks ...chunk) string {
	var b strings.Builder
	for _, c := range chunks {
		b.WriteString(hexSize(c.size) + ";chunk-signature=" + c.signature + "\r\n")
		if c.size > 0 {
			b.WriteString(strings.Repeat("a", c.size) + "\r\n")
		}
	}
	return b.String()
}
