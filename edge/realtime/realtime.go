// Package realtime sends real-time logs of an edge: of a part of the requests, chosen
// fields, within about a second, to sinks that the operator allowed (developer guide,
// "Use real-time logs").
//
// A real-time log configuration names Kinesis data streams; which sink stands for
// which stream is the operator's to say, never the API's: a file, an HTTP server, or a
// Kafka topic. What a sink does not take is held in memory up to a limit, then dropped
// and counted: like CloudFront's, these logs are made as well as can be and promise
// nothing more. No request waits for them, and handing a record over allocates nothing.
//
// One request goes through it like this. [Log.Log] draws whether it is of the sample,
// and leaves its record in a buffer. Five times a second the writer takes those, makes
// lines, and gives them to the sinks of its configuration, each of which has a
// goroutine that writes what waits for it.
package realtime

import (
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/accesslog"
	"github.com/warmfront/warmfront/edge/handover"
)

// Config is what a Log is told.
type Config struct {
	// Sinks are where lines go, by the ARN of the stream that they stand for: see Open.
	Sinks map[string]string
	// LookUp sets a record's Country, ASN and Server. Nil: nobody knows.
	LookUp func(*accesslog.Record)
	// Registry holds the node's metrics. Nil: nobody counts.
	Registry *prometheus.Registry
	// Logger gets what goes wrong. Nil: nobody is told.
	Logger *slog.Logger
}

const (
	// flushAfter is how long records wait for others.
	flushAfter = 200 * time.Millisecond
	// waitingBytes is how much may wait in the buffers, and for each sink.
	waitingBytes = 4 << 20
)

// Log is the real-time logs of one edge.
type Log struct {
	cfg      Config
	handover *handover.Buffers
	lines    *prometheus.CounterVec
	sinks    map[string]*queue // by ARN

	table atomic.Pointer[table]
	mu    sync.Mutex
	all   []*stream // by number
	said  map[string]bool

	spare []byte
	stop  chan struct{}
	done  sync.WaitGroup
	once  sync.Once
}

// table are the streams in force, by distribution and path pattern.
type table map[string]map[string]*stream

// stream is one real-time log configuration.
type stream struct {
	number uint32
	says   string // tells it from others
	rate   uint32
	format *accesslog.Format
	keeps  accesslog.Selection
	sinks  []*queue
}

// New opens the sinks.
func New(cfg Config) (*Log, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	l := &Log{
		cfg: cfg, handover: handover.New(waitingBytes), sinks: map[string]*queue{}, said: map[string]bool{}, stop: make(chan struct{}),
		lines: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "warmfront_edge_realtime_log_lines_total", Help: "Lines of real-time logs, once for each sink: sent, or dropped because it takes them too slowly.",
		}, []string{"result"}),
	}
	for _, result := range []string{"sent", "dropped"} {
		l.lines.WithLabelValues(result)
	}
	for _, arn := range slices.Sorted(maps.Keys(cfg.Sinks)) {
		sink, err := Open(cfg.Sinks[arn])
		if err != nil {
			l.closeSinks()
			return nil, fmt.Errorf("the sink of %s: %w", arn, err)
		}
		l.sinks[arn] = newQueue(arn, sink, l.lines, cfg.Logger)
	}
	if cfg.Registry != nil {
		cfg.Registry.MustRegister(l.lines)
	}
	l.done.Go(l.run)
	return l, nil
}

// Update goes by a new state.
func (l *Log) Update(s *cdn.State) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := table{}
	for id, p := range s.Plans {
		for i := range p.Behaviors {
			if to := l.streamOf(&p.Behaviors[i]); to != nil {
				if next[id] == nil {
					next[id] = map[string]*stream{}
				}
				next[id][p.Behaviors[i].Pattern] = to
			}
		}
	}
	if len(next) == 0 {
		l.table.Store(nil)
		return
	}
	l.table.Store(&next)
}

// streamOf is the stream of a behavior, nil for none.
func (l *Log) streamOf(b *cdn.Behavior) *stream {
	r := b.Realtime
	if r == nil {
		return nil
	}
	made := &stream{rate: uint32(r.Rate), says: fmt.Sprint(r.Rate, r.Fields, r.Streams)}
	if i := slices.IndexFunc(l.all, func(s *stream) bool { return s.says == made.says }); i >= 0 {
		return l.all[i]
	}
	for _, arn := range r.Streams {
		if q := l.sinks[arn]; q != nil {
			made.sinks = append(made.sinks, q)
		} else if !l.said[arn] {
			l.said[arn] = true
			l.cfg.Logger.Warn("real-time logs go nowhere: no sink stands for their stream (--realtime-log)", "stream", arn)
		}
	}
	if len(made.sinks) == 0 {
		return nil
	}
	made.format = accesslog.Realtime(r.Fields)
	made.keeps = made.format.Keeps()
	made.number = uint32(len(l.all))
	l.all = append(l.all, made)
	return made
}

// Wants reports whether lines of a distribution's requests go anywhere.
func (l *Log) Wants(distribution string) bool {
	t := l.table.Load()
	return t != nil && (*t)[distribution] != nil
}

// Log takes a record, if it is of the sample.
func (l *Log) Log(r *accesslog.Record) {
	t := l.table.Load()
	if t == nil {
		return
	}
	to := (*t)[r.Distribution][r.Behavior]
	if to == nil || to.rate < 100 && rand.Uint32N(100) >= to.rate {
		return
	}
	if !l.handover.Add(to.number, r, to.keeps) {
		l.lines.WithLabelValues("dropped").Inc()
	}
}

// Close gives the sinks what was taken, and a moment to take it.
func (l *Log) Close() error {
	l.once.Do(func() {
		close(l.stop)
		l.done.Wait()
		l.closeSinks()
	})
	return nil
}

func (l *Log) closeSinks() {
	var all sync.WaitGroup
	for _, q := range l.sinks {
		all.Go(q.close)
	}
	all.Wait()
}

func (l *Log) run() {
	flush := time.NewTimer(time.Hour)
	flush.Stop()
	defer flush.Stop()
	waits := false
	for {
		select {
		case <-l.handover.Some:
			if !waits {
				flush.Reset(flushAfter)
				waits = true
			}
			continue
		case <-l.handover.Much:
		case <-flush.C:
			waits = false
		case <-l.stop:
			l.flush(true)
			return
		}
		l.flush(false)
	}
}

// flush makes lines of what waits, and gives them to the sinks.
func (l *Log) flush(closing bool) {
	lines := map[*queue]*batch{}
	l.spare = l.handover.Take(l.spare, closing, func(frames []byte, _ int) {
		l.mu.Lock() // after the records were taken: their streams are there
		all := l.all
		l.mu.Unlock()
		var r accesslog.Record
		rest := string(frames)
		for {
			number, raw, left, ok := handover.Next(rest)
			if !ok || raw.Next(&r) != nil || int(number) >= len(all) {
				return
			}
			rest = left
			s := all[number]
			if s.keeps.LookedUp && l.cfg.LookUp != nil {
				l.cfg.LookUp(&r)
			}
			for _, q := range s.sinks {
				b := lines[q]
				if b == nil {
					b = &batch{}
					lines[q] = b
				}
				b.text = s.format.Append(b.text, &r)
				b.lines++
			}
		}
	})
	for q, b := range lines {
		q.add(b)
	}
}
