package edge

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/cache/disk"
	"github.com/warmfront/warmfront/edge/message"
	"github.com/warmfront/warmfront/edge/rfc9111"
)

// move moves the network's clock by what the journal says.
func (n *network) move(change func(cdn.Clock) (cdn.Clock, error)) {
	n.t.Helper()
	c, err := change(n.state.Load().Clock())
	if err != nil {
		n.t.Fatal(err)
	}
	value, err := json.Marshal(c)
	if err != nil {
		n.t.Fatal(err)
	}
	n.apply(cdn.KindSetting, cdn.Setting{Name: cdn.SettingClock, Value: value})
}

func (n *network) tomorrow() {
	n.t.Helper()
	n.move(func(c cdn.Clock) (cdn.Clock, error) { return c.Advanced(24 * time.Hour) })
}

func (n *network) reset() {
	n.t.Helper()
	n.move(func(c cdn.Clock) (cdn.Clock, error) { return c.Reset(n.state.Load().Version.Next()), nil })
}

// dated answers by an origin's clock, which nobody moves: an object that is fresh for an
// hour, or for two days where its path is /long.
func (n *network) dated(_ context.Context, i int, r *message.Request) (*message.Response, error) {
	now, life := n.edge.cfg.Now(), time.Hour
	if r.Path == "/base/long" {
		life = 48 * time.Hour
	}
	h := []string{
		"Date", rfc9111.FormatDate(now), "Expires", rfc9111.FormatDate(now.Add(life)), "ETag", `"a"`,
		"Last-Modified", rfc9111.FormatDate(now.Add(-time.Hour)),
	}
	if r.Header.Get("If-None-Match") == `"a"` {
		return status(304, "", h...), nil
	}
	return ok(fmt.Sprint("answer ", i), h...), nil
}

// TestTheClockMovesFreshness: an object ages with the clock, what the origin says of time
// counts as if it had lived on with it, and viewers are told times of their own.
func TestTheClockMovesFreshness(t *testing.T) {
	n := newExplained(t, site{}, nil)
	n.at.answer = n.dated
	begun := n.edge.cfg.Now()
	expect := func(step, uri, result, age string, date time.Duration) {
		t.Helper()
		r := n.get(uri)
		if r.xcache() != result || r.Header.Get("Age") != age || r.Header.Get("Date") != rfc9111.FormatDate(begun.Add(date)) {
			t.Errorf("%s: %s of age %q, dated %s; want %s, %q, %s", step, r.xcache(), r.Header.Get("Age"), r.Header.Get("Date"), result, age, rfc9111.FormatDate(begun.Add(date)))
		}
		life := time.Hour
		if uri == "/long" {
			life = 48 * time.Hour
		}
		if got := r.Header.Get("Expires"); got != rfc9111.FormatDate(begun.Add(date+life)) {
			t.Errorf("%s: expires %s", step, got)
		}
		if got := r.Header.Get("Last-Modified"); got != rfc9111.FormatDate(begun.Add(-time.Hour)) {
			t.Errorf("%s: last modified %s, which is no validator of the origin's any more", step, got)
		}
	}
	const day = 24 * time.Hour
	expect("stored", "/a", "Miss", "", 0)
	expect("stored", "/long", "Miss", "", 0)
	n.tomorrow()
	expect("a day later", "/a", "RefreshHit", "0", 0)
	expect("confirmed by an origin of today", "/a", "Hit", "0", 0)
	expect("a day old", "/long", "Hit", "86400", -day)
	expect("stored tomorrow", "/b", "Miss", "", 0)
	n.tomorrow()
	expect("the day after", "/long", "RefreshHit", "0", 0)
	expect("the day after", "/b", "RefreshHit", "0", 0)

	n.reset()
	expect("what was stored later is stale", "/b", "RefreshHit", "0", 0)
	expect("and confirmed it is fresh", "/b", "Hit", "0", 0)
	n.advance(30 * time.Minute) // the real clock
	if r := n.get("/b"); r.xcache() != "Hit" || r.Header.Get("Age") != "1800" {
		t.Errorf("half an hour later: %s of age %s", r.xcache(), r.Header.Get("Age"))
	}
}

// TestTheClockOutsideASandbox moves nothing.
func TestTheClockOutsideASandbox(t *testing.T) {
	n := newNetwork(t, site{}, nil)
	n.at.answer = n.dated
	n.get("/a")
	n.tomorrow()
	if r := n.get("/a"); r.xcache() != "Hit" || r.Header.Get("Age") != "0" {
		t.Errorf("%s of age %s", r.xcache(), r.Header.Get("Age"))
	}
}

// TestTheClockAndTheDisk: an object that comes back from the disk has its dates moved as
// if it had never left.
func TestTheClockAndTheDisk(t *testing.T) {
	dir := t.TempDir()
	open := func() *disk.Store {
		d, err := disk.Open(disk.Config{Dir: dir, Limit: 16 << 20, Journal: "J"})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	n := newNetworkOver(t, open(), site{}, nil)
	n.edge.cfg.Sandbox, n.at.answer = true, n.dated
	n.tomorrow()
	begun := n.edge.cfg.Now()
	n.get("/long")
	if err := n.edge.Close(); err != nil {
		t.Fatal(err)
	}
	after := newNetworkOver(t, open(), site{}, nil)
	after.edge.cfg.Sandbox, after.at.answer = true, after.dated
	after.tomorrow()
	if r := after.get("/long"); r.xcache() != "Hit" || r.Header.Get("Date") != rfc9111.FormatDate(begun) {
		t.Errorf("%s, dated %s", r.xcache(), r.Header.Get("Date"))
	}
}
