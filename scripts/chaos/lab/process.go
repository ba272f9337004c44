package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a program that is started again and again on one host, with its output in one file.
type Process struct {
	Host *Namespace
	Args []string // program and arguments
	Log  string
	// Died is told when it ended without having been killed; what it is told is the end of its output.
	Died func(how string)

	mu      sync.Mutex
	cmd     *exec.Cmd
	ended   chan struct{}
	killing bool
	clock   time.Duration
}

// Start starts it. It must not be running.
func (p *Process) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	out, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	c := exec.Command(p.Args[0], p.Args[1:]...)
	c.Stdout, c.Stderr = out, out
	c.Env = append(os.Environ(), fmt.Sprintf("%s=%d", clockVariable, int64(p.clock/time.Second)))
	if err := p.Host.Do(c.Start); err != nil {
		return err
	}
	ended := make(chan struct{})
	p.cmd, p.ended, p.killing = c, ended, false
	go func() {
		how := c.Wait()
		p.mu.Lock()
		wanted := p.killing
		p.mu.Unlock()
		close(ended)
		if !wanted && p.Died != nil {
			p.Died(fmt.Sprintf("%v\n%s", how, p.tail()))
		}
	}()
	return nil
}

// Kill ends it at once (SIGKILL), stopped or not, and returns when it has ended.
func (p *Process) Kill() error {
	p.mu.Lock()
	c, ended := p.cmd, p.ended
	p.killing = true
	p.mu.Unlock()
	if c == nil {
		return nil
	}
	if err := c.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-ended
	return nil
}

// Stop freezes it (SIGSTOP).
func (p *Process) Stop() error { return p.signal(syscall.SIGSTOP) }

// Continue has it go on (SIGCONT).
func (p *Process) Continue() error { return p.signal(syscall.SIGCONT) }

func (p *Process) signal(s syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd.Process.Signal(s)
}

// Frozen runs f while the process, if there is one, stands still.
func (p *Process) Frozen(f func() error) error {
	if err := p.Stop(); err != nil {
		return err
	}
	return errors.Join(f(), p.Continue())
}

// SetClock moves the process's wall clock from the machine's by that much, now and for when it is started again.
func (p *Process) SetClock(d time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clock = d
	return shiftClock(p.Args[0], p.cmd.Process.Pid, d)
}

// tail is the end of its output.
func (p *Process) tail() string {
	b, err := os.ReadFile(p.Log)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(b[max(0, len(b)-3000):]))
}
