package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/edge/message"
)

// TestAllAddressesWithinAnAttempt: the next is tried as soon as one has failed or
// has taken long; the first to be there is taken, what comes late is closed.
func TestAllAddressesWithinAnAttempt(t *testing.T) {
	const silent = time.Hour
	for name, c := range map[string]struct {
		answers map[string]time.Duration // when connected; silent: never; 0: refused at once
		want    string
		after   time.Duration
		reason  Reason
		dialed  string
	}{
		"the first":      {map[string]time.Duration{"192.0.2.1": 100 * time.Millisecond}, "192.0.2.1", 100 * time.Millisecond, "", "192.0.2.1"},
		"refused":        {map[string]time.Duration{"2001:db8::1": 10 * time.Millisecond}, "2001:db8::1", 10 * time.Millisecond, "", "192.0.2.1 2001:db8::1"},
		"slow":           {map[string]time.Duration{"192.0.2.1": silent, "2001:db8::1": silent, "192.0.2.2": 10 * time.Millisecond}, "192.0.2.2", 510 * time.Millisecond, "", "192.0.2.1 2001:db8::1 192.0.2.2"},
		"slow, but here": {map[string]time.Duration{"192.0.2.1": 300 * time.Millisecond, "2001:db8::1": silent}, "192.0.2.1", 300 * time.Millisecond, "", "192.0.2.1 2001:db8::1"},
		"two at once":    {map[string]time.Duration{"192.0.2.1": 300 * time.Millisecond, "2001:db8::1": 100 * time.Millisecond}, "192.0.2.1", 300 * time.Millisecond, "", "192.0.2.1 2001:db8::1"},
		"all silent":     {map[string]time.Duration{"192.0.2.1": silent, "2001:db8::1": silent, "192.0.2.2": silent}, "", 2 * time.Second, ConnectTimeout, "192.0.2.1 2001:db8::1 192.0.2.2 2001:db8::1 192.0.2.2 192.0.2.1"},
		"all refused":    {nil, "", 0, Connect, "192.0.2.1 2001:db8::1 192.0.2.2 2001:db8::1 192.0.2.2 192.0.2.1"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			var dialed []string
			open := 0
			u, err := New(Config{
				Guard:  Guard{Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}},
				Lookup: names(map[string][]string{"a.test": {"192.0.2.1", "192.0.2.2", "2001:db8::1"}}),
				Dial: func(ctx context.Context, _, address string) (net.Conn, error) {
					ip := netip.MustParseAddrPort(address).Addr().String()
					mu.Lock()
					dialed = append(dialed, ip)
					mu.Unlock()
					if c.answers[ip] == 0 {
						return nil, syscall.ECONNREFUSED
					}
					select {
					case <-time.After(c.answers[ip]):
					case <-ctx.Done():
						if c.answers[ip] == silent {
							return nil, ctx.Err()
						}
					}
					mu.Lock()
					defer mu.Unlock()
					open++
					return &counted{name: ip, close: func() { mu.Lock(); open--; mu.Unlock() }}, nil
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			conn, err := u.dial(t.Context(), u.place(&origins.Origin{Domain: "a.test", HTTPPort: 80, ConnectAttempts: 2, ConnectTimeout: time.Second}, "http"))
			after := time.Since(began)
			got := ""
			if err != nil {
				err = classify(t.Context(), err)
			} else {
				got = conn.(*counted).name
			}
			synctest.Wait()
			if got != c.want || after != c.after || reason(err) != c.reason || strings.Join(dialed, " ") != c.dialed {
				t.Errorf("%s: %q after %v, %v; dialed %v", name, got, after, err, dialed)
			}
			if want := len(got); open != min(want, 1) {
				t.Errorf("%s: %d connections are open", name, open)
			}
		})
	}
}

type counted struct {
	net.Conn
	name  string
	close func()
}

func (c *counted) Close() error { c.close(); return nil }

func TestAlternatingFamilies(t *testing.T) {
	for in, want := range map[string]string{
		"[::1]:80": "[::1]:80",
		"[::1]:80 [::2]:80 1.1.1.1:80 1.1.1.2:80 1.1.1.3:80":             "[::1]:80 1.1.1.1:80 [::2]:80 1.1.1.2:80 1.1.1.3:80",
		"1.1.1.1:80 1.1.1.2:80 [::1]:80":                                 "1.1.1.1:80 [::1]:80 1.1.1.2:80",
		strings.TrimSpace(strings.Repeat("1.1.1.1:80 ", 2*maxAddresses)): strings.TrimSpace(strings.Repeat("1.1.1.1:80 ", maxAddresses)),
	} {
		var addrs []netip.AddrPort
		for s := range strings.FieldsSeq(in) {
			addrs = append(addrs, netip.MustParseAddrPort(s))
		}
		if got := strings.Trim(fmt.Sprint(alternating(addrs)), "[]"); got != strings.Trim(want, "[]") {
			t.Errorf("%s: %s", in, got)
		}
	}
}

// TestNamesAreResolvedOnceForAll, and again after a while, after a failure, and
// once their addresses do not answer.
func TestNamesAreResolvedOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lookups atomic.Int32
		var fail error
		r := &resolver{lookup: func(ctx context.Context, _ string) ([]netip.Addr, error) {
			lookups.Add(1)
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, fail
		}}
		ask := func(ctx context.Context) error {
			ips, err := r.resolve(ctx, "a.test", 2*time.Second)
			if err == nil && !reflect.DeepEqual(ips, []netip.Addr{netip.MustParseAddr("192.0.2.1")}) {
				t.Error(ips)
			}
			return err
		}
		impatient, leave := context.WithTimeout(t.Context(), time.Millisecond)
		defer leave()
		var all sync.WaitGroup
		all.Go(func() {
			if err := ask(impatient); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
		for range 10 {
			all.Go(func() {
				if err := ask(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		expect := func(what string, want int32) {
			t.Helper()
			if err := ask(t.Context()); !errors.Is(err, fail) || lookups.Load() != want {
				t.Errorf("%s: %d lookups, %v", what, lookups.Load(), err)
			}
		}
		expect("known", 1)
		<-time.After(namesFor)
		expect("later", 2)
		r.forget("a.test")
		expect("forgotten", 3)
		<-time.After(namesFor)
		fail = errors.New("no resolver")
		expect("failed", 4)
		expect("failed again", 5)
		for i := range 2 * maxNames {
			_, _ = r.resolve(impatient, fmt.Sprint(i), time.Second)
		}
		if len(r.names) > maxNames {
			t.Errorf("%d names are remembered", len(r.names))
		}
		<-time.After(time.Minute)
	})
}

// TestTLSSessionsAreResumed: a new connection to an origin costs no full handshake.
func TestTLSSessionsAreResumed(t *testing.T) {
	var mu sync.Mutex
	var resumed []bool
	s, conns := serveHTTP(t, true, true, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		resumed = append(resumed, r.TLS.DidResume)
		if r.ProtoMajor == 1 {
			w.Header().Set("Connection", "close")
		}
	})
	u, origin := askerOf(t, s, Config{})
	for _, r := range []*message.Request{request("/"), request("/"), grpcRequest(nil)} {
		if _, _, err := get(t, u, origin, r); err != nil {
			t.Fatal(err)
		}
	}
	if conns.Load() != 3 || !reflect.DeepEqual(resumed, []bool{false, true, true}) {
		t.Error(conns.Load(), resumed)
	}
}
