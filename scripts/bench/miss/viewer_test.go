package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/scripts/bench/peers"
)

// Each viewer checks what came: a wrong byte, a short body and an error are failures, whatever the framing.
func TestAsk(t *testing.T) {
	want := []byte(strings.Repeat("0123456789", 10000))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/right":
			_, _ = w.Write(want) // chunked
		case "/wrong":
			_, _ = fmt.Fprint(w, strings.Repeat("0123456789", 9999)+"012345678X")
		case "/short":
			_, _ = w.Write(want[:5000])
		case "/long":
			_, _ = w.Write(append(want[:len(want):len(want)], 'x'))
		default:
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	defer server.Close()
	for path, failure := range map[string]string{"/right": "", "/wrong": "wrong bytes", "/short": "5000 bytes of 100000", "/long": "wrong bytes", "/error": "502"} {
		crowd, err := connect(t.Context(), &peers.Server{HTTP: strings.TrimPrefix(server.URL, "http://")}, 3)
		if err != nil {
			t.Fatal(err)
		}
		began := ask(t.Context(), crowd, "example.com", path, want)
		addresses := map[string]bool{}
		for _, v := range crowd {
			host, _, _ := net.SplitHostPort(v.conn.LocalAddr().String())
			addresses[host] = true
			if failure == "" && (v.err != nil || v.first.Before(began) || v.whole.Before(v.first)) {
				t.Errorf("%s: %v, asked %v, first byte %v, whole %v", path, v.err, began, v.first, v.whole)
			}
			if failure != "" && (v.err == nil || !strings.Contains(v.err.Error(), failure)) {
				t.Errorf("%s: %v, want %q", path, v.err, failure)
			}
			_ = v.conn.Close()
		}
		if len(addresses) != 3 {
			t.Errorf("viewers are at %v, want three addresses", addresses)
		}
	}
}

func TestPercentile(t *testing.T) {
	list := []time.Duration{3, 1, 2, 5, 4}
	if got := [3]time.Duration{percentile(list, 0), percentile(list, 50), percentile(list, 99)}; got != [3]time.Duration{1, 3, 5} {
		t.Errorf("got %v, want 1, 3, 5", got)
	}
}
