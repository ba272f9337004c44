package fieldencryption

import (
	"bytes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
)

// Message is a field as it was before it was encrypted, and what says for whom it was.
type Message struct {
	Value         []byte
	Provider, Key string // the profile's provider, and the public key's name
}

// errShort is the error for a message that ends before its parts do.
var errShort = errors.New("it is no message of the AWS Encryption SDK: it ends too early")

// IsMessage reports whether b begins as what Open reads.
func IsMessage(b []byte) bool {
	return bytes.HasPrefix(b, binary.BigEndian.AppendUint16([]byte{version, customer}, suite))
}

// Open decrypts a message that an edge made of a field, as an application at an origin does
// with the AWS Encryption SDK, and verifies all of it. It reads what seal writes and no other
// algorithm suite.
func Open(m []byte, key *rsa.PrivateKey) (*Message, error) {
	if !IsMessage(m) {
		return nil, errors.New("it is no message of the AWS Encryption SDK, or one of another version or algorithm suite than edges make")
	}
	p := &parts{rest: m[4:]}
	id := p.take(idLength)
	context := &parts{rest: []byte(p.text())}
	entries, name, public := context.number(), context.text(), context.text()
	keys := p.number()
	opened := &Message{Provider: p.text(), Key: p.text()}
	wrapped := []byte(p.text())
	p.take(6) // framed, reserved, length of IVs
	frame := int(p.long())
	header := m[:len(m)-len(p.rest)]
	switch {
	case p.short || context.short:
		return nil, errShort
	case entries != 1 || name != publicKeyName || keys != 1:
		return nil, errors.New("its header is not that of an edge's message")
	}
	secret, err := rsa.DecryptOAEP(sha256.New(), nil, key, wrapped, nil)
	if err != nil {
		return nil, fmt.Errorf("it is for another key: that of the name %q, of the provider %q", opened.Key, opened.Provider)
	}
	gcm, err := derive(secret, id)
	if err != nil {
		return nil, err
	}
	if _, err := gcm.Open(nil, p.take(ivLength), p.take(tagLength), header); err != nil {
		return nil, errors.New("its header was changed")
	}
	if opened.Value, err = openFrames(p, gcm, [idLength]byte(id), frame); err != nil {
		return nil, err
	}
	digest := sha512.Sum384(m[:len(m)-len(p.rest)])
	signature := p.text()
	if p.short || len(p.rest) > 0 || !signedBy(public, digest[:], []byte(signature)) {
		return nil, errors.New("its signature does not fit")
	}
	return opened, nil
}

// openFrames undoes frames.
func openFrames(p *parts, gcm cipher.AEAD, id [idLength]byte, frame int) (value []byte, err error) {
	for n := uint32(1); ; n++ {
		at, length, content := p.long(), frame, frameContent
		last := at == 0xFFFFFFFF
		if last {
			at, content = p.long(), finalContent
		}
		iv := p.take(ivLength)
		if last {
			length = int(p.long())
		}
		if length > frame || at != n {
			return nil, errors.New("its frames are not in order")
		}
		sealed := p.take(length + tagLength)
		if p.short {
			return nil, errShort
		}
		if value, err = gcm.Open(value, iv, sealed, associated(id, content, n, length)); err != nil {
			return nil, errors.New("it was changed")
		}
		if last {
			return value, nil
		}
	}
}

// signedBy reports whether a signature is that of a digest by a key, a compressed point of
// P-384 in base64.
func signedBy(public string, digest, signature []byte) bool {
	point, err := base64.StdEncoding.DecodeString(public)
	if err != nil || len(point) != 49 || point[0]&^1 != 2 {
		return false
	}
	x, y := uncompressed(elliptic.P384().Params(), point)
	if y == nil {
		return false
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P384(), append(append([]byte{4}, x.FillBytes(make([]byte, 48))...), y.FillBytes(make([]byte, 48))...))
	return err == nil && ecdsa.VerifyASN1(key, digest, signature)
}

// uncompressed returns a point's coordinates (SEC 1, section 2.3.4); y is nil where there is
// no such point.
func uncompressed(curve *elliptic.CurveParams, point []byte) (x, y *big.Int) {
	x = new(big.Int).SetBytes(point[1:])
	square := new(big.Int).Exp(x, big.NewInt(3), curve.P)
	square.Sub(square, new(big.Int).Mul(x, big.NewInt(3)))
	square.Mod(square.Add(square, curve.B), curve.P)
	if y = new(big.Int).ModSqrt(square, curve.P); y != nil && y.Bit(0) != uint(point[0]&1) {
		y.Sub(curve.P, y)
	}
	return x, y
}

// parts takes a message apart. What is missing is empty, and noted.
type parts struct {
	rest  []byte
	short bool
}

func (p *parts) take(n int) []byte {
	if n < 0 || n > len(p.rest) {
		p.short = true
		return make([]byte, min(max(n, 0), MaxBody))
	}
	b := p.rest[:n]
	p.rest = p.rest[n:]
	return b
}

func (p *parts) number() int  { return int(binary.BigEndian.Uint16(p.take(2))) }
func (p *parts) long() uint32 { return binary.BigEndian.Uint32(p.take(4)) }
func (p *parts) text() string { return string(p.take(p.number())) }
