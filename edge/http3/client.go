package http3

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// Transport makes requests over HTTP/3 to one edge, whatever the host in their URL:
// what a viewer at an address would get there. It is an http.RoundTripper, for
// tools and tests.
type Transport struct {
	http3 http3.Transport
	quic  quic.Transport
}

// NewTransport returns a Transport that sends from an address to the edge's, and
// trusts what conf says; Close it.
func NewTransport(from netip.Addr, to netip.AddrPort, conf *tls.Config) (*Transport, error) {
	pc, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0)))
	if err != nil {
		return nil, err
	}
	t := &Transport{quic: quic.Transport{Conn: quiet(pc)}}
	t.http3 = http3.Transport{
		TLSClientConfig: conf, DisableCompression: true,
		Dial: func(ctx context.Context, _ string, tc *tls.Config, qc *quic.Config) (*quic.Conn, error) {
			return t.quic.DialEarly(ctx, net.UDPAddrFromAddrPort(to), tc, qc)
		},
	}
	return t, nil
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) { return t.http3.RoundTrip(r) }

// Close ends all connections.
func (t *Transport) Close() error {
	return errors.Join(t.http3.Close(), t.quic.Close(), t.quic.Conn.Close())
}
