package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/warmfront/warmfront/cmd/warmfront/cli"
	"github.com/warmfront/warmfront/edge/lambda"
	"github.com/warmfront/warmfront/geo"
	"github.com/warmfront/warmfront/network"
	"github.com/warmfront/warmfront/network/edgelogs"
	"github.com/warmfront/warmfront/network/ports"
	"github.com/warmfront/warmfront/network/statefolder"
)

type upFlags struct {
	pops, zone   string
	dns          dnsFlags
	nodesPerPOP  int
	portBase     int
	noDemo       bool
	regional     bool
	newEpoch     bool
	certificates bool
	adopt        string
	detach, wait bool
	exec         string
	memory, disk string
	capacity     float64
	redirect     time.Duration
	place        placeFlags
	origin       originFlags
	accessLog    accessLogFlag
	lambda       lambdaFlags
	traces       traceFlags
}

func newUp(g *cli.Global) *cobra.Command {
	var f upFlags
	c := &cobra.Command{
		Use:   "up",
		Short: "Run the whole network in this process",
		Long: "Run the whole network in this process: control, two routers, an S3-compatible origin and edges in twelve cities.\n" +
			"A first start makes a bucket \"demo\" with a small site and a distribution for it. State is kept in --data.\n" +
			"Ctrl-C finishes what viewers asked and stops.",
		Example: "  warmfront up\n  warmfront up --pops IAD,FRA,NRT --wan off\n  warmfront up --pops all\n  warmfront up --exec 'go test ./...'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.detach && f.exec != "" {
				return errors.New("--exec waits for its command and then stops the network: leave out --detach")
			}
			if f.wait && !f.detach {
				return errors.New("--wait goes with --detach: without it the network runs in the foreground")
			}
			if f.detach {
				return detach(cmd, g, f)
			}
			return up(cmd, g, f)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.pops, "pops", network.DefaultPOPs, "edge locations to run, by code or city, or all")
	flags.IntVar(&f.nodesPerPOP, "nodes-per-pop", 1, "edge nodes in each location")
	flags.BoolVar(&f.regional, "regional", false, "run the regional edge caches that the edges are nearest to, between them and the origins")
	flags.IntVar(&f.portBase, "port-base", 0, "added to every port, so that several networks run side by side")
	flags.StringVar(&f.zone, "zone", network.DefaultZone, "domain the network is authoritative for")
	addAdopt(flags, &f.adopt)
	flags.BoolVar(&f.noDemo, "no-demo", false, "make no demo bucket and distribution")
	addNewEpoch(flags, &f.newEpoch)
	addRequireCertificates(flags, &f.certificates)
	flags.BoolVar(&f.detach, "detach", false, "run in the background; stop it with warmfront down")
	flags.BoolVar(&f.wait, "wait", false, "with --detach: return when everything answers")
	flags.StringVar(&f.exec, "exec", "", "run a shell command inside the network once it is ready, then stop and exit with its status")
	flags.StringVar(&f.memory, "memory", "64MiB", "memory for cached objects, each edge")
	flags.StringVar(&f.disk, "disk", "256MiB", "disk for cached objects, each edge; 0 for none")
	addCapacity(flags, &f.capacity)
	addRedirectViewers(flags, &f.redirect)
	f.place.add(flags)
	f.origin.add(flags)
	f.lambda.add(flags)
	f.lambda.addProcesses(flags)
	f.traces.add(flags)
	f.dns.add(flags, 0)
	f.accessLog.add(flags, "at any edge", edgelogs.SandboxInterval)
	return c
}

func (f upFlags) config(cmd *cobra.Command, g *cli.Global, log *slog.Logger) (network.UpConfig, error) {
	var cfg network.UpConfig
	db, model, err := f.place.open(log)
	if err != nil {
		return cfg, err
	}
	pops, err := db.Catalogue().Select(f.pops)
	if err != nil {
		return cfg, fmt.Errorf("--pops: %w", err)
	}
	if f.nodesPerPOP < 1 || f.nodesPerPOP > 99 {
		return cfg, fmt.Errorf("--nodes-per-pop %d: use 1 to 99", f.nodesPerPOP)
	}
	ports, err := ports.DefaultPorts().Shift(f.portBase)
	if err != nil {
		return cfg, err
	}
	memory, err := parseBytes(f.memory)
	if err != nil {
		return cfg, fmt.Errorf("--memory: %w", err)
	}
	if f.redirect < 0 {
		return cfg, fmt.Errorf("--redirect-viewers %v: use a time such as 80ms, or 0 for never", f.redirect)
	}
	if !(f.capacity >= 0) { // which is no number either
		return cfg, fmt.Errorf("--capacity %v: use a number of requests a second", f.capacity)
	}
	disk, err := parseDisk(f.disk)
	if err != nil {
		return cfg, err
	}
	dns, err := f.dns.parse(cmd.Flags(), true)
	if err != nil {
		return cfg, err
	}
	if err := dns.Check(f.zone); err != nil {
		return cfg, err
	}
	if dns.Policy == "latency" && model.Scale == 0 {
		return cfg, errors.New("--policy latency measures the delay of distance, which --wan off does not impose: leave one of them out")
	}
	logs, err := f.accessLog.config()
	if err != nil {
		return cfg, err
	}
	origins, allow, err := f.origin.parse()
	return network.UpConfig{
		Folder: statefolder.Folder(g.Data), POPs: pops, NodesPerPOP: f.nodesPerPOP, Regional: f.regional, Home: f.place.home, Zone: f.zone, DNS: dns, Ports: ports,
		Geo: db, WAN: model, MemoryBytes: memory, DiskBytes: disk, Capacity: f.capacity, RedirectViewers: f.redirect, Origins: origins, OriginAllow: allow, Logs: logs, NoDemo: f.noDemo, NewEpoch: f.newEpoch, RequireCertificates: f.certificates,
		AdoptJournal: f.adopt, Version: version, Log: log,
	}, err
}

func up(cmd *cobra.Command, g *cli.Global, f upFlags) error {
	// Many small programs in one: let the collector run often rather than let the
	// heap double.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
	if !cmd.Flags().Changed("log-level") {
		g.LogLevel = "warn"
	}
	log, err := g.Logger()
	if err != nil {
		return err
	}
	cfg, err := f.config(cmd, g, log)
	if err != nil {
		return err
	}
	programs, err := f.lambda.mapping()
	if err != nil {
		return err
	}
	if cfg.Traces, err = f.traces.open(cmd.Flags(), true, log); err != nil {
		return err
	}
	defer cfg.Traces.Close()
	cfg.Lambdas = lambda.New(programs, f.lambda.processes, log)
	defer cfg.Lambdas.Close()
	access, err := f.accessLog.open(cmd.Context(), log)
	if err != nil {
		return err
	}
	if access != nil {
		cfg.Logs.File = access.lines
	}
	queries, stop, err := f.dns.openLog(cmd.Context(), log)
	if err != nil {
		return errors.Join(err, access.close())
	}
	defer stop()
	cfg.DNS.QueryLog = queries
	return errors.Join(runUp(cmd, f, cfg, log), access.close(), queries.Close())
}

func runUp(cmd *cobra.Command, f upFlags, cfg network.UpConfig, log *slog.Logger) error {
	stderr := cmd.ErrOrStderr()
	start := time.Now()
	cfg.Progress = startProgress(stderr)
	u, err := network.NewUp(cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	stopReload := reloadOnHangup(ctx, cfg.Geo, log)
	defer stopReload()
	defer f.dns.reloadKeys(ctx, log, u.ReloadKeys)()
	status := 0
	err = u.Run(ctx, func(r statefolder.Running) {
		if f.exec != "" {
			go func() {
				defer cancel()
				status = execInside(ctx, cfg.Folder, r, f.exec)
			}()
			return
		}
		welcome(cmd.OutOrStdout(), cfg, r, time.Since(start))
	})
	if err == nil && status != 0 {
		return exitError(status)
	}
	if errors.Is(err, context.Canceled) && cmd.Context().Err() != nil {
		return nil
	}
	return err
}

func startProgress(w io.Writer) func(done, of int, what string) {
	if !cli.IsTerminal(w) {
		return nil
	}
	return func(done, of int, what string) {
		end := ""
		if done+1 >= of {
			end = "\r\033[K"
		}
		_, _ = fmt.Fprintf(w, "\r\033[Kstarting %s %d of %d %s%s", cli.Meter(done, of), done, of, what, end)
	}
}

// reloadOnHangup reads the geo databases again on SIGHUP; what cannot be read
// leaves the last good ones in force.
func reloadOnHangup(ctx context.Context, db *geo.DB, log *slog.Logger) (stop func()) {
	return onHangup(ctx, func() {
		if err := db.Reload(); err != nil {
			log.Error("geo databases are not reloaded, the last good ones stay in force", "err", err)
			return
		}
		log.Info("geo databases are reloaded")
	})
}

// onHangup does something on each SIGHUP, until ctx ends or stop is called.
func onHangup(ctx context.Context, do func()) (stop func()) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangup:
				do()
			}
		}
	}()
	return func() { signal.Stop(hangup) }
}

// execInside runs a shell command with the network's environment and returns its
// status. It is ended with the network.
func execInside(ctx context.Context, folder statefolder.Folder, r statefolder.Running, command string) int {
	vars, err := environment(folder, r)
	if err != nil {
		fmt.Fprintln(os.Stderr, "warmfront: "+err.Error())
		return 1
	}
	c := exec.CommandContext(ctx, "sh", "-c", command)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 5 * time.Second
	c.Stdin, c.Stdout, c.Stderr, c.Env = os.Stdin, os.Stdout, os.Stderr, os.Environ()
	for _, v := range vars {
		c.Env = append(c.Env, v.name+"="+v.value)
	}
	err = c.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode()
	}
	fmt.Fprintln(os.Stderr, "warmfront: --exec: "+err.Error())
	return 1
}

// lastWords end the welcome: whoever waits for a network in the background reads up to them.
const lastWords = "IP geolocation by DB-IP, https://db-ip.com"

// welcome prints what to paste.
func welcome(w io.Writer, cfg network.UpConfig, r statefolder.Running, took time.Duration) {
	codes := make([]string, 0, len(cfg.POPs))
	for _, p := range cfg.POPs {
		codes = append(codes, p.Code)
	}
	if len(codes) > 16 {
		codes = append(codes[:16], "…")
	}
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	say("Warmfront is up: %s in %s, ready in %.1f s.", count(len(cfg.POPs)*cfg.NodesPerPOP, "edge", "edges"), count(len(cfg.POPs), "city", "cities"), took.Seconds())
	say("  cities       %s", strings.Join(codes, " "))
	if cfg.Regional {
		say("  regional     the edge caches nearest to them, between them and origins; see %s nodes%s", command(), dataFlag(cfg.Folder))
	}
	say("  API          %s        (CloudFront's; signed)", r.Control)
	say("  S3 origin    %s", r.S3)
	say("  DNS          %s", r.DNS)
	say("  viewer proxy %s", r.Proxy)
	say("  state        %s", cfg.Folder)
	if cfg.Traces != nil {
		say("  traces       to %s; see one with %s get … --trace", cfg.Traces.URL(), command())
	}
	if r.Domain != "" {
		paste(say, cfg, r)
	}
	say("\nAWS tools:  eval \"$(%s env%s)\"   then   aws s3 ls   and   aws cloudfront list-distributions", command(), dataFlag(cfg.Folder))
	say("Ctrl-C (or %s down%s) stops. %s", command(), dataFlag(cfg.Folder), lastWords)
}

func paste(say func(string, ...any), cfg network.UpConfig, r statefolder.Running) {
	label, _, _ := strings.Cut(r.Domain, ".")
	host, port, _ := strings.Cut(r.DNS, ":")
	some := cfg.POPs[min(len(cfg.POPs)-1, 9)]
	for _, p := range cfg.POPs { // the farthest from most people that is there
		if p.Code == "NRT" || p.Code == "SYD" && some.Code != "NRT" {
			some = p
		}
	}
	viewer, edge := geo.ViewerAddr(some.N), network.EdgeAddr(some.N, 1)
	say("\nThe demo site is http://%s.localhost:%d/ in any browser, and %s everywhere. Try:\n", label, r.Ports.HTTP, r.Domain)
	say("  dig @%s -p %s -b %s %s +short      # from %s: its own edge, %s", host, port, viewer, r.Domain, some.City, edge)
	say("  curl -sI --cacert %s --resolve %s:%d:%s https://%s:%d/style.css", r.CA, r.Domain, r.Ports.HTTPS, edge, r.Domain, r.Ports.HTTPS)
	say("  curl -sI --cacert %s -x http://%s@%s https://%s/style.css", r.CA, some.Code, r.Proxy, r.Domain)
	say("  %s get https://%s/ --from %s%s", command(), r.Domain, some.Code, dataFlag(cfg.Folder))
	say("  %s invalidate %s '/*' --wait%s", command(), r.Distribution, dataFlag(cfg.Folder))
	say("  %s fault stop %s%s", command(), some.Code, dataFlag(cfg.Folder))
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// command is how this program was called, so that what is printed can be pasted.
func command() string { return os.Args[0] }

func dataFlag(f statefolder.Folder) string {
	if f == ".warmfront" {
		return ""
	}
	return " --data " + string(f)
}

// detach starts the same command in a session of its own and, with --wait, waits
// until it is ready.
func detach(cmd *cobra.Command, g *cli.Global, f upFlags) error {
	folder := statefolder.Folder(g.Data)
	if r, err := folder.Running(); err == nil {
		return fmt.Errorf("a network runs from %s already (pid %d)", g.Data, r.PID)
	}
	if err := folder.Make(); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var args []string
	for _, a := range os.Args[1:] {
		if a != "--detach" && a != "--wait" && a != "--detach=true" && a != "--wait=true" {
			args = append(args, a)
		}
	}
	logPath := folder.Join("up.log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	c := exec.Command(self, args...)
	c.Stdout, c.Stderr = log, log
	c.Env = append(os.Environ(), "WARMFRONT_DETACH=false", "WARMFRONT_WAIT=false")
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := c.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	if !f.wait {
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "starting in the background (pid %d), log in %s\n", c.Process.Pid, logPath)
		return err
	}
	for {
		select {
		case <-cmd.Context().Done():
			return cmd.Context().Err()
		case err := <-ended:
			text, _ := os.ReadFile(logPath)
			return fmt.Errorf("it ended before it was ready (%w):\n%s", err, strings.TrimSpace(string(text)))
		case <-time.After(20 * time.Millisecond):
		}
		if r, err := folder.Running(); err != nil || r.PID != c.Process.Pid {
			continue
		}
		text, err := os.ReadFile(logPath)
		if err != nil {
			return err
		}
		if strings.Contains(string(text), lastWords+"\n") { // else it is still being written
			_, err = cmd.OutOrStdout().Write(text)
			return err
		}
	}
}

func newDown(g *cli.Global) *cobra.Command {
	return &cobra.Command{
		Use: "down", Short: "Stop the network that runs from the state folder", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := statefolder.Folder(g.Data).Running()
			if err != nil {
				return err
			}
			p, err := os.FindProcess(r.PID)
			if err != nil {
				return err
			}
			if err := p.Signal(syscall.SIGTERM); err != nil {
				return err
			}
			deadline := time.After(15 * time.Second)
			for p.Signal(syscall.Signal(0)) == nil {
				select {
				case <-cmd.Context().Done():
					return cmd.Context().Err()
				case <-deadline:
					return fmt.Errorf("pid %d has not stopped within 15 s", r.PID)
				case <-time.After(20 * time.Millisecond):
				}
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "stopped")
			return err
		},
	}
}

// parsePrefixes reads networks, or single addresses.
func parsePrefixes(flag string, list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range list {
		p, err := netip.ParsePrefix(s)
		if a, aerr := netip.ParseAddr(s); aerr == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s %q is neither a network nor an address", flag, s)
		}
		out = append(out, p)
	}
	return out, nil
}
