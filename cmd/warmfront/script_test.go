package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/warmfront/warmfront/geo"
	"github.com/warmfront/warmfront/network/ports"
	"github.com/warmfront/warmfront/network/statefolder"
	"github.com/warmfront/warmfront/network/tracing/tracetest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"warmfront": main, "app": app})
}

// TestScript runs the scripts of testdata/script against the real command, each
// in a folder of its own and with a $BASE for --port-base that nobody else on
// this machine uses. What a script started is ended with it.
//
// Besides testscript's own commands there are
//
//	field NAME PATH                      sets $NAME from the JSON on the last command's stdout; PATH is keys joined with dots
//	eventually PATTERN COMMAND ARGS…     runs COMMAND until its stdout matches PATTERN
//	status CODE COMMAND ARGS…            runs COMMAND, which must exit with CODE
//	trace ID FILE                        waits until the collector at $COLLECTOR has the trace, as FILE has it
//
// and the program app (app_test.go), an origin that says what it was asked.
func TestScript(t *testing.T) {
	if testing.Short() {
		t.Skip("starts whole networks")
	}
	bases := &portBases{taken: map[uint16]int{}}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			base, err := bases.next()
			if err != nil {
				return err
			}
			e.Setenv("BASE", strconv.Itoa(base))
			e.Setenv("API", strconv.Itoa(8800+base))
			e.Setenv("HTTPS", strconv.Itoa(8443+base))
			e.Setenv("S3", strconv.Itoa(9000+base))
			e.Setenv("METRICS", strconv.Itoa(9100+base))
			e.Setenv("PROXY", strconv.Itoa(3128+base))
			e.Setenv("HOME", e.WorkDir)
			collector := tracetest.Listen()
			e.Values["collector"] = collector
			e.Setenv("COLLECTOR", collector.URL())
			e.Defer(collector.Close)
			e.Defer(func() {
				endNetworks(t, e.WorkDir)
				bases.giveBack(base)
			})
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"field": cmdField, "eventually": cmdEventually, "status": cmdStatus, "trace": cmdTrace,
		},
	})
}

// portBases hands out values for --port-base.
type portBases struct {
	mu    sync.Mutex
	taken map[uint16]int // by which base
}

// giveBack has the ports of a base given to others, once what had them has ended.
func (p *portBases) giveBack(base int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.taken, func(_ uint16, by int) bool { return by == base })
}

// next returns a base with which every port is free now, is nobody's in this
// process and lies below those the kernel gives to outgoing connections.
func (p *portBases) next() (int, error) {
	const ephemeral = 32768
	p.mu.Lock()
	defer p.mu.Unlock()
	for base := 100; base < 1500; base++ {
		ports, err := ports.DefaultPorts().Shift(base)
		if err != nil {
			return 0, err
		}
		all := []uint16{ports.DNS, ports.HTTP, ports.HTTPS, ports.Control, ports.S3, ports.Proxy, ports.Gossip, ports.Peer, ports.Metrics}
		for _, pop := range geo.BundledCatalogue().Metro() {
			all = append(all, ports.CityProxy+uint16(pop.N))
		}
		if !p.free(all, ephemeral) {
			continue
		}
		for _, port := range all {
			p.taken[port] = base
		}
		return base, nil
	}
	return 0, fmt.Errorf("no --port-base is free on this machine")
}

func (p *portBases) free(ports []uint16, below uint16) bool {
	for _, port := range ports {
		if p.taken[port] != 0 || port >= below {
			return false
		}
	}
	for _, port := range ports {
		addr := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
		l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(addr))
		if err != nil {
			return false
		}
		u, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
		_ = l.Close()
		if err != nil {
			return false
		}
		_ = u.Close()
	}
	return true
}

// endNetworks ends what still runs from a state folder in dir.
func endNetworks(t *testing.T, dir string) {
	folders, err := filepath.Glob(filepath.Join(dir, "*", "running.json"))
	if err != nil {
		t.Error(err)
	}
	for _, f := range folders {
		r, err := statefolder.Folder(filepath.Dir(f)).Running()
		if err != nil {
			continue // ended already
		}
		_ = syscall.Kill(r.PID, syscall.SIGTERM)
		if !within(15*time.Second, func() bool { return syscall.Kill(r.PID, 0) != nil }) {
			t.Errorf("pid %d does not stop on SIGTERM", r.PID)
			_ = syscall.Kill(r.PID, syscall.SIGKILL)
		}
	}
}

// within asks until done says yes or the time is over.
func within(limit time.Duration, done func() bool) bool {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); <-tick.C {
		if done() {
			return true
		}
	}
	return done()
}

func cmdField(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: field NAME PATH")
	}
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &v))
	for _, key := range strings.Split(args[1], ".") {
		switch at := v.(type) {
		case map[string]any:
			v = at[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(at) {
				ts.Fatalf("%s: there is no item %q", args[1], key)
			}
			v = at[i]
		default:
			v = nil
		}
	}
	if v == nil {
		ts.Fatalf("%s: no such field", args[1])
	}
	ts.Setenv(args[0], fmt.Sprint(v))
}

func cmdEventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: eventually PATTERN COMMAND ARGS…")
	}
	re, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	const limit = 30 * time.Second
	if !within(limit, func() bool {
		return ts.Exec(args[1], args[2:]...) == nil && re.MatchString(ts.ReadFile("stdout"))
	}) {
		ts.Fatalf("%s: stdout does not match %q within %v", strings.Join(args[1:], " "), args[0], limit)
	}
}

func cmdStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status CODE COMMAND ARGS…")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := err.(interface{ ExitCode() int }); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit status %d, not %s", got, args[0])
	}
}

func cmdTrace(ts *testscript.TestScript, neg bool, args []string) {
	collector, ok := ts.Value("collector").(*tracetest.Collector)
	if neg || len(args) != 2 || !ok {
		ts.Fatalf("usage: trace ID FILE")
	}
	want, got := ts.ReadFile(args[1]), ""
	if !within(30*time.Second, func() bool {
		got = tracetest.Tree(tracetest.Of(collector.Spans(), args[0]))
		return got == want
	}) {
		ts.Fatalf("the trace %s is\n%swant\n%s", args[0], got, want)
	}
}

// TestScriptsFixNoPort holds the scripts to their promise of running side by
// side: whatever starts a network does so on ports of its own.
func TestScriptsFixNoPort(t *testing.T) {
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	up := regexp.MustCompile(`(?m)^(exec|status \d+) warmfront up .*`)
	for _, s := range scripts {
		text, err := os.ReadFile(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range up.FindAllString(string(text), -1) {
			if !strings.Contains(line, "--port-base") && !strings.HasSuffix(line, " --help") {
				t.Errorf("%s: %q has no --port-base", s, line)
			}
		}
	}
}
