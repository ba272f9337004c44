package sigv4

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"net/http"
	"strings"
)

// Signature Version 4A is signed with an ECDSA key on the curve P-256, which both
// sides derive from the secret. Its scope has no region: the header
// X-Amz-Region-Set, which is signed, says where it is valid.
const (
	asymmetricAlgorithm = "AWS4-ECDSA-P256-SHA256"
	regionSetHeader     = "X-Amz-Region-Set"
	// maxAsymmetricSignature is the length of a signature in hexadecimal digits: DER
	// of two numbers of at most 33 bytes.
	maxAsymmetricSignature = 2 * 72
)

// asymmetricKey derives the key of an access key: NIST SP 800-108's KDF in counter
// mode over HMAC-SHA256, with the access key id and a counter as context, until what
// comes out is less than the order of the curve by two.
func asymmetricKey(accessKeyID, secret string) (*ecdsa.PrivateKey, error) {
	limit := new(big.Int).Sub(elliptic.P256().Params().N, big.NewInt(2))
	for counter := byte(1); ; counter++ {
		h := hmac.New(sha256.New, []byte("AWS4A"+secret))
		h.Write([]byte{0, 0, 0, 1})
		h.Write([]byte(asymmetricAlgorithm))
		h.Write([]byte{0})
		h.Write([]byte(accessKeyID))
		h.Write([]byte{counter, 0, 0, 1, 0}) // and the length of the key, 256 bits
		candidate := new(big.Int).SetBytes(h.Sum(nil))
		if counter == 255 || candidate.Cmp(limit) <= 0 { // the chance of a second try is 2^-32
			d := candidate.Add(candidate, big.NewInt(1))
			return ecdsa.ParseRawPrivateKey(elliptic.P256(), d.FillBytes(make([]byte, 32)))
		}
	}
}

// checkAsymmetric verifies the signature of a claim that is one of Version 4A.
func checkAsymmetric(c *claim, key Key, stringToSign string) bool {
	signature, err := hex.DecodeString(c.signature)
	if err != nil {
		return false
	}
	private, err := asymmetricKey(c.accessKeyID, key.Secret)
	if err != nil {
		return false
	}
	digest := sha256.Sum256([]byte(stringToSign))
	return ecdsa.VerifyASN1(&private.PublicKey, digest[:], signature)
}

// checkRegionSet refuses a signature that is not valid in the verifier's region.
func (v Verifier) checkRegionSet(r *http.Request, c *claim) error {
	set := strings.Join(r.Header.Values(regionSetHeader), ",")
	for region := range strings.SplitSeq(set, ",") {
		region = strings.TrimSpace(region)
		prefix, wildcard := strings.CutSuffix(region, "*")
		if region != "" && (v.Region == "" || region == v.Region || wildcard && strings.HasPrefix(v.Region, prefix)) {
			c.region = region
			return nil
		}
	}
	return refuse(WrongScope, "The header X-Amz-Region-Set, '%.64s', has no region that is valid here.", set)
}

// isAsymmetricSignature tells whether s has the form of one.
func isAsymmetricSignature(s string) bool {
	_, err := hex.DecodeString(s)
	return s != "" && len(s) <= maxAsymmetricSignature && err == nil && s == strings.ToLower(s)
}
