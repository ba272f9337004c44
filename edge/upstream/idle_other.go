//go:build !unix

package upstream

// polled cannot tell.
func (c *conn) polled() (heard, known bool) { return false, false }
