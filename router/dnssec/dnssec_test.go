package dnssec

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

var testTime = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func rrs(t testing.TB, lines ...string) (out []dns.RR) {
	t.Helper()
	for _, l := range lines {
		rr, err := dns.NewRR(l)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, rr)
	}
	return out
}

func generate(t testing.TB, zone string) *Key {
	t.Helper()
	k, err := Generate(zone, testTime)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func zoneOf(t testing.TB, keys ...*Key) *Zone {
	t.Helper()
	s, err := New(keys, 0)
	if err != nil {
		t.Fatal(err)
	}
	return s.Zone(keys[0].Zone)
}

// TestKeyOfRFC6605 makes DNSKEY and DS of the private key in section 6.1.
func TestKeyOfRFC6605(t *testing.T) {
	raw, err := base64.StdEncoding.DecodeString("GU6SnQ/Ou+xC5RumuIUIuJZteXT2z0O/ok1s38Et6mQ=")
	if err != nil {
		t.Fatal(err)
	}
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw)
	if err != nil {
		t.Fatal(err)
	}
	k, err := newKey("Example.NET", testTime, private)
	if err != nil {
		t.Fatal(err)
	}
	const key = "example.net.\t3600\tIN\tDNSKEY\t257 3 13 GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA=="
	const ds = "example.net.\t3600\tIN\tDS\t55648 13 2 B4C8C1FE2E7477127B27115656AD6256F424625BF5C1E2770CE6D6E37DF61D17"
	if got := k.DNSKEY().String(); got != key {
		t.Errorf("DNSKEY %s\nwant %s", got, key)
	}
	if got := k.DS().String(); got != ds {
		t.Errorf("DS %s\nwant %s", got, ds)
	}
}

// TestSign: a validator that is not ours finds every kind of RRset good, and nothing else.
func TestSign(t *testing.T) {
	key := generate(t, "warmfront.test")
	z := zoneOf(t, key)
	for _, set := range [][]string{
		{"www.warmfront.test. 60 IN A 192.0.2.1"},
		{"WWW.WarmFront.Test. 60 IN AAAA 2001:db8::1"},
		{"warmfront.test. 3600 IN NS ns2.WARMFRONT.test.", "warmfront.test. 3600 IN NS ns1.warmfront.test."},
		{"warmfront.test. 60 IN SOA NS1.warmfront.test. hostmaster.Warmfront.test. 1 2 3 4 5"},
		{`x.warmfront.test. 60 IN TXT "two" "strings"`},
		{`d.warmfront.test. 60 IN HTTPS 1 . alpn="h3,h2" ipv4hint=192.0.2.1`},
		{`_8443._https.d.warmfront.test. 60 IN HTTPS 1 d.warmfront.test. alpn="h2"`},
		{`warmfront.test. 60 IN CAA 0 issue "ca.example.net"`, `warmfront.test. 60 IN CAA 128 iodef "mailto:a@example.net"`},
		{"d.warmfront.test. 60 IN A 192.0.2.9", "d.warmfront.test. 60 IN A 192.0.2.10", "d.warmfront.test. 60 IN A 192.0.2.1"},
		{`any.warmfront.test. 3600 IN HINFO "RFC8482" ""`},
		{`*.wild.warmfront.test. 60 IN A 192.0.2.1`},
		{key.DNSKEY().String()},
		{`y.warmfront.test. 60 IN NSEC \000.y.warmfront.test. RRSIG NSEC TYPE128`},
	} {
		t.Run(set[0], func(t *testing.T) {
			rrset := rrs(t, set...)
			sigs, err := z.Sign(rrset, Use{}, testTime)
			if err != nil || len(sigs) != 1 {
				t.Fatalf("%v %v", sigs, err)
			}
			sig := sigs[0].(*dns.RRSIG)
			if err := sig.Verify(key.DNSKEY(), rrset); err != nil {
				t.Errorf("%v: %v", sig, err)
			}
			if sig.Hdr.Name != rrset[0].Header().Name || sig.Hdr.Ttl != rrset[0].Header().Ttl || !sig.ValidityPeriod(testTime) {
				t.Errorf("%v", sig)
			}
			wrong := rrs(t, set...)
			wrong[0].Header().Rrtype++
			if sig.Verify(key.DNSKEY(), wrong) == nil {
				t.Error("holds for another type")
			}
		})
	}
}

// TestRouters: whoever has the same keys makes the same signatures, and in whatever case
// and order records come.
func TestRouters(t *testing.T) {
	keys := Keys{generate(t, "warmfront.test")}
	text, err := keys.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	a, err := zoneOf(t, keys...).Sign(rrs(t, "a.warmfront.test. 60 IN A 192.0.2.1", "a.warmfront.test. 60 IN A 192.0.2.2"), Use{}, testTime)
	if err != nil {
		t.Fatal(err)
	}
	b, err := zoneOf(t, again...).Sign(rrs(t, "A.Warmfront.test. 60 IN A 192.0.2.2", "a.warmfront.test. 60 IN A 192.0.2.1", "a.warmfront.test. 60 IN A 192.0.2.1"), Use{}, testTime)
	if err != nil {
		t.Fatal(err)
	}
	if a[0].(*dns.RRSIG).Signature != b[0].(*dns.RRSIG).Signature {
		t.Errorf("%v\n%v", a, b)
	}
}

// TestWindow: over three days, second by some seconds, what is given out is valid for an hour
// in the past and a day to come, is made anew once a day, and not at the same time for all.
func TestWindow(t *testing.T) {
	z := zoneOf(t, generate(t, "warmfront.test"))
	changes := map[int64]bool{}
	for i := range 8 {
		rrset := rrs(t, fmt.Sprintf("a%d.warmfront.test. 60 IN A 192.0.2.1", i))
		last, made := "", 0
		for now := testTime; now.Before(testTime.Add(72 * time.Hour)); now = now.Add(997 * time.Second) {
			sigs, err := z.Sign(rrset, Use{}, now)
			if err != nil {
				t.Fatal(err)
			}
			s := sigs[0].(*dns.RRSIG)
			if !s.ValidityPeriod(now.Add(-time.Hour)) || !s.ValidityPeriod(now.Add(24*time.Hour)) || s.ValidityPeriod(now.Add(50*time.Hour)) {
				t.Fatalf("at %v: %v", now, s)
			}
			if s.Signature != last {
				last = s.Signature
				if made++; made == 2 {
					changes[now.Unix()] = true
				}
			}
		}
		if made < 3 || made > 4 {
			t.Errorf("made %d times in three days", made)
		}
	}
	if len(changes) < 4 {
		t.Errorf("eight RRsets change at %d times", len(changes))
	}
}

func TestKept(t *testing.T) {
	z := zoneOf(t, generate(t, "warmfront.test"))
	sign := func(name string, ttl uint32, denial bool) {
		t.Helper()
		if _, err := z.Sign([]dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: ttl}, Txt: []string{"x"}}}, Use{Invented: denial}, testTime); err != nil {
			t.Fatal(err)
		}
	}
	sign("good.warmfront.test.", 60, false)
	sign("GOOD.warmfront.test.", 60, false)
	if made, reused := z.signer.Made(), z.signer.Reused(); made != 1 || reused != 1 {
		t.Errorf("made %d, reused %d", made, reused)
	}
	sign("once.warmfront.test.", 0, false)
	sign("once.warmfront.test.", 0, false)
	if made := z.signer.Made(); made != 3 {
		t.Errorf("made %d: what has TTL 0 is kept", made)
	}
	// A flood of names that do not exist pushes nothing else out, and is bounded.
	z.signer.invented = newCache(64)
	for i := range 1000 {
		sign(fmt.Sprintf("no%d.warmfront.test.", i), 60, true)
	}
	if n := z.signer.invented.count(); n > 64 {
		t.Errorf("%d denials are kept, of 64", n)
	}
	made := z.signer.Made()
	sign("good.warmfront.test.", 60, false)
	if z.signer.Made() != made {
		t.Error("the flood pushed out an answer")
	}
}

// TestTooMany: what is asked for with a false address, perhaps, has so many signatures made in a
// second for all; what is kept, and what is made for others, does not count.
func TestTooMany(t *testing.T) {
	s, err := New(Keys{generate(t, "warmfront.test")}, 10)
	if err != nil {
		t.Fatal(err)
	}
	z := s.Zone("warmfront.test.")
	sign := func(name string, limited bool, now time.Time) error {
		_, err := z.Sign(rrs(t, name+".warmfront.test. 60 IN A 192.0.2.1"), Use{Invented: true, Limited: limited}, now)
		return err
	}
	for n, now := range []time.Time{testTime, testTime.Add(time.Second)} {
		for i := range 20 {
			if err := sign(fmt.Sprintf("no%d-%d", n, i), true, now); (err != nil) != (i >= 10) || err != nil && !errors.Is(err, ErrTooMany) {
				t.Errorf("%d: %v", i, err)
			}
		}
		if err := sign(fmt.Sprintf("proven%d", n), false, now); err != nil {
			t.Error(err)
		}
		if err := sign("no0-0", true, now); err != nil {
			t.Errorf("what is kept: %v", err)
		}
	}
}

// TestCacheKeepsWhatIsUsed: what is asked for between others stays, however many they are.
func TestCacheKeepsWhatIsUsed(t *testing.T) {
	c := newCache(160)
	often := [32]byte{0: 1}
	c.put(often, 7, []Signature{{}})
	for i := range 5000 {
		c.put([32]byte{0: 2, 1: byte(i), 2: byte(i >> 8), 31: byte(i)}, 7, []Signature{{}})
		if i%4 == 0 && c.get(often, 7) == nil {
			t.Fatalf("gone after %d others", i)
		}
	}
	if c.get(often, 8) != nil {
		t.Error("another window's")
	}
	if n := c.count(); n > 160 {
		t.Errorf("%d are kept, of 160", n)
	}
}

// TestRoll: while there are two keys either validates everything; then the older can go.
func TestRoll(t *testing.T) {
	keys := Keys{generate(t, "warmfront.test"), generate(t, "shop.test")}
	both, err := keys.Roll(testTime.Add(time.Hour))
	if err != nil || len(both) != 4 || len(both.Of("shop.test")) != 2 {
		t.Fatalf("%d keys, %v", len(both), err)
	}
	if _, err := both.Roll(testTime); err == nil || !strings.Contains(err.Error(), "retire") {
		t.Errorf("a third key: %v", err)
	}
	z := zoneOf(t, both.Of("warmfront.test")...)
	var set []dns.RR
	for _, rr := range z.Records() {
		if rr.Header().Rrtype == dns.TypeDNSKEY {
			set = append(set, rr)
		}
	}
	sigs, err := z.Sign(set, Use{}, testTime)
	if err != nil || len(sigs) != 2 {
		t.Fatalf("%v %v", sigs, err)
	}
	for i, k := range both.Of("warmfront.test") {
		if err := sigs[i].(*dns.RRSIG).Verify(k.DNSKEY(), set); err != nil {
			t.Errorf("key %d: %v", i, err)
		}
	}
	old := keys[0].Tag()
	if _, err := both.Retire(old, testTime); !errors.Is(err, ErrUnknown) {
		t.Errorf("its successor is new: %v", err)
	}
	left, err := both.Retire(old, testTime.Add(time.Hour+Known))
	if err != nil || len(left) != 3 || left.Of("warmfront.test")[0].Tag() == old {
		t.Errorf("%v %v", left, err)
	}
	if _, err := left.Retire(left.Of("warmfront.test")[0].Tag(), testTime.Add(time.Hour+Known)); err == nil {
		t.Error("the last key of a zone is retired")
	}
	if _, err := keys.Retire(old+1, testTime); err == nil && keys[1].Tag() != old+1 {
		t.Error("a key that is not there is retired")
	}
	for _, c := range []struct {
		after, before Keys
		follows       bool
	}{{both, keys, true}, {left, both, true}, {keys, keys, true}, {left, keys, false}, {Keys{generate(t, "warmfront.test"), generate(t, "shop.test")}, keys, false}} {
		if err := c.after.Follow(c.before); (err == nil) != c.follows {
			t.Errorf("%v after %v: %v", c.after, c.before, err)
		}
	}
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.pem")
	if _, err := ReadFile(path); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "router keys create") {
		t.Errorf("no file: %v", err)
	}
	keys := Keys{generate(t, "warmfront.test")}
	if err := CreateFile(path, keys); err != nil {
		t.Fatal(err)
	}
	if err := CreateFile(path, keys); !errors.Is(err, fs.ErrExist) {
		t.Errorf("written over: %v", err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	read, err := ReadFile(path)
	if err != nil || len(read) != 1 || read[0].Tag() != keys[0].Tag() || !read[0].Created.Equal(testTime) {
		t.Fatalf("%v %v", read, err)
	}
	rolled, err := read.Roll(testTime)
	if err != nil {
		t.Fatal(err)
	}
	if err := ReplaceFile(path, rolled); err != nil {
		t.Fatal(err)
	}
	if read, err = ReadFile(path); err != nil || len(read) != 2 {
		t.Errorf("%v %v", read, err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that anybody may read: %v", err)
	}
	if _, err := ReadFile(filepath.Dir(path)); err == nil || strings.Contains(err.Error(), "chmod") || !strings.Contains(err.Error(), "a folder") {
		t.Errorf("a folder: %v", err)
	}
}

func TestParseErrors(t *testing.T) {
	good, err := Keys{generate(t, "warmfront.test")}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	replaced := func(a, b string) string { return strings.Replace(string(good), a, b, 1) }
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "not a file of keys"},
		{"something else", "zone warmfront.test\n", "not a file of keys"},
		{"something behind", string(good) + "more\n", "not a file of keys"},
		{"of another kind", strings.ReplaceAll(string(good), "PRIVATE KEY", "PUBLIC KEY"), "PUBLIC KEY"},
		{"without a zone", replaced("Zone: warmfront.test.", "Zone: ."), "not a domain name"},
		{"without a time", replaced("Created: 2026", "Created: x"), "not a time"},
		{"the same twice", string(good) + string(good), "have the tag"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Parse([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestDeny(t *testing.T) {
	long := strings.Repeat("a", 63) + "." + strings.Repeat("b", 63) + "." + strings.Repeat("c", 63) + "."
	for _, c := range []struct {
		name   string
		exists bool
		types  []uint16
		next   string
		want   []uint16
	}{
		{"d.warmfront.test.", true, []uint16{dns.TypeHTTPS, dns.TypeA}, `\000.d.warmfront.test.`, []uint16{1, 46, 47, 65}},
		{"No.WarmFront.test.", false, nil, `\000.no.warmfront.test.`, []uint16{46, 47, dns.TypeNXNAME}},
		{"ent.warmfront.test.", true, nil, `\000.ent.warmfront.test.`, []uint16{46, 47}},
		// 254 bytes, and 255, also with last bytes that cannot grow, or would become capitals.
		{"x" + strings.Repeat("d", 49) + "." + long + "warmfront.", true, nil, "x" + strings.Repeat("d", 49) + `\000.` + long + "warmfront.", []uint16{46, 47}},
		{"x" + strings.Repeat("d", 50) + "." + long + "warmfront.", true, nil, "x" + strings.Repeat("d", 49) + "e." + long + "warmfront.", []uint16{46, 47}},
		{strings.Repeat("d", 50) + `\255.` + long + "warmfront.", true, nil, strings.Repeat("d", 49) + "e." + long + "warmfront.", []uint16{46, 47}},
		{strings.Repeat("d", 50) + `\@.` + long + "warmfront.", true, nil, strings.Repeat("d", 50) + "[." + long + "warmfront.", []uint16{46, 47}},
	} {
		t.Run(c.name, func(t *testing.T) {
			nsec, err := Deny(c.name, c.exists, c.types, 60)
			if err != nil {
				t.Fatal(err)
			}
			if nsec.Hdr.Name != c.name || nsec.NextDomain != c.next || !slices.Equal(nsec.TypeBitMap, c.want) || nsec.Hdr.Ttl != 60 {
				t.Errorf("%v, want next %s and %v", nsec, c.next, c.want)
			}
			if _, err := zoneOf(t, generate(t, "warmfront")).Sign([]dns.RR{nsec}, Use{Invented: true}, testTime); err != nil {
				t.Error(err)
			}
		})
	}
}

// FuzzDeny: whatever the name, nothing lies between it and the next but what is below it
// or too long.
func FuzzDeny(f *testing.F) {
	f.Add("d.warmfront.test.")
	f.Add(`\000\255.Warmfront.test.`)
	f.Fuzz(func(t *testing.T, name string) {
		wire, err := packName(name)
		if err != nil || !dns.IsFqdn(name) || len(wire) > 255 {
			t.Skip()
		}
		nsec, err := Deny(name, true, nil, 60)
		if err != nil {
			t.Skip()
		}
		next, err := packName(nsec.NextDomain)
		if err != nil || len(next) > 255 {
			t.Fatalf("%q is no name: %v", nsec.NextDomain, err)
		}
		lowerName(wire)
		if len(wire) <= 253 && !bytes.Equal(next, append([]byte{1, 0}, wire...)) {
			t.Errorf("%q after %q", nsec.NextDomain, name)
		}
	})
}

// TestAtOnce is for the race detector.
func TestAtOnce(t *testing.T) {
	z := zoneOf(t, generate(t, "warmfront.test"))
	z.signer.names = newCache(32)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 200 {
				rrset := []dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: fmt.Sprintf("a%d.warmfront.test.", i%50), Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 60}, Txt: []string{"x"}}}
				if sigs, err := z.Sign(rrset, Use{}, testTime); err != nil || len(sigs) != 1 || sigs[0].Header().Name != rrset[0].Header().Name {
					t.Errorf("%v %v", sigs, err)
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkSign(b *testing.B) {
	z := zoneOf(b, generate(b, "warmfront.test"))
	rrset := rrs(b, "d.warmfront.test. 60 IN A 192.0.2.1")
	b.Run("made", func(b *testing.B) {
		rrset[0].Header().Ttl = 0
		for b.Loop() {
			if _, err := z.Sign(rrset, Use{}, testTime); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("kept", func(b *testing.B) {
		rrset[0].Header().Ttl = 60
		for b.Loop() {
			if _, err := z.Sign(rrset, Use{}, testTime); err != nil {
				b.Fatal(err)
			}
		}
	})
}
