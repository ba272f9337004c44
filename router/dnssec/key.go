package dnssec

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// TTL is that of DNSKEY, CDS and CDNSKEY records, in seconds.
const TTL = 3600

// AlgorithmName is the mnemonic of the algorithm of every key (RFC 8624).
const AlgorithmName = "ECDSAP256SHA256"

// Key is a zone's combined signing key: it signs the zone's records and its own.
type Key struct {
	Zone    string // canonical: lower case, final dot
	Created time.Time

	private *ecdsa.PrivateKey
	record  dns.DNSKEY
	tag     uint16
	// signer is the name of the zone in wire format.
	signer []byte
}

// Generate makes a new key for a zone.
func Generate(zone string, now time.Time) (*Key, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return newKey(zone, now, private)
}

func newKey(zone string, created time.Time, private *ecdsa.PrivateKey) (*Key, error) {
	name := dns.CanonicalName(zone)
	wire, err := packName(name)
	if _, ok := dns.IsDomainName(zone); !ok || err != nil || name == "." || strings.ContainsAny(name, `\ `) {
		return nil, fmt.Errorf("the zone %q is not a domain name", zone)
	}
	if private.Curve != elliptic.P256() {
		return nil, errors.New("the key is not an ECDSA key on the curve P-256")
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		return nil, err
	}
	k := &Key{Zone: name, Created: created.UTC().Truncate(time.Second), private: private, signer: wire}
	k.record = dns.DNSKEY{
		Hdr:   dns.RR_Header{Name: name, Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: TTL},
		Flags: dns.ZONE | dns.SEP, Protocol: 3, Algorithm: dns.ECDSAP256SHA256,
		// The point without the byte that says that it is not compressed (RFC 6605, section 4).
		PublicKey: base64.StdEncoding.EncodeToString(point[1:]),
	}
	k.tag = k.record.KeyTag()
	return k, nil
}

// Tag returns the key tag (RFC 4034, appendix B).
func (k *Key) Tag() uint16 { return k.tag }

// DNSKEY returns the public key's record.
func (k *Key) DNSKEY() *dns.DNSKEY {
	rr := k.record
	return &rr
}

// DS returns the record that the parent zone is to hold, with a SHA-256 digest (RFC 4509).
func (k *Key) DS() *dns.DS { return k.record.ToDS(dns.SHA256) }

// Keys are those of any number of zones.
type Keys []*Key

// Follow returns an error where keys replace others in one step: a zone none of whose keys
// stays, or which has none any more. Whoever validates would find nothing that it can verify.
func (ks Keys) Follow(before Keys) error {
	for _, k := range before {
		stays := slices.ContainsFunc(before.Of(k.Zone), func(old *Key) bool {
			return slices.ContainsFunc(ks.Of(k.Zone), func(now *Key) bool { return now.record.PublicKey == old.record.PublicKey })
		})
		if !stays {
			return fmt.Errorf("none of the keys of %s that sign now is among the new ones: keys are rolled one by one (`warmfront router keys roll`), and a router that missed a roll is started anew", k.Zone)
		}
	}
	return nil
}

// maxKeys is how many keys a zone may have: each signs everything, so a third would
// only make answers longer.
const maxKeys = 2

// Of returns the keys of one zone.
func (ks Keys) Of(zone string) (out Keys) {
	for _, k := range ks {
		if k.Zone == dns.CanonicalName(zone) {
			out = append(out, k)
		}
	}
	return out
}

// check finds what signing could not cope with. Two keys with one tag would have
// validators try both for every signature.
func (ks Keys) check() error {
	for i, k := range ks {
		if len(ks.Of(k.Zone)) > maxKeys {
			return fmt.Errorf("%s has more than %d keys", k.Zone, maxKeys)
		}
		for _, other := range ks[:i] {
			if other.Zone == k.Zone && other.tag == k.tag {
				return fmt.Errorf("two keys of %s have the tag %d", k.Zone, k.tag)
			}
		}
	}
	return nil
}

// Roll returns the keys with a second one for each zone, or an error where a zone
// has two already.
func (ks Keys) Roll(now time.Time) (Keys, error) {
	out := append(Keys{}, ks...)
	for i, k := range ks {
		own := ks.Of(k.Zone)
		if len(own) == maxKeys {
			return nil, fmt.Errorf("%s has %d keys already: retire the older one, %d, first", k.Zone, maxKeys, own[0].tag)
		}
		next, err := Generate(k.Zone, now)
		for err == nil && next.tag == ks[i].tag {
			next, err = Generate(k.Zone, now)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, next)
	}
	return out, nil
}

// Known is how long after a key was made everybody has heard of it: the TTL of DNSKEY.
const Known = TTL * time.Second

// ErrUnknown is wrapped where a key would be left that some resolvers do not know yet.
var ErrUnknown = errors.New("not everybody knows the key that would be left")

// Retire returns the keys without the one that has a tag. The last of a zone stays: without
// it the zone would be unsigned, and not be found by whoever has its DS. So does one whose
// successor is younger than Known: whoever has the DNSKEY records of before would find no
// signature that it can verify.
func (ks Keys) Retire(tag uint16, now time.Time) (out Keys, err error) {
	found := false
	for _, k := range ks {
		if k.tag != tag {
			out = append(out, k)
			continue
		}
		if len(ks.Of(k.Zone)) == 1 {
			return nil, fmt.Errorf("%d is the only key of %s: make another first", tag, k.Zone)
		}
		for _, left := range ks.Of(k.Zone) {
			if age := now.Sub(left.Created); left != k && age < Known {
				return nil, fmt.Errorf("%w: %d of %s is %v old, and DNSKEY is kept for %v; wait another %v",
					ErrUnknown, left.tag, k.Zone, age.Round(time.Second), Known, (Known - age).Round(time.Second))
			}
		}
		found = true
	}
	if !found {
		return nil, fmt.Errorf("no key has the tag %d", tag)
	}
	return out, nil
}
