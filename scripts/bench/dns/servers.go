//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/warmfront/warmfront/geo"
)

// name is the one that all servers are asked for, in the zone benchZone.
const (
	benchZone = "bench.test"
	benchName = "dbench." + benchZone
)

// pops are the twelve places that run by default.
func pops() ([]geo.POP, error) {
	return geo.BundledCatalogue().Select("IAD,SFO,GRU,LHR,FRA,JNB,DXB,BOM,SIN,NRT,SYD,QRO")
}

// server is one that runs.
type server struct {
	name, version, addr string
	cmd                 *exec.Cmd
	ended               chan struct{}
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(5 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.ended
	}
}

// kind is one way to set a server up: configure writes its files into dir, and
// returns its command.
type kind struct {
	command, pkg string
	version      []string
	configure    func(dir, addr, database string) ([]string, error)
}

func kinds() map[string]kind {
	return map[string]kind{
		"gdnsd": {"gdnsd", "gdnsd", []string{"dpkg-query", "-W", "gdnsd"}, gdnsd},
		"knot":  {"knotd", "knot knot-module-geoip", []string{"knotd", "--version"}, knot},
		"warmfront": {"", "", []string{"git", "describe", "--always", "--dirty"}, func(_, addr, _ string) ([]string, error) {
			self, err := os.Executable()
			return []string{self, "serve", addr}, err
		}},
	}
}

// startAll starts the servers, and returns those that run even if one does not.
func startAll(ctx context.Context, cfg config, dir string) ([]*server, error) {
	database := filepath.Join(dir, "world.mmdb")
	if err := unfold(database); err != nil {
		return nil, err
	}
	var out []*server
	for _, name := range cfg.only {
		k := kinds()[name]
		addr, err := freeAddr()
		if err != nil {
			return out, err
		}
		own := filepath.Join(dir, name)
		if err := os.Mkdir(own, 0o755); err != nil {
			return out, err
		}
		args, err := k.configure(own, addr, database)
		if err != nil {
			return out, err
		}
		s := &server{name: name, addr: addr, ended: make(chan struct{})}
		if b, err := exec.CommandContext(ctx, k.version[0], k.version[1:]...).CombinedOutput(); err == nil {
			s.version = strings.TrimSpace(strings.SplitN(string(b), "\n", 2)[0])
		}
		log, err := os.Create(filepath.Join(own, "out"))
		if err != nil {
			return out, err
		}
		s.cmd = exec.Command("taskset", append([]string{"--cpu-list", strconv.Itoa(cfg.serverCPU)}, args...)...)
		s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = own, log, log
		s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		err = errors.Join(s.cmd.Start(), log.Close())
		if err != nil {
			return out, err
		}
		go func() {
			_ = s.cmd.Wait() // how it ended is in its output
			close(s.ended)
		}()
		out = append(out, s)
		if err := s.ready(ctx); err != nil {
			b, _ := os.ReadFile(log.Name())
			return out, fmt.Errorf("%s is not ready: %w\n%s", name, err, b[max(0, len(b)-2000):])
		}
	}
	return out, nil
}

// ready waits until a server answers with an address for a viewer in Tokyo.
func (s *server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		t, err := saturate(s.addr, queries(true)[:1], 50*time.Millisecond)
		if err == nil && t.answers > 0 {
			return nil
		}
		select {
		case <-s.ended:
			return errors.New("it ended")
		case <-ctx.Done():
			return errors.Join(errors.New("it does not answer"), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// freeAddr returns a loopback address whose port is free for UDP and TCP.
func freeAddr() (string, error) {
	for range 20 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		addr := l.Addr().String()
		c, err := net.ListenPacket("udp", addr)
		if err := l.Close(); err != nil {
			return "", err
		}
		if err == nil {
			return addr, c.Close()
		}
	}
	return "", errors.New("no port is free for both UDP and TCP")
}

// unfold writes the bundled database as any GeoIP2 reader opens it.
func unfold(to string) error {
	packed, err := os.ReadFile("geo/data/world.mmdb.zst")
	if err != nil {
		return fmt.Errorf("%w; run this from the root of the repository", err)
	}
	d, err := zstd.NewReader(nil)
	if err != nil {
		return err
	}
	defer d.Close()
	content, err := d.DecodeAll(packed, nil)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o644)
}

// gdnsdConf has one thread for UDP. The map is in its automatic mode: the nearest
// datacenter by great-circle distance.
const gdnsdConf = `options => {
  listen => [ %[1]s ]
  udp_threads = 1
  tcp_threads = 1
  run_dir = %[2]s/run
  state_dir = %[2]s/state
}
plugins => { geoip => {
  maps => { world => {
    geoip2_db = %[3]s
    datacenters => [ %[4]s ]
    auto_dc_coords => { %[5]s }
    auto_dc_limit = 3
  } }
  resources => { www => { map = world, dcmap => { %[6]s } } }
} }
`

func gdnsd(dir, addr, database string) ([]string, error) {
	places, err := pops()
	if err != nil {
		return nil, err
	}
	var names, coordinates, addresses []string
	for _, p := range places {
		names = append(names, p.Code)
		coordinates = append(coordinates, fmt.Sprintf("%s => [ %g, %g ]", p.Code, p.Lat, p.Lon))
		addresses = append(addresses, fmt.Sprintf("%s = 127.%d.0.1", p.Code, p.N))
	}
	conf := fmt.Sprintf(gdnsdConf, addr, dir, database, strings.Join(names, ", "), strings.Join(coordinates, ", "), strings.Join(addresses, ", "))
	zone := "@ SOA ns1 hostmaster 1 7200 900 1209600 60\n@ NS ns1\nns1 A 127.0.0.1\ndbench 60 DYNA geoip!www\n"
	return []string{"gdnsd", "-c", dir, "start"}, write(dir, map[string]string{
		"config": conf, "zones/" + benchZone: zone, "run/keep": "", "state/keep": "",
	})
}

// knotConf has one worker for UDP, and no rate limit.
const knotConf = `server:
  rundir: %[2]s
  listen: %[1]s
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: %[2]s
mod-geoip:
  - id: world
    config-file: %[2]s/geo.conf
    ttl: 60
    mode: geodb
    geodb-file: %[3]s
    geodb-key: [ country/iso_code ]
zone:
  - domain: %[4]s
    storage: %[2]s
    file: zone
    module: mod-geoip/world
`

func knot(dir, addr, database string) ([]string, error) {
	places, err := pops()
	if err != nil {
		return nil, err
	}
	var rules strings.Builder
	rules.WriteString(benchName + ":\n")
	var codes []string
	for p, err := range mustNetworks() {
		if err != nil {
			return nil, err
		}
		if p.Country != "" && !slices.Contains(codes, p.Country) {
			codes = append(codes, p.Country)
			near, _ := geo.Nearest(p.Lat, p.Lon, places)
			fmt.Fprintf(&rules, "  - geo: %q\n    A: 127.%d.0.1\n", p.Country, near.N)
		}
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	zone := "@ 3600 SOA ns1 hostmaster 1 7200 900 1209600 60\n@ 3600 NS ns1\nns1 3600 A 127.0.0.1\ndbench 60 A 127.0.0.1\n"
	return []string{"knotd", "-c", filepath.Join(dir, "knot.conf")}, write(dir, map[string]string{
		"knot.conf": fmt.Sprintf(knotConf, host+"@"+port, dir, database, benchZone), "geo.conf": rules.String(), "zone": zone,
	})
}

func mustNetworks() func(func(geo.Place, error) bool) {
	networks, err := geo.Networks("")
	if err != nil {
		return func(yield func(geo.Place, error) bool) { yield(geo.Place{}, err) }
	}
	return networks
}

func write(dir string, files map[string]string) error {
	for name, content := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}
