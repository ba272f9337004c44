package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/warmfront/warmfront/edge/cache/eviction"
)

// percents are how large a cache is, of the footprint of what is asked for.
func percents() []int64 { return []int64{1, 10} }

// ratio is the share of hits, in percent.
type ratio struct {
	Objects float64 `json:"objects"` // of the requests
	Bytes   float64 `json:"bytes"`   // of the bytes asked for
}

// result is how a policy did with a class of traffic.
type result struct {
	Traffic string `json:"traffic"`
	Percent int64  `json:"cache_percent"`
	Policy  string `json:"policy"`
	// Median is over the seeds, of each figure alone, as are Min and Max.
	Median    ratio  `json:"median"`
	Min       ratio  `json:"min"`
	Max       ratio  `json:"max"`
	Reference *ratio `json:"reference,omitempty"`
	// NoEviction is the ratio of a cache that holds everything, over the seeds.
	NoEviction ratio `json:"no_eviction"`
}

// simulate has a policy cache a trace.
func simulate(t trace, policy string, capacity int64) (ratio, error) {
	p, err := eviction.New[int32](policy, capacity)
	if err != nil {
		return ratio{}, err
	}
	entries := make([]eviction.Entry[int32], len(t.sizes))
	var hits, hitBytes, bytes int64
	for _, i := range t.requests {
		e, size := &entries[i], t.sizes[i]
		bytes += size
		if e.In() {
			p.Use(e)
			hits++
			hitBytes += size
			continue
		}
		p.Add(e, uint64(i), size)
		for p.Evict() != nil {
		}
	}
	return ratio{share(hits, int64(len(t.requests))), share(hitBytes, bytes)}, nil
}

// noEviction is what a cache that holds everything does: only first requests miss.
func noEviction(t trace) ratio {
	var bytes int64
	for _, i := range t.requests {
		bytes += t.sizes[i]
	}
	n := int64(len(t.requests))
	return ratio{share(n-int64(len(t.sizes)), n), share(bytes-t.footprint, bytes)}
}

func share(part, whole int64) float64 { return 100 * float64(part) / float64(whole) }

// measure runs every policy over every trace and says on progress how far it is.
func measure(cfg config, progress io.Writer) ([]result, error) {
	runs := map[result][]ratio{}
	bounds := map[string][]ratio{}
	done, all := 0, len(cfg.classes)*int(cfg.seeds)*len(percents())*len(cfg.policies)
	var said time.Time
	for _, c := range cfg.classes {
		for seed := range cfg.seeds {
			t := c.generate(cfg.requests, seed+1)
			bounds[c.name] = append(bounds[c.name], noEviction(t))
			for _, percent := range percents() {
				for _, policy := range cfg.policies {
					if time.Since(said) > time.Second {
						said = time.Now()
						fmt.Fprintf(progress, "%3d of %d runs done; now %s, seed %d, %s in %d %%\n", done, all, c.name, seed+1, policy, percent)
					}
					r, err := simulate(t, policy, t.footprint*percent/100)
					if err != nil {
						return nil, err
					}
					key := result{Traffic: c.name, Percent: percent, Policy: policy}
					runs[key] = append(runs[key], r)
					done++
				}
			}
		}
	}
	return summarize(cfg, runs, bounds), nil
}

func summarize(cfg config, runs map[result][]ratio, bounds map[string][]ratio) (results []result) {
	for _, c := range cfg.classes {
		for _, percent := range percents() {
			for _, policy := range cfg.policies {
				r := result{Traffic: c.name, Percent: percent, Policy: policy}
				of := runs[r]
				r.Min, r.Median, r.Max = spread(of)
				_, r.NoEviction, _ = spread(bounds[c.name])
				r.Reference = reference(c.name, percent, policy)
				results = append(results, r)
			}
		}
	}
	return results
}

func spread(of []ratio) (least, median, most ratio) {
	objects, bytes := make([]float64, len(of)), make([]float64, len(of))
	for i, r := range of {
		objects[i], bytes[i] = r.Objects, r.Bytes
	}
	slices.Sort(objects)
	slices.Sort(bytes)
	at := func(i int) ratio { return ratio{objects[i], bytes[i]} }
	return at(0), at(len(of) / 2), at(len(of) - 1)
}
