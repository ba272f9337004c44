package site

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestCheck(t *testing.T) {
	o := Object{Path: "/large/0", Kind: Large, Size: 3*BlockSize + 100}
	one, two := o.Body(1), o.Body(2)
	if len(one) != o.Size {
		t.Fatalf("the body has %d bytes, want %d", len(one), o.Size)
	}
	mixed := append(append([]byte{}, one[:BlockSize]...), two[BlockSize:]...)
	inside := append([]byte{}, one...)
	inside[70000] = two[70000]
	for _, c := range []struct {
		name    string
		part    []byte
		offset  int
		version int
		want    string // contained in what is said; "" for right
	}{
		{"whole", one, 0, 1, ""},
		{"cut off", one[:5000], 0, 1, ""},
		{"a range", one[70000:140000], 70000, 1, ""},
		{"nothing", nil, 0, 1, ""},
		{"another version", two, 0, 1, "say [2]"},
		{"mixed", mixed, 0, 1, "byte 65547 is not of version 1; its blocks say [1 2]"},
		{"mixed within a block", inside, 0, 1, "byte 70000"},
		{"too long", append(append([]byte{}, one...), 'x'), 0, 1, "more than the object has"},
	} {
		got := o.Check(c.part, c.offset, c.version)
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// The origin confirms what is current and nothing else.
func TestOriginConfirms(t *testing.T) {
	version := 4
	o := Origin{Objects: map[string]Object{}, Current: func(string) int { return version }, Epoch: time.Unix(1_000_000, 0)}
	for _, object := range Objects() {
		if object.Kind != SlowHead && object.Kind != SlowBody {
			o.Objects[object.Path] = object
		}
	}
	ask := func(path string, header map[string]string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, path, nil)
		for k, v := range header {
			r.Header.Set(k, v)
		}
		o.ServeHTTP(w, r)
		return w
	}
	for _, c := range []struct {
		path   string
		header map[string]string
		status int
	}{
		{"/plain/0", nil, 200},
		{"/plain/0", map[string]string{"If-None-Match": `"plain-4"`}, 304},
		{"/plain/0", map[string]string{"If-None-Match": `"plain-3"`}, 200},
		{"/weak/0", map[string]string{"If-None-Match": `W/"weak-4"`}, 304},
		{"/weak/0", map[string]string{"If-None-Match": `W/"weak-3"`}, 200},
		{"/dated/0", map[string]string{"If-Modified-Since": time.Unix(1_000_004, 0).UTC().Format(http.TimeFormat)}, 304},
		{"/dated/0", map[string]string{"If-Modified-Since": time.Unix(1_000_003, 0).UTC().Format(http.TimeFormat)}, 200},
		{"/missing/0", nil, 200},
		{"/large/0", map[string]string{"Range": "bytes=1048576-2097151"}, 206},
		{"/large/0", map[string]string{"Range": "bytes=1048576-2097151", "If-Range": `"large-3"`}, 200},
	} {
		if w := ask(c.path, c.header); w.Code != c.status || w.Header().Get(VersionHeader) != "4" {
			t.Errorf("%s %v: %d of version %s, want %d", c.path, c.header, w.Code, w.Header().Get(VersionHeader), c.status)
		}
	}
	zipped := ask("/vary/0", map[string]string{"Accept-Encoding": "gzip"})
	plain, err := gzip.NewReader(zipped.Body)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(plain)
	if err != nil || o.Objects["/vary/0"].Check(body, 0, 4) != "" {
		t.Errorf("the gzipped body is wrong: %v", err)
	}
	version = 5
	if w := ask("/missing/0", nil); w.Code != 404 || o.Objects["/missing/0"].Check(w.Body.Bytes(), 0, 5) != "" {
		t.Errorf("/missing/0 at version 5: %d", w.Code)
	}
}

func TestBodiesHaveTheirSize(t *testing.T) {
	for _, o := range Objects() {
		for _, version := range []int{1, 9, 10, 99, 12345} {
			if n := len(o.Body(version)); n != o.Size {
				t.Errorf("version %d of %s has %d bytes, not %d", version, o.Path, n, o.Size)
			}
		}
	}
	short := Object{Path: "/plain/0", Size: BlockSize + 3}
	if body := short.Body(7); string(body[BlockSize:]) != "</p" {
		t.Errorf("the last block is %q", body[BlockSize:])
	}
}
