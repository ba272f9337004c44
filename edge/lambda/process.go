package lambda

import (
	"context"
	"fmt"
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

// process is a command that runs, and the runtime API that it alone is served.
type process struct {
	arn    string
	cmd    *exec.Cmd
	log    *slog.Logger
	server *http.Server
	next   chan *task // taken by the process, with invocation/next
	asked  chan struct{}
	once   sync.Once   // closes asked
	broken chan string // why it cannot start, as it says itself
	exited chan struct{}
	serial int

	mu      sync.Mutex
	current *task // what it has, and has said nothing of
	ended   bool  // it is killed, or has ended
}

// task is an event for a process.
type task struct {
	id       string
	deadline time.Time
	body     []byte
	said     chan answer // what the process said of it, once
}

type answer struct {
	body   []byte
	failed bool
}

func start(arn, path string, log *slog.Logger) (*process, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	q := &process{arn: arn, log: log, next: make(chan *task), asked: make(chan struct{}), broken: make(chan string, 1), exited: make(chan struct{})}
	q.server = &http.Server{Handler: q.api(), ReadHeaderTimeout: 10 * time.Second}
	q.cmd = exec.Command(path)
	q.cmd.Dir, q.cmd.Env = filepath.Dir(path), environment(arn, path, ln.Addr().String())
	ownGroup(q.cmd)
	read, write, err := os.Pipe()
	if err != nil {
		_ = ln.Close()
		return nil, err
	}
	q.cmd.Stdout, q.cmd.Stderr = write, write
	err = q.cmd.Start()
	_ = write.Close() // the process has its own
	if err != nil {
		_, _ = read.Close(), ln.Close()
		return nil, fmt.Errorf("the function's command cannot be started: %w", err)
	}
	log.Info("a function's process was started", "pid", q.cmd.Process.Pid)
	go func() { _ = q.server.Serve(ln) }() // until it is closed
	go q.logOutput(read)
	go q.await(read)
	return q, nil
}

// environment is what a process gets of one: nothing of the edge's own but where programs
// and the user's files are, and what Lambda says (Lambda developer guide, "Defined runtime
// environment variables"). No credentials are in it.
func environment(arn, path, api string) []string {
	name := strings.Split(arn, ":")
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "LANG=en_US.UTF-8", "TZ=:UTC",
		"AWS_LAMBDA_RUNTIME_API=" + api, "AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1",
		"AWS_LAMBDA_FUNCTION_NAME=" + name[len(name)-2], "AWS_LAMBDA_FUNCTION_VERSION=" + name[len(name)-1], "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
		"AWS_EXECUTION_ENV=", "LAMBDA_TASK_ROOT=" + filepath.Dir(path), "_HANDLER=index.handler",
	}
}

// await waits until the process has ended, and ends what it has left: a child that holds
// its output, or a port, would be nobody's.
func (q *process) await(output *os.File) {
	waited := waitEnd(q.cmd)
	var err error
	if !waited {
		err = q.cmd.Wait()
	}
	q.mu.Lock()
	expected := q.ended
	q.ended = true
	killGroup(q.cmd) // where that was waited for, its number is nobody else's yet
	q.mu.Unlock()
	if waited {
		err = q.cmd.Wait()
	}
	_ = output.SetReadDeadline(time.Now().Add(time.Second)) // who has left the group may hold it still
	if expected {
		q.log.Info("a function's process was ended", "pid", q.cmd.Process.Pid)
	} else {
		q.log.Warn("a function's process ended by itself", "pid", q.cmd.Process.Pid, "err", err)
	}
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

// started reports whether the process has asked for an event.
func (q *process) started() bool {
	select {
	case <-q.asked:
		return true
	default:
		return false
	}
}

// invoke hands the process an event and waits for what it says. A process that takes too
// long is killed: what it is at, nobody waits for.
func (q *process) invoke(ctx context.Context, body []byte, within time.Duration) ([]byte, error) {
	starting := time.NewTimer(startTimeout)
	defer starting.Stop()
	select {
	case <-q.asked:
	case why := <-q.broken:
		q.kill()
		return nil, &Fault{503, ExecutionError, fmt.Sprintf("the function's process cannot start, it says: %.500s", why)}
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
	e := &task{id: strconv.Itoa(q.cmd.Process.Pid) + "-" + strconv.Itoa(q.serial), deadline: deadline, body: body, said: make(chan answer, 1)}
	q.have(e)
	defer q.have(nil)
	select {
	case q.next <- e:
	case <-q.exited:
		return nil, &Fault{503, ExecutionError, "the function's process has ended"}
	case <-ctx.Done():
		q.kill()
		return nil, timedOut()
	}
	select {
	case a := <-e.said:
		if a.failed {
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

// have notes what the process has; nil: nothing.
func (q *process) have(e *task) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.current = e
}

// answered takes what the process has if that has an id; nil if it has not.
func (q *process) answered(id string) *task {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := q.current
	if e == nil || e.id != id {
		return nil
	}
	q.current = nil
	return e
}

// kill ends the process and those it started, and waits until it has.
func (q *process) kill() {
	q.mu.Lock()
	if !q.ended {
		q.ended = true
		killGroup(q.cmd)
	}
	q.mu.Unlock()
	<-q.exited
}
