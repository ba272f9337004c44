package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/warmfront/warmfront/network/statefolder"
	"github.com/warmfront/warmfront/scripts/chaos/api"
	"github.com/warmfront/warmfront/scripts/chaos/lab"
	"github.com/warmfront/warmfront/sim/claim"
	"github.com/warmfront/warmfront/sim/site"
)

// stage is a network that runs and is looked at.
type stage struct {
	options
	hosts     *hosts
	line      *timeline
	history   *claim.History
	tally     *tally
	publisher *publisher
	readers   []*reader
	storm     *storm
}

// inRoom is the run: set up, faults, report. Everything ends with this process.
func inRoom(ctx context.Context, o options) (int, error) {
	s, err := prepare(ctx, o)
	if err != nil {
		return 0, fmt.Errorf("%w (logs: %s)", err, o.logs)
	}
	s.perform(ctx)
	r := summarize(o.seed, s.line, s.tally, s.publisher, len(s.hosts.edges), o.logs)
	r.Origin, r.Confirmed = s.hosts.site.Served()
	for _, m := range s.hosts.nodes() {
		if err := m.process.Kill(); err != nil {
			return 0, err
		}
	}
	if err := s.line.close(); err != nil {
		return 0, err
	}
	if err := o.print(r, os.Stdout); err != nil {
		return 0, err
	}
	f, err := os.Create(filepath.Join(o.logs, "report.json"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if r.failed() {
		return exitFound, r.json(f)
	}
	return 0, r.json(f)
}

// prepare starts everything and waits until every edge serves.
func prepare(ctx context.Context, o options) (*stage, error) {
	room, err := lab.NewRoom()
	if err != nil {
		return nil, err
	}
	s := &stage{options: o, tally: newTally()}
	if s.line, err = newTimeline(time.Now(), os.Stderr, o.logs); err != nil {
		return nil, err
	}
	if s.hosts, err = newHosts(room, o.binary, o.logs, s.died); err != nil {
		return nil, err
	}
	objects, byPath, paths := site.Objects(), map[string]site.Object{}, []string(nil)
	for _, object := range objects {
		byPath[object.Path], paths = object, append(paths, object.Path)
	}
	s.history = claim.New(paths, time.Now())
	s.hosts.site = &site.Origin{Objects: byPath, Current: s.history.Current, Epoch: time.Now().Add(-48 * time.Hour).Truncate(time.Second), Delay: site.Delays}
	if err := s.hosts.serveOrigin(ctx); err != nil {
		return nil, err
	}
	s.publisher = &publisher{objects: objects, history: s.history, line: s.line, run: fmt.Sprint(time.Now().UnixNano())}
	domain, err := s.start(ctx)
	if err != nil {
		return nil, err
	}
	for _, e := range s.hosts.edges {
		s.readers = append(s.readers, &reader{hosts: s.hosts, edge: e, domain: domain, rate: o.rate / float64(len(s.hosts.edges)), objects: objects,
			history: s.history, line: s.line, tally: s.tally})
	}
	s.storm = &storm{hosts: s.hosts, line: s.line, publisher: s.publisher}
	for _, m := range s.hosts.nodes() { // all are registered: the oldest state that is ever put back
		if err := m.copyDisk(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// start starts control and edges, and returns the domain that they serve.
func (s *stage) start(ctx context.Context) (domain string, err error) {
	if err := s.hosts.control.process.Start(); err != nil {
		return "", err
	}
	if err := s.hosts.healthy(ctx, s.hosts.control); err != nil {
		return "", err
	}
	key, err := statefolder.ReadAccessKey(filepath.Join(s.hosts.control.dir, statefolder.AccessKeyFile))
	if err != nil {
		return "", err
	}
	s.publisher.api = api.New("http://"+s.hosts.control.host.Addr.String()+":8800", key, s.hosts.client(0).Transport)
	for _, e := range s.hosts.edges {
		if err := e.process.Start(); err != nil {
			return "", err
		}
	}
	for _, e := range s.hosts.edges {
		if err := s.hosts.healthy(ctx, e); err != nil {
			return "", err
		}
	}
	if domain, err = s.publisher.api.Distribute(ctx, originName, "/query/*"); err != nil {
		return "", err
	}
	for _, e := range s.hosts.edges {
		if err := s.serves(ctx, e, domain); err != nil {
			return "", err
		}
	}
	return domain, nil
}

// serves waits until an edge knows the distribution.
func (s *stage) serves(ctx context.Context, e *node, domain string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	client := s.hosts.client(5 * time.Second)
	for {
		q := &site.Read{Method: http.MethodGet, URI: "/plain/0"}
		do(ctx, client, "http://"+e.host.Addr.String(), domain, q)
		if q.Status == http.StatusOK {
			return nil
		}
		if !wait(ctx, 100*time.Millisecond) {
			return fmt.Errorf("%s does not serve: status %d, %w", e.name, q.Status, q.Err)
		}
	}
}

// died is told of a process that ended by itself. It is started again, so that the run goes on.
func (s *stage) died(name, how string) {
	s.line.offend(violation{What: died, Why: name + ": " + how}, time.Now())
	if err := s.hosts.node(name).process.Start(); err != nil {
		s.line.offend(violation{What: blocked, Why: "starting " + name + " again: " + err.Error()}, time.Now())
	}
}

// perform runs the plan, with readers and publisher at work, and waits for what was begun.
func (s *stage) perform(interrupted context.Context) {
	s.line.start = time.Now()
	whole, end := context.WithCancelCause(context.WithoutCancel(interrupted))
	defer end(nil)
	context.AfterFunc(interrupted, func() { end(errInterrupted) })
	publishing, cancel := context.WithTimeout(whole, s.duration-coolDown/2)
	defer cancel()
	watching, cancel := context.WithTimeout(whole, s.duration+leaseHeld)
	defer cancel()
	reading, stopReading := context.WithCancel(whole)
	var readers, others sync.WaitGroup
	for _, r := range s.readers {
		readers.Go(func() { r.run(reading) })
	}
	archiving, stopArchive := context.WithCancel(publishing)
	others.Go(func() { s.storm.archive(archiving) })
	others.Go(func() { s.progress(reading) })
	others.Go(func() {
		s.storm.blow(whole, plan(s.seed, s.duration, edgeNodeNames()))
		stopArchive()
	})
	s.publisher.publish(publishing, watching)
	wait(whole, time.Until(s.line.start.Add(s.duration)))
	stopReading()
	readers.Wait()
	others.Wait()
}

// progress prints a line every ten seconds.
func (s *stage) progress(ctx context.Context) {
	for wait(ctx, 10*time.Second) {
		s.tally.mu.Lock()
		reads, hits := s.tally.reads, s.tally.caches["Hit"]+s.tally.caches["RefreshHit"]
		s.tally.mu.Unlock()
		s.publisher.mu.Lock()
		completed := len(s.publisher.outcomes)
		s.publisher.mu.Unlock()
		on := s.line.during(time.Now(), time.Now())
		s.line.mu.Lock()
		found := len(s.line.offences)
		s.line.mu.Unlock()
		fmt.Fprintf(os.Stderr, "%5.0f s: %d reads, %d hits, %d invalidations Completed, %d under way, %d faults on, %d violations\n",
			time.Since(s.line.start).Seconds(), reads, hits, completed, s.publisher.underWay.Load(), len(on), found)
	}
}
