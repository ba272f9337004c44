// Package peers starts the servers that the benchmarks compare: nginx, Varnish, Traffic Server and HAProxy from Debian's
// packages and a Warmfront edge from the build, each with a cache, an access log, a folder and loopback ports of its
// own, and each in front of the same origin.
//
// Every server is set up as one who wants it fast on one core would set it up: one worker, everything in memory that
// can be, connections that are never closed for their number of requests. Settings that are not about speed are left
// as they come. What a server cannot do (Varnish has no TLS) its Server says by an empty address.
//
// A server's CPU time is that of all its processes, helpers that write the log included.
package peers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Config is what all servers are started with.
type Config struct {
	Folder string // exists; each server makes a folder of its own in it
	Origin string // host:port
	CPU    int    // where servers run; -1 is anywhere
	Binary string // the warmfront command
	Memory int    // MiB for cached objects
	Files  int    // connections a server must bear
}

// A Server is one that runs.
type Server struct {
	Name    string
	Version string
	Host    string // the host name it answers to
	HTTP    string // host:port
	HTTPS   string // host:port, "" if it does not speak TLS
	API     string // of Warmfront: the URL of its control
	State   string // of Warmfront: control's state folder, which has the access key

	processes []*process // in the order they were started
	helpers   []*process // not the server: their CPU time is not counted
	closers   []func() error
}

// PID is the process that does the work, for profilers.
func (s *Server) PID() int { return s.processes[0].cmd.Process.Pid }

// CPU is the CPU time that all its processes have used.
func (s *Server) CPU() (time.Duration, error) {
	var sum time.Duration
	for _, p := range s.processes {
		t, err := CPUTime(p.cmd.Process.Pid)
		if err != nil {
			return 0, fmt.Errorf("%s: %w\n%s", s.Name, err, p.tail())
		}
		sum += t
	}
	return sum, nil
}

// Close stops it. Its folder is left to whoever made Config.Folder.
func (s *Server) Close() error {
	for i := len(s.processes) - 1; i >= 0; i-- {
		s.processes[i].stop()
	}
	for i := len(s.helpers) - 1; i >= 0; i-- {
		s.helpers[i].stop()
	}
	var errs []error
	for _, c := range s.closers {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// A kind is one way to set a server up.
type kind struct {
	name     string
	commands []string // what it needs
	pkg      string   // Debian's package
	start    func(ctx context.Context, cfg Config, s *Server, dir string) error
}

func kinds() []kind {
	return []kind{
		{"nginx", []string{"nginx"}, "nginx", nginx("off", "off")},
		{"nginx-sendfile", []string{"nginx"}, "nginx", nginx("on", "off")},
		{"nginx-filecache", []string{"nginx"}, "nginx", nginx("off", "max=10000 inactive=300s")},
		{"varnish", []string{"varnishd", "varnishncsa", "gcc"}, "varnish gcc", varnish},
		{"trafficserver", []string{"traffic_server"}, "trafficserver", trafficServer},
		{"haproxy", []string{"haproxy"}, "haproxy", haproxy},
		{"warmfront", nil, "", warmfront},
	}
}

// Names are the servers there are; "nginx", against which the others are measured, is the first.
func Names() (names []string) {
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return names
}

// ErrMissing is that a server is not installed.
var ErrMissing = errors.New("not installed")

// Start runs the server of that name and returns once it listens.
func Start(ctx context.Context, name string, cfg Config) (*Server, error) {
	for _, k := range kinds() {
		if k.name != name {
			continue
		}
		for _, c := range append(k.commands, "taskset") {
			if _, err := exec.LookPath(c); err != nil {
				return nil, fmt.Errorf("%s: %s is %w; on Debian: apt-get install %s util-linux", name, c, ErrMissing, k.pkg)
			}
		}
		dir, err := os.MkdirTemp(cfg.Folder, name+"-")
		if err != nil {
			return nil, err
		}
		s := &Server{Name: name, Host: benchHost}
		if err := k.start(ctx, cfg, s, dir); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", name, err), s.Close())
		}
		return s, nil
	}
	return nil, fmt.Errorf("no server is called %q; there are %s", name, strings.Join(Names(), ", "))
}

// benchHost is what peers are asked for. It is as long as a distribution's name.
const benchHost = "d111111abcdef8.warmfront.test"

// run starts a program of the server's own, whose CPU time counts.
func (s *Server) run(dir string, cpu int, name string, args ...string) (*process, error) {
	p, err := start(dir, cpu, name, args...)
	if err == nil {
		s.processes = append(s.processes, p)
	}
	return p, err
}

// freePorts returns loopback addresses that nobody listens on just now.
func freePorts(n int) (addrs []string, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // at the end, so that no port is given twice
		addrs = append(addrs, l.Addr().String())
	}
	return addrs, nil
}

// write makes files of a folder, with the folders above them; names are relative to it.
func write(dir string, files map[string]string) error {
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// versionOf is the first line that a command prints about itself.
func versionOf(command string, args ...string) string {
	out, err := exec.Command(command, args...).CombinedOutput()
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if err != nil || line == "" {
		return "unknown version"
	}
	return line
}

// RaiseFiles lets this process, and those it starts, have n open files, as far as the hard limit, or being root, allows.
func RaiseFiles(n uint64) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	want := syscall.Rlimit{Cur: max(n, limit.Cur), Max: max(n, limit.Max)}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &want); err == nil {
		return nil
	}
	if limit.Max < n {
		return fmt.Errorf("%d open files are needed and %d allowed: raise the limit (ulimit -Hn %d, as root)", n, limit.Max, n)
	}
	want.Max = limit.Max
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &want)
}
