package http2

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	xhttp2 "golang.org/x/net/http2"

	"github.com/warmfront/warmfront/edge/message"
)

// Header lists, and whether they are a request. The stream of one that is not is
// reset, and the connection goes on.
func TestHeaderLists(t *testing.T) {
	for _, test := range []struct {
		name   string
		ok     bool
		fields []string
	}{
		{"plain", true, basic("GET", "/0")},
		{"other order", true, []string{":path", "/0", ":authority", "a.test", ":scheme", "https", ":method", "GET"}},
		{"host alone", true, []string{":method", "GET", ":scheme", "http", ":path", "/0", "host", "a.test"}},
		{"host the same", true, basic("GET", "/0", "host", "A.test")},
		{"host differs", false, basic("GET", "/0", "host", "b.test")},
		{"host differs in its port", false, basic("GET", "/0", "host", "a.test:80")},
		{"two hosts", false, basic("GET", "/0", "host", "a.test", "host", "a.test")},
		{"empty host", false, basic("GET", "/0", "host", "")},
		{"no authority", true, []string{":method", "GET", ":scheme", "http", ":path", "/0"}},
		{"empty authority", false, []string{":method", "GET", ":scheme", "http", ":authority", "", ":path", "/0"}},
		{"userinfo", false, []string{":method", "GET", ":scheme", "http", ":authority", "me@a.test", ":path", "/0"}},
		{"authority with a path", false, []string{":method", "GET", ":scheme", "http", ":authority", "a.test/x", ":path", "/0"}},
		{"authority with a space", false, []string{":method", "GET", ":scheme", "http", ":authority", "a.test b", ":path", "/0"}},
		{"authority with a comma and a port", true, []string{":method", "GET", ":scheme", "http", ":authority", "a,b:1", ":path", "/0"}},
		{"IPv6 authority", true, []string{":method", "GET", ":scheme", "http", ":authority", "[::1]:80", ":path", "/0"}},
		{"no method", false, []string{":scheme", "http", ":authority", "a.test", ":path", "/0"}},
		{"no scheme", false, []string{":method", "GET", ":authority", "a.test", ":path", "/0"}},
		{"no path", false, []string{":method", "GET", ":scheme", "http", ":authority", "a.test"}},
		{"empty method", false, basic("", "/0")},
		{"method that is no token", false, basic("G T", "/0")},
		{"method in lower case", true, basic("get", "/0")},
		{"scheme of another protocol", false, []string{":method", "GET", ":scheme", "ftp", ":authority", "a.test", ":path", "/0"}},
		{"two methods", false, append([]string{":method", "GET"}, basic("GET", "/0")...)},
		{"two schemes", false, append([]string{":scheme", "http"}, basic("GET", "/0")...)},
		{"two paths", false, append([]string{":path", "/0"}, basic("GET", "/0")...)},
		{"two authorities", false, append([]string{":authority", "a.test"}, basic("GET", "/0")...)},
		{"unknown pseudo-header field", false, append([]string{":test", "x"}, basic("GET", "/0")...)},
		{"pseudo-header field of answers", false, append([]string{":status", "200"}, basic("GET", "/0")...)},
		{"pseudo-header field after another", false, []string{":method", "GET", ":scheme", "http", "x-a", "b", ":authority", "a.test", ":path", "/0"}},
		{"extended CONNECT", false, []string{":method", "CONNECT", ":protocol", "websocket", ":scheme", "http", ":authority", "a.test", ":path", "/0"}},
		{"CONNECT with a path", false, basic("CONNECT", "/0")},

		{"empty path", false, basic("GET", "")},
		{"path without a slash", false, basic("GET", "0")},
		{"absolute form", false, basic("GET", "http://a.test/0")},
		{"asterisk", false, basic("GET", "*")},
		{"OPTIONS *", true, basic("OPTIONS", "*")},
		{"OPTIONS *x", false, basic("OPTIONS", "*x")},
		{"path with a space", false, basic("GET", "/0 x")},
		{"path with a tab", false, basic("GET", "/0\tx")},
		{"path with a line feed", false, basic("GET", "/0\nx")},
		{"path with NUL", false, basic("GET", "/0\x00")},
		{"path with DEL", false, basic("GET", "/0\x7f")},
		{"path with a fragment", false, basic("GET", "/0#x")},
		{"path beyond ASCII", false, basic("GET", "/0é")},
		{"escape", true, basic("GET", "/0%2f%Ff")},
		{"escape cut short", false, basic("GET", "/0%2")},
		{"escape that is none", false, basic("GET", "/0%zz")},
		{"per cent in the query", true, basic("GET", "/0?100%")},
		{"space in the query", false, basic("GET", "/0?a b")},
		{"query alone", true, basic("GET", "/?")},

		{"name in capitals", false, basic("GET", "/0", "X-A", "b")},
		{"name with a space", false, basic("GET", "/0", "x a", "b")},
		{"name with a colon", false, basic("GET", "/0", "x:a", "b")},
		{"name with a line feed", false, basic("GET", "/0", "x\n", "b")},
		{"empty name", false, basic("GET", "/0", "", "b")},
		{"value with a carriage return", false, basic("GET", "/0", "x-a", "b\rc")},
		{"value with a line feed", false, basic("GET", "/0", "x-a", "0123456789\nc")},
		{"value with NUL", false, basic("GET", "/0", "x-a", "01234567\x00")},
		{"value with another control", false, basic("GET", "/0", "x-a", "b\x01c")},
		{"value with DEL", false, basic("GET", "/0", "x-a", "0123456\x7f")},
		{"value with a space before", false, basic("GET", "/0", "x-a", " b")},
		{"value with a tab behind", false, basic("GET", "/0", "x-a", "b\t")},
		{"value with a tab within", true, basic("GET", "/0", "x-a", "b\tc")},
		{"value beyond ASCII", true, basic("GET", "/0", "x-a", "b\xff\x80")},
		{"empty value", true, basic("GET", "/0", "x-a", "")},
		{"connection", false, basic("GET", "/0", "connection", "close")},
		{"keep-alive", false, basic("GET", "/0", "keep-alive", "1")},
		{"proxy-connection", false, basic("GET", "/0", "proxy-connection", "close")},
		{"transfer-encoding", false, basic("GET", "/0", "transfer-encoding", "chunked")},
		{"upgrade", false, basic("GET", "/0", "upgrade", "h2c")},
		{"te: trailers", true, basic("GET", "/0", "te", "trailers")},
		{"te: gzip", false, basic("GET", "/0", "te", "gzip")},
		{"te: trailers, gzip", false, basic("GET", "/0", "te", "trailers, gzip")},
		{"content-length 0", true, basic("GET", "/0", "content-length", "0")},
		{"content-length with a sign", false, basic("GET", "/0", "content-length", "+0")},
		{"content-length below 0", false, basic("GET", "/0", "content-length", "-1")},
		{"content-length as a list", false, basic("GET", "/0", "content-length", "0, 0")},
		{"content-length twice", false, basic("GET", "/0", "content-length", "0", "content-length", "0")},
		{"content-length beyond 63 bits", false, basic("GET", "/0", "content-length", "9223372036854775808")},
		{"empty content-length", false, basic("GET", "/0", "content-length", "")},
	} {
		bubble(t, test.name, func(t *testing.T, s *Server) {
			r := dial(t, s)
			r.headers(1, true, test.fields...)
			r.get(3, "/0")
			want := "reset 1 PROTOCOL_ERROR, headers 3 200 end"
			if test.ok {
				want = "headers 1 200 end, headers 3 200 end"
			}
			r.want(want)
		})
	}
}

func TestConnectAndLargeHeaderListsAreDeclined(t *testing.T) {
	bubble(t, "", func(t *testing.T, s *Server) {
		r := dial(t, s)
		r.headers(1, false, ":method", "CONNECT", ":authority", "a.test:443")
		r.want("headers 1 501 end")
		// 100 references to an entry of the table that is 1 KiB.
		fields := basic("GET", "/0")
		for range 100 {
			fields = append(fields, "x-bomb", strings.Repeat("b", 1000))
		}
		r.headers(3, true, fields...)
		r.want("headers 3 431 end")
		r.get(5, "/0")
		r.want("headers 5 200 end")
	})
}

// What may be sent in several lines comes as one.
func TestCookieCrumbsAreJoined(t *testing.T) {
	for _, ready := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var got []message.Header
			s := New(Config{NewExchange: func() Exchange {
				return readyCore{core{handle: func(_ context.Context, r *message.Request) *message.Response {
					got = append(got, r.Header.Detached())
					return hit("")
				}}, func(*message.Request) bool { return ready }}
			}})
			defer s.Close()
			r := dial(t, s)
			for i, fields := range [][]string{
				basic("GET", "/", "cookie", "a=1", "x-a", "b", "cookie", "c=2", "cookie", "d=3"),
				basic("GET", "/", "cookie", "a=1"),
				basic("GET", "/", "x-a", "b"),
			} {
				r.headers(uint32(2*i+1), true, fields...)
				r.settle()
			}
			want := []string{"[{cookie a=1; c=2; d=3} {x-a b}]", "[{cookie a=1}]", "[{x-a b}]"}
			for i, h := range got {
				if fmt.Sprint(h) != want[i] {
					t.Errorf("got %v, want %v", h, want[i])
				}
			}
		})
	}
}

func TestAnswersFieldsThatHTTP2HasNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{NewExchange: func() Exchange {
			return core{handle: func(_ context.Context, r *message.Request) *message.Response {
				resp := hit("four")
				for _, name := range []string{"Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Upgrade", "Content-Length"} {
					resp.Header.Add(name, "1")
				}
				resp.Header.Add("DATE", "Tue, 03 Nov 2026 09:10:11 GMT")
				resp.Header.Add("X-Large", strings.Repeat("~", 40000)) // in three frames
				return resp
			}}
		}})
		defer s.Close()
		r := dialOnly(t, s)
		r.write([]byte(preface))
		r.check(r.fr.WriteSettings(xhttp2.Setting{ID: xhttp2.SettingMaxHeaderListSize, Val: 1 << 20}))
		r.settle()
		var names []string
		r.mu.Lock()
		r.fields = func(name, value string) {
			names = append(names, name)
			if name == "content-length" && value != "4" || name == "date" && value != "Tue, 03 Nov 2026 09:10:11 GMT" {
				t.Error(name, value)
			}
		}
		r.got = nil
		r.mu.Unlock()
		r.get(1, "/")
		r.want("headers 1 200, data 1 4 end")
		if want := []string{":status", "content-type", "x-cache", "date", "x-large", "content-length"}; !slices.Equal(names, want) {
			t.Errorf("got %v, want %v", names, want)
		}
	})
}
