package http1

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"
)

// meet finds out who the viewer is and agrees on TLS. False: the connection is
// not served here, or not any more.
func (c *conn) meet() bool {
	c.viewer = addrPort(c.link.RemoteAddr()) // may wait for a PROXY protocol header
	if !c.srv.admit(c, c.viewer.Addr()) {
		c.srv.cfg.Logger.Debug("too many connections", "viewer", c.viewer)
		return false
	}
	c.req.Scheme, c.req.Viewer = c.srv.cfg.Scheme, c.viewer
	return c.srv.tls == nil || c.handshake()
}

func addrPort(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		ap := tcp.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	if a == nil {
		return netip.AddrPort{}
	}
	ap, _ := netip.ParseAddrPort(a.String()) // zero where it is none: a test's
	return ap
}

func (c *conn) handshake() bool {
	c.tls = tls.Server(c.link, c.srv.tls)
	c.in = c.tls
	_ = c.link.SetDeadline(time.Now().Add(c.srv.cfg.HandshakeTimeout)) // a failure shows in the handshake
	if err := c.tls.Handshake(); err != nil {
		c.srv.cfg.Logger.Debug("TLS", "viewer", c.viewer, "err", err)
		var plain tls.RecordHeaderError
		if errors.As(err, &plain) && plain.Conn != nil && token[plain.RecordHeader[0]] {
			c.tls, c.in = nil, c.link
			c.refuse(errPlain)
		}
		return false
	}
	state := c.tls.ConnectionState()
	c.req.ServerName, c.req.TLSVersion, c.req.Cipher = state.ServerName, tlsVersion(state.Version), tlsCipher(state.Version, state.CipherSuite)
	serve, other := c.srv.cfg.Other[state.NegotiatedProtocol]
	if state.NegotiatedProtocol == "h2" {
		serve, other = c.srv.cfg.HTTP2, true
	}
	if !other {
		return true
	}
	if serve != nil && c.srv.give(c) {
		_ = c.link.SetDeadline(time.Time{}) // a failure shows in the first read
		serve(c.srv.ctx, c.tls)
	}
	return false
}

// tlsVersion is the version as CloudFront writes it in logs: "TLSv1.3".
func tlsVersion(v uint16) string {
	return "TLSv" + strings.TrimSuffix(strings.TrimPrefix(tls.VersionName(v), "TLS "), ".0")
}

// tlsCipher is the suite as CloudFront writes it in logs: by OpenSSL's name,
// "ECDHE-RSA-AES128-GCM-SHA256", which is IANA's for those of TLS 1.3.
func tlsCipher(v, suite uint16) string {
	name := tls.CipherSuiteName(suite)
	if v >= tls.VersionTLS13 {
		return name
	}
	return strings.NewReplacer("TLS_RSA_WITH_", "", "TLS_", "", "_WITH_", "-", "AES_", "AES", "POLY1305_SHA256", "POLY1305", "_", "-").Replace(name)
}
