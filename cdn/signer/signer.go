// Package signer is who may sign for private content: trusted key groups, and the AWS
// accounts that configurations of before those name (developer guide, "Specify signers that
// can create signed URLs and signed cookies").
//
// An account signs with its CloudFront key pairs. Those are made in the console, by its root
// user, and by no API; here a public key whose Name is the key pair's id ([IsKeyPair]) stands
// for one (belief 591).
package signer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
)

// Self is what a configuration calls the account that the distribution is of.
const Self = "self"

// Signer is one that a behavior trusts.
type Signer struct {
	// ID is that of a key group, an account's number, or Self.
	ID   string
	Keys []*Key
}

// Key is a public key that signatures are verified with.
type Key struct {
	ID   string // as in Key-Pair-Id
	Name string // as programs that decrypt fields know it
	Key  crypto.PublicKey
}

// Parse reads a key in its PEM form: RSA of 2048 bits, or ECDSA on P-256 (developer guide,
// "Create key pairs for your signers"). It reports whether it is one of these.
func Parse(encoded string) (crypto.PublicKey, bool) {
	block, _ := pem.Decode([]byte(encoded))
	if block == nil {
		return nil, false
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, false
	}
	switch k := key.(type) {
	case *rsa.PublicKey:
		return k, k.N.BitLen() == 2048
	case *ecdsa.PublicKey:
		return k, k.Curve == elliptic.P256()
	}
	return nil, false
}

// IsKeyPair reports whether a public key's name is the id of an account's CloudFront key
// pair: APKA and 16 capital letters or digits.
func IsKeyPair(name string) bool {
	rest, found := strings.CutPrefix(name, "APKA")
	return found && len(rest) == 16 && strings.Trim(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}

// IsOwn reports whether one of a configuration's TrustedSigners is the account that the
// distribution with that ARN is of.
func IsOwn(item, arn string) bool {
	parts := strings.SplitN(arn, ":", 6)
	return item == Self || len(parts) == 6 && parts[4] != "" && parts[4] == item
}
