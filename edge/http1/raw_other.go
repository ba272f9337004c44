//go:build !unix

package http1

// tryRead is for systems whose sockets are read when they are ready.
func (c *conn) tryRead(uintptr) bool { return true }

const rawReads = false
