package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/warmfront/warmfront/edge/accesslog"
	"github.com/warmfront/warmfront/geo"
	"github.com/warmfront/warmfront/network/edgelogs"
	"github.com/warmfront/warmfront/network/statefolder"
	"github.com/warmfront/warmfront/sigv4"
)

// accessLogFlag names the file that gets a line for each request of a viewer, and says
// how lines get into the buckets that distributions name.
type accessLogFlag struct {
	path        string
	interval    time.Duration
	spool       string
	credentials string
	realtime    []string
	systems     string
}

func (f *accessLogFlag) add(flags *pflag.FlagSet, whose string, interval time.Duration) {
	flags.StringVar(&f.path, "access-log", "", "file to append a line to for each request "+whose+", in the form of CloudFront's standard logs; opened anew on SIGHUP")
	flags.DurationVar(&f.interval, "log-interval", interval, "how long an edge gathers lines of a distribution's access log before it puts them into the bucket that the distribution names")
	flags.StringVar(&f.spool, "log-spool", "256MiB", "disk for access logs that wait to be put, each edge; what does not fit is dropped and counted")
	flags.StringVar(&f.credentials, "log-credentials", "", "file with the access key (aws_access_key_id, aws_secret_access_key) to put access logs with, where buckets are not this network's (default: as the log delivery, with the cluster's own key)")
	flags.StringArrayVar(&f.realtime, "realtime-log", nil, "where real-time logs for a Kinesis stream go, ARN=SINK: file:PATH, http://HOST/PATH, https://HOST/PATH or kafka://BROKER/TOPIC; repeatable")
	flags.StringVar(&f.systems, "asn-database", "", "file that says which autonomous system an address is of, in the MaxMind format (GeoLite2 ASN, DB-IP ASN Lite), for the field asn of access logs")
}

// config is what edges are told.
func (f *accessLogFlag) config() (cfg edgelogs.Config, err error) {
	if f.interval < time.Second || f.interval > time.Hour {
		return cfg, fmt.Errorf("--log-interval %v: use 1s to 1h", f.interval)
	}
	cfg.Interval = f.interval
	if cfg.SpoolBytes, err = parseBytes(f.spool); err != nil {
		return cfg, fmt.Errorf("--log-spool: %w", err)
	}
	if cfg.SpoolBytes < 1<<20 {
		return cfg, fmt.Errorf("--log-spool %s: use at least 1MiB", f.spool)
	}
	if f.credentials != "" {
		key, err := statefolder.ReadAccessKey(f.credentials)
		if err != nil {
			return cfg, fmt.Errorf("--log-credentials: %w", err)
		}
		cfg.Key = sigv4.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}
	}
	if cfg.Systems, err = geo.OpenSystems(f.systems); err != nil {
		return cfg, fmt.Errorf("--asn-database: %w", err)
	}
	cfg.Realtime = map[string]string{}
	for _, r := range f.realtime {
		arn, sink, found := strings.Cut(r, "=")
		if !found || !strings.HasPrefix(arn, "arn:") || sink == "" {
			return cfg, fmt.Errorf("--realtime-log %q: use ARN=SINK, such as arn:aws:kinesis:us-east-1:123456789012:stream/logs=file:/tmp/logs", r)
		}
		cfg.Realtime[arn] = sink
	}
	return cfg, nil
}

// accessLog is the file while it is open: nil where none is named.
type accessLog struct {
	lines *accesslog.Log
	stop  func()
}

func (f *accessLogFlag) open(ctx context.Context, log *slog.Logger) (*accessLog, error) {
	if f.path == "" {
		return nil, nil
	}
	opened, err := accesslog.Open(f.path, accesslog.Config{Logger: log})
	if err != nil {
		return nil, fmt.Errorf("--access-log: %w", err)
	}
	stop := onHangup(ctx, func() {
		if err := opened.Reopen(); err != nil {
			log.Error("the access log is not opened anew, the old file goes on", "err", err)
			return
		}
		log.Info("the access log is opened anew", "file", f.path)
	})
	return &accessLog{opened, stop}, nil
}

func (l *accessLog) close() error {
	if l == nil {
		return nil
	}
	l.stop()
	if err := l.lines.Close(); err != nil {
		return fmt.Errorf("lines of the access log are lost: %w", err)
	}
	return nil
}

// closing is a program with a log, which is closed when nothing writes to it any more.
type closing struct {
	program
	log func() error
}

func (p closing) Close() error { return errors.Join(p.program.Close(), p.log()) }
