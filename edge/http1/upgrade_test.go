package http1

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

const upgrade = "GET /chat HTTP/1.1\r\nHost: a.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\n"

// switching answers with 101 and hands out the origins' sides.
func switching() (*handler, <-chan net.Conn) {
	origins := make(chan net.Conn, 10)
	return handle(func(ctx context.Context, r *message.Request) *message.Response {
		if r.Upgrade != "websocket" {
			return text("no upgrade: " + r.Upgrade)
		}
		_ = ctx.Done() // as who waits for an origin does
		edge, origin := net.Pipe()
		origins <- origin
		return &message.Response{Status: 101, Header: message.Header{{Name: "Connection", Value: "upgrade"}, {Name: "Upgrade", Value: "websocket"}, {Name: "Sec-WebSocket-Accept", Value: "x"}}, Upgraded: edge}
	}), origins
}

func TestUpgrade(t *testing.T) {
	for _, who := range []string{"viewer", "origin", "nobody"} {
		t.Run(who+" ends it", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, origins := switching()
				s := serverOf(h)
				defer s.Close()
				c := dial(s)
				go func() { _, _ = io.WriteString(c, upgrade+"early") }()
				r := bufio.NewReader(c)
				if head := readHead(t, r); head != "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" {
					t.Errorf("%q", head)
				}
				origin := <-origins
				got := make([]byte, 5)
				if _, err := io.ReadFull(origin, got); err != nil || string(got) != "early" {
					t.Errorf("%q %v", got, err)
				}
				for range 5 { // for longer than it may be silent
					<-time.After(9 * time.Minute)
					_, _ = io.WriteString(origin, "down!")
					if _, err := io.ReadFull(r, got); err != nil || string(got) != "down!" {
						t.Errorf("%q %v", got, err)
					}
					<-time.After(9 * time.Minute)
					_, _ = io.WriteString(c, "up!!!")
					if _, err := io.ReadFull(origin, got); err != nil || string(got) != "up!!!" {
						t.Errorf("%q %v", got, err)
					}
				}
				began := time.Now()
				switch who {
				case "viewer":
					_ = c.Close()
				case "origin":
					_ = origin.Close()
				}
				if _, err := origin.Read(got); who != "origin" && !errors.Is(err, io.EOF) {
					t.Errorf("the origin's side: %v", err)
				}
				if _, err := r.Read(got); who != "viewer" && !errors.Is(err, io.EOF) {
					t.Errorf("the viewer's side: %v", err)
				}
				if after := time.Since(began); who == "nobody" && after != 10*time.Minute || who == "origin" && after > time.Minute || who == "viewer" && after > 0 {
					t.Errorf("after %v", after)
				}
				<-h.delivered
				if d := h.deliveries[0]; d.Err != nil || d.Body != 25 || d.Bytes <= 25 {
					t.Errorf("%+v", d)
				}
			})
		})
	}
}

func TestWhatIsNoUpgrade(t *testing.T) {
	h, _ := switching()
	for _, said := range []string{
		strings.Replace(upgrade, "keep-alive, Upgrade", "keep-alive", 1), strings.Replace(upgrade, "GET", "POST", 1), strings.Replace(upgrade, "WebSocket", "h2c", 1),
		strings.Replace(upgrade, "WebSocket", "websocket, h2c", 1), strings.Replace(upgrade, "WebSocket", "websocket\r\nUpgrade: websocket", 1),
		strings.Replace(upgrade, "HTTP/1.1", "HTTP/1.0", 1), strings.Replace(upgrade, "\r\n\r\n", "\r\nContent-Length: 1\r\n\r\nx", 1),
	} {
		if got := speak(t, h, said); !strings.HasSuffix(got, "\r\n\r\nno upgrade: ") {
			t.Errorf("%q: %q", said, got)
		}
	}
}

func TestUpgradeOverSocketsClosesOneSideAtATime(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, addr := listen(t, handle(func(context.Context, *message.Request) *message.Response {
		origin, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Error(err)
		}
		return &message.Response{Status: 101, Upgraded: origin}
	}))
	c := connect(t, addr)
	_, _ = io.WriteString(c, upgrade+"question")
	origin, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = c.(*net.TCPConn).CloseWrite()
	if got, err := io.ReadAll(origin); err != nil || string(got) != "question" {
		t.Errorf("%q %v", got, err)
	}
	_, _ = io.WriteString(origin, "answer")
	_ = origin.Close()
	if got, err := io.ReadAll(c); err != nil || !strings.HasSuffix(string(got), "\r\n\r\nanswer") {
		t.Errorf("%q %v", got, err)
	}
}
