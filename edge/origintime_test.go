package edge

import (
	"context"
	"errors"
	"fmt"
	"path"
	"testing"
	"time"

	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/upstream"
)

// slowBody is a body whose first byte takes a while.
type slowBody struct{ wait func() }

func (b *slowBody) Read(p []byte) (int, error) {
	b.wait()
	return copy(p, "0123456789"), nil
}

func (b *slowBody) Close() error { return nil }

// The log says how long the origin took where it was asked for the request, and nothing
// where it was not (belief 581).
func TestAccessLineSaysHowLongTheOriginTook(t *testing.T) {
	var n *network
	n, log := newLogged(t, site{}, func(_ context.Context, asked int, r *message.Request) (*message.Response, error) {
		n.advance(100 * time.Millisecond)
		switch path.Base(r.Path) {
		case "none":
			return nil, &upstream.Error{Reason: upstream.ReadTimeout, Err: errors.New("scripted")}
		case "slow":
			resp := ok("0123456789", "Cache-Control", "max-age=60")
			resp.Body = &slowBody{func() { n.advance(50 * time.Millisecond) }}
			return resp, nil
		case "empty":
			return ok("", "Cache-Control", "no-store"), nil
		}
		return ok(fmt.Sprint(asked), "Cache-Control", "max-age=1", "ETag", `"1"`), nil
	})
	for i, c := range []struct {
		method, path string
		change       func(*message.Request)
		result       string
		first, last  time.Duration
	}{
		{"GET", "/slow", nil, "Miss", 100 * time.Millisecond, 150 * time.Millisecond},
		{"GET", "/slow", nil, "Hit", 0, 0},
		{"GET", "/a", nil, "Miss", 100 * time.Millisecond, 100 * time.Millisecond},
		{"HEAD", "/head", nil, "Miss", 100 * time.Millisecond, 100 * time.Millisecond},
		{"GET", "/empty", nil, "Miss", 100 * time.Millisecond, 100 * time.Millisecond},
		{"GET", "/none", nil, "Error", 0, 0},
		{"GET", "/a", func(r *message.Request) { r.Host = "unknown.test" }, "Error", 0, 0},
	} {
		r := n.request(c.method, c.path)
		if c.change != nil {
			c.change(r)
		}
		got := n.logged(log, context.Background(), r, message.Delivery{})
		asked := c.path != "/a" || c.change == nil
		asked = asked && c.result != "Hit"
		if got.Result != c.result || got.OriginFirst != c.first || got.OriginLast != c.last || (got.Origin != "") != asked {
			t.Errorf("%d: %s %s: %s, %v and %v of %q; want %s, %v and %v", i, c.method, c.path, got.Result, got.OriginFirst, got.OriginLast, got.Origin, c.result, c.first, c.last)
		}
	}
}

// Of a group's origins the log names the one that was asked last, and why it was not the
// first.
func TestAccessLineSaysWhyTheSecondOriginWasAsked(t *testing.T) {
	for name, c := range map[string]struct {
		primary func(*message.Request) (*message.Response, error)
		want    string
	}{
		"it answers": {answers(200, "primary"), "origin.test "},
		"a status":   {answers(503, "primary"), "second.test 503"},
		"too late":   {fails(&upstream.Error{Reason: upstream.ReadTimeout, Err: errors.New("scripted")}), "second.test 504"},
		"refused":    {fails(&upstream.Error{Reason: upstream.Connect, Err: errors.New("scripted")}), "second.test 502"},
	} {
		p := &pairOf{primary: c.primary, second: answers(200, "second")}
		n, log := newLogged(t, site{failover: "503"}, p.answer)
		got := n.logged(log, context.Background(), n.request("GET", "/x"), message.Delivery{})
		if told := got.Origin + " " + got.Failover; told != c.want {
			t.Errorf("%s: %q, want %q", name, told, c.want)
		}
	}
}
