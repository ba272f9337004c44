package geo

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
	"github.com/oschwald/geoip2-golang/v2"
)

// database returns a MaxMind DB file of records by network.
func database(t testing.TB, kind string, version int, records map[string]mmdbtype.Map) []byte {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: kind, IPVersion: version, RecordSize: 24})
	if err != nil {
		t.Fatal(err)
	}
	for network, record := range records {
		_, ipNet, err := net.ParseCIDR(network)
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Insert(ipNet, record); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if _, err := tree.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func flat(country, region, city string, lat, lon float64) mmdbtype.Map {
	return mmdbtype.Map{
		"country_code": mmdbtype.String(country), "state1": mmdbtype.String(region), "city": mmdbtype.String(city),
		"latitude": mmdbtype.Float32(lat), "longitude": mmdbtype.Float32(lon),
	}
}

func city(country, region, city string, lat, lon float64) mmdbtype.Map {
	names := func(name string) mmdbtype.Map {
		return mmdbtype.Map{"names": mmdbtype.Map{"en": mmdbtype.String(name), "de": mmdbtype.String("falsch")}}
	}
	m := mmdbtype.Map{
		"country":  mmdbtype.Map{"iso_code": mmdbtype.String(country), "names": mmdbtype.Map{"en": mmdbtype.String("Their Name")}},
		"location": mmdbtype.Map{"latitude": mmdbtype.Float64(lat), "longitude": mmdbtype.Float64(lon), "accuracy_radius": mmdbtype.Uint16(20)},
	}
	if city != "" {
		m["city"] = names(city)
		m["subdivisions"] = mmdbtype.Slice{names(region)}
	}
	return m
}

func write(t testing.TB, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestLocateLabRanges(t *testing.T) {
	db, err := Open(Config{Home: "Sydney"})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ addr, city, prefix string }{
		{"127.120.9.9", "Tokyo", "127.120.0.0/16"},
		{"127.120.0.1", "Tokyo", "127.120.0.0/16"},
		{"127.1.254.255", "Ashburn", "127.1.0.0/16"},
		{"::ffff:127.1.8.1", "Ashburn", "127.1.0.0/16"},
		{"127.0.0.1", "Sydney", "127.0.0.0/16"},
		{"10.77.86.10", "Frankfurt am Main", "10.77.86.0/24"},
		{"10.77.0.3", "Sydney", "10.77.0.0/24"},
		{"fd77:120::5", "Tokyo", "fd77:120::/32"},
		{"fd77:86:1::5%eth0", "Frankfurt am Main", "fd77:86::/32"},
		{"fd77::1", "Sydney", "fd77::/32"},
		{"::1", "Sydney", "::/64"},
		{"2002:cb00:7100::1", "", "2002::/16"},
		{"2001:0:cb00:7100::1", "", "2001::/32"},
		// No POP has the number 0xa0, 160 or 255, and 78 is not Compose's network.
		{"fd77:a0::1", "", "fd77:a0::/32"},
		{"127.160.1.1", "", "127.160.0.0/16"},
		{"10.77.255.1", "", "10.77.255.0/24"},
	}
	for _, tt := range tests {
		t.Run(tt.addr, func(t *testing.T) {
			got, ok := db.Locate(netip.MustParseAddr(tt.addr))
			if got.City != tt.city || ok != (tt.city != "") || got.Prefix.String() != tt.prefix {
				t.Errorf("%q in %s, %v; want %q in %s", got.City, got.Prefix, ok, tt.city, tt.prefix)
			}
		})
	}
	if got, ok := db.Locate(netip.MustParseAddr("10.78.86.1")); ok || !got.Prefix.Contains(netip.MustParseAddr("10.78.86.1")) || got.Prefix.Bits() < 10 {
		t.Errorf("a private address outside of the lab: %+v, %v", got, ok)
	}
	if _, ok := db.Locate(netip.Addr{}); ok {
		t.Error("the zero Addr is somewhere")
	}
}

func TestLocateSchemas(t *testing.T) {
	dir := t.TempDir()
	v4, v6, mm := filepath.Join(dir, "a-ipv4.mmdb"), filepath.Join(dir, "a-ipv6.mmdb"), filepath.Join(dir, "GeoLite2-City.mmdb")
	write(t, v4, database(t, "city ipv4", 4, map[string]mmdbtype.Map{
		"1.1.1.0/24": flat("DE", "Saxony", "Leipzig", 51.34, 12.37),
		"1.1.2.0/24": flat("US", "", "", 37.751, -97.822),
		"1.1.3.0/24": flat("ZZ", "", "", 0, 0),
		"1.1.4.0/24": flat("DE", "Saxony", "Nowhere", 951.34, 12.37),
	}))
	write(t, v6, database(t, "city ipv6", 6, map[string]mmdbtype.Map{
		"2a00:1::/32": flat("FR", "Brittany", "Brest", 48.39, -4.49),
	}))
	write(t, mm, database(t, "GeoLite2-City", 6, map[string]mmdbtype.Map{
		"1.1.0.0/16":  city("JP", "Osaka", "Sakai", 34.57, 135.48),
		"2a00:2::/32": city("US", "", "", 37.751, -97.822),
	}))
	db, err := Open(Config{Files: []string{v4, v6, mm}})
	if err != nil {
		t.Fatal(err)
	}
	us, _ := db.Catalogue().Country("US")
	tests := []struct {
		addr string
		want Place
	}{
		{"1.1.1.7", Place{Lat: 51.34, Lon: 12.37, City: "Leipzig", Region: "Saxony", Country: "DE", CountryName: "Germany", Continent: "EU",
			Precision: CityLevel, Source: "a-ipv4.mmdb", Prefix: netip.MustParsePrefix("1.1.1.0/24")}},
		// Not the reservoir in Kansas that the record points at.
		{"1.1.2.7", Place{Lat: us.Lat, Lon: us.Lon, Country: "US", CountryName: "United States", Continent: "NA",
			Precision: CountryLevel, Source: "a-ipv4.mmdb", Prefix: netip.MustParsePrefix("1.1.2.0/24")}},
		// The first file says nothing of use, within a /24; the second knows a /16.
		{"1.1.3.7", Place{Lat: 34.57, Lon: 135.48, City: "Sakai", Region: "Osaka", Country: "JP", CountryName: "Japan", Continent: "AS",
			Precision: CityLevel, AccuracyKm: 20, Source: "GeoLite2-City.mmdb", Prefix: netip.MustParsePrefix("1.1.3.0/24")}},
		{"1.1.4.7", Place{Lat: 50.11, Lon: 8.68, Country: "DE", CountryName: "Germany", Continent: "EU",
			Precision: CountryLevel, Source: "a-ipv4.mmdb", Prefix: netip.MustParsePrefix("1.1.4.0/24")}},
		{"2a00:1::7", Place{Lat: 48.39, Lon: -4.49, City: "Brest", Region: "Brittany", Country: "FR", CountryName: "France", Continent: "EU",
			Precision: CityLevel, Source: "a-ipv6.mmdb", Prefix: netip.MustParsePrefix("2a00:1::/32")}},
		{"2a00:2::7", Place{Lat: us.Lat, Lon: us.Lon, Country: "US", CountryName: "United States", Continent: "NA",
			Precision: CountryLevel, Source: "GeoLite2-City.mmdb", Prefix: netip.MustParsePrefix("2a00:2::/32")}},
	}
	for _, tt := range tests {
		t.Run(tt.addr, func(t *testing.T) {
			for range 2 { // decoded, then remembered
				got, ok := db.Locate(netip.MustParseAddr(tt.addr))
				got.Lat, got.Lon = round2(got.Lat), round2(got.Lon)
				if !ok || got != tt.want {
					t.Errorf("%+v, %v\nwant %+v", got, ok, tt.want)
				}
			}
		})
	}
	// What the files lack, the bundled database answers.
	if got, ok := db.Locate(netip.MustParseAddr("8.8.8.8")); !ok || got.Country != "US" || got.Source != db.bundled.name {
		t.Errorf("8.8.8.8: %+v, %v", got, ok)
	}
}

func round2(x float64) float64 {
	if x < 0 {
		return -round2(-x)
	}
	return float64(int(x*100+0.5)) / 100
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	good := database(t, "city ipv4", 4, map[string]mmdbtype.Map{"1.1.1.0/24": flat("DE", "", "Leipzig", 51, 12)})
	damaged := bytes.Clone(good)
	damaged[0], damaged[1], damaged[2] = 0x7f, 0xff, 0xff // the root points out of the file
	tests := []struct {
		name    string
		content []byte
		want    string
	}{
		{"text", []byte("not a database"), "not a MaxMind DB"},
		{"cut", good[:len(good)/2], "not a MaxMind DB"},
		{"damaged", damaged, "is damaged"},
		{"asn", database(t, "GeoLite2-ASN", 4, map[string]mmdbtype.Map{"1.1.1.0/24": {"x": mmdbtype.Uint16(1)}}), "not a city database"},
		{"unknown", database(t, "Something", 4, map[string]mmdbtype.Map{"1.1.1.0/24": {"x": mmdbtype.Uint16(1)}}), "not a city database"},
		{"another schema", database(t, "city ipv4", 4, map[string]mmdbtype.Map{"1.1.1.0/24": {"x": mmdbtype.Uint16(1)}}), " networks is in a known country"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(dir, tt.name+".mmdb")
			write(t, file, tt.content)
			_, err := Open(Config{Files: []string{file}})
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "--geoip "+file) {
				t.Errorf("%v, want --geoip, the file and %q", err, tt.want)
			}
		})
	}
	if _, err := Open(Config{Files: []string{filepath.Join(dir, "none")}}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that does not exist: %v", err)
	}
	if _, err := Open(Config{Home: "Frankfrut"}); err == nil || !strings.Contains(err.Error(), "--home: ") {
		t.Errorf("an unknown home: %v", err)
	}
}

func TestReload(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.mmdb")
	place := func(name string) []byte {
		return database(t, "city ipv4", 4, map[string]mmdbtype.Map{"1.1.1.0/24": flat("DE", "", name, 51, 12)})
	}
	write(t, file, place("Leipzig"))
	db, err := Open(Config{Files: []string{file}})
	if err != nil {
		t.Fatal(err)
	}
	where := func() string {
		p, _ := db.Locate(netip.MustParseAddr("1.1.1.1"))
		return p.City
	}
	write(t, file, []byte("half a downl"))
	if err := db.Reload(); err == nil || !strings.Contains(err.Error(), "the last good ones stay in use") {
		t.Errorf("Reload of a broken file: %v", err)
	}
	if got := where(); got != "Leipzig" {
		t.Errorf("after a failed reload %q, want Leipzig", got)
	}
	write(t, file, place("Dresden"))
	if err := db.Reload(); err != nil {
		t.Fatal(err)
	}
	if got := where(); got != "Dresden" {
		t.Errorf("after a reload %q, want Dresden", got)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 2000 {
				if got := where(); got != "Dresden" && got != "Leipzig" {
					t.Errorf("during a reload %q", got)
					return
				}
			}
		})
	}
	for i := range 10 {
		write(t, file+".new", place([]string{"Leipzig", "Dresden"}[i%2]))
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
		if err := db.Reload(); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
}

// TestBundledDatabase holds the bundled database to what is promised of it.
func TestBundledDatabase(t *testing.T) {
	if len(worldDB) > 16<<20 {
		t.Errorf("%d bytes in the repository, at most 16 MiB", len(worldDB))
	}
	db, err := Open(Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.bundled.db.Verify(); err != nil {
		t.Error(err)
	}
	// The university networks below have stood where they are for decades.
	tests := []struct{ addr, country, nearest string }{
		{"129.13.72.1", "DE", "FRA"}, // Karlsruhe
		{"133.11.0.1", "JP", "NRT"},  // University of Tokyo
		{"18.9.22.69", "US", "BOS"},  // MIT
		{"129.94.0.1", "AU", "SYD"},  // University of New South Wales
		{"146.141.0.1", "ZA", "JNB"}, // University of the Witwatersrand
		{"143.107.0.1", "BR", "GRU"}, // University of São Paulo
		{"2001:638::1", "DE", ""},    // DFN
		{"2001:200::1", "JP", "NRT"}, // WIDE
		{"2402:f000::1", "CN", ""},   // Tsinghua
		{"::ffff:18.9.22.69", "US", "BOS"},
	}
	for _, tt := range tests {
		t.Run(tt.addr, func(t *testing.T) {
			a := netip.MustParseAddr(tt.addr)
			p, ok := db.Locate(a)
			near, _ := Nearest(p.Lat, p.Lon, db.Catalogue().Metro())
			if !ok || p.Country != tt.country || tt.nearest != "" && near.Code != tt.nearest {
				t.Errorf("%s near %s, %v; want %s near %s", p, near.Code, ok, tt.country, tt.nearest)
			}
			if p.CountryName == "" || p.Continent == "" || !p.Prefix.Contains(a.Unmap()) {
				t.Errorf("incomplete: %+v", p)
			}
		})
	}
	for _, private := range []string{"10.1.2.3", "192.168.1.1", "172.17.0.2", "169.254.1.1", "224.0.0.1", "fe80::1", "fd00::1"} {
		if p, ok := db.Locate(netip.MustParseAddr(private)); ok {
			t.Errorf("%s is in %s", private, p)
		}
	}
}

// TestBundledDatabaseOpensWithGeoIP2 reads the file as any GeoIP2 client would.
func TestBundledDatabaseOpensWithGeoIP2(t *testing.T) {
	content, err := unfold(worldDB)
	if err != nil {
		t.Fatal(err)
	}
	if len(content) > maxBundled {
		t.Errorf("%d bytes unfolded, at most %d", len(content), maxBundled)
	}
	reader, err := geoip2.OpenBytes(content)
	if err != nil {
		t.Fatal(err)
	}
	record, err := reader.City(netip.MustParseAddr("133.11.0.1"))
	if err != nil || record.Country.ISOCode != "JP" || record.City.Names.English == "" || record.Continent.Code != "AS" || record.Location.Latitude == nil {
		t.Errorf("%+v, %v", record, err)
	}
	if got := reader.Metadata().Description["en"]; !strings.Contains(got, Credit) {
		t.Errorf("the description %q does not give the credit", got)
	}
}

// FuzzDatabase feeds broken files to the reader: whatever opens must answer.
func FuzzDatabase(f *testing.F) {
	f.Add(database(f, "city ipv4", 4, map[string]mmdbtype.Map{"1.1.1.0/24": flat("DE", "", "Leipzig", 51, 12)}), uint32(0x01010101))
	f.Add(database(f, "GeoLite2-City", 6, map[string]mmdbtype.Map{"1.1.0.0/16": city("JP", "Osaka", "Sakai", 34, 135)}), uint32(0))
	countries := BundledCatalogue().countries
	f.Fuzz(func(t *testing.T, content []byte, ip uint32) {
		s, err := newSource("fuzz", content, countries)
		if err != nil || s.check() != nil {
			return
		}
		a := netip.AddrFrom4([4]byte{byte(ip >> 24), byte(ip >> 16), byte(ip >> 8), byte(ip)})
		p, ok := s.locate(a)
		if !p.Prefix.Contains(a) {
			t.Errorf("%s is not in %s", a, p.Prefix)
		}
		if ok && !(p.Lat >= -90 && p.Lat <= 90 && p.Lon >= -180 && p.Lon <= 180) {
			t.Errorf("%s is at %v, %v", a, p.Lat, p.Lon)
		}
	})
}

func BenchmarkLocate(b *testing.B) {
	db, err := Open(Config{})
	if err != nil {
		b.Fatal(err)
	}
	for _, bb := range []struct {
		name string
		addr func(i uint32) netip.Addr
	}{
		{"lab", func(i uint32) netip.Addr { return netip.AddrFrom4([4]byte{127, byte(i%103 + 1), 9, 9}) }},
		{"ipv4", func(i uint32) netip.Addr {
			i *= 2654435761
			return netip.AddrFrom4([4]byte{byte(i>>24)%200 + 1, byte(i >> 16), byte(i >> 8), byte(i)})
		}},
		{"ipv6", func(i uint32) netip.Addr {
			i *= 2654435761
			return netip.AddrFrom16([16]byte{0x2a, byte(i>>24) % 16, byte(i >> 16), byte(i >> 8), byte(i)})
		}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			var i uint32
			for b.Loop() {
				i++
				db.Locate(bb.addr(i))
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		if _, err := Open(Config{}); err != nil {
			b.Fatal(err)
		}
	}
}
