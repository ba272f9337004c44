package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/store"
)

func testConfig(t *testing.T) Config {
	return Config{
		DataDir: t.TempDir(), Zone: "warmfront.test", Secret: []byte("a cluster secret made for tests"),
		PeerAddr: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler),
	}
}

func newControl(t *testing.T) *Control {
	t.Helper()
	c, err := New(testConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// add counts a setting up, from what it sees.
func add(name string) func(*cdn.State) ([]cdn.Change, error) {
	return func(s *cdn.State) ([]cdn.Change, error) {
		n := 0
		if doc := s.Settings[name]; doc != nil {
			if err := json.Unmarshal(doc, &n); err != nil {
				return nil, err
			}
		}
		change, err := cdn.NewChange(cdn.KindSetting, cdn.Setting{Name: name, Value: fmt.Append(nil, n+1)}, time.Now())
		return []cdn.Change{change}, err
	}
}

// counted is a store that counts and can fail.
type counted struct {
	store.Store
	closed  int
	mu      sync.Mutex
	appends int
	fail    error
	before  func()
}

func (s *counted) Append(c []cdn.Change) error {
	if s.before != nil {
		s.before()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.appends++
	if s.fail != nil {
		return s.fail
	}
	return s.Store.Append(c)
}

func (s *counted) Close() error {
	s.closed++
	return s.Store.Close()
}

func TestTheJournalMayBeKeptElsewhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "elsewhere.db")
	open := func() *counted {
		bolt, err := store.OpenBolt(path)
		if err != nil {
			t.Fatal(err)
		}
		return &counted{Store: bolt}
	}
	cfg := testConfig(t)
	first := open()
	cfg.Store = first
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Propose(t.Context(), add("n")); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil || first.appends != 1 || first.closed != 1 {
		t.Errorf("%d writes, closed %d times, %v", first.appends, first.closed, err)
	}
	if _, err := os.Stat(filepath.Join(cfg.DataDir, "journal.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a journal in the data folder: %v", err)
	}

	second := open()
	cfg.Store = second
	if c, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	if c.Head().Number != 1 {
		t.Errorf("starts again at %v", c.Head())
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}

	third := open()
	cfg.Store, cfg.Zone = third, ""
	if _, err := New(cfg); err == nil || third.closed != 1 {
		t.Errorf("without a zone: %v, closed %d times", err, third.closed)
	}
}

func TestProposalsAreSerialisedAndShareAWrite(t *testing.T) {
	c := newControl(t)
	counting := &counted{Store: c.store}
	c.store = counting
	const proposals = 200
	seen := make([]cdn.Version, proposals)
	var wg sync.WaitGroup
	for i := range proposals {
		wg.Go(func() {
			v, err := c.Propose(context.Background(), add("n"))
			if err != nil {
				t.Error(err)
			}
			if c.Head().Before(v) {
				t.Errorf("%v was returned before it was published", v)
			}
			seen[i] = v
		})
	}
	wg.Wait()
	if got := string(c.State().Settings["n"]); got != fmt.Sprint(proposals) {
		t.Errorf("counted to %s", got)
	}
	distinct := map[cdn.Version]bool{}
	for _, v := range seen {
		distinct[v] = true
	}
	if len(distinct) != proposals || c.Head().Number != proposals {
		t.Errorf("%d distinct versions, the journal is at %v", len(distinct), c.Head())
	}
	if counting.appends > proposals/2 {
		t.Errorf("%d proposals took %d writes", proposals, counting.appends)
	}
	_, changes, err := counting.Load()
	if err != nil || len(changes) != proposals {
		t.Errorf("%d changes are durable, %v", len(changes), err)
	}
}

func TestWhatCannotBeAppliedIsNotJournalled(t *testing.T) {
	c := newControl(t)
	no := errors.New("no")
	for name, f := range map[string]func(*cdn.State) ([]cdn.Change, error){
		"a refusal": func(*cdn.State) ([]cdn.Change, error) { return nil, no },
		"a configuration that does not compile": func(*cdn.State) ([]cdn.Change, error) {
			good, err1 := cdn.NewChange(cdn.KindSetting, cdn.Setting{Name: "a", Value: []byte("1")}, time.Now())
			bad, err2 := cdn.NewChange(cdn.KindDistributionPut, cdn.Distribution{Config: "<DistributionConfig/>"}, time.Now())
			return []cdn.Change{good, bad}, errors.Join(err1, err2)
		},
		"an unknown kind": func(*cdn.State) ([]cdn.Change, error) {
			return []cdn.Change{{Kind: "x", Critical: true, Body: []byte("{}")}}, nil
		},
	} {
		if _, err := c.Propose(context.Background(), f); err == nil || name == "a refusal" && !errors.Is(err, no) {
			t.Errorf("%s: %v", name, err)
		}
		if c.Head().Number != 0 || len(c.State().Settings) != 0 {
			t.Fatalf("%s: the journal is at %v", name, c.Head())
		}
	}
	if v, err := c.Propose(context.Background(), func(*cdn.State) ([]cdn.Change, error) { return nil, nil }); err != nil || v != c.Head() {
		t.Errorf("no changes: %v, %v", v, err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Propose(ended, add("n")); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who is gone: %v", err)
	}
}

func TestAFailedWriteTakesWhatWasBuiltOnItWithIt(t *testing.T) {
	c := newControl(t)
	full := errors.New("disk full")
	failing := &counted{Store: c.store, fail: full}
	second := make(chan error, 1)
	failing.before = func() {
		// While the first is being written, another is proposed on top of it.
		failing.before = nil
		staged := make(chan struct{})
		go func() {
			_, err := c.Propose(context.Background(), func(s *cdn.State) ([]cdn.Change, error) {
				defer close(staged)
				if string(s.Settings["n"]) != "1" {
					t.Errorf("it sees %s", s.Settings["n"])
				}
				return add("n")(s)
			})
			second <- err
		}()
		<-staged
	}
	c.store = failing
	if _, err := c.Propose(context.Background(), add("n")); !errors.Is(err, full) {
		t.Errorf("the first: %v", err)
	}
	if err := <-second; !errors.Is(err, full) {
		t.Errorf("the second: %v", err)
	}
	if c.Head().Number != 0 {
		t.Errorf("the journal is at %v", c.Head())
	}
	failing.fail = nil
	if v, err := c.Propose(context.Background(), add("n")); err != nil || v.Number != 1 || string(c.State().Settings["n"]) != "1" {
		t.Errorf("after the disk has room: %v, %v, %s", v, err, c.State().Settings["n"])
	}
}

func TestHooksHearOfEveryHeadInOrder(t *testing.T) {
	c := newControl(t)
	var heads []cdn.Version
	c.OnHead(func(v cdn.Version) {
		if c.Head() != v {
			t.Errorf("told of %v at %v", v, c.Head())
		}
		heads = append(heads, v)
	})
	for range 3 {
		if _, err := c.Propose(context.Background(), add("n")); err != nil {
			t.Fatal(err)
		}
	}
	if len(heads) != 3 || heads[2] != c.Head() {
		t.Errorf("heard of %v", heads)
	}
}

func TestAClosedControlAnswersNothing(t *testing.T) {
	c := newControl(t)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Propose(context.Background(), add("n")); !errors.Is(err, ErrClosed) {
		t.Errorf("Propose: %v", err)
	}
	if err := c.WaitSettled(context.Background(), 0, cdn.Version{Epoch: 9}); !errors.Is(err, ErrClosed) {
		t.Errorf("WaitSettled: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}
