package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/warmfront/warmfront/cmd/warmfront/cli"
	edgeexplain "github.com/warmfront/warmfront/edge/explain"
	"github.com/warmfront/warmfront/geo"
	"github.com/warmfront/warmfront/network/statefolder"
	"github.com/warmfront/warmfront/network/viewer"
	explanation "github.com/warmfront/warmfront/router/explain"
)

func newExplain(g *cli.Global) *cobra.Command {
	var f explainFlags
	c := &cobra.Command{
		Use:   "explain NAME|URL --from CITY|POP|IP",
		Short: "Say why a viewer in a city is sent to the edge it is sent to, and gets what it gets there",
		Long: "Say why a viewer is sent to the edge it is sent to: where the router takes it to be and by which record, how far each\n" +
			"edge location is, which were passed over and why, and for which network the answer holds. NAME is a distribution's\n" +
			"domain name, an alias in a zone that the routers serve, or a URL. The same is to be had by DNS: dig TXT _explain.NAME\n\n" +
			"Then that edge says what it would do with the URL, or with / of the name, and does nothing of it: by which name and\n" +
			"behavior, which checks pass, what a CloudFront function changes, the cache key part by part, what is stored and how fresh it is,\n" +
			"which caches and which origin would be asked. It is reached as a viewer reaches it, by the viewer proxy of a sandbox. A request that is to be\n" +
			"answered and explained has the header X-Warmfront-Explain: 1.",
		Example: "  warmfront explain d111111abcdef8.warmfront.test --from Lagos\n" +
			"  warmfront explain https://www.example.test/a.css --from SYD -H 'Accept-Encoding: br' -o json",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runExplain(cmd, g, f, args[0]) },
	}
	c.Flags().StringVar(&f.from, "from", "", "where the viewer is: a city, a POP's code or an IP address (default: at home)")
	c.Flags().StringVar(&f.router, "router", "", "the router to ask, host:port (default: the running network's, else 127.0.0.1:5300)")
	c.Flags().StringVar(&f.proxy, "proxy", "", "the viewer proxy (default: the running network's, else 127.0.0.1:3128)")
	c.Flags().StringVarP(&f.method, "method", "X", http.MethodGet, "the method of the request that the edge is to explain")
	c.Flags().StringArrayVarP(&f.headers, "header", "H", nil, "a header of that request, \"Name: value\"")
	return c
}

type explainFlags struct {
	from, router, proxy, method string
	headers                     []string
}

// explained is all that is said, of the way to the edge and by the edge.
type explained struct {
	explanation.Explanation
	// Edge is nil where it could not be asked: EdgeError says why.
	Edge      *edgeexplain.Explanation `json:"edge,omitempty"`
	EdgeError string                   `json:"edge_error,omitempty"`
}

func runExplain(cmd *cobra.Command, g *cli.Global, f explainFlags, what string) error {
	at, err := parseViewer(f.from)
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	header, err := headerOf(f.headers)
	if err != nil {
		return err
	}
	if f.router == "" {
		f.router = "127.0.0.1:5300"
		if running, err := statefolder.Folder(g.Data).Running(); err == nil {
			f.router = running.DNS
		}
	}
	r := viewer.Resolver{Servers: []string{f.router}}
	var x explained
	if x.Explanation, err = r.Explain(cmd.Context(), hostOf(what), at); err != nil {
		return err
	}
	url := what
	if !strings.Contains(url, "://") {
		url = "https://" + hostOf(what) + "/"
	}
	header.Set(edgeexplain.Header, edgeexplain.Only+" "+f.method)
	if x.Edge, err = askEdge(cmd.Context(), g, f, url, header); err != nil {
		x.EdgeError = err.Error()
	}
	return g.Print(cmd, x, func(w *tabwriter.Writer) {
		describeExplanation(w, x.Explanation)
		_ = w.Flush()
		cli.Row(w)
		if x.Edge == nil {
			cli.Row(w, "edge", "not asked: "+x.EdgeError)
			return
		}
		for _, l := range x.Edge.Lines() {
			cli.Row(w, l.About, l.Text)
		}
	})
}

// askEdge has the edge that a viewer is given explain itself.
func askEdge(ctx context.Context, g *cli.Global, f explainFlags, url string, header http.Header) (*edgeexplain.Explanation, error) {
	c, err := g.Client()
	if err != nil {
		return nil, err
	}
	roots, err := roots(ctx, c)
	if err != nil {
		return nil, err
	}
	getter := viewer.Getter{Proxy: cmp.Or(f.proxy, c.Running.Proxy, "127.0.0.1:3128"), Roots: roots, Header: header}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var body bytes.Buffer
	if _, err := getter.Get(ctx, url, f.from, &body); err != nil {
		return nil, err
	}
	x := &edgeexplain.Explanation{}
	if err := json.Unmarshal(body.Bytes(), x); err != nil || x.Node == "" {
		return nil, errors.New("the edge explains nothing: only those of a sandbox do")
	}
	return x, nil
}

// headerOf reads flags of the form "Name: value".
func headerOf(flags []string) (http.Header, error) {
	header := http.Header{}
	for _, h := range flags {
		name, value, ok := strings.Cut(h, ":")
		if !ok {
			return nil, fmt.Errorf("--header %q: write \"Name: value\"", h)
		}
		header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return header, nil
}

// hostOf is the host name in a URL, or a name as it is.
func hostOf(s string) string {
	if u, err := url.Parse(s); err == nil && u.Hostname() != "" {
		return u.Hostname()
	}
	return strings.TrimSuffix(s, ".")
}

// parseViewer returns the address that stands for a viewer; none for nowhere.
func parseViewer(s string) (netip.Addr, error) {
	if s == "" {
		return netip.Addr{}, nil
	}
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Unmap(), nil
	}
	pop, err := geo.BundledCatalogue().ByName(s)
	if err != nil {
		return netip.Addr{}, err
	}
	return geo.ViewerAddr(pop.N), nil
}

// moreRanked is how many locations are shown that are further than the answered one.
const moreRanked = 3

func describeExplanation(w *tabwriter.Writer, x explanation.Explanation) {
	cli.Row(w, "name", fmt.Sprintf("%s (distribution %s, %s)", x.Name, x.Distribution, x.PriceClass))
	cli.Row(w, "viewer", fmt.Sprintf("%s, placed by %s", x.Viewer.Network, placedBy(x.Viewer.By)))
	place := fmt.Sprintf("%.2f %.2f", x.Place.Lat, x.Place.Lon)
	if x.Place.City != "" {
		place = x.Place.City + ", " + x.Place.Country + " (" + place + ")"
	} else if x.Place.Country != "" {
		place = x.Place.Country + " (" + place + ")"
	}
	if x.Viewer.By != "unknown" {
		place += fmt.Sprintf(", known to the %s by %s for %s", x.Place.Precision, x.Place.Source, x.Place.Prefix)
	}
	cli.Row(w, "place", place)
	cli.Row(w, "answer", describeAnswer(x.Answer))
	if d := x.DNSSEC; d != nil {
		cli.Row(w, "DNSSEC", fmt.Sprintf("%s is signed as it is asked for (%s, keys %s), what does not exist by compact denial", d.Zone, d.Algorithm, strings.Trim(fmt.Sprint(d.Keys), "[]")))
	}
	if x.Answer.At != "" {
		cli.Row(w, "ranked by", "measured round trips from "+x.Answer.At+", the nearest location that has any; those in parentheses are a model's")
	}
	_ = w.Flush()
	cli.Row(w, "POP", "DISTANCE", "ROUND TRIP", "EDGES", "LOAD", "")
	answered := 0
	for _, p := range x.Ranking {
		why := p.Excluded
		switch {
		case why != "" && answered > 0:
			continue // further away than the answer, and excluded as well
		case why == "" && x.Answer.POP != "":
			if p.Code == x.Answer.POP {
				why = "answered"
			}
			answered++
		}
		cli.Row(w, p.Code, fmt.Sprintf("%.0f km", p.Km), describeWay(x, p), fmt.Sprintf("%d of %d healthy", p.Healthy, p.Edges), describeLoad(p), why)
		if answered > moreRanked {
			break
		}
	}
}

// describeWay is the round trip that the ranking goes by, or what a model says of it.
func describeWay(x explanation.Explanation, p explanation.POP) string {
	switch {
	case x.Answer.At == "":
		return p.RoundTrip.Round(100 * time.Microsecond).String()
	case p.Measured:
		return p.Way.Round(100 * time.Microsecond).String()
	}
	return "(" + p.Way.Round(100*time.Microsecond).String() + ")"
}

// describeLoad is "93 %, sends on 25 %", or nothing where it is not known.
func describeLoad(p explanation.POP) string {
	if p.Use < 0 {
		return ""
	}
	s := fmt.Sprintf("%.0f %%", p.Use*100)
	if p.Spill > 0 {
		s += fmt.Sprintf(", sends on %.0f %%", p.Spill*100)
	}
	return s
}

func placedBy(by string) string {
	switch by {
	case "subnet":
		return "its subnet (EDNS Client Subnet)"
	case "address":
		return "the address that asks"
	}
	return "nothing, for no database knows it: it is taken to be at home"
}

func describeAnswer(a explanation.Answer) string {
	if a.POP == "" {
		return "none: no edge can be answered"
	}
	s := fmt.Sprintf("%s at %s, %s", a.Node, a.POP, a.Addr)
	for _, other := range a.Others {
		s += " " + other.String()
	}
	s += fmt.Sprintf(", for %d s", a.TTL)
	switch {
	case a.Scope > 0:
		s += fmt.Sprintf(", the same for all of its /%d", a.Scope)
	case a.Scope == 0:
		s += ", the same wherever the viewer is"
	}
	if a.From != "" {
		s += fmt.Sprintf("; %s is nearer and sends on the viewers in %s for its load", a.From, a.Block)
	}
	if a.Overflow {
		s += "; every edge of the price class is down: this one is outside it"
	}
	if a.Degraded {
		s += "; no edge of the price class is healthy: these were good last"
	}
	return s
}
