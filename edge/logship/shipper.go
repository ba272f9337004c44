package logship

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/edge/accesslog"
	"github.com/warmfront/warmfront/edge/handover"
)

// Config is what a Shipper is told.
type Config struct {
	// Dir is the folder of the spool, this node's alone; made when it is needed.
	Dir string
	// Interval is how long lines are gathered before they are put. 0: an hour, as
	// CloudFront takes at most.
	Interval time.Duration
	// SpoolBytes is how much may wait on the disk. 0: 256 MiB.
	SpoolBytes int64
	// MemoryBytes is how much may wait to be written there. 0: 16 MiB.
	MemoryBytes int
	// Put puts an object: see Buckets.
	Put func(ctx context.Context, o Object, gz []byte) error
	// LookUp sets a record's Country, ASN and Server. Nil: nobody knows.
	LookUp func(*accesslog.Record)
	// Registry holds the node's metrics. Nil: nobody counts.
	Registry *prometheus.Registry
	// Logger gets what goes wrong. Nil: nobody is told.
	Logger *slog.Logger
}

const (
	defaultInterval = time.Hour
	defaultSpool    = 256 << 20
	defaultMemory   = 16 << 20
	// flushAfter is how long records wait in memory: with the time that the disk takes,
	// less than the second that a crash may lose.
	flushAfter = 500 * time.Millisecond
	// maxSegment is the size from which another segment is begun.
	maxSegment = 64 << 20
	// stopLimit is how long Close waits for buckets.
	stopLimit = 2 * time.Second
)

// Shipper delivers the access logs of one edge.
type Shipper struct {
	cfg      Config
	handover *handover.Buffers
	metrics  *metrics
	spooled  atomic.Int64
	table    atomic.Pointer[table]

	mu     sync.Mutex
	routes routes

	// current is the path of the segment that is written, set before there is one and
	// until it is closed; "" for none.
	current atomic.Value

	// The writer's own.
	segment  *segment
	sequence uint64
	spare    []byte
	failing  bool

	packed  chan struct{} // there is a segment to pack
	stop    chan struct{}
	writing sync.WaitGroup
	sending sync.WaitGroup
	cancel  context.CancelFunc
	ctx     context.Context
	closed  atomic.Bool
}

// New makes a shipper, which goes on with what its folder holds.
func New(cfg Config) (*Shipper, error) {
	if cfg.Interval == 0 {
		cfg.Interval = defaultInterval
	}
	if cfg.SpoolBytes == 0 {
		cfg.SpoolBytes = defaultSpool
	}
	if cfg.MemoryBytes == 0 {
		cfg.MemoryBytes = defaultMemory
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Shipper{cfg: cfg, handover: handover.New(cfg.MemoryBytes), packed: make(chan struct{}, 1), stop: make(chan struct{})}
	s.current.Store("")
	s.metrics = newMetrics(cfg.Registry, s.spooled.Load)
	left, next, err := segments(cfg.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the spool of access logs: %w", err)
	}
	s.sequence = next
	if err := s.measure(); err != nil {
		return nil, fmt.Errorf("the spool of access logs: %w", err)
	}
	if len(left) > 0 || s.spooled.Load() > 0 {
		notify(s.packed)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.writing.Go(s.write)
	s.sending.Go(s.send)
	return s, nil
}

// Update goes by a new state: where each distribution's lines go from now on.
func (s *Shipper) Update(state *cdn.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.routes.update(deliveries(state), time.Now())
	if next == nil {
		s.table.Store(nil)
		return
	}
	s.table.Store(&next)
}

// Wants reports whether lines of a distribution's requests go anywhere.
func (s *Shipper) Wants(distribution string) bool {
	t := s.table.Load()
	return t != nil && (*t)[distribution] != nil
}

// Log takes a record. False if it was dropped, which is counted.
func (s *Shipper) Log(r *accesslog.Record) bool {
	t := s.table.Load()
	if t == nil {
		return true
	}
	to := (*t)[r.Distribution]
	if to == nil {
		return true
	}
	if !s.handover.Add(to.Number, r, to.keep) {
		s.metrics.dropped("memory", 1)
		return false
	}
	return true
}

// Close writes what was taken, and tries for a moment to put it; what is not put then
// is on the disk, for the next start. The error says that lines were lost.
func (s *Shipper) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	close(s.stop)
	s.writing.Wait()
	timer := time.AfterFunc(stopLimit, s.cancel)
	defer timer.Stop()
	s.sending.Wait()
	s.cancel()
	if s.failing {
		return errors.New("access logs that waited to be written are lost: the spool could not be written")
	}
	return nil
}

// write is the writer.
func (s *Shipper) write() {
	flush, rotate := stopped(), stopped()
	defer flush.Stop()
	defer rotate.Stop()
	waits := false
	for {
		select {
		case <-s.handover.Some:
			if !waits {
				flush.Reset(flushAfter)
				waits = true
			}
			continue
		case <-s.handover.Much:
		case <-flush.C:
			waits = false
		case <-rotate.C:
			s.rotate()
			continue
		case <-s.stop:
			s.flush(true)
			s.rotate()
			return
		}
		began := s.segment == nil
		s.flush(false)
		if began && s.segment != nil {
			rotate.Reset(s.cfg.Interval)
		}
		if s.segment != nil && s.segment.size >= maxSegment {
			s.rotate()
		}
	}
}

func stopped() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

// flush writes what waits to the segment, and has the disk keep it.
func (s *Shipper) flush(closing bool) {
	wrote := false
	s.spare = s.handover.Take(s.spare, closing, func(frames []byte, count int) {
		switch err := s.append(frames); {
		case errors.Is(err, errSpoolFull):
			s.metrics.dropped("spool", count)
		case err != nil:
			s.metrics.dropped("disk", count)
			s.broken(err)
		default:
			s.metrics.taken(count)
			wrote = true
		}
	})
	if !wrote || s.segment == nil {
		return
	}
	if err := s.segment.file.Sync(); err != nil {
		s.broken(err)
		return
	}
	s.failing = false
}

// errSpoolFull is of what there is no room for.
var errSpoolFull = errors.New("the spool of access logs is full")

func (s *Shipper) append(frames []byte) (err error) {
	if s.spooled.Load()+int64(len(frames)) > s.cfg.SpoolBytes {
		return errSpoolFull
	}
	if s.segment == nil {
		if err := os.MkdirAll(s.cfg.Dir, 0o700); err != nil {
			return err
		}
		path := filepath.Join(s.cfg.Dir, fmt.Sprintf("%016d%s", s.sequence, segmentSuffix))
		s.current.Store(path)
		if s.segment, err = createSegment(path); err != nil {
			s.current.Store("")
			return err
		}
		s.sequence++
		s.spooled.Add(s.segment.size)
	}
	before := s.segment.size
	defer func() { s.spooled.Add(s.segment.size - before) }()
	// The routes are looked at after the records were taken: each was in force before
	// any record of it was.
	s.mu.Lock()
	named := s.routes.named()
	s.mu.Unlock()
	if err := s.segment.name(named); err != nil {
		return err
	}
	return s.segment.write(blockRecords, frames)
}

// broken says once that the disk takes nothing, and begins another segment: what is
// behind half a block could not be read.
func (s *Shipper) broken(err error) {
	if !s.failing {
		s.cfg.Logger.Error("the spool of access logs cannot be written; lines are dropped meanwhile", "err", err)
	}
	s.failing = true
	s.rotate()
}

// rotate ends the segment: the packer may have it.
func (s *Shipper) rotate() {
	if s.segment == nil {
		return
	}
	if err := s.segment.file.Close(); err != nil {
		s.cfg.Logger.Error("a segment of the spool of access logs cannot be closed", "err", err)
	}
	s.segment = nil
	s.current.Store("")
	notify(s.packed)
}

// measure counts what is on the disk, and removes what is half made.
func (s *Shipper) measure() error {
	entries, err := os.ReadDir(s.cfg.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	total := int64(0)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".tmp") {
			_ = os.Remove(filepath.Join(s.cfg.Dir, e.Name()))
			continue
		}
		if info, err := e.Info(); err == nil {
			total += info.Size()
		}
	}
	s.spooled.Store(total)
	return err
}

// send packs segments and sends what is packed, until the writer has ended and there is
// nothing left to do, or the context ends.
func (s *Shipper) send() {
	p := &packer{dir: s.cfg.Dir, lookUp: s.cfg.LookUp, spooled: &s.spooled}
	to := &sender{
		dir: s.cfg.Dir, put: s.cfg.Put, m: s.metrics, logger: s.cfg.Logger, now: time.Now, share: s.cfg.SpoolBytes / 2,
		spooled: &s.spooled, buckets: map[string]*waiting{}, known: map[string]packed{},
	}
	retry := stopped()
	defer retry.Stop()
	for {
		select {
		case <-s.packed:
		case <-retry.C:
		case <-s.stop:
			s.writing.Wait()
			s.pack(p)
			to.send(s.ctx)
			return
		}
		s.pack(p)
		if next := to.send(s.ctx); !next.IsZero() {
			retry.Reset(max(time.Until(next), time.Millisecond))
		}
	}
}

// pack packs what is not being written.
func (s *Shipper) pack(p *packer) {
	// The folder is read first: what is in it and not the current one then is whole.
	paths, _, err := segments(s.cfg.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.cfg.Logger.Error("the spool of access logs cannot be read", "err", err)
	}
	current := s.current.Load().(string)
	for _, path := range paths {
		if path == current {
			continue
		}
		if err := p.pack(path); err != nil {
			s.cfg.Logger.Error("a segment of the spool of access logs cannot be packed; it is tried again later", "segment", path, "err", err)
		}
	}
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it has not come to it yet
	}
}
