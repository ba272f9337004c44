//go:build !linux

package upstream

// alive is not known: a connection that the origin has closed shows on use.
func (c *conn) alive() bool { return true }

// tookRequest is not known: a request that may be repeated is.
func (c *conn) tookRequest() bool { return false }
