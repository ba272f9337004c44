package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
)

// calibrate prints, for each class, with which lifetimes LRU and SIEVE come
// nearest to their reference object hit ratios: the least sum of what the four
// figures are off. Neither the other policies nor the byte hit ratios have a say.
func calibrate(cfg config, out, progress io.Writer) error {
	for _, c := range cfg.classes {
		type trial struct {
			class
			off  float64
			have [2][2]float64
		}
		var trials []trial
		for _, life := range []float64{0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.1, 0.11, 0.12} {
			fmt.Fprintf(progress, "%s, lifetimes of %g of the trace\n", c.name, life)
			for _, sigma := range []float64{0.6, 0.8, 1, 1.2, 1.4, 1.6, 1.8, 2} {
				c.life, c.lifeSigma = life, sigma
				t := trial{class: c}
				of := c.generate(cfg.requests, 1)
				for i, policy := range []string{"lru", "sieve"} {
					for j, percent := range percents() {
						r, err := simulate(of, policy, of.footprint*percent/100)
						if err != nil {
							return err
						}
						t.have[i][j] = r.Objects
						t.off += math.Abs(r.Objects - reference(c.name, percent, policy).Objects)
					}
				}
				trials = append(trials, t)
			}
		}
		slices.SortFunc(trials, func(a, b trial) int { return cmp.Compare(a.off, b.off) })
		for _, t := range trials[:5] {
			fmt.Fprintf(out, "%s: life %g sigma %g: off by %.1f in all: LRU %.1f %.1f, SIEVE %.1f %.1f\n",
				c.name, t.life, t.lifeSigma, t.off, t.have[0][0], t.have[0][1], t.have[1][0], t.have[1][1])
		}
	}
	return nil
}
