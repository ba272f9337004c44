package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/warmfront/warmfront/cmd/warmfront/cli"
	"github.com/warmfront/warmfront/origin/lb"
)

// statusDefault is where a load balancer tells of itself.
const statusDefault = "127.0.0.1:9101"

func newLB(g *cli.Global) *cobra.Command {
	var cfg lb.Config
	var file, logFile string
	c := &cobra.Command{
		Use:   "lb",
		Short: "Run a load balancer as an origin, before servers of your own",
		Long: "Run a load balancer as an origin: what an Application Load Balancer is to a distribution. It needs no network, and is no node of one.\n" +
			"Edges reach it by the name that the distribution has: --origin NAME=HOST:PORT of `warmfront up` or `warmfront edge`.",
		Example: "  warmfront origin lb --addr 127.0.0.1:8081 --target 127.0.0.1:3000 --target 127.0.0.1:3001 --health-path /healthz\n" +
			"  warmfront up --origin my-alb-1.us-east-1.elb.amazonaws.com=127.0.0.1:8081",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := g.Logger()
			if err != nil {
				return err
			}
			cfg.Logger = log
			return runLB(cmd.Context(), cfg, file, logFile, log)
		},
	}
	f := c.Flags()
	f.StringVar(&cfg.Addr, "addr", "127.0.0.1:8081", "where it listens, HOST:PORT")
	f.StringVar(&cfg.Status, "status-addr", statusDefault, "where it tells of itself, at /healthz and /status; empty: nowhere")
	f.StringArrayVar(&cfg.Targets, "target", nil, "server to hand requests to, HOST:PORT; repeatable")
	f.StringVar(&file, "targets", "", `file of targets in place of --target, {"targets": ["HOST:PORT"]}; read again on SIGHUP`)
	f.StringVar(&cfg.Algorithm, "algorithm", lb.RoundRobin, "how a target is chosen: "+lb.RoundRobin+" or "+lb.LeastOutstanding)
	f.DurationVar(&cfg.Stickiness, "stickiness", 0, "for how long a viewer stays at its target, by a cookie; 0: not at all")
	f.StringVar(&cfg.Cookie, "cookie", "AWSALB", "name of that cookie")
	f.StringVar(&cfg.Health.Path, "health-path", "/", "what targets are asked to see whether they are well: 200 is good")
	f.DurationVar(&cfg.Health.Interval, "health-interval", 10*time.Second, "how often")
	f.DurationVar(&cfg.Health.Timeout, "health-timeout", 5*time.Second, "how long the answer may take")
	f.IntVar(&cfg.Health.Healthy, "healthy-threshold", 5, "good checks in a row that bring a target back")
	f.IntVar(&cfg.Health.Unhealthy, "unhealthy-threshold", 2, "bad checks in a row that take one out")
	f.DurationVar(&cfg.Drain, "drain", 300*time.Second, "for how long a target that is taken away may go on with what it has")
	f.DurationVar(&cfg.Timeout, "timeout", time.Minute, "for how long a target may take to begin its answer: then 504")
	f.StringVar(&logFile, "access-log", "", "file for a line a request, as an Application Load Balancer writes them; - is the standard output")
	c.AddCommand(newLBStatus(g))
	return c
}

func runLB(ctx context.Context, cfg lb.Config, file, logFile string, log *slog.Logger) (err error) {
	if (file == "") == (len(cfg.Targets) == 0) {
		return errors.New("give the targets by --target, or by a file: --targets")
	}
	if file != "" {
		if cfg.Targets, err = readTargets(file); err != nil {
			return err
		}
	}
	switch logFile {
	case "":
	case "-":
		cfg.AccessLog = os.Stdout
	default:
		out, err := os.OpenFile(logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return fmt.Errorf("--access-log: %w", err)
		}
		defer out.Close()
		cfg.AccessLog = out
	}
	b, err := lb.New(cfg)
	if err != nil {
		return err
	}
	if file != "" {
		defer onHangup(ctx, func() {
			targets, err := readTargets(file)
			if err == nil {
				err = b.SetTargets(targets)
			}
			if err != nil {
				log.Error("the targets are not read again, the last good ones stay", "err", err)
				return
			}
			log.Info("the targets are read again", "targets", len(targets))
		})()
	}
	log.Info("serving", "role", "load balancer", "addr", b.Addr(), "targets", len(cfg.Targets))
	return b.Run(ctx)
}

func readTargets(file string) ([]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--targets: %w", err)
	}
	targets, err := lb.ParseTargets(text)
	if err != nil {
		return nil, fmt.Errorf("--targets %s: %w", file, err)
	}
	return targets, nil
}

func newLBStatus(g *cli.Global) *cobra.Command {
	addr := ""
	c := &cobra.Command{
		Use: "status", Short: "Show a load balancer's targets: which are well, what they have to do", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), 5*time.Second)
			defer cancel()
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/status", nil)
			if err != nil {
				return err
			}
			resp, err := http.DefaultClient.Do(r)
			var sent *url.Error
			if errors.As(err, &sent) {
				err = sent.Err // the rest is in the sentence
			}
			if err != nil {
				return fmt.Errorf("no load balancer tells of itself at %s (--status-addr): %w", addr, err)
			}
			defer resp.Body.Close()
			var s lb.Status
			if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&s); err != nil {
				return fmt.Errorf("what answers at %s is no load balancer of Warmfront: %w", addr, err)
			}
			return g.Print(cmd, s, func(w *tabwriter.Writer) {
				cli.Row(w, "TARGET", "STATE", "OUTSTANDING", "REQUESTS", "REASON")
				for _, t := range s.Targets {
					cli.Row(w, t.Address, t.State, t.Outstanding, t.Requests, t.Reason)
				}
			})
		},
	}
	c.Flags().StringVar(&addr, "status-addr", statusDefault, "where it tells of itself")
	return c
}
