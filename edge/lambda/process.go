package lambda

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// startTimeout is how long a process may take until it asks for its first event, as
// Lambda's init phase may.
const startTimeout = 10 * time.Second

// pool runs a command in up to most processes, each of which has one event at a time.
type pool struct {
	arn, path string
	most      int
	log       *slog.Logger

	mu     sync.Mutex
	idle   []*process
	all    map[*process]bool
	closed bool
}

func newPool(arn, path string, most int, log *slog.Logger) *pool {
	return &pool{arn: arn, path: path, most: most, log: log, all: map[*process]bool{}}
}

func (p *pool) invoke(ctx context.Context, event []byte, within time.Duration) ([]byte, error) {
	q, err := p.take()
	if err != nil {
		return nil, err
	}
	said, err := q.invoke(ctx, event, within)
	p.giveBack(q)
	return said, err
}

// take returns a process that waits for an event, a new one if none does.
func (p *pool) take() (*process, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 && !p.closed {
		q := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if q.alive() {
			return q, nil
		}
		delete(p.all, q)
	}
	if len(p.all) >= p.most || p.closed {
		return nil, &Fault{503, LimitExceeded, fmt.Sprintf("%d events are with the function's processes already", p.most)}
	}
	q, err := start(p.arn, p.path, p.log)
	if err != nil {
		return nil, &Fault{503, ExecutionError, err.Error()}
	}
	p.all[q] = true
	return q, nil
}

func (p *pool) giveBack(q *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if q.alive() && !p.closed {
		p.idle = append(p.idle, q)
		return
	}
	delete(p.all, q)
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for q := range p.all {
		q.kill()
	}
}

// process is a command that runs, and the runtime API that it alone is served
// (Lambda developer guide, "Using the Lambda runtime API").
type process struct {
	arn    string
	cmd    *exec.Cmd
	server *http.Server
	next   chan task   // taken by the process, with invocation/next
	said   chan answer // what it said of that
	asked  chan struct{}
	once   sync.Once // closes asked
	exited chan struct{}
	serial int
}

type task struct {
	id       string
	deadline time.Time
	body     []byte
}

type answer struct {
	id     string
	body   []byte
	failed bool
}

func start(arn, path string, log *slog.Logger) (*process, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	q := &process{arn: arn, next: make(chan task), said: make(chan answer), asked: make(chan struct{}), exited: make(chan struct{})}
	q.server = &http.Server{Handler: q.api(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = q.server.Serve(ln) }() // until it is closed
	q.cmd = exec.Command(path)
	q.cmd.Dir = filepath.Dir(path)
	name := strings.Split(arn, ":")
	q.cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "LANG=en_US.UTF-8", "TZ=:UTC",
		"AWS_LAMBDA_RUNTIME_API=" + ln.Addr().String(), "AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1",
		"AWS_LAMBDA_FUNCTION_NAME=" + name[len(name)-2], "AWS_LAMBDA_FUNCTION_VERSION=" + name[len(name)-1], "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
		"AWS_EXECUTION_ENV=", "LAMBDA_TASK_ROOT=" + q.cmd.Dir, "_HANDLER=index.handler",
	}
	ownGroup(q.cmd)
	out, err := q.cmd.StdoutPipe()
	if err == nil {
		q.cmd.Stderr = q.cmd.Stdout // one pipe
		err = q.cmd.Start()
	}
	if err != nil {
		_ = q.server.Close()
		return nil, fmt.Errorf("the function's command cannot be started: %w", err)
	}
	go q.watch(out, log)
	return q, nil
}

// watch logs what the process writes, and notes when it has ended.
func (q *process) watch(out io.Reader, log *slog.Logger) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 64<<10)
	for lines.Scan() {
		log.Info("a function's process wrote", "pid", q.cmd.Process.Pid, "line", lines.Text())
	}
	_, _ = io.Copy(io.Discard, out) // what is longer than a line may be
	err := q.cmd.Wait()
	log.Debug("a function's process has ended", "pid", q.cmd.Process.Pid, "err", err)
	_ = q.server.Close()
	close(q.exited)
}

func (q *process) alive() bool {
	select {
	case <-q.exited:
		return false
	default:
		return true
	}
}

// invoke hands the process an event and waits for what it says. A process that takes too
// long is killed: what it is at, nobody waits for.
func (q *process) invoke(ctx context.Context, body []byte, within time.Duration) ([]byte, error) {
	starting := time.NewTimer(startTimeout)
	defer starting.Stop()
	select {
	case <-q.asked:
	case <-q.exited:
		return nil, &Fault{503, ExecutionError, "the function's process ended before it asked for an event"}
	case <-starting.C:
		q.kill()
		return nil, &Fault{503, ExecutionError, "the function's process did not ask for an event within " + startTimeout.String()}
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	deadline, _ := ctx.Deadline()
	q.serial++
	e := task{id: strconv.Itoa(q.cmd.Process.Pid) + "-" + strconv.Itoa(q.serial), deadline: deadline, body: body}
	select {
	case q.next <- e:
	case <-q.exited:
		return nil, &Fault{503, ExecutionError, "the function's process has ended"}
	case <-ctx.Done():
		q.kill()
		return nil, timedOut()
	}
	for {
		select {
		case a := <-q.said:
			switch {
			case a.id != e.id:
				continue // of an event before
			case a.failed:
				return nil, &Fault{503, ExecutionError, fmt.Sprintf("the function failed: %.500s", a.body)}
			}
			return a.body, nil
		case <-q.exited:
			return nil, &Fault{503, ExecutionError, "the function's process ended while it had an event"}
		case <-ctx.Done():
			q.kill()
			return nil, timedOut()
		}
	}
}

// kill ends the process and those it started, and waits until it has.
func (q *process) kill() {
	killGroup(q.cmd)
	<-q.exited
}

// api is the Lambda runtime API.
func (q *process) api() http.Handler {
	mux := http.NewServeMux()
	const root = "/2018-06-01/runtime/"
	mux.HandleFunc("GET "+root+"invocation/next", func(w http.ResponseWriter, r *http.Request) {
		q.once.Do(func() { close(q.asked) })
		select {
		case e := <-q.next:
			h := w.Header()
			h.Set("Content-Type", "application/json")
			h.Set("Lambda-Runtime-Aws-Request-Id", e.id)
			h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(e.deadline.UnixMilli(), 10))
			h.Set("Lambda-Runtime-Invoked-Function-Arn", q.arn)
			_, _ = w.Write(e.body) // it asks again, or is killed
		case <-r.Context().Done():
		}
	})
	said := func(failed bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			b, err := read(r.Body)
			a := answer{r.PathValue("id"), b, failed}
			if w.WriteHeader(http.StatusAccepted); err != nil {
				a.body, a.failed = []byte("what it said is too large, or did not come whole"), true
			}
			select {
			case q.said <- a:
			case <-r.Context().Done():
			}
		}
	}
	mux.HandleFunc("POST "+root+"invocation/{id}/response", said(false))
	mux.HandleFunc("POST "+root+"invocation/{id}/error", said(true))
	mux.HandleFunc("POST "+root+"init/error", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	return mux
}
