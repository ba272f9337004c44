package upstream

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

func webSocketRequest() *message.Request {
	r := request("/chat")
	r.Upgrade = "websocket"
	r.Header.Add("Sec-WebSocket-Version", "13")
	return r
}

// TestWebSocket: the connection is given over, with what the origin had said
// behind its answer, and has no time-out of ours.
func TestWebSocket(t *testing.T) {
	asked := make(chan string, 2)
	o := serveRaw(t, func(c *rawConn, _ int) {
		r := c.head()
		asked <- strings.Join([]string{r.Method, r.Header.Get("Connection"), r.Header.Get("Upgrade"), r.Header.Get("Sec-WebSocket-Version"), r.Header.Get("Sec-WebSocket-Key")}, " ")
		c.say("HTTP/1.1 101 Switching Protocols\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Accept: x\r\n\r\nhello ")
		_, _ = io.Copy(c, c.r)
	})
	u, origin := asker(t, o.Addr(), Config{})
	origin.ReadTimeout = 400 * time.Millisecond
	r := webSocketRequest()
	r.Header.Add("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
	resp, err := u.Do(t.Context(), origin, r)
	if err != nil || resp.Status != 101 || resp.Body != nil || resp.Header.Get("Sec-WebSocket-Accept") != "x" || resp.Header.Has("Upgrade") {
		t.Fatalf("%+v %v", resp, err)
	}
	if got := <-asked; got != "GET Upgrade websocket 13 dGhlIHNhbXBsZSBub25jZQ==" {
		t.Error(got)
	}
	<-time.After(2 * origin.ReadTimeout)
	go io.WriteString(resp.Upgraded, "world")
	got := make([]byte, len("hello world"))
	if _, err := io.ReadFull(resp.Upgraded, got); err != nil || string(got) != "hello world" {
		t.Fatalf("%q %v", got, err)
	}
	if err := resp.Upgraded.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(resp.Upgraded); len(rest) != 0 || err != nil {
		t.Error(rest, err)
	}
	resp.Upgraded.Close()

	// A viewer over HTTP/2 sends CONNECT and no key.
	r = webSocketRequest()
	r.Method = "CONNECT"
	ctx, leave := context.WithCancel(t.Context())
	if resp, err = u.Do(ctx, origin, r); err != nil {
		t.Fatal(err)
	}
	if got := <-asked; !strings.HasPrefix(got, "GET Upgrade websocket 13 ") || len(got) != len("GET Upgrade websocket 13 dGhlIHNhbXBsZSBub25jZQ==") {
		t.Error(got)
	}
	leave() // the viewer's leaving ends it
	if _, err := io.ReadAll(resp.Upgraded); err == nil {
		t.Error("still open")
	}
	resp.Upgraded.Close()
	if conns, _ := o.seen(); conns != 2 {
		t.Error(conns)
	}
}

// TestWebSocketRefused: anything but 101 is an answer as any other, on a
// connection as any other; 101 to something else is none.
func TestWebSocketRefused(t *testing.T) {
	o := serveRaw(t, saying("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"))
	u, origin := asker(t, o.Addr(), Config{})
	for range 2 {
		resp, body, err := get(t, u, origin, webSocketRequest())
		if err != nil || resp.Status != 403 || body != "no" || resp.Upgraded != nil {
			t.Errorf("%+v %q %v", resp, body, err)
		}
	}
	for _, text := range []string{
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n",
	} {
		o := serveRaw(t, saying(text))
		u, origin := asker(t, o.Addr(), Config{})
		if _, err := u.Do(t.Context(), origin, webSocketRequest()); reason(err) != BadResponse {
			t.Errorf("%q: %v", text, err)
		}
	}
}
