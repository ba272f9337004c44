// Package cookie makes and checks DNS server cookies (RFC 7873 in the form of
// RFC 9018). A valid one proves that whoever sent it receives what is sent to
// its address.
//
// How one query goes: [Server.Read] says what the option of the query proves,
// and [Server.Reply] makes that of the answer.
//
// It promises:
//
//   - Routers that were given one secret accept each other's cookies, whatever they
//     have seen: an anycast fleet keeps no state.
//   - The key is another every day (RFC 9018, section 5). A cookie says when it was
//     made, and so with which key, so that nothing has to be handed over.
//   - It takes no time that depends on how much of a forged cookie is right, and
//     allocates nothing but, once a day, a key.
package cookie

import (
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"
)

// The lengths of an option's data (RFC 7873, section 4; RFC 9018, section 4).
const (
	clientSize = 8
	serverSize = 16
	// Size is that of the option's data in an answer.
	Size = clientSize + serverSize
	// A server cookie of another kind than ours has 8 to 32 bytes.
	leastOther, mostOther = clientSize + 8, clientSize + 32
)

const version = 1

// For how long a cookie is accepted, how far ahead the clock of the router that made
// it may be, and when it is made anew (RFC 9018, section 4.3).
const (
	lifetime = time.Hour
	ahead    = 5 * time.Minute
	renewal  = 30 * time.Minute
)

// rotation is how long one key makes cookies.
const rotation = 24 * time.Hour

// Verdict is what a query's option proves.
type Verdict int

// The verdicts. To Malformed belongs FORMERR (RFC 7873, section 5.2.2). Unproven
// is a client that has no cookie yet, one that is too old, or a forged one: it is
// answered, as any client without cookies is, and told the right one.
const (
	Malformed Verdict = iota
	Unproven
	Valid
)

// Server makes and checks the cookies of one network. Its methods may be called by
// any goroutine.
type Server struct {
	secret []byte
	// keys holds the two last used: around midnight both days' cookies come.
	keys [2]atomic.Pointer[dayKey]
}

type dayKey struct {
	day uint32
	key [16]byte
}

// MinSecret is the fewest bytes a secret may have.
const MinSecret = 16

// New returns the server of a secret, which every router of the network shares.
func New(secret []byte) (*Server, error) {
	if len(secret) < MinSecret {
		return nil, fmt.Errorf("a cookie secret of %d bytes; at least %d", len(secret), MinSecret)
	}
	return &Server{secret: append([]byte(nil), secret...)}, nil
}

// Read says what the data of a COOKIE option prove of the address it came from.
func (s *Server) Read(option []byte, from netip.Addr, now time.Time) Verdict {
	switch n := len(option); {
	case n == clientSize:
		return Unproven
	case n < leastOther || n > mostOther:
		return Malformed
	case n != Size || option[clientSize] != version:
		return Unproven // another server's, or an older release's
	}
	age, made := s.age(option, now)
	if age > lifetime || age < -ahead {
		return Unproven
	}
	var want [8]byte
	binary.LittleEndian.PutUint64(want[:], s.hash(option[:Size-8], from, made))
	if subtle.ConstantTimeCompare(want[:], option[Size-8:]) != 1 {
		return Unproven
	}
	return Valid
}

// Reply appends to b the option's data of the answer to a query whose own are
// option, which must not be Malformed. A valid cookie that is not half an
// hour old is given back as it is.
func (s *Server) Reply(b, option []byte, verdict Verdict, from netip.Addr, now time.Time) []byte {
	if verdict == Valid {
		if age, _ := s.age(option, now); age >= 0 && age < renewal {
			return append(b, option...)
		}
	}
	at := len(b)
	b = append(b, option[:clientSize]...)
	b = append(b, version, 0, 0, 0)
	made := uint32(now.Unix())
	b = binary.BigEndian.AppendUint32(b, made)
	return binary.LittleEndian.AppendUint64(b, s.hash(b[at:], from, made))
}

// age is how long ago a cookie says that it was made. The clock is 32 bits wide
// and wraps (RFC 1982).
func (s *Server) age(option []byte, now time.Time) (age time.Duration, made uint32) {
	made = binary.BigEndian.Uint32(option[clientSize+4:])
	return time.Duration(int32(uint32(now.Unix())-made)) * time.Second, made
}

// hash is the last part of a cookie, over what comes before it and the address. It is
// written as SipHash writes it: the least significant byte first.
func (s *Server) hash(head []byte, from netip.Addr, made uint32) uint64 {
	key := s.key(made)
	return hash(&key, head, from)
}

func hash(key *[16]byte, head []byte, from netip.Addr) uint64 {
	var message [Size - 8 + 16]byte
	n := copy(message[:], head)
	if from = from.Unmap(); from.Is4() {
		a := from.As4()
		n += copy(message[n:], a[:])
	} else {
		a := from.As16()
		n += copy(message[n:], a[:])
	}
	return siphash24(key, message[:n])
}

// key returns the key of the day in which a cookie was made.
func (s *Server) key(made uint32) [16]byte {
	day := made / uint32(rotation/time.Second)
	slot := &s.keys[day%2]
	if k := slot.Load(); k != nil && k.day == day {
		return k.key
	}
	k := &dayKey{day: day, key: derive(s.secret, day)}
	slot.Store(k)
	return k.key
}

func derive(secret []byte, day uint32) (key [16]byte) {
	b, err := hkdf.Key(sha256.New, secret, nil, fmt.Sprintf("warmfront dns cookie %d", day), len(key))
	if err != nil {
		// 16 bytes are not too many, and the secret has been checked.
		panic(errors.Join(errors.New("cookie: no key can be derived"), err))
	}
	copy(key[:], b)
	return key
}
