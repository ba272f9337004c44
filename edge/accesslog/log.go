package accesslog

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Config is what a Log is told.
type Config struct {
	// Cookies has the requests' cookies written. They are often secrets.
	Cookies bool
	// Limit is how many bytes wait to be written at most, and as many may be being
	// written. 0: 4 MiB.
	Limit int
	// Logger is told of lines that cannot be written. Nil: nobody is.
	Logger *slog.Logger
}

const defaultLimit = 4 << 20

// batch is how much is written at once where much comes: little enough to stay in a
// processor's cache until then.
const batch = 256 << 10

// interval is how often what waits is written, and so how much a crash may lose.
const interval = time.Second

// Log is an access log. Any number of goroutines, of any number of edges, may use
// one.
type Log struct {
	cfg    Config
	target target

	mu      sync.Mutex
	waiting []byte // whole lines
	closed  bool

	wake    chan struct{}
	reopen  chan chan error
	stop    chan struct{}
	done    chan struct{}
	err     error  // of the last write, when done
	writing []byte // the goroutine's own: what is being written
}

// target is where lines go.
type target interface {
	io.Writer
	// reopen goes on in a new file of the same name.
	reopen() error
	io.Closer
}

// New makes a log that writes to w and begins it with Header.
func New(w io.Writer, cfg Config) *Log {
	l := newLog(stream{w}, cfg)
	l.waiting = append(l.waiting, Header...)
	go l.run()
	return l
}

// Open makes a log that writes behind what a file holds, and begins it with Header
// if that is nothing. The file is made if it is not there, for its owner and group
// to read: addresses of viewers are nobody else's business.
func Open(path string, cfg Config) (*Log, error) {
	f := &file{path: path}
	if err := f.reopen(); err != nil {
		return nil, err
	}
	l := newLog(f, cfg)
	go l.run()
	return l, nil
}

func newLog(t target, cfg Config) *Log {
	if cfg.Limit == 0 {
		cfg.Limit = defaultLimit
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Log{
		cfg: cfg, target: t, wake: make(chan struct{}, 1), reopen: make(chan chan error),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
}

// usualLine is longer than most lines are: those are made on the stack.
const usualLine = 1 << 10

// Wants is true: every request leaves a line.
func (l *Log) Wants(string) bool { return true }

// Log takes a record. False if it was dropped: the file takes lines too slowly, or
// the log is closed.
func (l *Log) Log(r *Record) bool {
	var room [usualLine]byte
	line := r.Append(room[:0], l.cfg.Cookies)
	l.mu.Lock()
	if l.closed || len(l.waiting)+len(line) > l.cfg.Limit {
		l.mu.Unlock()
		return false
	}
	before := len(l.waiting)
	l.waiting = append(l.waiting, line...)
	much := before < batch && len(l.waiting) >= batch
	l.mu.Unlock()
	if much {
		select {
		case l.wake <- struct{}{}:
		default: // it has not come to it yet
		}
	}
	return true
}

// Reopen goes on in a new file of the same name, for who has renamed the old one,
// once what waits is written to that. If there can be none the old one stays.
func (l *Log) Reopen() error {
	answer := make(chan error)
	select {
	case l.reopen <- answer:
		return <-answer
	case <-l.done:
		return os.ErrClosed
	}
}

// Close writes what waits and closes the file. The error says that lines were
// lost.
func (l *Log) Close() error {
	l.mu.Lock()
	again := l.closed
	l.closed = true
	l.mu.Unlock()
	if !again {
		close(l.stop)
	}
	<-l.done
	return l.err
}

func (l *Log) run() {
	defer close(l.done)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-tick.C:
		case <-l.wake:
		case answer := <-l.reopen:
			_ = l.write() // said below if it goes on
			answer <- l.target.reopen()
			continue
		case <-l.stop:
			l.err = errors.Join(l.write(), l.target.Close())
			return
		}
		err := l.write()
		if err != nil && !failing {
			l.cfg.Logger.Error("the access log cannot be written; it is tried on, and lines for which there is no room are dropped", "err", err)
		}
		failing = err != nil
	}
}

// write writes what waits. What cannot be written stays: it is tried again, and
// what comes meanwhile waits up to the limit.
func (l *Log) write() error {
	for {
		if len(l.writing) == 0 {
			l.mu.Lock()
			l.writing, l.waiting = l.waiting, l.writing
			l.mu.Unlock()
		}
		if len(l.writing) == 0 {
			return nil
		}
		n, err := l.target.Write(l.writing)
		l.writing = append(l.writing[:0], l.writing[n:]...)
		if err != nil {
			return err
		}
	}
}

// stream is a writer that is no file.
type stream struct{ io.Writer }

func (stream) reopen() error { return nil }
func (stream) Close() error  { return nil }

// file is a file that lines are written behind.
type file struct {
	*os.File
	path string
}

func (f *file) reopen() error {
	opened, err := os.OpenFile(f.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	info, err := opened.Stat()
	if err == nil && info.Mode().IsRegular() && info.Size() == 0 {
		_, err = io.WriteString(opened, Header)
	}
	if err != nil {
		return errors.Join(err, opened.Close())
	}
	if f.File != nil {
		err = f.File.Close()
	}
	f.File = opened
	return err
}
