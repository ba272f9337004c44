package http3

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/warmfront/warmfront/edge/message"
)

// upgraded answers with 101 and one end of a pipe.
func upgraded(to net.Conn) *message.Response {
	return &message.Response{
		Status: 101, Live: true, Upgraded: to,
		Header: message.Header{{Name: "Sec-WebSocket-Accept", Value: "x"}, {Name: "Sec-WebSocket-Protocol", Value: "chat"}},
	}
}

// connect asks for a protocol on a stream of its own.
func connect(t *testing.T, s *served, protocol string) (*http3.RequestStream, *http.Response) {
	t.Helper()
	str, err := (&http3.Transport{}).NewClientConn(s.dial(t, "www.test")).OpenRequestStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := s.request(t, "CONNECT", "/chat?room=1", nil)
	r.Proto = protocol
	r.Header.Set("Sec-WebSocket-Version", "13")
	if err := str.SendRequestHeader(r); err != nil {
		t.Fatal(err)
	}
	resp, err := str.ReadResponse()
	if err != nil {
		t.Fatal(err)
	}
	return str, resp
}

func TestWebSocketOverHTTP3(t *testing.T) {
	near, far := net.Pipe()
	asked := make(chan *message.Request, 1)
	s := serve(t, func(_ context.Context, r *message.Request) *message.Response {
		asked <- r.Detached()
		return upgraded(near)
	}, nil)
	str, resp := connect(t, s, "websocket")
	r := <-asked
	if r.Method != "GET" || r.Upgrade != "websocket" || r.URI() != "/chat?room=1" || r.Body != nil || r.Length != 0 || r.Header.Get("Sec-WebSocket-Version") != "13" {
		t.Errorf("%+v", r)
	}
	if resp.StatusCode != 200 || resp.Header.Get("Sec-WebSocket-Protocol") != "chat" || resp.Header.Get("Sec-WebSocket-Accept") != "" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	buf := make([]byte, 4)
	for range 3 {
		_, _ = str.Write([]byte("ping"))
		if _, err := io.ReadFull(far, buf); err != nil || string(buf) != "ping" {
			t.Fatalf("%q %v", buf, err)
		}
		_, _ = far.Write([]byte("pong"))
		if _, err := io.ReadFull(str, buf); err != nil || string(buf) != "pong" {
			t.Fatalf("%q %v", buf, err)
		}
	}
	_ = far.Close()
	if _, err := str.Read(buf); !errors.Is(err, io.EOF) {
		t.Errorf("after the origin's end: %v", err)
	}
	if d := <-s.delivered; d.Body != 12 || d.Err != nil {
		t.Errorf("%+v", d)
	}
}

func TestAViewerThatLeavesItsTunnelEndsTheOrigins(t *testing.T) {
	near, far := net.Pipe()
	s := serve(t, func(context.Context, *message.Request) *message.Response { return upgraded(near) }, nil)
	str, _ := connect(t, s, "websocket")
	str.CancelRead(quic.StreamErrorCode(http3.ErrCodeRequestCanceled))
	str.CancelWrite(quic.StreamErrorCode(http3.ErrCodeRequestCanceled))
	if _, err := far.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	<-s.delivered
}

func TestAnOriginMayRefuseTheProtocol(t *testing.T) {
	s := serve(t, func(context.Context, *message.Request) *message.Response {
		resp := text("no")
		resp.Status = 403
		return resp
	}, nil)
	if _, resp := connect(t, s, "websocket"); resp.StatusCode != 403 {
		t.Error(resp.StatusCode)
	}
	if _, resp := connect(t, s, "connect-udp"); resp.StatusCode != 501 {
		t.Error(resp.StatusCode)
	}
}
