package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/pflag"

	"github.com/warmfront/warmfront/network/dns"
	"github.com/warmfront/warmfront/router/querylog"
)

// dnsFlags say how routers answer: one router, or all of a network.
type dnsFlags struct {
	dns.Config
	trusted []string
	log     querylog.Config
}

// defaultRateLimit is --rate-limit of a router on the Internet. In a sandbox there is
// nobody to reflect to.
const defaultRateLimit = 200

func (f *dnsFlags) add(flags *pflag.FlagSet, rateLimit int) {
	flags.StringVar(&f.DNSSEC, "dnssec", "", "sign answers with the keys in this `file`, which warmfront router keys create makes; read again on SIGHUP (default: answers are not signed)")
	flags.StringSliceVar(&f.AliasZones, "zone-for-aliases", nil, "further domain to be authoritative for: aliases in it are answered as their distributions are; repeatable")
	flags.StringArrayVar(&f.CAA, "caa", nil, "who may issue certificates for the zone, as in a zone file: '0 issue \"ca.example.net\"'; repeatable")
	flags.StringSliceVar(&f.trusted, "ecs-trusted", nil, "network of resolvers whose EDNS Client Subnet is believed, such as 192.0.2.0/24; repeatable (default: everybody's)")
	flags.IntVar(&f.Addresses, "addresses", 4, "addresses of one answer, from 1 to 8: of as many healthy edges of the viewer's location")
	flags.StringVar(&f.Policy, "policy", "distance", "what locations are ranked by: distance, or latency, the round trips that edges measure between them")
	flags.BoolVar(&f.ClassOverflow, "class-overflow", false, "send viewers outside a distribution's price class while every edge within it is down")
	flags.IntVar(&f.RateLimit, "rate-limit", rateLimit, "answers a second that a network is sent to one question by UDP, unless it has a cookie; 0 for any number (the default in a sandbox)")
	flags.StringVar(&f.log.File, "query-log", "", "file to append a line to for queries and their answers: JSON if its name ends in .json or .jsonl, else text; opened anew on SIGHUP")
	flags.StringVar(&f.log.Dnstap, "dnstap", "", "write queries and answers as dnstap to FILE, which is begun anew, or to the socket unix:PATH")
	flags.Float64Var(&f.log.Sample, "query-log-sample", 1, "share of the queries that --query-log and --dnstap write, such as 0.01")
}

func (f *dnsFlags) parse(flags *pflag.FlagSet, sandbox bool) (dns.Config, error) {
	cfg := f.Config
	var err error
	if cfg.ECSTrusted, err = parsePrefixes("--ecs-trusted", f.trusted); err != nil {
		return cfg, err
	}
	if flags.Changed("dnssec") && cfg.DNSSEC == "" {
		return cfg, errors.New("--dnssec: name the file of the keys; without --dnssec answers are not signed")
	}
	if cfg.RateLimit < 0 {
		return cfg, fmt.Errorf("--rate-limit %d: use 0 for none, or a number of answers a second", cfg.RateLimit)
	}
	if sandbox && !flags.Changed("rate-limit") {
		cfg.RateLimit = 0
	}
	return cfg, f.log.Check()
}

// reloadKeys reads the keys again on SIGHUP.
func (f *dnsFlags) reloadKeys(ctx context.Context, log *slog.Logger, reload func() error) (stop func()) {
	if f.DNSSEC == "" {
		return func() {}
	}
	return onHangup(ctx, func() {
		if err := reload(); err != nil {
			log.Error("keys are not reloaded, the last good ones stay in force", "err", err)
			return
		}
		log.Info("keys are reloaded", "file", f.DNSSEC)
	})
}

// openLog opens the query log, nil where there is none, and opens it anew on SIGHUP.
func (f *dnsFlags) openLog(ctx context.Context, log *slog.Logger) (l *querylog.Log, stop func(), err error) {
	cfg := f.log
	cfg.Version, cfg.Logger = "Warmfront "+version, log
	if l, err = querylog.Open(cfg); l == nil || err != nil {
		return nil, func() {}, err
	}
	return l, onHangup(ctx, func() {
		if err := l.Reopen(); err != nil {
			log.Error("the query log is not opened anew", "err", err)
			return
		}
		log.Info("the query log is opened anew")
	}), nil
}
