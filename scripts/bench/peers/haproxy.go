package peers

import (
	"context"
	"fmt"
	"io"
	"net"
)

// haproxyConf is for one thread. An object may be as large as half the cache. The log goes out by way of a ring, many
// lines at once; a datagram a line, as it comes, costs a quarter of what it can do.
const haproxyConf = `global
  nbthread 1
  maxconn %[1]d
  log ring@lines format rfc5424 local0 info
  ssl-default-bind-options ssl-min-ver TLSv1.2
  tune.h2.max-concurrent-streams 128
ring lines
  format rfc5424
  maxlen 1200
  size 4194304
  timeout connect 5s
  timeout server 10s
  server sink %[2]s
defaults
  mode http
  log global
  option httplog
  timeout connect 10s
  timeout client 300s
  timeout server 60s
  timeout http-keep-alive 300s
cache objects
  total-max-size %[3]d
  max-object-size %[4]d
  max-age 86400
frontend viewers
  bind %[5]s backlog 16384
  bind %[6]s ssl crt both.pem alpn h2,http/1.1 backlog 16384
  default_backend origin
backend origin
  http-request cache-use objects
  http-response cache-store objects
  http-reuse always
  server origin %[7]s maxconn %[1]d
`

// haproxy sends its log over a connection, so somebody must listen; that is done here and not counted.
func haproxy(ctx context.Context, cfg Config, s *Server, dir string) error {
	addrs, err := freePorts(2)
	if err != nil {
		return err
	}
	key, cert, err := certificate()
	if err != nil {
		return err
	}
	sink, err := logSink()
	if err != nil {
		return err
	}
	s.closers = append(s.closers, sink.Close)
	s.HTTP, s.HTTPS, s.Version = addrs[0], addrs[1], versionOf("haproxy", "-v")
	memory := min(cfg.Memory, 4095) // more it does not take
	conf := fmt.Sprintf(haproxyConf, cfg.Files, sink.Addr(), memory, memory<<20/2, s.HTTP, s.HTTPS, cfg.Origin)
	if err := write(dir, map[string]string{"haproxy.cfg": conf, "both.pem": cert + key}); err != nil {
		return err
	}
	p, err := s.run(dir, cfg.CPU, "haproxy", "-db", "-f", "haproxy.cfg")
	if err != nil {
		return err
	}
	return p.listening(ctx, s.HTTP, s.HTTPS)
}

// logSink takes what is sent to it and throws it away.
func logSink() (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(io.Discard, c) // until HAProxy ends
			}()
		}
	}()
	return l, nil
}
