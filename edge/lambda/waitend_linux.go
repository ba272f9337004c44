package lambda

import (
	"errors"
	"os/exec"

	"golang.org/x/sys/unix"
)

// waitEnd waits until a process has ended, and leaves its number taken: until it is waited
// for again, no other process or group can have it. False where it cannot.
func waitEnd(cmd *exec.Cmd) bool {
	for {
		err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return err == nil
		}
	}
}
