package upstream

import (
	"errors"
	"io"
	"testing"
	"time"
)

// TestTheResponseCompletionTimeout ends answers that go on too long although each piece
// comes in time, and no others (belief 110).
func TestTheResponseCompletionTimeout(t *testing.T) {
	dripping := serveRaw(t, func(c *rawConn, _ int) {
		if c.request() == nil {
			return
		}
		c.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		for range 100 {
			if _, err := io.WriteString(c.Conn, "1\r\nx\r\n"); err != nil {
				return
			}
			<-time.After(20 * time.Millisecond)
		}
	})
	silent := serveRaw(t, func(c *rawConn, _ int) {
		c.request()
		c.toEnd()
	})
	quick := serveRaw(t, saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
	for _, c := range []struct {
		name   string
		at     *rawOrigin
		within time.Duration
		late   bool
	}{{"it drips", dripping, 200 * time.Millisecond, true}, {"it says nothing", silent, 200 * time.Millisecond, true}, {"it is quick", quick, 5 * time.Second, false}, {"no limit", quick, 0, false}} {
		u, o := asker(t, c.at.Addr(), Config{})
		o.CompletionTimeout = c.within
		for range 2 {
			begun := time.Now()
			_, _, err := get(t, u, o, request("/"))
			took := time.Since(begun)
			var failed *Error
			if c.late != (errors.As(err, &failed) && failed.Reason == ReadTimeout && failed.Status() == 504) || took > 1900*time.Millisecond || c.late && took < c.within {
				t.Errorf("%s: %v after %v", c.name, err, took)
			}
		}
		if conns, _ := c.at.seen(); !c.late && conns > 2 { // one for each asker
			t.Errorf("%s: %d connections", c.name, conns)
		}
	}
}
