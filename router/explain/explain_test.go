package explain

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

func example() Explanation {
	return Explanation{
		Name: "d1.warmfront.test", Distribution: "E1", PriceClass: "PriceClass_200",
		Viewer: Viewer{netip.MustParsePrefix("203.0.113.0/24"), "subnet"},
		Place: Place{
			City: "Washington, D.C.", Country: "US", Lat: 38.8951, Lon: -77.0364, Precision: "city", Source: "GeoLite2-City.mmdb",
			Prefix: netip.MustParsePrefix("203.0.112.0/20"),
		},
		Answer: Answer{POP: "IAD", Node: "IAD-1", Addr: netip.MustParseAddr("127.1.0.1"), TTL: 60, Scope: 24, Degraded: true,
			Block: netip.MustParsePrefix("203.0.113.0/24"), From: "BOS", At: "YUL", Others: []netip.Addr{netip.MustParseAddr("127.1.0.2"), netip.MustParseAddr("127.1.0.3")},
		},
		DNSSEC: &DNSSEC{Zone: "warmfront.test", Algorithm: "ECDSAP256SHA256", Keys: []int{2371, 60001}},
		Ranking: []POP{
			{Code: "BOS", Km: 634.5, RoundTrip: 13200 * time.Microsecond, Use: 0.93, Spill: 0.25, Way: 8 * time.Millisecond, Measured: true, Excluded: "over its limit of load"},
			{Code: "IAD", Km: 40, RoundTrip: 8 * time.Millisecond, Edges: 2, Healthy: 1, Use: -1, Way: 12 * time.Millisecond},
		},
	}
}

func TestLines(t *testing.T) {
	want := []string{
		"question name=d1.warmfront.test; distribution=E1; class=PriceClass_200",
		"viewer network=203.0.113.0/24; by=subnet",
		"place city=Washington, D.C.; country=US; lat=38.8951; lon=-77.0364; precision=city; source=GeoLite2-City.mmdb; prefix=203.0.112.0/20",
		"answer pop=IAD; node=IAD-1; addr=127.1.0.1; ttl=60; scope=24; degraded=true; overflow=false; block=203.0.113.0/24; from=BOS; at=YUL; others=127.1.0.2,127.1.0.3",
		"dnssec zone=warmfront.test; algorithm=ECDSAP256SHA256; keys=2371 60001; denial=compact",
		"pop code=BOS; km=634.5; rtt=13.2ms; edges=0; healthy=0; use=0.930; spill=0.250; way=8ms; measured=true; excluded=over its limit of load",
		"pop code=IAD; km=40.0; rtt=8ms; edges=2; healthy=1; way=12ms; measured=false",
	}
	lines := example().Lines()
	if !reflect.DeepEqual(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	got, err := Parse(append(lines, "weather rain=much", "pop"))
	got.Ranking = got.Ranking[:min(2, len(got.Ranking))]
	if err != nil || !reflect.DeepEqual(got, example()) {
		t.Errorf("read back %v\n got %+v\nwant %+v", err, got, example())
	}
}

// TestHostile: names come from strangers and places from files.
func TestHostile(t *testing.T) {
	x := example()
	x.Name = strings.Repeat("x", 250)
	x.Place.City = "a; country=FR\n\"\\"
	lines := x.Lines()
	for _, l := range lines {
		if len(l) > 255 || strings.ContainsAny(l, "\n\"\\") {
			t.Errorf("line of %d bytes: %q", len(l), l)
		}
	}
	got, err := Parse(lines)
	if err != nil || got.Place.Country != "US" {
		t.Errorf("%v %+v", err, got.Place)
	}
	for _, bad := range [][]string{nil, {"hello"}, {"question name=x", "answer addr=x"}, {"question name=x", "pop km=far"}} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("%q is taken for an explanation", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(strings.Join(example().Lines(), "\n"))
	f.Fuzz(func(t *testing.T, text string) {
		x, err := Parse(strings.Split(text, "\n"))
		if err != nil {
			return
		}
		if again, err := Parse(x.Lines()); err != nil || len(again.Ranking) != len(x.Ranking) {
			t.Errorf("%v: %+v", err, again)
		}
	})
}
