package geo

import (
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/maxmind/mmdbwriter/mmdbtype"

	"github.com/warmfront/warmfront/geo/netmap"
)

// checkTable holds the location table against Locate.
func checkTable(t *testing.T, db *DB, a netip.Addr) {
	t.Helper()
	m, err := db.Table()
	if err != nil {
		t.Fatal(err)
	}
	want, ok := db.Locate(a)
	got, found := m.Lookup(a)
	if ok != found || ok && (got != netmap.Point{Lat: want.Lat, Lon: want.Lon}) {
		t.Fatalf("%v is at %v, %v in the table, Locate says %v %v %v, %v", a, got, found, want, want.Lat, want.Lon, ok)
	}
}

func randomAddr(rnd *rand.Rand) netip.Addr {
	if rnd.IntN(2) == 0 {
		v := rnd.Uint32()
		return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
	}
	// Most networks of IPv6 lie here.
	starts := [...]byte{0x20, 0x24, 0x26, 0x28, 0x2a, 0x2c, byte(rnd.Uint32())}
	var b [16]byte
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	b[0], b[1] = starts[rnd.IntN(len(starts))], byte(rnd.IntN(20))
	if rnd.IntN(2) == 0 {
		b[2] &= 15
		b[4], b[5] = 0, b[5]&3
	}
	return netip.AddrFrom16(b)
}

func TestTableSaysWhatLocateDoes(t *testing.T) {
	dir := t.TempDir()
	v4, mm := filepath.Join(dir, "a-ipv4.mmdb"), filepath.Join(dir, "GeoLite2-City.mmdb")
	write(t, v4, database(t, "city ipv4", 4, map[string]mmdbtype.Map{
		"1.1.1.0/24":       flat("DE", "Saxony", "Leipzig", 51.34, 12.37),
		"1.1.3.0/24":       flat("ZZ", "", "", 0, 0),
		"223.255.255.0/24": flat("DE", "Saxony", "Leipzig", 51.34, 12.37),
	}))
	write(t, mm, database(t, "GeoLite2-City", 6, map[string]mmdbtype.Map{
		"1.1.0.0/16":        city("JP", "Osaka", "Sakai", 34.57, 135.48),
		"2a00:2::/32":       city("US", "", "", 37.751, -97.822),
		"2a00:3::/128":      city("JP", "Osaka", "Sakai", 34.57, 135.48),
		"2a00:3::8000/113":  city("US", "", "", 37.751, -97.822),
		"2a00:3:0:1::1/128": city("US", "", "", 37.751, -97.822),
		"2fff::/16":         city("JP", "Osaka", "Sakai", 34.57, 135.48),
	}))
	bundled, err := Open(Config{})
	if err != nil {
		t.Fatal(err)
	}
	files, err := Open(Config{Files: []string{v4, mm}, Home: "Sydney"})
	if err != nil {
		t.Fatal(err)
	}
	special := []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified(), netip.IPv6Loopback(),
		netip.MustParseAddr("255.255.255.255"), netip.MustParseAddr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
		netip.MustParseAddr("1.1.3.9"), netip.MustParseAddr("::8.8.8.8"), netip.MustParseAddr("2002:101:101::1"), netip.MustParseAddr("2001:0:101:101::1")}
	for _, s := range []string{
		"1.1.1.0/24", "1.1.0.0/16", "127.0.0.0/8", "127.120.0.0/16", "127.160.0.0/16", "10.77.0.0/16", "10.77.86.0/24", "fd77::/16", "fd77:120::/32",
		"fd77:a0::/32", "2a00:2::/32", "2a00:3::/64", "2a00:3::/113", "2a00:3:0:1::/64", "2001::/32", "2002::/16", "::/64", "2fff::/16",
	} {
		p := netip.MustParsePrefix(s)
		for _, a := range []netip.Addr{p.Addr(), p.Addr().Prev(), p.Addr().Next(), after(p)} {
			if a.IsValid() {
				special = append(special, a)
			}
		}
	}
	for name, db := range map[string]*DB{"bundled": bundled, "files": files} {
		t.Run(name, func(t *testing.T) {
			for _, a := range special {
				checkTable(t, db, a)
			}
			rnd := rand.New(rand.NewPCG(3, 4))
			for range 20_000 {
				a := randomAddr(rnd)
				checkTable(t, db, a)
				// Where what Locate says ends is where a table would be wrong.
				if place, _ := db.Locate(a); place.Prefix.IsValid() {
					checkTable(t, db, place.Prefix.Masked().Addr())
					if b := after(place.Prefix.Masked()); b.IsValid() {
						checkTable(t, db, b)
					}
				}
			}
			m, err := db.Table()
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d bytes", m.Bytes())
			if again, _ := db.Table(); again != m {
				t.Error("made twice")
			}
		})
	}
}

// TestReloadReplacesTheTable: who asks after a reload has the new one; what others still
// hold does not change.
func TestReloadReplacesTheTable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a-ipv4.mmdb")
	put := func(city string, lat float64) {
		write(t, file, database(t, "city ipv4", 4, map[string]mmdbtype.Map{"1.1.1.0/24": flat("DE", "", city, lat, 12)}))
	}
	put("Leipzig", 51)
	db, err := Open(Config{Files: []string{file}})
	if err != nil {
		t.Fatal(err)
	}
	a := netip.MustParseAddr("1.1.1.1")
	before, err := db.Table()
	if err != nil {
		t.Fatal(err)
	}
	put("Dresden", 50)
	if err := db.Reload(); err != nil {
		t.Fatal(err)
	}
	checkTable(t, db, a)
	if at, _ := before.Lookup(a); at.Lat != 51 {
		t.Errorf("a table that somebody holds has changed: %v", at)
	}
	if now, _ := db.Table(); now == before {
		t.Error("the table was not replaced")
	}
}

// TestDamagedTree: a tree that points to itself ends.
func TestDamagedTree(t *testing.T) {
	db, err := Open(Config{})
	if err != nil {
		t.Fatal(err)
	}
	s := *db.bundled
	s.file = append([]byte(nil), s.file...)
	clear(s.file[:s.db.Metadata.NodeCount*s.db.Metadata.RecordSize/4])
	var b netmap.Builder
	if _, err := s.layer(&b); err == nil {
		t.Error("a tree whose nodes all point to the root was read")
	}
}

func BenchmarkTable(b *testing.B) {
	db, err := Open(Config{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := buildTable(db, db.content.Load().sources); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPartition(b *testing.B) {
	db, err := Open(Config{})
	if err != nil {
		b.Fatal(err)
	}
	m, err := db.Table()
	if err != nil {
		b.Fatal(err)
	}
	nearest := func(pops []POP) func(netmap.Point) netmap.Candidate {
		return func(at netmap.Point) netmap.Candidate {
			p, _ := Nearest(at.Lat, at.Lon, pops)
			return netmap.Candidate(p.N)
		}
	}
	b.Run("make", func(b *testing.B) {
		for b.Loop() {
			m.Partition("", nearest(db.catalogue.Metro()))
		}
	})
	p := m.Partition("all", nearest(db.catalogue.Metro()))
	rnd := rand.New(rand.NewPCG(1, 2))
	addrs := make([]netip.Addr, 1<<14)
	for i := range addrs {
		addrs[i] = randomAddr(rnd)
	}
	b.Run("find", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			p.Find(addrs[i%len(addrs)])
		}
	})
}
