package upstream

import "golang.org/x/sys/unix"

// tookRequest tells, once the origin has ended its side of the connection, whether
// it did so after the request had come to it: its end then acknowledges all that
// was sent. Else the two crossed on the way, and the request was never seen.
// An origin that closes on what it is asked is not asked a second time.
func (c *conn) tookRequest() bool {
	took := false
	c.socket(func(fd int) {
		const closeWait = 8 // the other side's end has come, and no reset after it
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		took = err == nil && info.State == closeWait && info.Unacked == 0 && info.Notsent_bytes == 0
	})
	return took
}
