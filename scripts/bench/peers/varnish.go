package peers

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// varnish keeps everything in memory; varnishncsa writes its log. It has no TLS of its own.
func varnish(ctx context.Context, cfg Config, s *Server, dir string) error {
	addrs, err := freePorts(1)
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(cfg.Origin)
	if err != nil {
		return err
	}
	s.HTTP, s.Version = addrs[0], versionOf("varnishd", "-V")
	vcl := fmt.Sprintf("vcl 4.1;\nbackend default { .host = %q; .port = %q; }\n", host, port)
	if err := write(dir, map[string]string{"default.vcl": vcl}); err != nil {
		return err
	}
	name := filepath.Join(dir, "state") // the shared log is there
	p, err := s.run(dir, cfg.CPU, "varnishd", "-F", "-j", "none", "-n", name, "-a", s.HTTP, "-f", filepath.Join(dir, "default.vcl"),
		"-T", "none", "-s", fmt.Sprintf("malloc,%dm", cfg.Memory), "-p", "thread_pools=1",
		"-p", "thread_pool_min=1000", "-p", "thread_pool_max="+strconv.Itoa(max(1000, cfg.Files)),
		"-p", "listen_depth=16384", "-p", "timeout_idle=300")
	if err != nil {
		return err
	}
	if err := p.listening(ctx, s.HTTP); err != nil {
		return err
	}
	access := filepath.Join(dir, "access.log")
	logger, err := s.run(dir, cfg.CPU, "varnishncsa", "-n", name, "-w", access)
	if err != nil {
		return err
	}
	return logger.until(ctx, func() error { _, err := os.Stat(access); return err })
}
