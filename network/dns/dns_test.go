package dns

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warmfront/warmfront/geo"
	"github.com/warmfront/warmfront/router"
	"github.com/warmfront/warmfront/router/dnssec"
	"github.com/warmfront/warmfront/router/pick"
	"github.com/warmfront/warmfront/wan"
)

// TestCheck: what is wrong is named by its flag, before anything starts.
func TestCheck(t *testing.T) {
	key, err := dnssec.Generate("warmfront.test", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "keys.pem")
	if err := dnssec.CreateFile(file, dnssec.Keys{key}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		cfg  Config
		zone string
		want string // "" is nothing
	}{
		{Config{DNSSEC: file, CAA: []string{`0 issue "ca.example.net"`}, AliasZones: []string{"shop.test"}, Addresses: 8}, "warmfront.test", ""},
		{Config{}, "warmfront.test", ""},
		{Config{}, "", "is not a domain name"},
		{Config{DNSSEC: file}, "other.test", "--dnssec: there is no key of the zone other.test, only of warmfront.test"},
		{Config{DNSSEC: file + "x"}, "warmfront.test", "--dnssec: "},
		{Config{CAA: []string{"issue"}}, "warmfront.test", "--caa: "},
		{Config{AliasZones: []string{"a.warmfront.test"}}, "warmfront.test", "--zone-for-aliases: "},
		{Config{Addresses: 9}, "warmfront.test", "--addresses 9: use 1 to 8"},
	} {
		err := c.cfg.Check(c.zone)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.cfg, err, c.want)
		}
	}
}

// TestLocate: the router is given places, and edge locations of which those of a partition
// apart are in no price class.
func TestLocate(t *testing.T) {
	db, err := geo.Open(geo.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var cfg router.Config
	Locate(&cfg, db, wan.Model{})
	classes := map[string]bool{}
	var tokyo, sydney pick.Point
	for _, p := range cfg.POPs {
		classes[p.Code] = p.Class != 0
		switch p.Code {
		case "NRT":
			tokyo = pick.Point{Lat: p.Lat, Lon: p.Lon}
		case "SYD":
			sydney = pick.Point{Lat: p.Lat, Lon: p.Lon}
		}
	}
	if !classes["NRT"] || !classes["SYD"] || classes["PEK"] {
		t.Errorf("classes %v", classes)
	}
	n, _ := geo.BundledCatalogue().ByCode("SYD")
	if p, ok := cfg.Locate(geo.ViewerAddr(n.N)); !ok || p.Country != "AU" || p.Precision != "city" || !p.Prefix.Contains(geo.ViewerAddr(n.N)) {
		t.Errorf("%+v %t", p, ok)
	}
	if p, ok := cfg.Locate(netip.MustParseAddr("192.0.2.1")); ok {
		t.Errorf("%+v is known", p)
	}
	if cfg.Home.Country == "" || cfg.Table() == nil {
		t.Errorf("home %+v", cfg.Home)
	}
	// A model that imposes no delay explains distances all the same.
	if rtt := cfg.RoundTrip(tokyo, sydney); rtt < 50*time.Millisecond || rtt > 500*time.Millisecond {
		t.Errorf("Tokyo to Sydney and back in %v", rtt)
	}
}
