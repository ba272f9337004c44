package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"github.com/warmfront/warmfront/network/statefolder"
	"github.com/warmfront/warmfront/scripts/bench/origin"
	"github.com/warmfront/warmfront/scripts/bench/peers"
)

// cached is what viewers waited for while everything that an edge held of another distribution was invalidated.
type cached struct {
	Objects int           `json:"objects"`
	Fill    time.Duration `json:"fill_ns"`
	Kinds   []kind        `json:"windows"`
	// Live is the first window with an invalidation: all objects were good until then. In later ones they lie in the
	// cache too, but dead already.
	Live spread `json:"live"`
}

// kind is windows alike: "quiet", one path that nobody has, or everything.
type kind struct {
	Name      string          `json:"name"`
	Path      string          `json:"path,omitempty"`
	Windows   []spread        `json:"windows"`
	CPU       []time.Duration `json:"cpu_ns"` // of the edge, a window
	Completed spread          `json:"completed"`
	took      []time.Duration
}

func p50(s spread) time.Duration     { return s.P50 }
func p99(s spread) time.Duration     { return s.P99 }
func p999(s spread) time.Duration    { return s.P999 }
func slowest(s spread) time.Duration { return s.Most }

func (k kind) middle(f func(spread) time.Duration) string {
	m, _, _ := median(k.Windows, f)
	return ms(m)
}

func (k kind) cpu() string {
	m, _, _ := median(k.CPU, func(d time.Duration) time.Duration { return d })
	return ms(m)
}

func (k kind) worst() time.Duration {
	_, _, m := median(k.Windows, slowest)
	return m
}

// The objects: small ones to fill the cache with, and few that viewers ask for, of the other distribution.
const (
	fillPath = "/bytes/100/"
	hotPath  = "/bytes/1024/"
	hot      = 100
	fillers  = 64
	// objectMemory is more than a small object takes.
	objectMemory = 2 << 10
)

func measureCached(ctx context.Context, cfg config, objects int) (c cached, err error) {
	c.Objects = objects
	folder, err := os.MkdirTemp("", "bench-invalidate-")
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	source, err := origin.Start()
	if err != nil {
		return c, err
	}
	defer source.Close()
	s, err := peers.Start(ctx, "warmfront", peers.Config{
		Folder: folder, Origin: source.Addr(), CPU: 0, Binary: cfg.binary, Memory: max(64, objects*objectMemory>>20), Files: 1000,
	})
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	a, err := newAPI(s.API, statefolder.Folder(s.State))
	if err != nil {
		return c, err
	}
	full, err := a.distributionOf(ctx, s.Host)
	if err != nil {
		return c, err
	}
	viewers := *s // the same edge, asked for the other distribution
	if viewers.Host, err = a.another(ctx); err != nil {
		return c, err
	}
	began := time.Now()
	if err := errors.Join(fill(ctx, s, fillPath, objects), fill(ctx, &viewers, hotPath, hot)); err != nil {
		return c, err
	}
	c.Fill = time.Since(began)
	say("%d objects: cached in %.1f s", objects, c.Fill.Seconds())
	if err := pause(ctx, 2*time.Second); err != nil { // what is written to the disk
		return c, err
	}
	if err := c.windows(ctx, cfg, a, full, &viewers, source); err != nil {
		return c, err
	}
	return c, dead(ctx, s, source)
}

// windows has one of each kind in turn.
func (c *cached) windows(ctx context.Context, cfg config, a *api, full string, viewers *peers.Server, source *origin.Server) error {
	c.Kinds = []kind{{Name: "quiet"}, {Name: "one path", Path: "/nobody/has/this"}, {Name: "everything", Path: "/*"}}
	if _, err := drive(ctx, viewers, cfg.rate, cfg.window); err != nil { // connections, and what a first request costs
		return err
	}
	asked := source.Requests()
	for i := range cfg.windows {
		for j := range c.Kinds {
			k := &c.Kinds[j]
			before, err := viewers.CPU()
			if err != nil {
				return err
			}
			invalidated := make(chan error, 1)
			go func() { invalidated <- k.invalidate(ctx, cfg, a, full) }()
			took, err := drive(ctx, viewers, cfg.rate, cfg.window)
			if err = errors.Join(err, <-invalidated); err != nil {
				return err
			}
			after, err := viewers.CPU()
			if err != nil {
				return err
			}
			k.Windows, k.CPU = append(k.Windows, took), append(k.CPU, after-before)
			if i == 0 {
				c.Live = took // the last kind's stays
			}
		}
		say("%d objects: %d of %d windows of each kind", c.Objects, i+1, cfg.windows)
	}
	for j := range c.Kinds {
		c.Kinds[j].Completed = spreadOf(c.Kinds[j].took)
	}
	if n := source.Requests() - asked; n != 0 {
		return fmt.Errorf("the origin was asked %d times for what viewers should have been given from the cache", n)
	}
	return nil
}

// dead fails unless what was invalidated is fetched anew.
func dead(ctx context.Context, s *peers.Server, source *origin.Server) error {
	v, err := dialViewer(ctx, s)
	if err != nil {
		return err
	}
	defer v.Close()
	asked := source.Requests()
	if err := v.get(fillPath + "0"); err != nil {
		return err
	}
	if source.Requests() == asked {
		return errors.New("an object that was invalidated was given without asking the origin")
	}
	return nil
}

// invalidate does so a third into the window, and waits for Completed.
func (k *kind) invalidate(ctx context.Context, cfg config, a *api, distribution string) error {
	if k.Path == "" {
		return nil
	}
	if err := pause(ctx, cfg.window/3); err != nil {
		return err
	}
	asked := time.Now()
	id, err := a.invalidate(ctx, distribution, k.Path)
	if err != nil {
		return err
	}
	done, err := a.completed(ctx, distribution, id, poll)
	k.took = append(k.took, done.Sub(asked))
	return err
}

// fill asks for every object once.
func fill(ctx context.Context, s *peers.Server, path string, objects int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var group sync.WaitGroup
	for range fillers {
		group.Go(func() {
			v, err := dialViewer(ctx, s)
			if err != nil {
				cancel(err)
				return
			}
			defer v.Close()
			for i := int(next.Add(1) - 1); i < objects && ctx.Err() == nil; i = int(next.Add(1) - 1) {
				if err := v.get(fmt.Sprint(path, i)); err != nil {
					cancel(err)
				}
				if i > 0 && i%100000 == 0 {
					say("filling: %d of %d", i, objects)
				}
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}

func (a *api) distributionOf(ctx context.Context, domain string) (string, error) {
	out, err := a.cloudfront.ListDistributions(ctx, &cloudfront.ListDistributionsInput{})
	if err != nil {
		return "", err
	}
	for _, d := range out.DistributionList.Items {
		if aws.ToString(d.DomainName) == domain {
			return aws.ToString(d.Id), nil
		}
	}
	return "", fmt.Errorf("no distribution is called %s", domain)
}

// another makes a second distribution of the same origin, waits until it is Deployed and returns its name.
func (a *api) another(ctx context.Context) (string, error) {
	out, err := a.cloudfront.CreateDistribution(ctx, &cloudfront.CreateDistributionInput{DistributionConfig: &types.DistributionConfig{
		CallerReference: aws.String("viewers"), Comment: aws.String(""), Enabled: aws.Bool(true),
		Origins: &types.Origins{Quantity: aws.Int32(1), Items: []types.Origin{{
			Id: aws.String("origin"), DomainName: aws.String("origin.example"),
			CustomOriginConfig: &types.CustomOriginConfig{HTTPPort: aws.Int32(80), HTTPSPort: aws.Int32(443), OriginProtocolPolicy: types.OriginProtocolPolicyHttpOnly},
		}}},
		DefaultCacheBehavior: &types.DefaultCacheBehavior{
			TargetOriginId: aws.String("origin"), ViewerProtocolPolicy: types.ViewerProtocolPolicyAllowAll,
			CachePolicyId: aws.String("658327ea-f89d-4fab-a63d-7e88639e58f6"), // CachingOptimized
		},
	}})
	if err != nil {
		return "", err
	}
	for ctx, cancel := context.WithTimeout(ctx, oneLimit); ; {
		got, err := a.cloudfront.GetDistribution(ctx, &cloudfront.GetDistributionInput{Id: out.Distribution.Id})
		if err == nil && aws.ToString(got.Distribution.Status) == "Deployed" {
			cancel()
			return aws.ToString(got.Distribution.DomainName), nil
		}
		if err = errors.Join(err, pause(ctx, poll)); err != nil {
			cancel()
			return "", err
		}
	}
}
