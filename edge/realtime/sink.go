package realtime

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Sink is where lines go.
type Sink interface {
	// Write writes whole lines. Those that are left, where there is an error, are given
	// to it again; dropped is how many it will never take.
	Write(ctx context.Context, lines []byte) (left []byte, dropped int, err error)
	Close() error
}

// Open opens a sink: file:PATH, which is appended to, http://… or https://…, to which
// batches of lines are posted, or kafka://BROKER[,BROKER…]/TOPIC, a record for each line.
func Open(name string) (Sink, error) {
	if path, found := strings.CutPrefix(name, "file:"); found && path != "" {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
		if err != nil {
			return nil, err
		}
		return file{f}, nil
	}
	u, err := url.Parse(name)
	switch {
	case err != nil || u.Host == "":
	case u.Scheme == "http" || u.Scheme == "https":
		return &poster{url: name, client: &http.Client{Timeout: writeLimit}}, nil
	case u.Scheme == "kafka" && strings.Trim(u.Path, "/") != "":
		return openKafka(strings.Split(u.Host, ","), strings.Trim(u.Path, "/"))
	}
	return nil, fmt.Errorf("%q is no sink: use file:PATH, http://HOST/PATH, https://HOST/PATH or kafka://BROKER/TOPIC", name)
}

// writeLimit is how long writing a batch may take, closeLimit how long Close waits for
// the last.
const (
	writeLimit = 10 * time.Second
	closeLimit = 2 * time.Second
)

type file struct{ *os.File }

func (f file) Write(_ context.Context, lines []byte) (left []byte, dropped int, err error) {
	n, err := f.File.Write(lines)
	return lines[n:], 0, err
}

type poster struct {
	url    string
	client *http.Client
}

func (p *poster) Write(ctx context.Context, lines []byte) (left []byte, dropped int, err error) {
	return lines, 0, p.post(ctx, lines)
}

func (p *poster) post(ctx context.Context, lines []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(lines))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "text/tab-separated-values")
	answer, err := p.client.Do(r)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10)) // so that the connection is used again
	if err := answer.Body.Close(); err != nil {
		return err
	}
	if answer.StatusCode >= 300 {
		return fmt.Errorf("the answer is %s", answer.Status)
	}
	return nil
}

func (p *poster) Close() error {
	p.client.CloseIdleConnections()
	return nil
}

// batch is whole lines.
type batch struct {
	text  []byte
	lines int
}

// queue is what waits for one sink.
type queue struct {
	arn    string
	sink   Sink
	lines  *prometheus.CounterVec
	logger *slog.Logger

	mu      sync.Mutex
	waiting batch

	wake   chan struct{}
	stop   chan struct{}
	ctx    context.Context
	cancel context.CancelFunc
	done   sync.WaitGroup
}

func newQueue(arn string, sink Sink, lines *prometheus.CounterVec, logger *slog.Logger) *queue {
	q := &queue{arn: arn, sink: sink, lines: lines, logger: logger, wake: make(chan struct{}, 1), stop: make(chan struct{})}
	q.ctx, q.cancel = context.WithCancel(context.Background())
	q.done.Go(q.run)
	return q
}

// add takes lines, or drops them if too much waits.
func (q *queue) add(b *batch) {
	q.mu.Lock()
	room := len(q.waiting.text)+len(b.text) <= waitingBytes
	if room {
		q.waiting.text = append(q.waiting.text, b.text...)
		q.waiting.lines += b.lines
	}
	q.mu.Unlock()
	if !room {
		q.lines.WithLabelValues("dropped").Add(float64(b.lines))
		return
	}
	select {
	case q.wake <- struct{}{}:
	default: // it has not come to it yet
	}
}

func (q *queue) take() batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := q.waiting
	q.waiting = batch{}
	return b
}

const (
	firstRetry = 500 * time.Millisecond
	lastRetry  = 30 * time.Second
)

// run writes what waits; what the sink does not take is tried again, ever later.
func (q *queue) run() {
	for {
		select {
		case <-q.wake:
			q.write()
		case <-q.stop:
			q.write() // the last
			return
		}
	}
}

func (q *queue) write() {
	b := q.take()
	failing := false
	for after := firstRetry; b.lines > 0; after = min(2*after, lastRetry) {
		ctx, cancel := context.WithTimeout(q.ctx, writeLimit)
		left, dropped, err := q.sink.Write(ctx, b.text)
		cancel()
		if dropped > 0 {
			q.lines.WithLabelValues("dropped").Add(float64(dropped))
			q.logger.Error("lines of real-time logs are too large for their sink, and dropped", "stream", q.arn, "lines", dropped)
		}
		if b.lines -= dropped; err != nil {
			waiting := bytes.Count(left, []byte("\n"))
			q.lines.WithLabelValues("sent").Add(float64(b.lines - waiting))
			b = batch{left, waiting}
		} else {
			q.lines.WithLabelValues("sent").Add(float64(b.lines))
			if failing {
				q.logger.Info("real-time logs are taken again", "stream", q.arn)
			}
			return
		}
		if !failing && !errors.Is(err, context.Canceled) {
			q.logger.Error("real-time logs are not taken; they are tried again, and dropped when too much waits", "stream", q.arn, "err", err)
		}
		failing = true
		select {
		case <-time.After(after):
		case <-q.ctx.Done():
			q.lines.WithLabelValues("dropped").Add(float64(b.lines))
			return
		}
	}
}

// close gives the sink a moment to take what waits.
func (q *queue) close() {
	close(q.stop)
	timer := time.AfterFunc(closeLimit, q.cancel)
	defer timer.Stop()
	q.done.Wait()
	q.cancel()
	if err := q.sink.Close(); err != nil {
		q.logger.Error("the sink of real-time logs cannot be closed", "stream", q.arn, "err", err)
	}
}
