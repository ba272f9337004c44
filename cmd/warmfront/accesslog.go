package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/pflag"

	"github.com/warmfront/warmfront/edge/accesslog"
)

// accessLogFlag names the file that gets a line for each request of a viewer.
type accessLogFlag struct{ path string }

func (f *accessLogFlag) add(flags *pflag.FlagSet, whose string) {
	flags.StringVar(&f.path, "access-log", "", "file to append a line to for each request "+whose+", in the form of CloudFront's standard logs; opened anew on SIGHUP")
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
