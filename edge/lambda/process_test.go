//go:build unix

package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestMain is also the function of the tests: the test binary, started as a process that is
// served the runtime API.
func TestMain(m *testing.M) {
	if api := os.Getenv("AWS_LAMBDA_RUNTIME_API"); api != "" {
		runtime("http://" + api + "/2018-06-01/runtime/")
		return
	}
	os.Exit(m.Run())
}

// runtime does what uris say, which begin with a word.
func runtime(api string) {
	if os.Getenv("AWS_LAMBDA_FUNCTION_NAME") == "broken" {
		_, _ = http.Post(api+"init/error", "application/json", strings.NewReader(`{"errorMessage":"no such module"}`))
		select {}
	}
	for {
		next, err := http.Get(api + "invocation/next")
		if err != nil {
			os.Exit(1)
		}
		var e document
		err = json.NewDecoder(next.Body).Decode(&e)
		if err != nil {
			os.Exit(2)
		}
		id := next.Header.Get("Lambda-Runtime-Aws-Request-Id")
		_ = next.Body.Close()
		word, rest, _ := strings.Cut(e.Records[0].CF.Request.URI[1:], "/")
		said := do(word, rest)
		resp, err := http.Post(api+"invocation/"+id+"/response", "application/json", strings.NewReader(said))
		if err == nil && word == "twice" {
			resp, err = http.Post(api+"invocation/"+id+"/response", "application/json", strings.NewReader(`{"status":"500"}`))
			if err == nil {
				fmt.Println("the second time:", resp.StatusCode)
			}
		}
		if err == nil {
			_ = resp.Body.Close()
		}
	}
}

func do(word, rest string) string {
	body := strconv.Itoa(os.Getpid())
	switch word {
	case "exit":
		os.Exit(3)
	case "hang":
		select {}
	case "env":
		body = strings.Join(os.Environ(), "\n")
	case "flood":
		n, _ := strconv.Atoi(rest)
		for i := range n {
			fmt.Println("line", i)
		}
		fmt.Println(strings.Repeat("long", 50_000))
	case "large":
		n, _ := strconv.Atoi(rest)
		body = strings.Repeat("x", n)
	case "child", "orphan":
		cmd := exec.Command("sleep", "1000")
		cmd.Stdout = os.Stdout // it holds what the edge reads
		if err := cmd.Start(); err != nil {
			os.Exit(4)
		}
		body = strconv.Itoa(cmd.Process.Pid)
		if word == "orphan" {
			_ = os.WriteFile("/"+rest, []byte(body), 0o600)
			os.Exit(0)
		}
	}
	b, _ := json.Marshal(map[string]any{"status": "200", "body": body})
	return string(b)
}

// kept is a log that can be read while it is written.
type kept struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (k *kept) Write(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.b.Write(p)
}

func (k *kept) String() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.b.String()
}

func own(t *testing.T, most int) (*Functions, *kept) {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	log := &kept{}
	f := New(Mapping{arn: "exec:" + path}, most, slog.New(slog.NewTextHandler(log, nil)))
	t.Cleanup(f.Close)
	return f, log
}

func askOwn(t *testing.T, f *Functions, uri string) Outcome {
	return f.Run(t.Context(), arn, input(OriginRequest, uri))
}

func text(t *testing.T, o Outcome) string {
	t.Helper()
	if o.Fault != nil {
		t.Fatal(o.Fault)
	}
	b, err := io.ReadAll(o.Response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}

// gone reports whether no process has that number, or one that nobody has waited for yet.
func gone(pid string) bool {
	n, err := strconv.Atoi(pid)
	if err != nil || syscall.Kill(n, 0) != nil {
		return true
	}
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	return err == nil && strings.Contains(string(stat), ") Z ")
}

// TestNothingOfTheEdgesIsInTheEnvironment but what a program needs.
func TestNothingOfTheEdgesIsInTheEnvironment(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("WARMFRONT_SECRET", "secret")
	f, _ := own(t, 1)
	env := text(t, askOwn(t, f, "/env"))
	if strings.Contains(env, "secret") || !strings.Contains(env, "AWS_LAMBDA_FUNCTION_NAME=rewrite\n") || !strings.Contains(env, "AWS_LAMBDA_FUNCTION_VERSION=7\n") {
		t.Errorf("%s", env)
	}
}

// TestAProcessThatDoesNotStart is not started for each event: the failures and the time
// until the next attempt are told.
func TestAProcessThatDoesNotStart(t *testing.T) {
	script := filepath.Join(t.TempDir(), "ends")
	count := filepath.Join(t.TempDir(), "count")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho >>"+count+"\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	f := New(Mapping{arn: "exec:" + script}, 1, quiet())
	defer f.Close()
	p := f.invokers[arn].(*pool)
	starts := func() int { b, _ := os.ReadFile(count); return len(b) }
	for i := range 6 { // what waits is waited for without its time
		if out := askOwn(t, f, "/"); result(out) != ExecutionError || !strings.Contains(out.Fault.Why, "before it asked") {
			t.Fatalf("%d: %+v", i, out.Fault)
		}
		p.mu.Lock()
		if i < 5 {
			p.starts.until = time.Time{}
		}
		p.mu.Unlock()
	}
	out := askOwn(t, f, "/")
	if result(out) != ExecutionError || !strings.Contains(out.Fault.Why, "6 times in a row") || !strings.Contains(out.Fault.Why, "before it asked") || starts() != 6 {
		t.Errorf("%d starts, %+v", starts(), out.Fault)
	}
}

func TestBackoff(t *testing.T) {
	var b backoff
	now := time.Unix(0, 0)
	for i, want := range []time.Duration{0, 100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond, 1600 * time.Millisecond, 3200 * time.Millisecond, 6400 * time.Millisecond, longest, longest} {
		if b.failed("x", now); b.wait(now) != want {
			t.Errorf("after %d failures %v, want %v", i+1, b.wait(now), want)
		}
		now = now.Add(b.wait(now))
	}
	if b.wait(now) != 0 {
		t.Error("the time is over")
	}
}

// TestAProcessThatSaysItCannotStart is ended, and why is told.
func TestAProcessThatSaysItCannotStart(t *testing.T) {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	broken := strings.Replace(arn, "rewrite", "broken", 1)
	f := New(Mapping{broken: "exec:" + path}, 1, quiet())
	defer f.Close()
	out := f.Run(t.Context(), broken, input(OriginRequest, "/"))
	if result(out) != ExecutionError || !strings.Contains(out.Fault.Why, "no such module") {
		t.Errorf("%+v", out.Fault)
	}
	if n := len(f.invokers[broken].(*pool).all); n != 0 {
		t.Errorf("%d processes are left", n)
	}
}

// TestAProcessThatEndsInTheMiddle costs its event, and is said; the next is another's.
func TestAProcessThatEndsInTheMiddle(t *testing.T) {
	f, log := own(t, 1)
	first := text(t, askOwn(t, f, "/"))
	if out := askOwn(t, f, "/exit"); result(out) != ExecutionError || !strings.Contains(out.Fault.Why, "while it had an event") {
		t.Errorf("%+v", out.Fault)
	}
	if now := text(t, askOwn(t, f, "/")); now == first {
		t.Error("the process has not ended")
	}
	if said := log.String(); !strings.Contains(said, "ended by itself") || !strings.Contains(said, "exit status 3") {
		t.Error(said)
	}
}

// TestNothingIsLeftOfProcesses: neither by one that ends itself, whose child holds what it
// wrote to, nor by one that is killed, nor when the edge stops.
func TestNothingIsLeftOfProcesses(t *testing.T) {
	f, _ := own(t, 1)
	file := filepath.Join(t.TempDir(), "pid")
	if out := askOwn(t, f, "/orphan"+file); result(out) != ExecutionError {
		t.Errorf("%+v", out.Fault)
	}
	orphan, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the child of the one that ended is gone", func() bool { return gone(string(orphan)) })

	child := text(t, askOwn(t, f, "/child"))
	event, err := input(OriginRequest, "/hang").JSON()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.invokers[arn].invoke(context.Background(), event, 200*time.Millisecond); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("%v", err)
	}
	until(t, "the child of the one that hung is gone", func() bool { return gone(child) })

	child, self := text(t, askOwn(t, f, "/child")), text(t, askOwn(t, f, "/"))
	f.Close()
	until(t, "all are gone", func() bool { return gone(child) && gone(self) })
	if out := askOwn(t, f, "/"); result(out) != LimitExceeded {
		t.Errorf("after the end: %+v", out)
	}
}

// TestAProcessThatFloods the log is answered for all the same, and of what it writes so
// many lines a second are kept, none longer than a line may be.
func TestAProcessThatFloods(t *testing.T) {
	f, log := own(t, 1)
	self := text(t, askOwn(t, f, "/flood/200000"))
	if text(t, askOwn(t, f, "/")) != self {
		t.Error("the process has not outlived it")
	}
	f.Close()
	until(t, "what was left out is told", func() bool { return strings.Contains(log.String(), "lines_left_out") })
	if n := len(log.String()); n > 8<<20 {
		t.Errorf("%d bytes were logged", n)
	}
}

func TestMeter(t *testing.T) {
	m := meter{most: 2}
	at := func(ms int) time.Time { return time.Unix(100, 0).Add(time.Duration(ms) * time.Millisecond) }
	for _, c := range []struct {
		ms    int
		taken bool
		left  int
	}{{0, true, 0}, {1, true, 0}, {2, false, 0}, {999, false, 0}, {1000, true, 2}, {1001, true, 0}, {2500, true, 0}} {
		if taken, left := m.take(at(c.ms)); taken != c.taken || left != c.left {
			t.Errorf("at %d ms: %v, %d", c.ms, taken, left)
		}
	}
}

// TestWhatIsSaidTwice is taken once, and more than Lambda takes is an error (belief 606).
func TestWhatIsSaidTwice(t *testing.T) {
	f, log := own(t, 1)
	text(t, askOwn(t, f, "/twice"))
	text(t, askOwn(t, f, "/"))
	until(t, "the second is refused", func() bool { return strings.Contains(log.String(), "the second time: 400") })
	for n, want := range map[int]string{1<<20 - 100: "", 1<<20 + 1: ValidationError, 5 << 20: ValidationError, 7 << 20: ExecutionError} {
		if out := askOwn(t, f, fmt.Sprint("/large/", n)); result(out) != want {
			t.Errorf("%d bytes: %+v", n, out.Fault)
		}
	}
}

// TestEventsAtOnce have a process each, up to as many as there may be.
func TestEventsAtOnce(t *testing.T) {
	f, _ := own(t, 3)
	p := f.invokers[arn].(*pool)
	event, err := input(OriginRequest, "/hang").JSON()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { _, _ = p.invoke(ctx, event, time.Minute) })
	}
	until(t, "three are busy", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.all) == 3
	})
	if out := askOwn(t, f, "/"); result(out) != LimitExceeded || out.Fault.Status != 503 {
		t.Errorf("a fourth: %+v", out.Fault)
	}
	cancel()
	wg.Wait()
	text(t, askOwn(t, f, "/"))
}
