package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/warmfront/warmfront/scripts/bench/origin"
	"github.com/warmfront/warmfront/scripts/bench/peers"
)

// bench is one run.
type bench struct {
	cfg     config
	origin  *origin.Server
	servers []*peers.Server
	results []*result
}

// A result is what a server did with a load.
type result struct {
	Load    string  `json:"load"`
	Server  string  `json:"server"`
	Viewers int     `json:"viewers"`
	Rounds  []round `json:"rounds"`
}

// A round is one cold object.
type round struct {
	Fetches    int           `json:"origin_fetches"`
	FirstP50   time.Duration `json:"first_byte_p50_ns"` // since the viewers asked
	FirstP99   time.Duration `json:"first_byte_p99_ns"`
	BehindP50  time.Duration `json:"behind_origin_p50_ns"` // since the origin sent its first byte
	BehindP99  time.Duration `json:"behind_origin_p99_ns"`
	BehindMost time.Duration `json:"behind_origin_max_ns"`
	WholeP99   time.Duration `json:"whole_p99_ns"` // since the viewers asked
	CPU        time.Duration `json:"cpu_ns"`
	Failed     int           `json:"failed"`
	Why        string        `json:"why,omitempty"` // the first failure
}

// run lets every server have every load, round by round, and Warmfront the crowd.
func (b *bench) run(ctx context.Context) error {
	for _, l := range b.cfg.load {
		for _, viewers := range []int{b.cfg.viewers, b.cfg.crowd} {
			if viewers == 0 {
				continue
			}
			var targets []*peers.Server
			var results []*result
			for _, s := range b.servers {
				if viewers == b.cfg.viewers || s.Name == "warmfront" {
					targets, results = append(targets, s), append(results, &result{Load: l, Server: s.Name, Viewers: viewers})
				}
			}
			for range b.cfg.rounds {
				for i, s := range targets {
					r, err := b.round(ctx, s, l, viewers)
					if err != nil {
						return fmt.Errorf("%s, %s: %w", s.Name, l, err)
					}
					say("%s %5d viewers  %-14s %4d fetches  first byte %v / %v  behind the origin %v / %v  whole %v  failed %d %s", l, viewers, s.Name,
						r.Fetches, ms(r.FirstP50), ms(r.FirstP99), ms(r.BehindP50), ms(r.BehindP99), ms(r.WholeP99), r.Failed, r.Why)
					results[i].Rounds = append(results[i].Rounds, r)
				}
			}
			b.results = append(b.results, results...)
			if viewers == b.cfg.crowd {
				break // the same number twice is once
			}
		}
	}
	return nil
}

func ms(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// round has viewers ask one server for an object that nobody has asked for before.
func (b *bench) round(ctx context.Context, s *peers.Server, load string, viewers int) (round, error) {
	path := "/" + load + "/" + rand.Text()
	want, err := origin.Body(path)
	if err != nil {
		return round{}, err
	}
	crowd, err := connect(ctx, s, viewers)
	defer func() {
		for _, v := range crowd {
			_ = v.conn.Close()
		}
	}()
	if err != nil {
		return round{}, err
	}
	before, err := s.CPU()
	if err != nil {
		return round{}, err
	}
	asked := ask(ctx, crowd, s.Host, path, want)
	if err := ctx.Err(); err != nil {
		return round{}, err
	}
	after, err := s.CPU()
	if err != nil {
		return round{}, err
	}
	seen := b.origin.Fetches(path)
	if seen.FirstByte.IsZero() {
		return round{}, errors.Join(errors.New("the origin was not asked, or has not answered"), crowd[0].err)
	}
	r := round{Fetches: seen.Count, CPU: after - before}
	var first, behind, whole []time.Duration
	for _, v := range crowd {
		if v.err != nil {
			if r.Failed++; r.Failed == 1 {
				r.Why = v.err.Error()
			}
			continue
		}
		first, behind, whole = append(first, v.first.Sub(asked)), append(behind, v.first.Sub(seen.FirstByte)), append(whole, v.whole.Sub(asked))
	}
	if len(first) == 0 {
		return r, fmt.Errorf("no viewer was given the object: %s", r.Why)
	}
	r.FirstP50, r.FirstP99 = percentile(first, 50), percentile(first, 99)
	r.BehindP50, r.BehindP99, r.BehindMost = percentile(behind, 50), percentile(behind, 99), slices.Max(behind)
	r.WholeP99 = percentile(whole, 99)
	return r, nil
}

// percentile sorts list.
func percentile(list []time.Duration, p int) time.Duration {
	slices.Sort(list)
	return list[min(len(list)-1, len(list)*p/100)]
}

// failed says which server did not give somebody what was asked for.
func (b *bench) failed() error {
	var errs []error
	for _, r := range b.results {
		for _, round := range r.Rounds {
			if round.Failed > 0 {
				errs = append(errs, fmt.Errorf("%s, %s: %d of %d viewers were not given the object: %s", r.Server, r.Load, round.Failed, r.Viewers, round.Why))
			}
		}
	}
	return errors.Join(errs...)
}
