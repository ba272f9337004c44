package origin

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/sigv4"
)

// FuzzRequest throws arbitrary requests at a store with a private bucket.
// Anonymous, none succeeds; signed by the edge's key, for which no policy
// speaks, none does either; signed by the owner, none makes the server fail.
func FuzzRequest(f *testing.F) {
	f.Add("GET", "/demo/k", "", "Range", "bytes=0-0", "")
	f.Add("PUT", "/demo/k", "tagging", "X-Amz-Copy-Source", "demo/k", "<Tagging/>")
	f.Add("POST", "/demo", "delete", "", "", "<Delete><Object><Key>k</Key></Object></Delete>")
	f.Add("GET", "/demo", "uploads&key-marker=a&delimiter=/", "", "", "")
	f.Add("PUT", "/demo/k", "uploadId=x&partNumber=1", "X-Amz-Decoded-Content-Length", "3", "abc")
	f.Add("GET", "/demo", "list-type=2&max-keys=-1&continuation-token=%00", "Host", "demo.localhost", "")
	s, err := New(Config{Addr: "127.0.0.1:0", Dir: f.TempDir(), Keys: testKeys(), Account: account})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	f.Fuzz(func(t *testing.T, method, path, query, name, value, body string) {
		if !s.Store().Has("demo", "k") { // the owner's last request took it away
			if err := s.Store().CreateBucket("demo"); err != nil {
				t.Fatal(err)
			}
			if err := s.Store().Put("demo", "k", "", "", strings.NewReader("v")); err != nil {
				t.Fatal(err)
			}
		}
		for _, who := range []sigv4.Credentials{nobody, edge, owner} {
			u := &url.URL{Scheme: "http", Host: "127.0.0.1", Path: "/" + strings.TrimPrefix(path, "/"), RawQuery: query}
			r, err := http.NewRequest(method, u.String(), strings.NewReader(body))
			if err != nil {
				t.Skip()
			}
			r.Header.Set(name, value)
			if strings.EqualFold(name, "Host") {
				r.Host = value
			}
			if who != nobody {
				payload := hexOf(body)
				if v := r.Header.Get("X-Amz-Content-Sha256"); v != "" {
					payload = v
				}
				sigv4.Sign(r, who, sigv4.Scope{Region: "us-east-1", Service: "s3"}, payload, time.Now())
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			// A batch of deletes is answered key by key, here with AccessDenied.
			refused := strings.Contains(w.Body.String(), "<DeleteResult") && !strings.Contains(w.Body.String(), "<Deleted>")
			if w.Code < 300 && who != owner && !refused || w.Code == 500 {
				t.Fatalf("%q: %s %s %v: %d %s", who.AccessKeyID, r.Method, r.URL, r.Header, w.Code, w.Body)
			}
		}
	})
}
