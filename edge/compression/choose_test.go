package compression

import (
	"testing"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

func TestChoose(t *testing.T) {
	html := message.Header{{Name: "Content-Type", Value: "text/html; charset=utf-8"}}
	with := func(name, value string) message.Header {
		return append(html.Clone(1), message.Field{Name: name, Value: value})
	}
	typed := func(value string) message.Header { return message.Header{{Name: "content-type", Value: value}} }
	plain := Answer{Compress: true, MaxTTL: time.Second, Accepted: "br,gzip", Status: 200, Header: html, Length: 5000}
	for _, c := range []struct {
		name   string
		change func(*Answer)
		want   Encoding
	}{
		{"all is well", func(*Answer) {}, Brotli},
		{"gzip alone is accepted", func(a *Answer) { a.Accepted = "gzip" }, Gzip},
		{"Brotli alone is accepted", func(a *Answer) { a.Accepted = "br" }, Brotli},
		{"nothing is accepted", func(a *Answer) { a.Accepted = "" }, Identity},
		{"the behavior does not say so", func(a *Answer) { a.Compress = false }, Identity},
		{"nothing may be cached", func(a *Answer) { a.MaxTTL = 0 }, Identity},

		{"the smallest", func(a *Answer) { a.Length = 1000 }, Brotli},
		{"too small", func(a *Answer) { a.Length = 999 }, Identity},
		{"the largest", func(a *Answer) { a.Length = 10_000_000 }, Brotli},
		{"too large", func(a *Answer) { a.Length = 10_000_001 }, Identity},
		{"no declared length", func(a *Answer) { a.Length = -1 }, Identity},

		{"403", func(a *Answer) { a.Status = 403 }, Brotli},
		{"404", func(a *Answer) { a.Status = 404 }, Brotli},
		{"206", func(a *Answer) { a.Status = 206 }, Identity},
		{"500", func(a *Answer) { a.Status = 500 }, Identity},
		{"301", func(a *Answer) { a.Status = 301 }, Identity},

		{"compressed already", func(a *Answer) { a.Header = with("Content-Encoding", "gzip") }, Identity},
		{"an encoding that is none", func(a *Answer) { a.Header = with("content-encoding", "identity") }, Identity},
		{"no-transform", func(a *Answer) { a.Header = with("Cache-Control", "max-age=60, No-Transform") }, Identity},
		{"a directive that looks like it", func(a *Answer) { a.Header = with("Cache-Control", `x="no-transform"`) }, Brotli},

		{"no type", func(a *Answer) { a.Header = nil }, Identity},
		{"an empty type", func(a *Answer) { a.Header = typed("") }, Identity},
		{"an image", func(a *Answer) { a.Header = typed("image/png") }, Identity},
		{"a drawing", func(a *Answer) { a.Header = typed("image/svg+xml") }, Brotli},
		{"a type in capitals", func(a *Answer) { a.Header = typed("Application/JSON ;charset=utf-8") }, Brotli},
		{"a playlist", func(a *Answer) { a.Header = typed("vnd.apple.mpegurl") }, Brotli},
		{"a type that is not listed", func(a *Answer) { a.Header = typed("text/markdown") }, Identity},
		{"a longer name", func(a *Answer) { a.Header = typed("text/html5") }, Identity},
	} {
		a := plain
		c.change(&a)
		if got := Choose(a); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestLabel(t *testing.T) {
	for _, c := range []struct{ tag, want, origin string }{
		{`"a"`, `W/"a"`, `"a"`}, {`W/"a"`, `W/"a"`, ""}, {"a", "", ""}, {"", "", ""},
	} {
		h := message.Header{{Name: "Content-MD5", Value: "x"}, {Name: "Content-Type", Value: "text/css"}, {Name: "repr-digest", Value: "x"}}
		if c.tag != "" {
			h.Add("ETag", c.tag)
		}
		origin := Label(&h, Gzip)
		if h.Get("ETag") != c.want || origin != c.origin {
			t.Errorf("the tag %s becomes %q, the origin's is %q; want %q and %q", c.tag, h.Get("ETag"), origin, c.want, c.origin)
		}
		if h.Has("Content-MD5") || h.Has("Repr-Digest") || h.Get("Content-Encoding") != "gzip" || h.Get("Vary") != "Accept-Encoding" {
			t.Errorf("labelled: %v", h)
		}
		again := h.Clone(0)
		if Label(&again, Gzip) != "" || again.Get("ETag") != c.want || again.Joined("Vary") != "Accept-Encoding" || len(again) != len(h) {
			t.Errorf("labelled again: %v, was %v", again, h)
		}
	}
	for vary, want := range map[string]string{"Origin": "Origin, Accept-Encoding", "accept-encoding": "accept-encoding", "*": "*", "Origin, Accept-Encoding": "Origin, Accept-Encoding"} {
		h := message.Header{{Name: "Vary", Value: vary}}
		Label(&h, Brotli)
		if got := h.Joined("Vary"); got != want {
			t.Errorf("Vary %q becomes %q, want %q", vary, got, want)
		}
	}
}
