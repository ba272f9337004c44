package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"text/tabwriter"
)

func writeJSON(out io.Writer, cfg config, results []result) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Requests int      `json:"requests"`
		Seeds    uint64   `json:"seeds"`
		Results  []result `json:"results"`
	}{cfg.requests, cfg.seeds, results})
}

func writeTable(out io.Writer, cfg config, results []result) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "traffic\tcache\tpolicy\tobject hits %\tmin-max\tbyte hits %\tmin-max\treference\tobjects\tbytes")
	for i, r := range results {
		if i > 0 && (results[i-1].Traffic != r.Traffic || results[i-1].Percent != r.Percent) {
			fmt.Fprintln(w, "\t\t\t\t\t\t\t\t\t")
		}
		fmt.Fprintf(w, "%s\t%d %%\t%s\t%.1f\t%.1f-%.1f\t%.1f\t%.1f-%.1f", r.Traffic, r.Percent, r.Policy,
			r.Median.Objects, r.Min.Objects, r.Max.Objects, r.Median.Bytes, r.Min.Bytes, r.Max.Bytes)
		if r.Reference == nil {
			fmt.Fprintln(w, "\t\t\t")
			continue
		}
		fmt.Fprintf(w, "\t%.0f/%.0f\t%s\t%s\n", r.Reference.Objects, r.Reference.Bytes,
			verdict(r.Median.Objects, r.Reference.Objects), verdict(r.Median.Bytes, r.Reference.Bytes))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out)
	writeBounds(out, results)
	writeGoals(out, cfg.policies, results)
	_, err := fmt.Fprintf(out, `
Medians over %d traces of %d requests; "=" is within a point of the reference. Reference figures, object/byte hits,
were measured elsewhere, on traffic of which the sizes, popularity, requests an object and share of objects asked for
once are known, and no more. What is left open, how long objects live, is calibrated so that LRU and SIEVE come near
their reference figures.
`, cfg.seeds, cfg.requests)
	return err
}

// writeBounds says what no policy can do better than.
func writeBounds(out io.Writer, results []result) {
	said := map[string]bool{}
	for _, r := range results {
		if !said[r.Traffic] {
			said[r.Traffic] = true
			fmt.Fprintf(out, "%s: with room for all, %.1f %% of the requests and %.1f %% of the bytes are hits\n", r.Traffic, r.NoEviction.Objects, r.NoEviction.Bytes)
		}
	}
}

// writeGoals counts where each policy matches or beats its reference.
func writeGoals(out io.Writer, policies []string, results []result) {
	for _, policy := range policies {
		objects, bytes, n := 0, 0, 0
		for _, r := range results {
			if r.Policy != policy || r.Reference == nil {
				continue
			}
			n++
			if r.Median.Objects >= r.Reference.Objects-tolerance {
				objects++
			}
			if r.Median.Bytes >= r.Reference.Bytes-tolerance {
				bytes++
			}
		}
		fmt.Fprintf(out, "%s: matches or beats the reference in %d of %d object hit ratios and %d byte hit ratios\n", policy, objects, n, bytes)
	}
}

// tolerance is how near a figure must be to its reference, a whole number, to
// match it.
const tolerance = 1

// verdict says how far a figure is from its reference.
func verdict(have, reference float64) string {
	if d := have - reference; math.Abs(d) > tolerance {
		return fmt.Sprintf("%+.1f", d)
	}
	return "="
}
