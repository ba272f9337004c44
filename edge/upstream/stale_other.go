//go:build !linux

package upstream

// tookRequest is not known here: a request that may be repeated is.
func (c *conn) tookRequest() bool { return false }
