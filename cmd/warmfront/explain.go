package main

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/warmfront/warmfront/cmd/warmfront/cli"
	"github.com/warmfront/warmfront/geo"
	"github.com/warmfront/warmfront/network/statefolder"
	"github.com/warmfront/warmfront/network/viewer"
	explanation "github.com/warmfront/warmfront/router/explain"
)

func newExplain(g *cli.Global) *cobra.Command {
	var from, router string
	c := &cobra.Command{
		Use:   "explain NAME --from CITY|POP|IP",
		Short: "Say why a viewer in a city is sent to the edge it is sent to",
		Long: "Say why a viewer is sent to the edge it is sent to: where the router takes it to be and by which record, how far each\n" +
			"edge location is, which were passed over and why, and for which network the answer holds. NAME is a distribution's\n" +
			"domain name, an alias in a zone that the routers serve, or a URL. The same is to be had by DNS: dig TXT _explain.NAME",
		Example: "  warmfront explain d111111abcdef8.warmfront.test --from Lagos\n" +
			"  warmfront explain https://www.example.test/ --from 203.0.113.9 -o json",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := parseViewer(from)
			if err != nil {
				return fmt.Errorf("--from: %w", err)
			}
			if router == "" {
				router = "127.0.0.1:5300"
				if running, err := statefolder.Folder(g.Data).Running(); err == nil {
					router = running.DNS
				}
			}
			r := viewer.Resolver{Servers: []string{router}}
			x, err := r.Explain(cmd.Context(), hostOf(args[0]), at)
			if err != nil {
				return err
			}
			return g.Print(cmd, x, func(w *tabwriter.Writer) { describeExplanation(w, x) })
		},
	}
	c.Flags().StringVar(&from, "from", "", "where the viewer is: a city, a POP's code or an IP address (default: at home)")
	c.Flags().StringVar(&router, "router", "", "the router to ask, host:port (default: the running network's, else 127.0.0.1:5300)")
	return c
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
