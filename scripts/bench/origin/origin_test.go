package origin

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"
)

func TestAnswers(t *testing.T) {
	s, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, test := range []struct {
		path         string
		size         int
		first, whole time.Duration // at least
	}{
		{"/bytes/0/a", 0, 0, 0},
		{"/bytes/1024/a", 1024, 0, 0},
		{"/bytes/300000/b", 300000, 0, 0},
		{"/slow/a", SlowBytes, Think, Think},
		{"/drip/a", Pieces * PieceBytes, Think, Think + Over*(Pieces-1)/Pieces},
	} {
		began := time.Now()
		answer, err := http.Get("http://" + s.Addr() + test.path)
		if err != nil {
			t.Fatal(err)
		}
		first := time.Since(began)
		got, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		whole := time.Since(began)
		if err != nil {
			t.Fatal(err)
		}
		want, err := Body(test.path)
		if err != nil || len(want) != test.size || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes came, Body has %d, want %d (%v)", test.path, len(got), len(want), test.size, err)
		}
		if first < test.first || whole < test.whole || first >= test.first+Over/2 {
			t.Errorf("%s: first byte after %v, all after %v; want at least %v and %v, and the first not held back", test.path, first, whole, test.first, test.whole)
		}
	}
	if n := s.Requests(); n != 5 {
		t.Errorf("%d requests are counted, want 5", n)
	}
	if f := s.Fetches("/slow/a"); f.Count != 1 || f.FirstByte.IsZero() {
		t.Errorf("fetches of /slow/a: %+v, want one with a time", f)
	}
}

func TestBodiesDiffer(t *testing.T) {
	a, _ := Body("/bytes/1024/a")
	b, _ := Body("/bytes/1024/b")
	again, _ := Body("/bytes/1024/a")
	if bytes.Equal(a, b) || !bytes.Equal(a, again) {
		t.Error("an object's bytes do not follow from its path")
	}
	for _, path := range []string{"/", "/bytes/", "/bytes/-1/a", "/bytes/x/a", "/bytes/99999999999/a", "/else/a"} {
		if _, err := Body(path); err == nil {
			t.Errorf("there is an object at %s", path)
		}
	}
}
