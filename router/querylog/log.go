package querylog

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"
)

// Config says what is written where.
type Config struct {
	// File gets a line for each exchange: JSON if its name ends in .json or .jsonl, else
	// text: --query-log. Empty is none. It is appended to.
	File string
	// Dnstap is a file that is written anew, or "unix:PATH", a socket that somebody
	// listens on (Frame Streams, bidirectional): --dnstap. Empty is none.
	Dnstap string
	// Sample is the share of exchanges that are written, above 0, up to 1:
	// --query-log-sample.
	Sample float64
	// Version is what dnstap says that this server is.
	Version string
	Logger  *slog.Logger // is told of what cannot be written
}

// Exchange is a query and what was answered.
type Exchange struct {
	Router string // its identity
	From   netip.AddrPort
	TCP    bool
	// Query is the packet, Answer the one that was sent, nil for none.
	Query, Answer []byte
	// Received and Sent are when.
	Received, Sent time.Time
	// POP is the location that was answered, Distribution the id of whose name it was
	// asked for, Geo how the viewer was placed; empty where none of that was done.
	POP, Distribution, Geo string
	// Lost is called if the exchange was taken and cannot be written. It may be nil.
	Lost func()
}

// waiting is how many exchanges wait to be written at most.
const waiting = 1024

// keepBytes bounds what an entry keeps of memory that a large answer has needed.
const keepBytes = 4 << 10

// sayEvery is how often an error that lasts is logged.
const sayEvery = time.Minute

// entry is memory for one exchange.
type entry struct {
	Exchange
	query, answer []byte
}

// sink is where exchanges are written, in words its String. One goroutine calls it.
type sink interface {
	fmt.Stringer
	write(e *entry) error
	flush() error
	// reopen gives up what is written to, which somebody has moved away, and opens it
	// anew.
	reopen() error
	close() error
}

// Log writes exchanges. A nil Log writes none.
type Log struct {
	threshold   uint64
	free, queue chan *entry
	sinks       []sink
	logger      *slog.Logger

	reopening chan chan error
	stop      chan struct{}
	done      chan struct{}
	closed    error // once done is closed

	// What is the goroutine's alone: whom to tell if what is buffered is lost, and when
	// an error was last logged.
	buffered []func()
	said     time.Time
}

// Check returns what is wrong with a configuration, by its flags.
func (cfg Config) Check() error {
	if !(cfg.Sample > 0 && cfg.Sample <= 1) {
		return fmt.Errorf("--query-log-sample %v: use a share above 0, up to 1", cfg.Sample)
	}
	if path, ok := strings.CutPrefix(cfg.Dnstap, "unix:"); ok && path == "" {
		return fmt.Errorf("--dnstap %q: write FILE or unix:PATH", cfg.Dnstap)
	}
	return nil
}

// Open opens what cfg names and begins to write; nil is what it returns where nothing is
// named. A socket need not be there yet.
func Open(cfg Config) (*Log, error) {
	if cfg.File == "" && cfg.Dnstap == "" {
		return nil, nil
	}
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	l := &Log{
		threshold: math.MaxUint64, free: make(chan *entry, waiting), queue: make(chan *entry, waiting), logger: cfg.Logger,
		reopening: make(chan chan error), stop: make(chan struct{}), done: make(chan struct{}),
	}
	if cfg.Sample < 1 {
		l.threshold = uint64(cfg.Sample * math.MaxUint64)
	}
	if l.logger == nil {
		l.logger = slog.New(slog.DiscardHandler)
	}
	if cfg.File != "" {
		s, err := openLines(cfg.File)
		if err != nil {
			return nil, fmt.Errorf("--query-log: %w", err)
		}
		l.sinks = append(l.sinks, s)
	}
	if cfg.Dnstap != "" {
		s, err := openDnstap(cfg.Dnstap, cfg.Version)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("--dnstap: %w", err), l.closeSinks())
		}
		l.sinks = append(l.sinks, s)
	}
	for range waiting {
		l.free <- &entry{}
	}
	go l.run()
	return l, nil
}

// Sample reports whether the next exchange is to be written. It takes some nanoseconds and
// no lock.
func (l *Log) Sample() bool {
	return l != nil && (l.threshold == math.MaxUint64 || rand.Uint64() < l.threshold)
}

// Add takes in an exchange, of which the packets are copied, unless too many wait: then it
// returns false. It waits for nothing.
func (l *Log) Add(x *Exchange) bool {
	var e *entry
	select {
	case e = <-l.free:
	default:
		return false
	}
	e.Exchange = *x
	e.query = append(e.query[:0], x.Query...)
	e.answer = append(e.answer[:0], x.Answer...)
	e.Query, e.Answer = e.query, e.answer
	if x.Answer == nil {
		e.Answer = nil
	}
	l.queue <- e // has room for every entry there is
	return true
}

// Reopen opens files anew, after they were moved away.
func (l *Log) Reopen() error {
	answer := make(chan error, 1)
	select {
	case l.reopening <- answer:
		return <-answer
	case <-l.done:
		return errors.New("the query log is closed")
	}
}

// Close writes what was taken and closes everything. Nothing may be added any more.
func (l *Log) Close() error {
	if l == nil {
		return nil
	}
	close(l.stop)
	<-l.done
	return l.closed
}

func (l *Log) run() {
	defer close(l.done)
	for {
		// Also while there is always more to write: the file may have been moved away.
		select {
		case answer := <-l.reopening:
			answer <- l.reopen()
		default:
		}
		select {
		case e := <-l.queue:
			l.write(e)
			continue
		default:
		}
		l.flush() // before there is nothing to do
		select {
		case e := <-l.queue:
			l.write(e)
		case answer := <-l.reopening:
			answer <- l.reopen()
		case <-l.stop:
			for len(l.queue) > 0 {
				l.write(<-l.queue)
			}
			l.flush()
			l.closed = l.closeSinks()
			return
		}
	}
}

func (l *Log) reopen() error {
	l.flush()
	var errs []error
	for _, s := range l.sinks {
		errs = append(errs, s.reopen())
	}
	return errors.Join(errs...)
}

// write writes an exchange and gives its entry back.
func (l *Log) write(e *entry) {
	good := true
	for _, s := range l.sinks {
		good = l.say(s, s.write(e)) && good
	}
	switch {
	case e.Lost == nil:
	case good:
		l.buffered = append(l.buffered, e.Lost)
	default:
		e.Lost()
	}
	if cap(e.query)+cap(e.answer) > keepBytes {
		e.query, e.answer = nil, nil
	}
	e.Exchange = Exchange{}
	l.free <- e
	if len(l.buffered) >= waiting {
		l.flush()
	}
}

func (l *Log) flush() {
	good := true
	for _, s := range l.sinks {
		good = l.say(s, s.flush()) && good
	}
	for _, lost := range l.buffered {
		if !good {
			lost()
		}
	}
	clear(l.buffered)
	l.buffered = l.buffered[:0]
}

// say logs an error, but not again and again, and reports whether there is none.
func (l *Log) say(s sink, err error) bool {
	if now := time.Now(); err != nil && now.Sub(l.said) > sayEvery {
		l.said = now
		l.logger.Warn("queries are not written", "to", s, "err", err)
	}
	return err == nil
}

func (l *Log) closeSinks() error {
	var errs []error
	for _, s := range l.sinks {
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}
