package relay_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/ca"
	"github.com/warmfront/warmfront/control/feed"
	"github.com/warmfront/warmfront/control/relay"
	"github.com/warmfront/warmfront/control/wire"
	"github.com/warmfront/warmfront/journal"
)

// node is one that relays.
type node struct {
	identity ca.Identity
	joined   bool
	state    *cdn.State
	feed     *feed.Feed
}

func (n *node) Identity() (ca.Identity, bool) { return n.identity, n.joined }
func (n *node) State() *cdn.State             { return n.state }
func (n *node) Journal() string               { return "J" }
func (n *node) Direct() bool                  { return true }
func (n *node) Feed() *feed.Feed              { return n.feed }

func authority(t *testing.T) *ca.Authority {
	t.Helper()
	a, err := ca.Open(ca.Config{Keep: ca.Folder(t.TempDir()), Zone: "warmfront.test"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func identity(t *testing.T, a *ca.Authority, id string) ca.Identity {
	t.Helper()
	key, err := ca.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	csr, err := ca.NewRequest(key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := a.Identify(csr, id, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	i, err := ca.NewIdentity(cert, ca.EncodeKey(key), a.NodePEM())
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// start serves FRA-1's journal, at 1.3, to the nodes FRA-1 and FRA-2.
func start(t *testing.T, a *ca.Authority, joined bool) string {
	t.Helper()
	s := cdn.NewState(1)
	for _, id := range []string{"FRA-1", "FRA-2", "FRA-3"} {
		c, err := cdn.NewChange(cdn.KindNodeRegister, cdn.Node{ID: id, Role: cdn.RoleEdge}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		c.Version = s.Version.Next()
		if s, err = s.Apply(c); err != nil {
			t.Fatal(err)
		}
	}
	log := slog.New(slog.DiscardHandler)
	n := &node{identity(t, a, "FRA-1"), joined, s, feed.New(feed.Config{Heartbeat: time.Second, Readers: 1, Log: log}, s)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := relay.New(n, log)
	ended := make(chan error, 2)
	go func() { ended <- server.Run(context.Background()) }()
	go func() { ended <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := errors.Join(l.Close(), server.Close(), <-ended, <-ended); err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// call asks at address with cfg, and returns the answer's status and its first line.
func call(t *testing.T, address string, cfg *tls.Config, path, of string) (*http.Response, string, error) {
	t.Helper()
	conn, err := tls.Dial("tcp", address, cfg)
	if err != nil {
		return nil, "", err
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://FRA-1"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(wire.HeaderJournal, of)
	if err := req.Write(conn); err != nil {
		return nil, "", err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err != nil {
		return nil, "", err
	}
	line, err := bufio.NewReader(resp.Body).ReadString('\n')
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return resp, line, err
}

func dial(i ca.Identity) *tls.Config {
	cfg := i.Dial(func(id string) bool { return id == "FRA-1" })
	cfg.NextProtos = []string{wire.ProtocolJournal}
	return cfg
}

func TestTheJournalIsServedToANodeOfTheNetwork(t *testing.T) {
	a := authority(t)
	address := start(t, a, true)
	resp, line, err := call(t, address, dial(identity(t, a, "FRA-2")), wire.PathJournal+"?after=1.0", "J")
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", resp, err)
	}
	h := resp.Header
	if h.Get(wire.HeaderHead) != "1.3" || h.Get(wire.HeaderJournal) != "J" || h.Get(wire.HeaderDirect) != "1" {
		t.Errorf("it says %v", h)
	}
	var f journal.Frame
	if err := json.Unmarshal([]byte(line), &f); err != nil || f.Snapshot == nil || f.Snapshot.Version != (cdn.Version{Epoch: 1, Number: 3}) {
		t.Errorf("it sends %s (%v)", line, err)
	}
	// There is room for one reader.
	resp, line, err = call(t, address, dial(identity(t, a, "FRA-3")), wire.PathJournal+"?after=1.0", "J")
	if err != nil || resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(line, wire.CodeBusy) {
		t.Errorf("a second reader: %v, %s, %v", resp, line, err)
	}
}

func TestWhatIsAskedForAndCannotBeServed(t *testing.T) {
	a := authority(t)
	address := start(t, a, true)
	for _, test := range []struct {
		name, path, of string
		status         int
		code           string
	}{
		{"another journal", wire.PathJournal + "?after=1.0", "K", 409, wire.CodeOtherJournal},
		{"no journal", wire.PathJournal + "?after=1.0", "", 409, wire.CodeOtherJournal},
		{"no version", wire.PathJournal, "J", 400, wire.CodeInvalid},
		{"a later epoch", wire.PathJournal + "?after=2.0", "J", 409, wire.CodeBehind},
		{"a lease", wire.PathLease, "J", 404, ""},
	} {
		resp, line, err := call(t, address, dial(identity(t, a, "FRA-2")), test.path, test.of)
		if err != nil || resp.StatusCode != test.status || !strings.Contains(line, test.code) {
			t.Errorf("%s: %v, %s, %v", test.name, resp, line, err)
		}
	}
}

func TestNobodyElseIsServed(t *testing.T) {
	a := authority(t)
	address := start(t, a, true)
	anonymous := dial(identity(t, a, "FRA-2"))
	anonymous.Certificates = nil
	edge := dial(identity(t, a, "FRA-2"))
	edge.NextProtos = nil
	// Of another network, it believes this one nevertheless.
	stranger := dial(identity(t, authority(t), "FRA-2"))
	stranger.VerifyConnection = nil
	for name, cfg := range map[string]*tls.Config{
		"a caller without a certificate":   anonymous,
		"a node of another network":        stranger,
		"a node that is not registered":    dial(identity(t, a, "NRT-1")),
		"a node that wants something else": edge,
	} {
		if resp, line, err := call(t, address, cfg, wire.PathJournal+"?after=1.0", "J"); err == nil {
			t.Errorf("%s is answered %v, %s", name, resp, line)
		}
	}
	if resp, _, err := call(t, start(t, a, false), dial(identity(t, a, "FRA-2")), wire.PathJournal+"?after=1.0", "J"); err == nil {
		t.Errorf("a node that has not joined answers %v", resp)
	}
}
