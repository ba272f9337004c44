package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/warmfront/warmfront/cmd/warmfront/cli"
	"github.com/warmfront/warmfront/control/operator"
	"github.com/warmfront/warmfront/geo"
	"github.com/warmfront/warmfront/network/tracing"
	"github.com/warmfront/warmfront/network/viewer"
)

type getFlags struct {
	from, proxy, file string
	head, trace       bool
	headers           []string
	timeout           time.Duration
}

func newGet(g *cli.Global) *cobra.Command {
	var f getFlags
	c := &cobra.Command{
		Use:   "get URL --from CITY|POP|IP",
		Short: "Do what a viewer in a city does: resolve, connect, fetch",
		Example: "  warmfront get https://d111111abcdef8.warmfront.test/ --from SYD\n" +
			"  warmfront get https://d111111abcdef8.warmfront.test/logo.png --from 203.0.113.9 --output-file logo.png",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return get(cmd, g, f, args[0]) },
	}
	flags := c.Flags()
	flags.StringVar(&f.from, "from", "", "where the viewer is: a city, a POP's code or an IP address (default: at home)")
	flags.StringVar(&f.proxy, "proxy", "", "the viewer proxy (default: the running network's, else 127.0.0.1:3128)")
	flags.StringVarP(&f.file, "output-file", "O", "", "where the body goes; - for stdout (default: nowhere)")
	flags.BoolVarP(&f.head, "head", "I", false, "ask for the headers alone, and print them")
	flags.StringArrayVarP(&f.headers, "header", "H", nil, "send a header, \"Name: value\"")
	flags.BoolVar(&f.trace, "trace", false, "have the request traced, and print the trace's id; the network is to have been started with --otlp")
	flags.DurationVar(&f.timeout, "timeout", 30*time.Second, "give up after this time")
	return c
}

func get(cmd *cobra.Command, g *cli.Global, f getFlags, url string) error {
	c, err := g.Client()
	if err != nil {
		return err
	}
	roots, err := roots(cmd.Context(), c)
	if err != nil {
		return err
	}
	header, err := headerOf(f.headers)
	if err != nil {
		return err
	}
	getter := viewer.Getter{Proxy: cmp.Or(f.proxy, c.Running.Proxy, "127.0.0.1:3128"), Roots: roots, Header: header}
	if f.head {
		getter.Method = http.MethodHead
	}
	if getter.Trace = f.trace; f.trace {
		traces, err := tracesOf(g, c)
		if err != nil {
			return err
		}
		defer traces.Close()
		if getter.Tracer = traces.Tracer("get", "get"); getter.Tracer == nil {
			_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "warmfront: no collector is known here (warmfront up --otlp URL, or OTEL_EXPORTER_OTLP_ENDPOINT): whoever traces is told of a trace that begins with none of its spans")
		}
	}
	body, done, err := bodyWriter(cmd, f.file)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), f.timeout)
	defer cancel()
	got, err := getter.Get(ctx, url, f.from, body)
	if err = errors.Join(err, done()); err != nil {
		return err
	}
	if f.file == "-" {
		return nil
	}
	return g.Print(cmd, got, func(w *tabwriter.Writer) { describeGot(w, got, f.head) })
}

// tracesOf sends what get itself does to where the running network sends its traces, or to where the environment says;
// nil where neither is known.
func tracesOf(g *cli.Global, c *cli.Client) (*tracing.Exporter, error) {
	log, err := g.Logger()
	if err != nil {
		return nil, err
	}
	return tracing.New(tracing.Settings{URL: c.Running.Traces, Sample: 1}, version, log)
}

// roots is the network's authority, from the state folder or from control.
func roots(ctx context.Context, c *cli.Client) (*x509.CertPool, error) {
	var pem []byte
	if c.Running.CA != "" {
		var err error
		if pem, err = os.ReadFile(c.Running.CA); err != nil {
			return nil, err
		}
	} else {
		var n operator.Network
		if err := c.Operator(ctx, http.MethodGet, "/warmfront/v1/network", nil, &n); err != nil {
			return nil, err
		}
		pem = []byte(n.CA)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("the network's CA certificate cannot be read")
	}
	return pool, nil
}

// bodyWriter writes to a file by way of a temporary one, so that a failed
// transfer leaves nothing behind that looks whole.
func bodyWriter(cmd *cobra.Command, file string) (io.Writer, func() error, error) {
	switch file {
	case "":
		return io.Discard, func() error { return nil }, nil
	case "-":
		return cmd.OutOrStdout(), func() error { return nil }, nil
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".warmfront-get-*")
	if err != nil {
		return nil, nil, err
	}
	return tmp, func() error {
		if err := errors.Join(tmp.Close(), os.Rename(tmp.Name(), file)); err != nil {
			return errors.Join(err, os.Remove(tmp.Name()))
		}
		return nil
	}, nil
}

var popCode = regexp.MustCompile(`^[A-Z]{3}`)

func describeGot(w *tabwriter.Writer, got viewer.Got, headers bool) {
	cli.Row(w, "viewer", fmt.Sprintf("%s (%s)", got.Place, got.Viewer))
	edge := fmt.Sprintf("%s (%s", got.POP, got.Edge)
	if got.Scope >= 0 {
		edge += fmt.Sprintf(", DNS answer for its /%d", got.Scope)
	}
	edge += ")"
	if pop, ok := geo.BundledCatalogue().ByCode(popCode.FindString(got.POP)); ok {
		edge += fmt.Sprintf(", %s, %.0f km away", pop.City, geo.Distance(got.Lat, got.Lon, pop.Lat, pop.Lon))
	}
	cli.Row(w, "edge", edge)
	cli.Row(w, "status", fmt.Sprintf("%d %s, %s, %d bytes", got.Status, http.StatusText(got.Status), got.Proto, got.Bytes))
	if location := got.Header.Get("Location"); location != "" {
		cli.Row(w, "location", location)
	}
	cache := got.Cache
	if age := got.Header.Get("Age"); age != "" {
		cache += ", Age " + age
	}
	cli.Row(w, "cache", cache)
	cli.Row(w, "time", fmt.Sprintf("resolve %v, TLS %v, first byte %v, all %v", got.Resolve, got.TLS, got.FirstByte, got.Total))
	if got.Trace != "" {
		cli.Row(w, "trace", got.Trace)
	}
	if headers {
		_ = w.Flush()
		for name, values := range got.Header {
			for _, v := range values {
				_, _ = fmt.Fprintf(w, "%s: %s\n", name, v)
			}
		}
	}
}
