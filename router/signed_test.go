package router

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/router/dnssec"
	"github.com/warmfront/warmfront/router/explain"
	"github.com/warmfront/warmfront/router/transport"
)

// dnssecMost is how much a signature adds to an answer: owner, type, class, TTL and length,
// then the fixed part, the name of the zone and two numbers.
const dnssecMost = 12 + 18 + 255 + 64

func keysOf(t testing.TB, zones ...string) (out dnssec.Keys) {
	t.Helper()
	for _, z := range zones {
		k, err := dnssec.Generate(z, testTime)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, k)
	}
	return out
}

func rolled(t testing.TB, keys dnssec.Keys) dnssec.Keys {
	t.Helper()
	out, err := keys.Roll(testTime)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func newSignedRouter(t testing.TB, keys dnssec.Keys, change func(*Config)) *Router {
	t.Helper()
	r := newRouter(t, func(c *Config) {
		c.Keys, c.CAA, c.AliasZones = keys, []string{`0 issue "ca.example.net"`}, []string{"shop.example"}
		c.Now = func() time.Time { return testTime }
		if change != nil {
			change(c)
		}
	})
	mark(r)
	return r
}

// validate is what a validating resolver checks of an answer (RFC 4035, section 5): each RRset
// has a signature of each key, made by the zone it is in, and what does not exist is denied.
func validate(keys dnssec.Keys, q dns.Question, m *dns.Msg, now time.Time) error {
	for _, section := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
		if err := validateSection(keys, section, now); err != nil {
			return err
		}
	}
	if len(m.Answer) > 0 || len(keys.Of(zoneName(keys, q.Name))) == 0 {
		return nil
	}
	for _, rr := range m.Ns {
		nsec, ok := rr.(*dns.NSEC)
		if !ok {
			continue
		}
		if !strings.EqualFold(nsec.Hdr.Name, q.Name) || slices.Contains(nsec.TypeBitMap, q.Qtype) && q.Qtype != dns.TypeRRSIG {
			return fmt.Errorf("%v denies nothing of %v", nsec, q)
		}
		if slices.Contains(nsec.TypeBitMap, dns.TypeCNAME) {
			return fmt.Errorf("%v says that there is an alias", nsec)
		}
		return nil
	}
	return fmt.Errorf("nothing denies %v", q)
}

func zoneName(keys dnssec.Keys, name string) string {
	for _, k := range keys {
		if dns.IsSubDomain(k.Zone, strings.ToLower(name)) {
			return k.Zone
		}
	}
	return ""
}

func validateSection(keys dnssec.Keys, section []dns.RR, now time.Time) error {
	type set struct {
		name  string
		rtype uint16
	}
	sets, sigs := map[set][]dns.RR{}, map[set][]*dns.RRSIG{}
	for _, rr := range section {
		name := dns.CanonicalName(rr.Header().Name)
		switch rr := rr.(type) {
		case *dns.OPT:
		case *dns.RRSIG:
			sigs[set{name, rr.TypeCovered}] = append(sigs[set{name, rr.TypeCovered}], rr)
		default:
			s := set{name, rr.Header().Rrtype}
			sets[s] = append(sets[s], rr)
		}
	}
	for s, rrset := range sets {
		own := keys.Of(zoneName(keys, s.name))
		if len(sigs[s]) != len(own) {
			return fmt.Errorf("%v: %d signatures", rrset, len(sigs[s]))
		}
		for i, sig := range sigs[s] {
			if err := sig.Verify(own[i].DNSKEY(), rrset); err != nil || !sig.ValidityPeriod(now) {
				return fmt.Errorf("%v: %w: %v", rrset, err, sig)
			}
		}
	}
	for s := range sigs {
		if sets[s] == nil {
			return fmt.Errorf("a signature of %v, which is not there", s)
		}
	}
	return nil
}

// askSigned asks as a client that wants DNSSEC, which may know of compact answers. Told to, it
// asks again by TCP.
func askSigned(t testing.TB, r *Router, name string, qtype uint16, compact bool) *dns.Msg {
	t.Helper()
	q := question(name, qtype).SetEdns0(1232, true)
	q.IsEdns0().SetCo(compact)
	m := wireAnswer(t, r, pack(t, q), UDP)
	if m.Truncated {
		m = wireAnswer(t, r, pack(t, q), TCP)
	}
	return m
}

// TestDenial: what there is not, by RFC 9824. A client that knows of compact answers is told
// that a name does not exist by the response code as well (section 5.1).
func TestDenial(t *testing.T) {
	keys := keysOf(t, testZone, "shop.example")
	nodes := []cdn.Node{}
	for _, p := range twelve(t) {
		n := edgeOf(p, 1)
		n.HTTPSPort = 8443
		nodes = append(nodes, n)
	}
	plans := append(distributions(), &cdn.Plan{ID: "ESHOP", Domain: "dshop." + testZone, Enabled: true, PriceClass: cdn.PriceClassAll, Aliases: []string{"shop.example", "www.shop.example"}})
	st := state(t, plans, nodes)
	r := newSignedRouter(t, keys, func(c *Config) { c.State = func() *cdn.State { return st }; c.Explain = true })
	for _, c := range []struct {
		name  string
		qtype uint16
		want  string // the types of the denial
	}{
		{"nope.warmfront.test.", dns.TypeA, "RRSIG NSEC NXNAME"},
		{"NoPe.x.WARMFRONT.test.", dns.TypeAAAA, "RRSIG NSEC NXNAME"},
		{"x.dall.warmfront.test.", dns.TypeTXT, "RRSIG NSEC NXNAME"},
		{"nope.shop.example.", dns.TypeA, "RRSIG NSEC NXNAME"},
		{"_443._https.dall.warmfront.test.", dns.TypeHTTPS, "RRSIG NSEC NXNAME"},
		{"nope.warmfront.test.", dns.TypeANY, "RRSIG NSEC NXNAME"},
		{"nope.warmfront.test.", dns.TypeRRSIG, "RRSIG NSEC NXNAME"},
		{"nope.warmfront.test.", dns.TypeDS, "RRSIG NSEC NXNAME"},
		{"dall.warmfront.test.", dns.TypeMX, "A AAAA RRSIG NSEC HTTPS"},
		{"d100.warmfront.test.", dns.TypeAAAA, "A RRSIG NSEC HTTPS"},
		{"dall.warmfront.test.", dns.TypeDS, "A AAAA RRSIG NSEC HTTPS"},
		{"_8443._https.dall.warmfront.test.", dns.TypeA, "RRSIG NSEC HTTPS"},
		{"_https.dall.warmfront.test.", dns.TypeHTTPS, "RRSIG NSEC"},
		{"x.y.warmfront.test.", dns.TypeA, "TXT RRSIG NSEC"},
		{"y.warmfront.test.", dns.TypeA, "RRSIG NSEC"},         // an empty non-terminal
		{"deep.warmfront.test.", dns.TypeA, "RRSIG NSEC"},      // because of an alias
		{"hole.wild.warmfront.test.", dns.TypeA, "RRSIG NSEC"}, // beneath a wildcard
		{"any.wild.warmfront.test.", dns.TypeTXT, "A AAAA RRSIG NSEC HTTPS"},
		{"warmfront.test.", dns.TypeDS, "A NS SOA AAAA RRSIG NSEC DNSKEY CDS CDNSKEY HTTPS CAA"},
		{"warmfront.test.", dns.TypeMX, "A NS SOA AAAA RRSIG NSEC DNSKEY CDS CDNSKEY HTTPS CAA"},
		{"shop.example.", dns.TypeMX, "A NS SOA RRSIG NSEC DNSKEY CDS CDNSKEY HTTPS CAA"},
		{"ns2.warmfront.test.", dns.TypeAAAA, "A RRSIG NSEC"},
		{"_explain.dall.warmfront.test.", dns.TypeA, "TXT RRSIG NSEC"},
		{"_explain.nope.warmfront.test.", dns.TypeTXT, "RRSIG NSEC NXNAME"},
		{"dall.warmfront.test.", 65000, "A AAAA RRSIG NSEC HTTPS"},
	} {
		t.Run(c.name+" "+dns.Type(c.qtype).String(), func(t *testing.T) {
			for _, compact := range []bool{false, true} {
				m := askSigned(t, r, c.name, c.qtype, compact)
				rcode := dns.RcodeSuccess
				if compact && strings.Contains(c.want, "NXNAME") {
					rcode = dns.RcodeNameError
				}
				if m.Rcode != rcode || !m.Authoritative || m.AuthenticatedData || m.IsEdns0().Co() != compact || !m.IsEdns0().Do() {
					t.Errorf("compact %t: %v", compact, m)
				}
				if err := validate(keys, m.Question[0], m, testTime); err != nil {
					t.Error(err)
				}
				if len(m.Answer) != 0 || len(m.Ns) != 4 {
					t.Fatalf("%v", m)
				}
				nsec := m.Ns[2].(*dns.NSEC)
				if nsec.Hdr.Name != c.name || nsec.NextDomain != `\000.`+strings.ToLower(c.name) || nsec.Hdr.Ttl != ttlNegative {
					t.Errorf("%v", nsec)
				}
				var types []string
				for _, n := range nsec.TypeBitMap {
					types = append(types, dns.TypeToString[n])
				}
				if got := strings.Join(types, " "); got != c.want {
					t.Errorf("types %s, want %s", got, c.want)
				}
			}
		})
	}
}

// TestSignedAnswers: every kind of positive answer, and answers that are not signed, to who
// has proven by a cookie where he is.
func TestSignedAnswers(t *testing.T) {
	keys := keysOf(t, testZone)
	secret := []byte("a secret of this network, long enough")
	r := newSignedRouter(t, keys, func(c *Config) { c.Explain, c.CookieSecret = true, secret })
	for _, c := range []struct {
		name      string
		qtype     uint16
		rcode     int
		answer    string // the types of the records
		add       string
		size      uint16
		truncated bool
	}{
		{name: "dall.warmfront.test.", qtype: dns.TypeA, answer: "A RRSIG"},
		{name: "dALL.Warmfront.test.", qtype: dns.TypeAAAA, answer: "AAAA RRSIG"},
		{name: "any.wild.warmfront.test.", qtype: dns.TypeA, answer: "A RRSIG"},
		{name: "*.wild.warmfront.test.", qtype: dns.TypeA, answer: "A RRSIG"},
		{name: "warmfront.test.", qtype: dns.TypeA, answer: "A RRSIG"},
		{name: "warmfront.test.", qtype: dns.TypeSOA, answer: "SOA RRSIG"},
		{name: "warmfront.test.", qtype: dns.TypeNS, answer: "NS NS RRSIG", add: "A RRSIG AAAA RRSIG A RRSIG"},
		{name: "warmfront.test.", qtype: dns.TypeDNSKEY, answer: "DNSKEY RRSIG"},
		{name: "warmfront.test.", qtype: dns.TypeCDS, answer: "CDS RRSIG"},
		{name: "warmfront.test.", qtype: dns.TypeCDNSKEY, answer: "CDNSKEY RRSIG"},
		{name: "warmfront.test.", qtype: dns.TypeCAA, answer: "CAA RRSIG"},
		{name: "x.y.warmfront.test.", qtype: dns.TypeTXT, answer: "TXT RRSIG"},
		{name: "dall.warmfront.test.", qtype: dns.TypeANY, answer: "HINFO RRSIG"},
		{name: "_explain.dall.warmfront.test.", qtype: dns.TypeTXT, answer: "TXT RRSIG"},
		// Asked for by their types.
		{name: "dall.warmfront.test.", qtype: dns.TypeNSEC, answer: "NSEC RRSIG"},
		{name: "nope.warmfront.test.", qtype: dns.TypeNSEC, answer: "NSEC RRSIG"},
		{name: "dall.warmfront.test.", qtype: dns.TypeRRSIG, answer: "RRSIG"},
		{name: "dall.warmfront.test.", qtype: dns.TypeNXNAME, rcode: dns.RcodeFormatError},
		// What does not fit: half a signed answer is of no use.
		{name: "big.warmfront.test.", qtype: dns.TypeTXT, truncated: true},
		{name: "warmfront.test.", qtype: dns.TypeNS, size: 512, answer: "NS NS RRSIG"},
		// Not in a signed zone, not ours.
		{name: "shop.example.", qtype: dns.TypeSOA, answer: "SOA"},
		{name: "warmfront.test.", qtype: dns.TypeAXFR, rcode: dns.RcodeRefused},
		{name: "example.com.", qtype: dns.TypeDNSKEY, rcode: dns.RcodeRefused},
	} {
		t.Run(c.name+" "+dns.Type(c.qtype).String(), func(t *testing.T) {
			q := question(c.name, c.qtype).SetEdns0(max(c.size, 512), true)
			if c.size == 0 {
				q.IsEdns0().SetUDPSize(1232)
			}
			q.IsEdns0().Option = []dns.EDNS0{cookieOf(t, secret, viewer(t, "FRA"))}
			m := wireAnswer(t, r, pack(t, q), UDP)
			if m.Rcode != c.rcode || m.Truncated != c.truncated || m.AuthenticatedData || m.IsEdns0() == nil || !m.IsEdns0().Do() || m.IsEdns0().Co() {
				t.Fatalf("%v", m)
			}
			if got := typesOf(m.Answer); got != c.answer {
				t.Errorf("answer: %s, want %s", got, c.answer)
			}
			if got := typesOf(m.Extra); got != c.add {
				t.Errorf("additional: %s, want %s", got, c.add)
			}
			if c.rcode == dns.RcodeSuccess && !c.truncated && c.qtype != dns.TypeRRSIG {
				if err := validate(keys, m.Question[0], m, testTime); err != nil {
					t.Error(err)
				}
			}
		})
	}
	if m := wireAnswer(t, r, pack(t, question("big.warmfront.test.", dns.TypeTXT).SetEdns0(512, true)), TCP); validate(keys, m.Question[0], m, testTime) != nil || len(m.Answer) != 2 {
		t.Errorf("by TCP: %v", m)
	}
}

func typesOf(rrs []dns.RR) string {
	var out []string
	for _, rr := range rrs {
		if rr.Header().Rrtype != dns.TypeOPT {
			out = append(out, dns.TypeToString[rr.Header().Rrtype])
		}
	}
	return strings.Join(out, " ")
}

// TestUnsigned: who does not ask for DNSSEC is answered as if there were none (RFC 4035,
// section 3.1), but for what he asks for by its type.
func TestUnsigned(t *testing.T) {
	keys := keysOf(t, testZone)
	signed, plain := newSignedRouter(t, keys, nil), newSignedRouter(t, nil, nil)
	for _, name := range []string{"dall.warmfront.test.", "warmfront.test.", "nope.warmfront.test.", "deep.warmfront.test.", "x.y.warmfront.test."} {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeNS, dns.TypeTXT, dns.TypeMX, dns.TypeHTTPS, dns.TypeANY, dns.TypeDS} {
			for _, compact := range []bool{false, true} {
				q := question(name, qtype).SetEdns0(1232, false)
				q.IsEdns0().SetCo(compact) // without DO it says nothing
				if got, want := wireAnswer(t, signed, pack(t, q), UDP), wireAnswer(t, plain, pack(t, q), UDP); got.String() != want.String() {
					t.Errorf("got %v\nwant %v", got, want)
				}
			}
		}
	}
	ask := func(r *Router, name string, qtype uint16) *dns.Msg {
		return wireAnswer(t, r, pack(t, question(name, qtype)), UDP)
	}
	for _, c := range []struct {
		name   string
		qtype  uint16
		answer string
		rcode  int
	}{
		{"warmfront.test.", dns.TypeDNSKEY, "DNSKEY", 0},
		{"warmfront.test.", dns.TypeCDS, "CDS", 0},
		{"dall.warmfront.test.", dns.TypeNSEC, "NSEC", 0},
		{"dall.warmfront.test.", dns.TypeRRSIG, "RRSIG", 0},
		{"nope.warmfront.test.", dns.TypeNSEC, "", dns.RcodeNameError},
		{"nope.warmfront.test.", dns.TypeRRSIG, "", dns.RcodeNameError},
	} {
		m := ask(signed, c.name, c.qtype)
		if m.Rcode != c.rcode || typesOf(m.Answer) != c.answer {
			t.Errorf("%s %s: %v", c.name, dns.Type(c.qtype), m)
		}
		if p := ask(plain, c.name, c.qtype); len(p.Answer) != 0 {
			t.Errorf("unsigned: %v", p)
		}
	}
}

// TestSignedPerViewer: viewers who are given different edges are given different signatures,
// those who are given the same the same, by both paths.
func TestSignedPerViewer(t *testing.T) {
	keys := keysOf(t, testZone)
	r := newSignedRouter(t, keys, nil)
	made := map[string]string{}
	for range 3 {
		for _, p := range twelve(t) {
			q := question("dall.warmfront.test.", dns.TypeA).SetEdns0(1232, true)
			a := edgeOf(p, 1).Addr.As4()
			q.IsEdns0().Option = []dns.EDNS0{subnetOption(1, 16, 0, a[0], a[1])}
			m := wireAnswer(t, r, pack(t, q), UDP)
			if err := validate(keys, m.Question[0], m, testTime); err != nil || popOf(m) != p.Code {
				t.Fatalf("%s: %v %v", p.Code, err, m)
			}
			s := m.Answer[1].(*dns.RRSIG).Signature
			if made[p.Code] != "" && made[p.Code] != s {
				t.Errorf("%s is signed anew", p.Code)
			}
			made[p.Code] = s
		}
	}
	if n := r.current().signer.Made(); n != 12 || len(made) != 12 {
		t.Errorf("%d signatures for twelve answers", n)
	}
}

// TestSignedDoesNotAllocate: nor do those who ask for DNSSEC, once an answer is signed, and
// those who do not.
func TestSignedDoesNotAllocate(t *testing.T) {
	r := newSignedRouter(t, rolled(t, keysOf(t, testZone)), withTable(t))
	from, buf := viewer(t, "FRA"), make([]byte, transport.UDPSize)
	for _, do := range []bool{false, true} {
		packet := pack(t, question("dALL.warmfront.test.", dns.TypeA).SetEdns0(1232, do))
		if r.respond(packet, from, UDP, buf, testTime) == nil {
			t.Fatal("no answer")
		}
		if n := testing.AllocsPerRun(100, func() { r.respond(packet, from, UDP, buf, testTime) }); n != 0 {
			t.Errorf("DO %t: %v allocations", do, n)
		}
	}
}

// TestSignedFlood: what the limit drops is not signed.
func TestSignedFlood(t *testing.T) {
	r := newSignedRouter(t, keysOf(t, testZone), limited)
	for i := range 500 {
		r.respond(pack(t, question(fmt.Sprintf("no%d.warmfront.test.", i), dns.TypeA).SetEdns0(1232, true)), viewer(t, "FRA"), UDP, nil, testTime)
	}
	if n := r.current().signer.Made(); n > 100 {
		t.Errorf("%d signatures for a flood of 500", n)
	}
}

// TestExplainSigned: an explanation says which keys sign the answers it is about.
func TestExplainSigned(t *testing.T) {
	keys := keysOf(t, testZone)
	signed, plain := newSignedRouter(t, keys, explaining), newSignedRouter(t, nil, explaining)
	for _, c := range []struct {
		r    *Router
		name string
		want *explain.DNSSEC
	}{
		{signed, "dall.warmfront.test.", &explain.DNSSEC{Zone: testZone, Algorithm: "ECDSAP256SHA256", Keys: []int{int(keys[0].Tag())}}},
		{signed, "www.elsewhere.example.", nil}, // a zone without keys
		{plain, "dall.warmfront.test.", nil},
	} {
		m := wireAnswer(t, c.r, pack(t, question("_explain."+c.name, dns.TypeTXT)), TCP)
		x, err := explain.Parse(m.Answer[0].(*dns.TXT).Txt)
		if err != nil || !reflect.DeepEqual(x.DNSSEC, c.want) {
			t.Errorf("%s: %v %+v", c.name, err, x.DNSSEC)
		}
	}
}

// TestTooManySignatures: a flood from everywhere, of names that do not exist and of names below
// a wildcard, has so many signatures made in a second; the rest is told to use TCP, where it
// is answered. Names that there are stay signed.
func TestTooManySignatures(t *testing.T) {
	keys := keysOf(t, testZone)
	r := newSignedRouter(t, keys, limited)
	ask := func(name string, i int, proto Proto) *dns.Msg {
		q := question(name, dns.TypeA).SetEdns0(1232, true)
		m := new(dns.Msg)
		from := netip.AddrFrom4([4]byte{20, byte(i >> 8), byte(i), 1})
		if out := r.respond(pack(t, q), from, proto, nil, testTime); out == nil || m.Unpack(out) != nil {
			t.Fatalf("%s: no answer", name)
		}
		return m
	}
	if m := ask("dall.warmfront.test.", 0, UDP); m.Truncated {
		t.Fatal(m)
	}
	short := 0
	const flood = signaturesPerSecond + 500
	for i := range flood {
		name := fmt.Sprintf("no%d.warmfront.test.", i)
		if i%2 == 0 {
			name = fmt.Sprintf("a%d.wild.warmfront.test.", i)
		}
		if ask(name, i, UDP).Truncated {
			short++
		}
	}
	if short < 490 || short > 510 {
		t.Errorf("%d of %d are told to use TCP", short, flood)
	}
	for _, c := range []struct {
		name  string
		proto Proto
	}{{"again.warmfront.test.", TCP}, {"again.wild.warmfront.test.", TCP}, {"dall.warmfront.test.", UDP}} {
		m := ask(c.name, flood, c.proto)
		if err := validate(keys, m.Question[0], m, testTime); err != nil || m.Truncated {
			t.Errorf("%s: %v %v", c.name, err, m)
		}
	}
}

// TestRekey: while a key is replaced every answer is good for who knows the keys of just
// before, and in the end only the new key signs.
func TestRekey(t *testing.T) {
	keys := keysOf(t, testZone)
	both := rolled(t, keys)
	second, err := both.Retire(keys[0].Tag(), testTime.Add(dnssec.Known))
	if err != nil {
		t.Fatal(err)
	}
	r := newSignedRouter(t, keys, nil)
	var asking sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		asking.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				m := askSigned(t, r, "dall.warmfront.test.", dns.TypeA, false)
				if n := len(m.Answer); n != 2 && n != 3 {
					t.Errorf("%v", m)
				}
			}
		})
	}
	for _, now := range []dnssec.Keys{both, second} {
		if err := r.Rekey(now); err != nil {
			t.Fatal(err)
		}
		for _, qtype := range []uint16{dns.TypeA, dns.TypeDNSKEY, dns.TypeCDS, dns.TypeMX} {
			m := askSigned(t, r, "warmfront.test.", qtype, false)
			if err := validate(now, m.Question[0], m, testTime); err != nil {
				t.Error(err)
			}
		}
		if m := askSigned(t, r, "warmfront.test.", dns.TypeDNSKEY, false); len(m.Answer) != 2*len(now) {
			t.Errorf("%v", m)
		}
	}
	close(done)
	asking.Wait()
	if err := r.Rekey(nil); err == nil {
		t.Error("no keys are taken")
	}
	if err := r.Rekey(keysOf(t, testZone)); err == nil {
		t.Error("wholly other keys are taken: no answer could be verified")
	}
	if err := r.Rekey(keysOf(t, "shop.example")); err == nil {
		t.Error("another zone's keys are taken")
	}
	if err := newSignedRouter(t, nil, nil).Rekey(keys); err == nil {
		t.Error("a router that does not sign begins to")
	}
	two := keysOf(t, testZone, "shop.example")
	r = newSignedRouter(t, two, nil)
	if err := r.Rekey(two.Of(testZone)); err == nil || !strings.Contains(err.Error(), "shop.example") {
		t.Errorf("a zone ceases to be signed: %v", err)
	}
	if err := validate(two, dns.Question{}, askSigned(t, r, "shop.example.", dns.TypeDNSKEY, false), testTime); err != nil {
		t.Error(err)
	}
}

func TestKeysOfTheZone(t *testing.T) {
	_, err := newSigner(Config{Zone: testZone, Keys: keysOf(t, "shop.example")})
	if err == nil || !strings.Contains(err.Error(), "--dnssec") || !strings.Contains(err.Error(), "shop.example") {
		t.Errorf("keys of another zone: %v", err)
	}
}

// FuzzSigned: whatever is asked for with DO, a validator finds the answer good.
func FuzzSigned(f *testing.F) {
	keys := rolled(f, keysOf(f, testZone))
	r := newSignedRouter(f, keys, nil)
	f.Add("dall.warmfront.test", dns.TypeA, "127.64.9.9", true)
	f.Add(`x\.\255y.WARMFRONT.test`, dns.TypeTXT, "2001:db8::1", false)
	f.Add(strings.Repeat("a.", 119)+"warmfront.test", dns.TypeNSEC, "127.64.9.9", false)
	f.Fuzz(func(t *testing.T, name string, qtype uint16, from string, compact bool) {
		viewer, err := netip.ParseAddr(from)
		q := question(dns.Fqdn(name), qtype).SetEdns0(1232, true)
		q.IsEdns0().SetCo(compact)
		packet, err2 := q.Pack()
		if err != nil || err2 != nil {
			t.Skip()
		}
		m := new(dns.Msg)
		if out := r.respond(packet, viewer, TCP, nil, testTime); out == nil || m.Unpack(out) != nil {
			t.Fatalf("%x", out)
		}
		if (m.Rcode == dns.RcodeSuccess || m.Rcode == dns.RcodeNameError) && qtype != dns.TypeRRSIG {
			if err := validate(keys, m.Question[0], m, testTime); err != nil {
				t.Error(err)
			}
		}
	})
}

// BenchmarkRespondSigned is of an address whose signature is kept, and of names that do not
// exist, of which each is signed.
func BenchmarkRespondSigned(b *testing.B) {
	r := newSignedRouter(b, keysOf(b, testZone), withTable(b))
	from, buf := viewer(b, "FRA"), make([]byte, transport.UDPSize)
	b.Run("kept", func(b *testing.B) {
		packet := pack(b, question("dall.warmfront.test.", dns.TypeA).SetEdns0(1232, true))
		b.ReportAllocs()
		for b.Loop() {
			r.respond(packet, from, UDP, buf, testTime)
		}
	})
	b.Run("made", func(b *testing.B) {
		packet := pack(b, question("aaaaaaaaaaaaaaaa.warmfront.test.", dns.TypeA).SetEdns0(1232, true))
		for i := 0; b.Loop(); i++ {
			copy(packet[13:29], fmt.Sprintf("%016x", i))
			r.respond(packet, from, UDP, buf, testTime)
		}
	})
}
