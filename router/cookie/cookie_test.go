package cookie

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"testing"
	"time"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestSipHash holds the function against the vectors of its authors: the key is
// 00 01 … 0f, the message as many bytes from 00.
func TestSipHash(t *testing.T) {
	var key [16]byte
	var message [64]byte
	for i := range key {
		key[i] = byte(i)
	}
	for i := range message {
		message[i] = byte(i)
	}
	for n, want := range map[int]uint64{
		0: 0x726fdb47dd0e0e31, 1: 0x74f839c593dc67fd, 7: 0xab0200f58b01d137, 8: 0x93f5f5799a932462,
		15: 0xa129ca6149be45e5, 63: 0x958a324ceb064572,
	} {
		if got := siphash24(&key, message[:n]); got != want {
			t.Errorf("%d bytes: %#x, want %#x", n, got, want)
		}
	}
}

// TestVectors are those of RFC 9018, appendix A.
func TestVectors(t *testing.T) {
	for _, c := range []struct{ name, secret, from, client, server string }{
		{"A.1", "e5e973e5a6b2a43f48e7dc849e37bfcf", "198.51.100.100", "2464c4abcf10c957", "010000005cf79f111f8130c3eee29480"},
		{"A.2", "e5e973e5a6b2a43f48e7dc849e37bfcf", "198.51.100.100", "2464c4abcf10c957", "010000005cf7a871d4a564a1442aca77"},
		{"A.3, reserved bits that are set", "e5e973e5a6b2a43f48e7dc849e37bfcf", "203.0.113.203", "fc93fc62807ddb86", "01abcdef5cf78f71a314227b6679ebf5"},
		{"A.3", "e5e973e5a6b2a43f48e7dc849e37bfcf", "203.0.113.203", "fc93fc62807ddb86", "010000005cf7a9acf73a7810aca2381e"},
		{"A.4, the old secret", "dd3bdf9344b678b185a6f5cb60fca715", "2001:db8:220:1:59de:d0f4:8769:82b8", "22681ab97d52c298", "010000005cf7c57926556bd0934c72f8"},
		{"A.4", "445536bcd2513298075a5d379663c962", "2001:db8:220:1:59de:d0f4:8769:82b8", "22681ab97d52c298", "010000005cf7c609a6bb79d16625507a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cookie := unhex(t, c.client+c.server)
			key := [16]byte(unhex(t, c.secret))
			got := binary.LittleEndian.AppendUint64(nil, hash(&key, cookie[:Size-8], netip.MustParseAddr(c.from)))
			if !bytes.Equal(got, cookie[Size-8:]) {
				t.Errorf("got %x, want %x", got, cookie[Size-8:])
			}
		})
	}
}

func server(t testing.TB, secret string) *Server {
	t.Helper()
	s, err := New([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var (
	client = []byte("\x01\x02\x03\x04\x05\x06\x07\x08")
	viewer = netip.MustParseAddr("203.0.113.9")
	noon   = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
)

const secret = "a secret of a network, of some length"

// TestLifetime follows RFC 9018, section 4.3: an hour back, five minutes ahead, a
// new one after half an hour.
func TestLifetime(t *testing.T) {
	for _, made := range []time.Time{
		noon,
		time.Date(2026, 1, 2, 0, 0, 10, 0, time.UTC),   // the day's first
		time.Date(2026, 1, 1, 23, 59, 50, 0, time.UTC), // the day's last
		time.Unix(1<<32-10, 0),                         // the clock wraps
		time.Date(2038, 1, 19, 3, 14, 0, 0, time.UTC),  // and its sign
	} {
		s := server(t, secret)
		first := s.Reply(nil, client, Unproven, viewer, made)
		if len(first) != Size || !bytes.Equal(first[:8], client) {
			t.Fatalf("%x", first)
		}
		for after, want := range map[time.Duration]struct {
			verdict Verdict
			same    bool
		}{
			0: {Valid, true}, 29 * time.Minute: {Valid, true}, 30 * time.Minute: {Valid, false}, time.Hour: {Valid, false},
			time.Hour + time.Second: {Unproven, false}, 24 * time.Hour: {Unproven, false},
			-5 * time.Minute: {Valid, false}, -5*time.Minute - time.Second: {Unproven, false},
		} {
			now := made.Add(after)
			verdict := s.Read(first, viewer, now)
			reply := s.Reply([]byte("before"), first, verdict, viewer, now)
			if verdict != want.verdict || bytes.Equal(reply, append([]byte("before"), first...)) != want.same {
				t.Errorf("made %v, after %v: %v, given back as it is %v", made, after, verdict, bytes.Equal(reply[6:], first))
			}
			if got := server(t, secret).Read(reply[6:], viewer, now); got != Valid {
				t.Errorf("made %v, after %v: the reply is %v to another router", made, after, got)
			}
		}
	}
}

// TestForged: nothing in a cookie can be changed, nor can it be used by another.
func TestForged(t *testing.T) {
	s := server(t, secret)
	good := s.Reply(nil, client, Unproven, viewer, noon)
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		if got := s.Read(bad, viewer, noon); got != Unproven {
			t.Errorf("with byte %d changed: %v", i, got)
		}
	}
	for _, from := range []string{"203.0.113.8", "2001:db8::1", "::203.0.113.9"} {
		if got := s.Read(good, netip.MustParseAddr(from), noon); got != Unproven {
			t.Errorf("from %s: %v", from, got)
		}
	}
	if got := s.Read(good, netip.MustParseAddr("::ffff:203.0.113.9"), noon); got != Valid {
		t.Errorf("from the same address in IPv6 form: %v", got)
	}
	if got := server(t, "another secret, as long as that one").Read(good, viewer, noon); got != Unproven {
		t.Errorf("of another network: %v", got)
	}
	if derive([]byte(secret), 1) == derive([]byte(secret), 2) {
		t.Error("two days have one key")
	}
}

// TestLengths are those of RFC 7873, section 5.2.2.
func TestLengths(t *testing.T) {
	s := server(t, secret)
	for n := range 50 {
		want := Malformed
		if n == 8 || n >= 16 && n <= 40 {
			want = Unproven
		}
		if got := s.Read(make([]byte, n), viewer, noon); got != want {
			t.Errorf("%d bytes: %v, want %v", n, got, want)
		}
	}
	if _, err := New(make([]byte, MinSecret-1)); err == nil {
		t.Error("a short secret is taken")
	}
}

func TestNoAllocation(t *testing.T) {
	s := server(t, secret)
	good := s.Reply(nil, client, Unproven, viewer, noon)
	buf := make([]byte, 0, Size)
	if n := testing.AllocsPerRun(100, func() {
		s.Reply(buf, good, s.Read(good, viewer, noon.Add(time.Hour)), viewer, noon.Add(time.Hour))
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRead(b *testing.B) {
	s := server(b, secret)
	good := s.Reply(nil, client, Unproven, viewer, noon)
	for b.Loop() {
		if s.Read(good, viewer, noon) != Valid {
			b.Fatal("not valid")
		}
	}
}
