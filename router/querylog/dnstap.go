package querylog

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	dnstap "github.com/dnstap/golang-dnstap"
	framestream "github.com/farsightsec/golang-framestream"
	"google.golang.org/protobuf/proto"
)

const (
	socketTimeout = 2 * time.Second // of connecting, and of each write
	socketRetry   = 2 * time.Second // after a failure
)

// errNotConnected is what is said of exchanges while nobody listens.
var errNotConnected = errors.New("nobody listens on the socket")

// tap writes dnstap: for each exchange an AUTH_QUERY with the query, and an AUTH_RESPONSE with
// the answer, if one was sent.
type tap struct {
	target  string // as it was given
	socket  string // its path, "" for a file
	version []byte

	conn io.Closer
	out  *framestream.Writer // nil while not connected
	wait time.Time           // until when no new attempt is made
}

func openDnstap(target, version string) (*tap, error) {
	t := &tap{target: target, version: []byte(version)}
	if path, ok := strings.CutPrefix(target, "unix:"); ok {
		t.socket = path
		return t, nil // connected to when there is something to write
	}
	return t, t.open()
}

func (t *tap) String() string { return t.target }

// open begins a new file. A stream has a beginning and an end, so one cannot be appended to.
func (t *tap) open() error {
	f, err := os.OpenFile(t.target, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	return t.begin(f, false)
}

func (t *tap) begin(w io.WriteCloser, bidirectional bool) error {
	out, err := framestream.NewWriter(w, &framestream.WriterOptions{
		ContentTypes: [][]byte{dnstap.FSContentType}, Bidirectional: bidirectional, Timeout: socketTimeout,
	})
	if err != nil {
		return errors.Join(err, w.Close())
	}
	t.conn, t.out = w, out
	return nil
}

// connect connects to the socket, unless that failed a moment ago.
func (t *tap) connect() error {
	if t.out != nil {
		return nil
	}
	if t.socket == "" {
		return t.open()
	}
	if time.Now().Before(t.wait) {
		return errNotConnected
	}
	conn, err := net.DialTimeout("unix", t.socket, socketTimeout)
	if err == nil {
		err = t.begin(conn, true)
	}
	if err != nil {
		t.wait = time.Now().Add(socketRetry)
	}
	return err
}

func (t *tap) write(e *entry) error {
	if err := t.connect(); err != nil {
		return err
	}
	err := t.message(e, dnstap.Message_AUTH_QUERY)
	if err == nil && e.Answer != nil {
		err = t.message(e, dnstap.Message_AUTH_RESPONSE)
	}
	return t.check(err)
}

// check gives up a connection on which something failed.
func (t *tap) check(err error) error {
	if err != nil && t.out != nil {
		_ = t.conn.Close()
		t.out, t.conn = nil, nil
		t.wait = time.Now().Add(socketRetry)
	}
	return err
}

func (t *tap) message(e *entry, kind dnstap.Message_Type) error {
	m := &dnstap.Message{Type: kind.Enum(), QueryPort: proto.Uint32(uint32(e.From.Port()))}
	m.SocketFamily, m.QueryAddress = address(e.From.Addr())
	m.SocketProtocol = dnstap.SocketProtocol_UDP.Enum()
	if e.TCP {
		m.SocketProtocol = dnstap.SocketProtocol_TCP.Enum()
	}
	m.QueryTimeSec, m.QueryTimeNsec = timestamp(e.Received)
	if kind == dnstap.Message_AUTH_QUERY {
		m.QueryMessage = e.Query
	} else {
		m.ResponseTimeSec, m.ResponseTimeNsec = timestamp(e.Sent)
		m.ResponseMessage = e.Answer
	}
	frame, err := proto.Marshal(&dnstap.Dnstap{
		Type: dnstap.Dnstap_MESSAGE.Enum(), Identity: []byte(e.Router), Version: t.version, Message: m,
	})
	if err != nil {
		return err
	}
	_, err = t.out.WriteFrame(frame)
	return err
}

func address(a netip.Addr) (*dnstap.SocketFamily, []byte) {
	if a = a.Unmap(); a.Is4() {
		return dnstap.SocketFamily_INET.Enum(), a.AsSlice()
	}
	return dnstap.SocketFamily_INET6.Enum(), a.AsSlice()
}

func timestamp(t time.Time) (*uint64, *uint32) {
	return proto.Uint64(uint64(t.Unix())), proto.Uint32(uint32(t.Nanosecond()))
}

func (t *tap) flush() error {
	if t.out == nil {
		return nil
	}
	return t.check(t.out.Flush())
}

func (t *tap) reopen() error {
	if t.socket != "" {
		return nil
	}
	return errors.Join(t.close(), t.open())
}

func (t *tap) close() error {
	if t.out == nil {
		return nil
	}
	err := t.out.Close()
	if t.socket != "" {
		err = nil // who listens has gone first, perhaps
	}
	err = errors.Join(err, t.conn.Close())
	t.out, t.conn = nil, nil
	return err
}
