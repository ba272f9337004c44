//go:build unix

package upstream

import "golang.org/x/sys/unix"

// polled reports whether an idle connection has something to read, and whether
// that can be told.
func (c *conn) polled() (heard, known bool) {
	c.socket(func(fd int) {
		poll := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(poll[:], 0)
		heard, known = n > 0, err == nil
	})
	return heard, known
}
