package proxyproto

import (
	"bufio"
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	proxyproto "github.com/pires/go-proxyproto"
)

// signature is how every header of version 2 begins (specification, section 2.2).
const signature = "\r\n\r\n\x00\r\nQUIT\n"

const (
	authTLV   = proxyproto.PP2Type(0xE5) // of the range for custom types
	nonceSize = 16
	authSize  = 8 + nonceSize + sha256.Size
	// validity is how far a header's time may lie from the reader's.
	validity = 30 * time.Second
)

// ErrHeader is what is wrong with a header that is not believed.
var ErrHeader = errors.New("PROXY protocol header refused")

// DeriveKey makes the key of headers from the cluster secret.
func DeriveKey(secret []byte) ([]byte, error) {
	return hkdf.Key(sha256.New, secret, nil, "warmfront PROXY protocol v2", sha256.Size)
}

// Header returns the bytes to send first on a connection to dst that carries the
// connection of a viewer at src.
func Header(src, dst netip.AddrPort, key []byte, now time.Time) []byte {
	src, dst = sameFamily(src, dst)
	auth := binary.BigEndian.AppendUint64(make([]byte, 0, authSize), uint64(now.UnixMilli()))
	nonce := make([]byte, nonceSize)
	_, _ = rand.Read(nonce) // never fails (package documentation)
	auth = append(auth, nonce...)
	auth = append(auth, seal(src, dst, auth, key)...)
	h := proxyproto.HeaderProxyFromAddrs(2, net.TCPAddrFromAddrPort(src), net.TCPAddrFromAddrPort(dst))
	err := h.SetTLVs([]proxyproto.TLV{{Type: authTLV, Value: auth}})
	b, err2 := h.Format()
	if err := errors.Join(err, err2); err != nil {
		// Two TCP addresses of one family and 56 bytes always make a header.
		panic(fmt.Sprintf("PROXY protocol header for %v to %v: %v", src, dst, err))
	}
	return b
}

// sameFamily unmaps both. A header holds addresses of one family: where they
// differ the destination, which only informs, becomes the unspecified address.
func sameFamily(src, dst netip.AddrPort) (netip.AddrPort, netip.AddrPort) {
	s, d := src.Addr().Unmap(), dst.Addr().Unmap()
	if s.Is4() != d.Is4() {
		d = netip.IPv6Unspecified()
		if s.Is4() {
			d = netip.IPv4Unspecified()
		}
	}
	return netip.AddrPortFrom(s, src.Port()), netip.AddrPortFrom(d, dst.Port())
}

// seal is the HMAC over the addresses, the time and the nonce.
func seal(src, dst netip.AddrPort, timeAndNonce, key []byte) []byte {
	m := hmac.New(sha256.New, key)
	for _, a := range [...]netip.AddrPort{src, dst} {
		ip := a.Addr().As16() // one form for both families
		m.Write(ip[:])
		m.Write(binary.BigEndian.AppendUint16(nil, a.Port()))
	}
	m.Write(timeAndNonce)
	return m.Sum(nil)
}

// verify parses a whole header and returns the viewer's address, or ErrHeader.
func verify(header, key []byte, now time.Time, seen *nonces) (netip.AddrPort, error) {
	h, err := proxyproto.Read(bufio.NewReader(bytes.NewReader(header)))
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%w: %w", ErrHeader, err)
	}
	src, dst, ok := h.TCPAddrs()
	tlvs, err := h.TLVs()
	if h.Command != proxyproto.PROXY || !ok || err != nil {
		return netip.AddrPort{}, fmt.Errorf("%w: it names no TCP connection", ErrHeader)
	}
	for _, t := range tlvs {
		if t.Type != authTLV || len(t.Value) != authSize {
			continue
		}
		timeAndNonce, mac := t.Value[:8+nonceSize], t.Value[8+nonceSize:]
		if !hmac.Equal(mac, seal(src.AddrPort(), dst.AddrPort(), timeAndNonce, key)) {
			break
		}
		sent := time.UnixMilli(int64(binary.BigEndian.Uint64(timeAndNonce)))
		if age := now.Sub(sent); age > validity || age < -validity {
			return netip.AddrPort{}, fmt.Errorf("%w: it was made at another time", ErrHeader)
		}
		if !seen.first([nonceSize]byte(timeAndNonce[8:]), now) {
			return netip.AddrPort{}, fmt.Errorf("%w: it was used before", ErrHeader)
		}
		viewer, _ := sameFamily(src.AddrPort(), dst.AddrPort())
		return viewer, nil
	}
	return netip.AddrPort{}, fmt.Errorf("%w: it is not authenticated", ErrHeader)
}
