package geo

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestBundledCatalogue(t *testing.T) {
	c := BundledCatalogue()
	if got := len(c.Metro()); got != 103 {
		t.Errorf("%d metropolitan POPs, want 103", got)
	}
	for _, p := range c.POPs() {
		if byN, ok := c.ByNumber(p.N); !ok || byN != p {
			t.Errorf("ByNumber(%d) = %v, %v", p.N, byN, ok)
		}
		if byCode, ok := c.ByCode(strings.ToLower(p.Code)); !ok || byCode != p {
			t.Errorf("ByCode(%s) = %v, %v", p.Code, byCode, ok)
		}
		if p.Source == "" {
			t.Errorf("%s has no attribution", p.Code)
		}
		if _, ok := c.Price(p.PriceRegion); ok == (p.Kind == KindChina) {
			t.Errorf("%s of kind %s: price region %q known %v", p.Code, p.Kind, p.PriceRegion, ok)
		}
	}
	// Numbers are part of addresses that people keep in scripts: these are fixed.
	for n, code := range map[int]string{1: "IAD", 86: "FRA", 120: "NRT", 150: "GRU", 154: "ZHY"} {
		if p, _ := c.ByNumber(n); p.Code != code {
			t.Errorf("n %d is %s, want %s", n, p.Code, code)
		}
	}
	nrt, _ := c.ByCode("NRT")
	if nrt.Continent != "AS" || nrt.PriceClass != PriceClass200 || nrt.Region != "ap-northeast-1" || nrt.City != "Tokyo" {
		t.Errorf("NRT is %+v", nrt)
	}
	if p, _ := c.Price(nrt.PriceRegion); p.PerGB != 0.114 || p.Per10kHTTPS != 0.012 || p.PerGBToOrigin != 0.06 {
		t.Errorf("the price in Japan is %+v", p)
	}
	for _, n := range []int{-1, 0, 155, 255, 256} {
		if p, ok := c.ByNumber(n); ok {
			t.Errorf("ByNumber(%d) = %v", n, p)
		}
	}
}

func TestCountriesHaveAPoint(t *testing.T) {
	without := 0
	for _, c := range BundledCatalogue().countries {
		if c.City == "" {
			without++
		}
	}
	// The uninhabited ones.
	if without > 8 {
		t.Errorf("%d countries have no point", without)
	}
}

func TestByName(t *testing.T) {
	c := BundledCatalogue()
	found := map[string]string{
		"FRA": "FRA", "fra": "FRA", "Frankfurt am Main": "FRA", "frankfurt": "FRA",
		"São Paulo": "GRU", "sao-paulo": "GRU", "tokyo": "NRT", " Tokyo ": "NRT",
		"St Louis": "STL", "new york": "JFK", "Zürich": "ZRH", "amster": "AMS",
	}
	for name, code := range found {
		if p, err := c.ByName(name); err != nil || p.Code != code {
			t.Errorf("ByName(%q) = %s, %v, want %s", name, p.Code, err, code)
		}
	}
	suggested := map[string]string{
		"Frankfrut": "Frankfurt am Main (FRA)", "Tokio": "Tokyo (NRT)", "Japan": "Osaka (KIX)",
		"san": "San Francisco (SFO)", "NRTT": "NRT", "": "name a city", "Xyzzyplugh": "name a city",
	}
	for name, want := range suggested {
		_, err := c.ByName(name)
		var unknown *UnknownPOPError
		if !errors.As(err, &unknown) || !strings.Contains(err.Error(), want) {
			t.Errorf("ByName(%q): %v, want something with %q", name, err, want)
		}
	}
}

func TestSelect(t *testing.T) {
	c := BundledCatalogue()
	got, err := c.Select("SYD, fra,Sao Paulo")
	if err != nil {
		t.Fatal(err)
	}
	if codes := codesOf(got); !slices.Equal(codes, []string{"SYD", "FRA", "GRU"}) {
		t.Errorf("codes %v", codes)
	}
	if all, err := c.Select("ALL"); err != nil || len(all) != 103 {
		t.Errorf("all: %d POPs, %v", len(all), err)
	}
	for list, want := range map[string]string{"": "no edge location", "FRA,Frankfurt": "twice", "FRA,QQQQQ": "QQQQQ"} {
		if _, err := c.Select(list); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Select(%q): %v, want %q", list, err, want)
		}
	}
}

func codesOf(pops []POP) []string {
	var codes []string
	for _, p := range pops {
		codes = append(codes, p.Code)
	}
	return codes
}

func TestPOPsFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pops.csv")
	text := "# our own sites\ncode,n,lat,lon,city,country_code\nLEJ, 200, 51.34,12.37,Leipzig,DE\nOXB,201,11.86,-15.6,Bissau,GW\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := LoadCatalogue(file)
	if err != nil {
		t.Fatal(err)
	}
	lej, ok := c.ByNumber(200)
	want := POP{
		N: 200, Code: "LEJ", City: "Leipzig", Country: "Germany", CountryCode: "DE", Continent: "EU",
		Lat: 51.34, Lon: 12.37, PriceRegion: "europe-israel", PriceClass: PriceClass100, Kind: KindPOP,
	}
	if !ok || lej != want {
		t.Errorf("LEJ is %+v, want %+v", lej, want)
	}
	if got := len(c.Metro()); got != 105 {
		t.Errorf("%d metropolitan POPs, want 105", got)
	}
	if got := len(BundledCatalogue().Metro()); got != 103 {
		t.Errorf("the bundled catalogue has %d after a file was added to another", got)
	}
}

func TestPOPsFileErrors(t *testing.T) {
	const header = "n,code,city,country_code,lat,lon\n"
	tests := []struct{ name, text, want string }{
		{"empty", "", "line 1: no header"},
		{"column missing", "n,code,city,lat,lon\n", `line 1: column "country_code" is missing`},
		{"column unknown", "n,code,city,country_code,lat,lon,height\n", `line 1: unknown column "height"`},
		{"column twice", "n,n,code,city,country_code,lat,lon\n", `line 1: column "n" appears twice`},
		{"n too great", header + "255,LEJ,Leipzig,DE,51,12\n", `line 2: n "255" is not a number from 1 to 254`},
		{"n zero", header + "0,LEJ,Leipzig,DE,51,12\n", `line 2: n "0"`},
		{"n not a number", header + "x,LEJ,Leipzig,DE,51,12\n", `line 2: n "x"`},
		{"n taken", header + "120,LEJ,Leipzig,DE,51,12\n", "line 2: n 120 is already NRT's (Tokyo); give it one from 155 to 254"},
		{"n twice", header + "200,LEJ,Leipzig,DE,51,12\n\n200,DRS,Dresden,DE,51,13\n", "line 4: n 200 is already that of line 2"},
		{"code", header + "200,Lej,Leipzig,DE,51,12\n", `line 2: code "Lej" is not three capital letters`},
		{"code taken", header + "200,NRT,Leipzig,DE,51,12\n", "line 2: code NRT is already that of n 120 (Tokyo)"},
		{"code twice", header + "200,LEJ,Leipzig,DE,51,12\n201,LEJ,Dresden,DE,51,13\n", "line 3: code LEJ is already that of line 2"},
		{"city", header + "200,LEJ,,DE,51,12\n", "line 2: city is empty"},
		{"country", header + "200,LEJ,Leipzig,Germany,51,12\n", `line 2: country_code "Germany"`},
		{"lat", header + "200,LEJ,Leipzig,DE,91,12\n", `line 2: lat "91"`},
		{"lat NaN", header + "200,LEJ,Leipzig,DE,NaN,12\n", `line 2: lat "NaN"`},
		{"lon", header + "200,LEJ,Leipzig,DE,51,-180.1\n", `line 2: lon "-180.1"`},
		{"fields", header + "200,LEJ,Leipzig\n", "line 2: wrong number of fields"},
		{"quote", header + "200,LEJ,\"Leip", "line 2: extraneous or missing \" in quoted-field"},
		{"price class", "n,code,city,country_code,lat,lon,price_class\n200,LEJ,Leipzig,DE,51,12,300\n", `line 2: price_class "300"`},
		{"price region", "n,code,city,country_code,lat,lon,price_region\n200,LEJ,Leipzig,DE,51,12,moon\n", `line 2: price_region "moon"`},
		{"kind", "n,code,city,country_code,lat,lon,kind\n200,LEJ,Leipzig,DE,51,12,big\n", `line 2: kind "big"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "sites.csv")
			if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := LoadCatalogue(file)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "sites.csv") {
				t.Errorf("%v, want the file and %q", err, tt.want)
			}
		})
	}
	if _, err := LoadCatalogue(filepath.Join(t.TempDir(), "none.csv")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that does not exist: %v", err)
	}
}

func TestParseContinent(t *testing.T) {
	for s, want := range map[string]string{"EU": "EU", "europe": "EU", "North America": "NA", "south-america": "SA", "oceania": "OC"} {
		if got, ok := ParseContinent(s); !ok || got != want {
			t.Errorf("ParseContinent(%q) = %q, %v, want %q", s, got, ok, want)
		}
	}
	if got, ok := ParseContinent("Atlantis"); ok {
		t.Errorf("Atlantis is %q", got)
	}
}

func FuzzParsePOPs(f *testing.F) {
	f.Add("n,code,city,country_code,lat,lon\n200,LEJ,Leipzig,DE,51.3,12.4\n")
	f.Add(popsCSV[:2000])
	f.Add("\ufeffn,code\n\"")
	c := BundledCatalogue()
	f.Fuzz(func(t *testing.T, text string) {
		pops, err := c.ParsePOPs(text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "line ") {
				t.Errorf("an error without its line: %v", err)
			}
			return
		}
		for _, p := range pops {
			if p.N < 1 || p.N > maxN || len(p.Code) != 3 || !(p.Lat >= -90 && p.Lat <= 90) || !(p.Lon >= -180 && p.Lon <= 180) || p.Continent == "" {
				t.Errorf("accepted %+v", p)
			}
			if _, taken := c.ByNumber(p.N); taken {
				t.Errorf("accepted the number of another: %+v", p)
			}
		}
	})
}
