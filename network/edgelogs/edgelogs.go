// Package edgelogs makes the access logs of an edge of what its flags say: a file of
// all its lines, and what distributions want in buckets.
package edgelogs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge"
	"github.com/warmfront/warmfront/edge/accesslog"
	"github.com/warmfront/warmfront/edge/logship"
	"github.com/warmfront/warmfront/edge/realtime"
	"github.com/warmfront/warmfront/geo"
	"github.com/warmfront/warmfront/sigv4"
)

// Config is what the flags say of access logs.
type Config struct {
	// File gets a line for each request of a viewer: --access-log. Nil: none.
	File edge.AccessLog
	// Interval is how long lines are gathered before they are put into a bucket:
	// --log-interval.
	Interval time.Duration
	// SpoolBytes is how much may wait on the disk: --log-spool.
	SpoolBytes int64
	// Key signs what is put, where the buckets are not this network's:
	// --log-credentials. The zero value is the cluster's own key.
	Key sigv4.Credentials
	// Realtime are the sinks of real-time logs, by the ARN of the stream that each stands
	// for: --realtime-log.
	Realtime map[string]string
	// Systems are the autonomous systems of viewers: --asn-database. Nil: nobody knows.
	Systems *geo.Systems
}

// The intervals of a sandbox, and of hosts; CloudFront delivers within an hour.
const (
	SandboxInterval = 5 * time.Second
	HostInterval    = 5 * time.Minute
)

// Node is what logs have to know of the edge.
type Node struct {
	// Dir is the folder of what waits to be put.
	Dir string
	// S3Endpoint is where buckets are; "": at AWS.
	S3Endpoint string
	// ClusterKey is the key that control handed over to sign with; an error before it
	// did.
	ClusterKey func() (sigv4.Credentials, error)
	Dial       func(ctx context.Context, network, address string) (net.Conn, error)
	// LookUp sets a record's Country, ASN and Server.
	LookUp   func(*accesslog.Record)
	Registry *prometheus.Registry
	Logger   *slog.Logger
}

// Logs are the logs of one edge.
type Logs struct {
	file      edge.AccessLog
	ship      *logship.Shipper
	realtime  *realtime.Log
	closeIdle func()
}

// New makes the logs of an edge.
func New(cfg Config, node Node) (*Logs, error) {
	buckets := logship.Buckets{Endpoint: node.S3Endpoint, Dial: node.Dial, Delivery: true, Credentials: func() (sigv4.Credentials, error) {
		key, err := node.ClusterKey()
		if err != nil {
			return key, logship.ErrNotYet
		}
		return key, nil
	}}
	if cfg.Key.AccessKeyID != "" {
		buckets.Delivery, buckets.Credentials = false, func() (sigv4.Credentials, error) { return cfg.Key, nil }
	}
	put, closeIdle := buckets.Sender()
	ship, err := logship.New(logship.Config{
		Dir: node.Dir, Interval: cfg.Interval, SpoolBytes: cfg.SpoolBytes, Put: put, LookUp: node.LookUp, Registry: node.Registry, Logger: node.Logger,
	})
	if err != nil {
		return nil, err
	}
	live, err := realtime.New(realtime.Config{Sinks: cfg.Realtime, LookUp: node.LookUp, Registry: node.Registry, Logger: node.Logger})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("--realtime-log: %w", err), ship.Close())
	}
	return &Logs{file: cfg.File, ship: ship, realtime: live, closeIdle: closeIdle}, nil
}

// Update goes by a new state.
func (l *Logs) Update(s *cdn.State) {
	l.ship.Update(s)
	l.realtime.Update(s)
}

// Wants reports whether requests for a distribution are logged anywhere.
func (l *Logs) Wants(distribution string) bool {
	return l.file != nil || l.ship.Wants(distribution) || l.realtime.Wants(distribution)
}

// Log hands a record to all who want it. False if the file dropped it: what else is
// dropped is counted by who did.
func (l *Logs) Log(r *accesslog.Record) bool {
	l.ship.Log(r)
	l.realtime.Log(r)
	return l.file == nil || l.file.Log(r)
}

// Close keeps what was taken, and tries for a moment to put it.
func (l *Logs) Close() error {
	defer l.closeIdle()
	return errors.Join(l.realtime.Close(), l.ship.Close())
}
