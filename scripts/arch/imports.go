package arch

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// roles are the programs a network is made of. They meet in network, never in one another, so that each can be read,
// tested and replaced alone.
var roles = []string{"control", "router", "edge", "origin", "gossip"}

// ownImports says what each part of the repository may import of the others, besides itself.
var ownImports = map[string][]string{
	"cdn":     {},
	"journal": {"cdn"},
	"geo":     {"cdn"},
	"sigv4":   {"cdn"},
	"wan":     {"cdn", "geo"},
	"control": {"cdn", "journal", "geo", "sigv4", "wan"},
	"router":  {"cdn", "journal", "geo", "sigv4", "wan"},
	"edge":    {"cdn", "journal", "geo", "sigv4", "wan"},
	"origin":  {"cdn", "journal", "geo", "sigv4", "wan"},
	"gossip":  {"cdn", "journal", "geo", "sigv4", "wan"},
	"network": append([]string{"cdn", "journal", "geo", "sigv4", "wan"}, roles...),
	"sim":     append([]string{"cdn", "journal", "geo", "sigv4", "wan", "network"}, roles...),
	"cmd":     append([]string{"cdn", "journal", "geo", "sigv4", "wan", "network", "sim"}, roles...),
	"scripts": append([]string{"cdn", "journal", "geo", "sigv4", "wan", "network", "sim"}, roles...),
	"deploy":  {"cdn", "geo"},
}

// dependencies says which packages may import a module: one heavy dependency, one package, so that replacing it is a
// change to one package. "*" is any package, "a/..." is a with all below it; a module with no package is for tests alone.
var dependencies = map[string][]string{
	"github.com/andybalholm/brotli":             {"edge/compression"},
	"github.com/aperturerobotics/":              {"edge/function/quickjs"},
	"github.com/aws/":                           {"cmd/warmfront/...", "scripts/bench/functions", "scripts/bench/invalidate", "scripts/chaos/api", "scripts/clients/gosign", "scripts/cloudfrontgen"},
	"github.com/dnstap/golang-dnstap":           {"router/querylog"},
	"github.com/farsightsec/golang-framestream": {"router/querylog"},
	"google.golang.org/protobuf":                {"router/querylog", "network/tracing/tracetest"},
	"github.com/dunglas/httpsfv":                {"edge/rfc9111"},
	"github.com/google/btree":                   {"origin/s3disk"},
	"github.com/google/go-cmp":                  {},
	"github.com/hashicorp/memberlist":           {"gossip"},
	"github.com/klauspost/compress":             {"*"},
	"github.com/maxmind/mmdbwriter":             {"scripts/geodb"},
	"github.com/miekg/dns":                      {"router", "router/dnssec", "router/querylog", "router/hosted", "router/svcb", "router/transport", "router/wire"},
	"github.com/mileusna/useragent":             {"edge/policy"},
	"github.com/oschwald/":                      {"geo", "scripts/geodb"},
	"github.com/parquet-go/parquet-go":          {"edge/logship/columns"},
	"github.com/pires/go-proxyproto":            {"edge/proxyproto"},
	"github.com/prometheus/client_golang":       {"*"},
	"github.com/prometheus/client_model":        {"cmd/warmfront/top"},
	"github.com/prometheus/common":              {"cmd/warmfront/top"},
	"github.com/quic-go/":                       {"edge/http3"},
	"github.com/rclone/gofakes3":                {"origin"},
	"github.com/rogpeppe/go-internal":           {},
	"github.com/twmb/franz-go":                  {"edge/realtime"},
	"github.com/spf13/":                         {"cmd/warmfront/..."},
	"github.com/tetratelabs/wazero":             {"edge/function/quickjs"},
	"go.etcd.io/bbolt":                          {"control/store"},
	"go.etcd.io/etcd/":                          {"control/store"},
	"go.opentelemetry.io/":                      {"network/tracing/..."},
	"go.uber.org/zap":                           {"control/store"},
	"go.yaml.in/yaml/":                          {"cmd/warmfront/template"},
	"go4.org/netipx":                            {"*"},
	"golang.org/x/":                             {"*"},
}

// assertions are libraries that hide what a test compares.
var assertions = []string{"github.com/stretchr/", "github.com/onsi/", "gotest.tools/", "github.com/matryer/is"}

// Imports finds imports that the layout does not allow.
func Imports(r *Repo) (found []Finding) {
	for _, f := range r.Files {
		for _, spec := range f.AST.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				continue // the compiler's to report
			}
			if why := refused(f, imported); why != "" {
				found = append(found, r.at(spec.Pos(), "imports %s: %s", imported, why))
			}
		}
	}
	return found
}

// refused says why f may not import that, or nothing if it may.
func refused(f *File, imported string) string {
	if imported == Module {
		return "the root holds no code"
	}
	if own, ok := strings.CutPrefix(imported, Module+"/"); ok {
		return refusedOwn(f, own)
	}
	if first, _, _ := strings.Cut(imported, "/"); strings.Contains(first, ".") {
		return refusedModule(f, imported)
	}
	return ""
}

func refusedOwn(f *File, own string) string {
	from, _, _ := strings.Cut(f.Dir, "/")
	to, _, _ := strings.Cut(own, "/")
	allowed, known := ownImports[from]
	switch {
	case from == to:
		return ""
	case !known:
		return fmt.Sprintf("%s is not a part the layout knows; say in ownImports what it may import", from)
	case slices.Contains(allowed, to):
		return ""
	case slices.Contains(roles, from) && slices.Contains(roles, to):
		return "roles never import one another; they share cdn and journal and meet in network, through small interfaces declared where they are consumed"
	}
	return fmt.Sprintf("%s may import only %v of ours; what it needs from elsewhere is an interface of its own, or belongs into cdn", from, allowed)
}

func refusedModule(f *File, imported string) string {
	if slices.ContainsFunc(assertions, func(p string) bool { return strings.HasPrefix(imported, p) }) {
		return "no assertion library: a test compares and says in its own words what it wanted and got"
	}
	if f.Test {
		return "" // a test may drive a part with another's client
	}
	for prefix, allowed := range dependencies {
		if imported != prefix && !strings.HasPrefix(imported, strings.TrimSuffix(prefix, "/")+"/") {
			continue
		}
		if slices.ContainsFunc(allowed, func(pattern string) bool { return matches(pattern, f.Dir) }) {
			return ""
		}
		return fmt.Sprintf("one heavy dependency, one package: only %v may (an empty list is for tests alone)", allowed)
	}
	return "a new dependency is a decision: say in the table dependencies which package may import it"
}

// matches reports whether a pattern of dependencies names a folder.
func matches(pattern, dir string) bool {
	if top, below := strings.CutSuffix(pattern, "/..."); below {
		return dir == top || strings.HasPrefix(dir, top+"/")
	}
	return pattern == "*" || pattern == dir
}

// pure are packages whose decisions the live node, the simulator and the fuzzers share: they take now as a parameter
// and do no I/O.
var pure = []string{"cdn", "journal", "edge/rfc9111", "edge/reuse", "sim/explore", "sigv4", "control/cloudfront", "control/distconfig"}

// ioPackages of the standard library do I/O. net/http is not among them: its Header, Request and status codes are
// vocabulary too.
var ioPackages = []string{"log", "log/slog", "net", "os", "os/exec", "os/signal", "syscall"}

// Purity finds I/O in pure packages, and clocks read there (see clocks).
func Purity(r *Repo) (found []Finding) {
	for _, f := range r.Files {
		if f.Test || !slices.Contains(pure, f.Dir) {
			continue
		}
		for _, spec := range f.AST.Imports {
			if imported, _ := strconv.Unquote(spec.Path.Value); slices.Contains(ioPackages, imported) {
				found = append(found, r.at(spec.Pos(), "imports %s: decisions are pure and I/O is at the rim, so that the live node, the simulator and the fuzzers run the same code", imported))
			}
		}
		for _, pos := range calls(f.AST, "time", "Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick") {
			found = append(found, r.at(pos, "reads a clock: now is a parameter of every decision, so that it can be tested and simulated"))
		}
	}
	return found
}
