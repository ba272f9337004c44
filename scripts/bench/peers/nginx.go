package peers

import (
	"context"
	"fmt"
	"os/user"
)

// nginxConf is for one worker. The log is written 64 KiB at a time, as a busy site's is. tcp_nopush is left off: with it,
// objects of 100 KiB wait 40 ms for an acknowledgement. open_file_cache saves an open and a close on every hit.
const nginxConf = `daemon off;
user %[8]s;
worker_processes 1;
worker_rlimit_nofile %[7]d;
pid nginx.pid;
error_log error.log warn;
events { worker_connections %[7]d; multi_accept on; }
http {
  default_type application/octet-stream;
  access_log access.log combined buffer=64k flush=1s;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  sendfile %[1]s;
  keepalive_timeout 300s;
  keepalive_requests 1000000000;
  open_file_cache %[9]s;
  proxy_cache_path cache levels=1:2 keys_zone=cache:%[10]dm max_size=%[2]dm inactive=1d use_temp_path=off;
  upstream origin { server %[3]s; keepalive 64; }
  server {
    listen %[4]s backlog=16384;
    listen %[5]s ssl http2 backlog=16384;
    server_name %[6]s;
    ssl_certificate cert.pem;
    ssl_certificate_key key.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    location / {
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_cache cache;
      proxy_cache_key $request_uri;
      proxy_cache_valid 200 1d;
      proxy_cache_lock on;
    }
  }
}
`

func nginx(sendfile, fileCache string) func(context.Context, Config, *Server, string) error {
	return func(ctx context.Context, cfg Config, s *Server, dir string) error {
		addrs, err := freePorts(2)
		if err != nil {
			return err
		}
		key, cert, err := certificate()
		if err != nil {
			return err
		}
		// The folder is readable by who started this alone, so root's worker stays root.
		me, err := user.Current()
		if err != nil {
			return err
		}
		s.HTTP, s.HTTPS, s.Version = addrs[0], addrs[1], versionOf("nginx", "-v")
		conf := fmt.Sprintf(nginxConf, sendfile, cfg.Memory, cfg.Origin, s.HTTP, s.HTTPS, s.Host, cfg.Files, me.Username, fileCache, max(64, cfg.Memory/16))
		if err := write(dir, map[string]string{"nginx.conf": conf, "key.pem": key, "cert.pem": cert}); err != nil {
			return err
		}
		p, err := s.run(dir, cfg.CPU, "nginx", "-p", dir, "-e", "error.log", "-c", "nginx.conf")
		if err != nil {
			return err
		}
		return p.listening(ctx, s.HTTP, s.HTTPS)
	}
}
