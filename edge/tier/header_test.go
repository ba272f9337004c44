package tier

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/message"
)

func anAsk() Ask {
	return Ask{
		Level: Regional, Distribution: "E1", Least: cdn.Version{Epoch: 2, Number: 41}, Confirm: true,
		Viewer: netip.MustParseAddrPort("[2001:db8::7]:1234"), Scheme: "https", Major: 2, Minor: 0, ID: "abc_-=",
	}
}

func TestAsksComeThroughAsTheyAre(t *testing.T) {
	for _, change := range []func(*Ask){
		func(*Ask) {},
		func(a *Ask) { a.Confirm = false },
		func(a *Ask) { a.Passing, a.Level = true, Second },
		func(a *Ask) { a.Level, a.Scheme, a.Major, a.Minor = Peer, "http", 1, 0 },
		func(a *Ask) { a.Rerouted, a.Level = "W10", Shield },
		func(a *Ask) { a.Least, a.Viewer = cdn.Version{}, netip.MustParseAddrPort("192.0.2.7:1") },
	} {
		a, h := anAsk(), message.Header{{Name: "Accept", Value: "*/*"}}
		change(&a)
		a.appendTo(a.Level, &h)
		if got, err := parseAsk(h); err != nil || got != a {
			t.Errorf("%+v, %v, want %+v", got, err, a)
		}
		if Strip(&h); len(h) != 1 {
			t.Errorf("%v is left", h)
		}
	}
}

func TestWhatIsNoAskIsRefused(t *testing.T) {
	for field, values := range map[string][]string{
		fieldLevel:        {"", "viewer", "origin", "Peer", "regional+rerouted"},
		fieldDistribution: {""},
		fieldLeast:        {"", "1", "1.x", "-1.2", "1.2.3"},
		fieldViewer:       {"", "192.0.2.7 http 1.1", "192.0.2.7:1 ftp 1.1", "192.0.2.7:1 http 1", "192.0.2.7:1 http 1.1 x", "192.0.2.7:1 http 1.a"},
		fieldID:           {""},
	} {
		var good message.Header
		anAsk().appendTo(Peer, &good)
		for _, v := range values {
			h := good.Clone(0)
			h.Set(field, v)
			if a, err := parseAsk(h); err == nil {
				t.Errorf("%s: %q was taken as %+v", field, v, a)
			}
		}
		h := good.Clone(1)
		h.Add(strings.ToLower(field), h.Get(field))
		if _, err := parseAsk(h); err == nil {
			t.Errorf("%s twice was taken", field)
		}
	}
}

func TestAnswersComeThroughAsTheyAre(t *testing.T) {
	birth := cdn.Version{Epoch: 1, Number: 7}
	for _, a := range []Answer{
		{Birth: birth}, {Birth: birth, Compressed: true}, {Birth: birth, Compressed: true, OriginTag: `"a b"`},
		{Failed: "The origin did not answer.\r\nX: y"}, {Passed: Lagging},
	} {
		var h message.Header
		a.appendTo(&h)
		for _, f := range h {
			if strings.ContainsAny(f.Value, "\r\n") {
				t.Errorf("%q would end the field", f.Value)
			}
		}
		if got, err := parseAnswer(h); err != nil || got != a {
			t.Errorf("%+v, %v, want %+v", got, err, a)
		}
	}
	for _, h := range []message.Header{
		nil, {{Name: "Server", Value: "nginx"}}, {{Name: fieldBirth, Value: "0.0"}}, {{Name: fieldBirth, Value: "x"}}, {{Name: fieldFailed, Value: "unquoted"}},
		{{Name: fieldBirth, Value: "1.1"}, {Name: fieldBirth, Value: "1.9"}}, {{Name: fieldBirth, Value: "1.1"}, {Name: fieldCompressed, Value: "x"}},
	} {
		if a, err := parseAnswer(h); err == nil {
			t.Errorf("%v was taken for %+v", h, a)
		}
	}
}

func TestSignsOfLifeSayWhenTheNextIsDue(t *testing.T) {
	if d, ok := parseWorking(102, sayWorking(1500*time.Millisecond)); !ok || d != 1500*time.Millisecond {
		t.Errorf("%v, %v", d, ok)
	}
	if _, ok := parseWorking(103, sayWorking(time.Second)); ok {
		t.Error("an early hint was taken for a sign of life")
	}
	if _, ok := parseWorking(102, nil); ok {
		t.Error("an origin's 102 was taken for a sign of life")
	}
}

// TestSatisfies is rule D: a node that has applied less than the asker knows, or
// counts in another epoch, must not answer.
func TestSatisfies(t *testing.T) {
	v := func(e, n uint64) cdn.Version { return cdn.Version{Epoch: e, Number: n} }
	for _, c := range []struct {
		applied, least cdn.Version
		want           bool
	}{
		{v(1, 5), v(1, 5), true}, {v(1, 6), v(1, 5), true}, {v(1, 4), v(1, 5), false}, {v(2, 9), v(1, 5), false}, {v(1, 9), v(2, 0), false}, {v(2, 1), v(2, 0), true},
	} {
		if Satisfies(c.applied, c.least) != c.want {
			t.Errorf("applied %v, needed %v: %v", c.applied, c.least, !c.want)
		}
	}
}

// FuzzAsk: what is read is what was written, and nothing that is read says more than
// one thing.
func FuzzAsk(f *testing.F) {
	f.Add("peer", "E1", "1.41", "192.0.2.7:1234 https 2.0", "id", true)
	f.Add("shield", "", "1", "[::1]:0 http 1.1", "", false)
	f.Fuzz(func(t *testing.T, level, distribution, least, viewer, id string, confirm bool) {
		h := message.Header{{Name: fieldLevel, Value: level}, {Name: fieldDistribution, Value: distribution}, {Name: fieldLeast, Value: least},
			{Name: fieldViewer, Value: viewer}, {Name: fieldID, Value: id}}
		if confirm {
			h.Add(fieldConfirm, "1")
		}
		a, err := parseAsk(h)
		if err != nil {
			return
		}
		var again message.Header
		a.appendTo(a.Level, &again)
		b, err := parseAsk(again)
		if err != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("%+v, read again %+v, %v", a, b, err)
		}
	})
}

// FuzzAnswer is FuzzAsk for what comes back.
func FuzzAnswer(f *testing.F) {
	f.Add("1.7", `"\"tag\""`, "", "")
	f.Add("", "", `"The origin did not answer."`, "lagging")
	f.Fuzz(func(t *testing.T, birth, compressed, failed, passed string) {
		h := message.Header{{Name: fieldBirth, Value: birth}, {Name: fieldCompressed, Value: compressed}, {Name: fieldFailed, Value: failed}, {Name: fieldPassed, Value: passed}}
		a, err := parseAnswer(h)
		if err != nil {
			return
		}
		var again message.Header
		a.appendTo(&again)
		if b, err := parseAnswer(again); err != nil || a != b {
			t.Errorf("%+v, read again %+v, %v", a, b, err)
		}
		if a.Birth.IsZero() == (a.Failed == "" && a.Passed == "") {
			t.Errorf("%+v says both or nothing", a)
		}
	})
}
