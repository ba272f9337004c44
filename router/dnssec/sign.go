package dnssec

import (
	"crypto"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// The times of signatures. One is used for a window of a day, then made anew; windows of
// different RRsets begin at different times, so that not all are made at once.
const (
	// window is how long one signature is given out.
	window = 24 * time.Hour
	// before is how much earlier than its window a signature begins to be valid, for
	// resolvers whose clocks are behind.
	before = time.Hour
	// after is how much longer it is valid: far beyond any TTL, so that what is in a
	// cache never outlives its signature.
	after = 24 * time.Hour
)

// How many signatures are kept, in all zones: of names that there are, and of names that
// strangers make up, of which there is no end and which must not push out the others.
const (
	keepNames    = 32 << 10
	keepInvented = 4 << 10
)

// ErrTooMany says that a signature was not made because too many were within this second.
var ErrTooMany = errors.New("too many signatures were asked for within a second")

// Use says what an RRset is signed for.
type Use struct {
	// Invented is a name that strangers can make up: one that does not exist, or one
	// below a wildcard.
	Invented bool
	// Limited is for who may not be who he seems to be: only so many signatures a second
	// are made for all such.
	Limited bool
}

// Signer signs for the zones it has keys of. All its methods may be called at once.
type Signer struct {
	zones    map[string]*Zone
	names    *cache
	invented *cache
	made     atomic.Uint64
	reused   atomic.Uint64

	perSecond int // of limited uses; 0 for any number
	spent     budget
}

// Zone signs the records of one zone.
type Zone struct {
	signer *Signer
	keys   Keys
}

// New returns a signer with keys, each of which signs its zone. PerSecond is how many
// signatures it makes in a second for limited uses; 0 is any number.
func New(keys Keys, perSecond int) (*Signer, error) {
	if err := keys.check(); err != nil {
		return nil, err
	}
	s := &Signer{zones: map[string]*Zone{}, names: newCache(keepNames), invented: newCache(keepInvented), perSecond: perSecond}
	for _, k := range keys {
		if s.zones[k.Zone] == nil {
			s.zones[k.Zone] = &Zone{signer: s}
		}
		s.zones[k.Zone].keys = append(s.zones[k.Zone].keys, k)
	}
	return s, nil
}

// Zone returns what signs the zone with a canonical name, nil where nothing does.
func (s *Signer) Zone(apex string) *Zone { return s.zones[apex] }

// Made returns how many signatures were made.
func (s *Signer) Made() uint64 { return s.made.Load() }

// Reused returns how many RRsets were answered with signatures that had been made before.
func (s *Signer) Reused() uint64 { return s.reused.Load() }

// Tags returns the tags of the keys that sign the zone.
func (z *Zone) Tags() (out []uint16) {
	for _, k := range z.keys {
		out = append(out, k.tag)
	}
	return out
}

// Records returns what the zone holds at its apex because it is signed: its keys, and
// for the parent the same as CDNSKEY and CDS (RFC 7344, section 4).
func (z *Zone) Records() (out []dns.RR) {
	for _, k := range z.keys {
		key, ds := k.DNSKEY(), k.DS()
		cdnskey, cds := key.ToCDNSKEY(), ds.ToCDS()
		cds.Hdr.Ttl = TTL
		out = append(out, key, cdnskey, cds)
	}
	return out
}

// Signature is what one key says of an RRset.
type Signature struct {
	RR   dns.RRSIG // with the owner as it was first asked for
	Data []byte    // its RDATA
}

// Sign returns the signatures of an RRset of the zone, one of each key, for the owner as the
// first record names it, or ErrTooMany.
func (z *Zone) Sign(rrset []dns.RR, use Use, now time.Time) ([]dns.RR, error) {
	canonical, err := Canonical(rrset)
	if err != nil {
		return nil, err
	}
	h := rrset[0].Header()
	made, err := z.signatures(use, canonical, h, now)
	if err != nil {
		return nil, err
	}
	out := make([]dns.RR, len(made))
	for i := range made {
		rr := made[i].RR
		rr.Hdr.Name = h.Name
		out[i] = &rr
	}
	return out, nil
}

// Kept returns the signatures of an RRset in canonical form that has a TTL, if they are
// kept for now, else nil. They are shared. It allocates nothing.
func (z *Zone) Kept(canonical []byte, use Use, now time.Time) []Signature {
	id := sha256.Sum256(canonical)
	kept := z.signer.store(use).get(id, windowOf(id, now))
	if kept != nil {
		z.signer.reused.Add(1)
	}
	return kept
}

func (s *Signer) store(use Use) *cache {
	if use.Invented {
		return s.invented
	}
	return s.names
}

func (z *Zone) signatures(use Use, canonical []byte, h *dns.RR_Header, now time.Time) ([]Signature, error) {
	id := sha256.Sum256(canonical)
	w, store := windowOf(id, now), z.signer.store(use)
	// What may not be kept by anybody is not kept here.
	if h.Ttl > 0 {
		if kept := store.get(id, w); kept != nil {
			z.signer.reused.Add(1)
			return kept, nil
		}
	}
	if use.Limited && z.signer.perSecond > 0 && !z.signer.spent.take(z.signer.perSecond, now) {
		return nil, ErrTooMany
	}
	made := make([]Signature, len(z.keys))
	for i, k := range z.keys {
		var err error
		if made[i], err = k.sign(canonical, h, id, w); err != nil {
			return nil, fmt.Errorf("signing %s %s: %w", h.Name, dns.Type(h.Rrtype), err)
		}
		z.signer.made.Add(1)
	}
	if h.Ttl > 0 {
		store.put(id, w, made)
	}
	return made, nil
}

// budget is how many were taken within a second.
type budget struct{ state atomic.Uint64 } // the second, and the number in the low half

// take takes one of so many a second, and reports whether one was left.
func (b *budget) take(perSecond int, now time.Time) bool {
	second := uint64(uint32(now.Unix())) << 32
	for {
		old := b.state.Load()
		next := old + 1
		if old&^0xffffffff != second {
			next = second + 1
		}
		if next&0xffffffff > uint64(perSecond) {
			return false
		}
		if b.state.CompareAndSwap(old, next) {
			return true
		}
	}
}

// windowOf numbers the windows of an RRset. They begin at a time of the day that follows
// from what the RRset says.
func windowOf(id [32]byte, now time.Time) int64 {
	return (now.Unix() + jitter(id)) / int64(window/time.Second)
}

func jitter(id [32]byte) int64 {
	return int64(binary.BigEndian.Uint64(id[:]) % uint64(window/time.Second))
}

// sign makes one signature (RFC 4034, section 3.1.8.1).
func (k *Key) sign(canonical []byte, h *dns.RR_Header, id [32]byte, w int64) (Signature, error) {
	start := time.Unix(w*int64(window/time.Second)-jitter(id), 0)
	// The leftmost label of a wildcard does not count (RFC 4034, section 3.1.3).
	labels := dns.CountLabel(h.Name)
	if strings.HasPrefix(h.Name, "*.") {
		labels--
	}
	rr := dns.RRSIG{
		Hdr:         dns.RR_Header{Name: h.Name, Rrtype: dns.TypeRRSIG, Class: dns.ClassINET, Ttl: h.Ttl},
		TypeCovered: h.Rrtype, Algorithm: dns.ECDSAP256SHA256, Labels: uint8(labels), OrigTtl: h.Ttl,
		Inception: uint32(start.Add(-before).Unix()), Expiration: uint32(start.Add(window + after).Unix()),
		KeyTag: k.tag, SignerName: k.Zone,
	}
	data := binary.BigEndian.AppendUint16(nil, rr.TypeCovered)
	data = append(data, rr.Algorithm, rr.Labels)
	data = binary.BigEndian.AppendUint32(data, rr.OrigTtl)
	data = binary.BigEndian.AppendUint32(data, rr.Expiration)
	data = binary.BigEndian.AppendUint32(data, rr.Inception)
	data = binary.BigEndian.AppendUint16(data, rr.KeyTag)
	data = append(data, k.signer...)
	hash := sha256.New()
	hash.Write(data)
	hash.Write(canonical)
	// Without randomness: ECDSA as in RFC 6979, so that all routers sign alike.
	der, err := k.private.Sign(nil, hash.Sum(nil), crypto.SHA256)
	if err != nil {
		return Signature{}, err
	}
	raw, err := plain(der)
	if err != nil {
		return Signature{}, err
	}
	rr.Signature = base64.StdEncoding.EncodeToString(raw)
	return Signature{RR: rr, Data: append(data, raw...)}, nil
}

// plain makes the two numbers of a signature, one after the other (RFC 6605, section 4), of
// its ASN.1 form.
func plain(der []byte) ([]byte, error) {
	var parts struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &parts); err != nil {
		return nil, err
	}
	const size = 32
	out := make([]byte, 2*size)
	parts.R.FillBytes(out[:size])
	parts.S.FillBytes(out[size:])
	return out, nil
}
