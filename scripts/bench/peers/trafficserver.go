package peers

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

// atsRecords is for one network thread; everything fits the RAM cache. Read-while-writer and the read retries are what
// its documentation says collapsed forwarding takes.
const atsRecords = `CONFIG proxy.config.http.server_ports STRING %[1]s:ip-in=127.0.0.1 %[2]s:ssl:ip-in=127.0.0.1
CONFIG proxy.config.exec_thread.autoconfig INT 0
CONFIG proxy.config.exec_thread.limit INT 1
CONFIG proxy.config.exec_thread.affinity INT 0
CONFIG proxy.config.accept_threads INT 0
CONFIG proxy.config.task_threads INT 1
CONFIG proxy.config.net.listen_backlog INT 16384
CONFIG proxy.config.net.connections_throttle INT %[3]d
CONFIG proxy.config.net.max_connections_in INT %[3]d
CONFIG proxy.config.cache.ram_cache.size INT %[4]dM
CONFIG proxy.config.cache.ram_cache_cutoff INT 64M
CONFIG proxy.config.log.logging_enabled INT 3
CONFIG proxy.config.admin.user_id STRING #-1
CONFIG proxy.config.url_remap.remap_required INT 1
CONFIG proxy.config.reverse_proxy.enabled INT 1
CONFIG proxy.config.cache.enable_read_while_writer INT 1
CONFIG proxy.config.http.background_fill_active_timeout INT 0
CONFIG proxy.config.http.background_fill_completed_threshold FLOAT 0.0
CONFIG proxy.config.http.cache.open_read_retry_time INT 10
CONFIG proxy.config.http.cache.max_open_read_retries INT 100
CONFIG proxy.config.http.cache.open_write_fail_action INT 0
`

// atsLogging is the log of Debian's package.
const atsLogging = `logging:
  formats:
    - name: squid
      format: '%<cqtq> %<ttms> %<chi> %<crc>/%<pssc> %<psql> %<cqhm> %<cquc> %<caun> %<phr>/%<shn> %<psct>'
  logs:
    - filename: squid
      format: squid
      mode: binary
`

// atsRunroot puts every folder that is written into dir.
const atsRunroot = `prefix: %[1]s
exec_prefix: /usr
bindir: /usr/bin
sbindir: /usr/sbin
sysconfdir: %[1]s/etc
datadir: %[1]s/data
includedir: /usr/include
libdir: /usr/lib/trafficserver
libexecdir: /usr/lib/trafficserver/modules
localstatedir: %[1]s
runtimedir: %[1]s/run
logdir: %[1]s/log
cachedir: %[1]s/cache
`

func trafficServer(ctx context.Context, cfg Config, s *Server, dir string) error {
	addrs, err := freePorts(2)
	if err != nil {
		return err
	}
	key, cert, err := certificate()
	if err != nil {
		return err
	}
	s.HTTP, s.HTTPS, s.Version = addrs[0], addrs[1], versionOf("traffic_server", "-V")
	port := func(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }
	both := filepath.Join(dir, "etc", "both.pem")
	err = write(dir, map[string]string{
		"runroot.yaml":             fmt.Sprintf(atsRunroot, dir),
		"etc/records.config":       fmt.Sprintf(atsRecords, port(s.HTTP), port(s.HTTPS), cfg.Files, cfg.Memory),
		"etc/remap.config":         "map / http://" + cfg.Origin + "/\n",
		"etc/storage.config":       fmt.Sprintf("%s/cache %dM\n", dir, cfg.Memory+256),
		"etc/logging.yaml":         atsLogging,
		"etc/ssl_multicert.config": "dest_ip=* ssl_cert_name=" + both + "\n",
		"etc/both.pem":             key + cert,
		"etc/ip_allow.yaml":        "ip_allow:\n  - apply: in\n    ip_addrs: 0/0\n    action: allow\n    methods: ALL\n",
		"data/keep":                "", "run/keep": "", "log/keep": "", "cache/keep": "",
	})
	if err != nil {
		return err
	}
	p, err := s.run(dir, cfg.CPU, "traffic_server", "--run-root="+dir)
	if err != nil {
		return err
	}
	return p.listening(ctx, s.HTTP, s.HTTPS)
}
