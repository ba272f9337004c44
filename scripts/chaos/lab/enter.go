package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// inside is in the environment of the process that Enter starts.
const inside = "WARMFRONT_CHAOS_INSIDE"

// Inside reports whether this process is the first one of its own namespaces.
func Inside() bool { return os.Getenv(inside) != "" && os.Getpid() == 1 }

// Check says what is missing for Enter.
func Check() error {
	if os.Geteuid() != 0 {
		return errors.New("network namespaces and packet filters need root: run it as root, or with sudo")
	}
	for command, pkg := range map[string]string{"ip": "iproute2", "iptables": "iptables", "mount": "mount", "cp": "coreutils"} {
		if _, err := exec.LookPath(command); err != nil {
			return fmt.Errorf("%s is missing; on Debian: apt-get install %s", command, pkg)
		}
	}
	return nil
}

// Enter runs this program with args in namespaces of its own until it ends, and returns its exit status. When ctx
// ends it is interrupted and has a minute to report; if this process dies, it dies at once.
func Enter(ctx context.Context, args []string) (int, error) {
	if err := Check(); err != nil {
		return 0, err
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	runtime.LockOSThread() // Pdeathsig is about this thread
	defer runtime.UnlockOSThread()
	c := exec.CommandContext(ctx, self, args...)
	c.Stdin, c.Stdout, c.Stderr = nil, os.Stdout, os.Stderr
	c.Env = append(os.Environ(), inside+"=1")
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET,
		Pdeathsig:  syscall.SIGKILL,
		Setpgid:    true, // Ctrl-C reaches this process alone, which passes it on
	}
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGINT) }
	c.WaitDelay = time.Minute
	err = c.Run()
	if c.ProcessState != nil && c.ProcessState.Exited() {
		return c.ProcessState.ExitCode(), nil
	}
	return 0, fmt.Errorf("running in namespaces: %w", err)
}

// run runs a command and returns its words as an error if it fails.
func run(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %v: %w: %s", name, args, err, out)
	}
	return nil
}
