//go:build unix

package http1

import (
	"io"
	"syscall"
)

// tryRead is what a connection of the kernel's own waits with for the first bytes
// of a request: it takes memory to read into only for the moment in which there
// is something to read. False: there is nothing, wait.
func (c *conn) tryRead(fd uintptr) bool {
	for {
		w := c.workspace()
		n, err := syscall.Read(int(fd), w.buf)
		switch {
		case n > 0:
			c.w, c.err = n, nil
			return true
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			c.releaseWork()
			return false
		case err == nil:
			err = io.EOF
		}
		c.err = err
		return true
	}
}

const rawReads = true
