package geo

import (
	_ "embed"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
)

// The kinds of POP.
const (
	// KindPOP is a metropolitan edge location, which `--pops all` runs.
	KindPOP = "pop"
	// KindEmbedded is one inside a provider's network: CloudFront sends it
	// only what is popular, and DNS does not name it by default.
	KindEmbedded = "embedded"
	// KindChina is one of CloudFront China, a partition apart: no price class
	// contains it.
	KindChina = "china"
)

// The price classes, as the catalogue writes them. Each contains those before
// it; KindChina stands outside them.
const (
	PriceClass100 = "100"
	PriceClass200 = "200"
	PriceClassAll = "All"
)

// POP is an edge location: a city, named by its IATA code.
type POP struct {
	N           int    // 1..254, fixed for ever; its addresses are 127.N.0.0/16
	Code        string // IATA, three capitals
	City        string
	Country     string // in English
	CountryCode string // ISO 3166-1 alpha-2
	Continent   string // AF, AN, AS, EU, NA, OC or SA
	Lat, Lon    float64
	PriceRegion string // a region of data/prices.csv
	PriceClass  string // the smallest class that contains it: 100, 200 or All
	Kind        string
	Region      string // the AWS region whose regional edge cache is here, or ""
	Source      string // who says so
}

// Price is what CloudFront asks in a price region, in US dollars.
type Price struct {
	Region        string
	PerGB         float64 // to viewers, the first 10 TB of a month
	Per10kHTTP    float64
	Per10kHTTPS   float64
	PerGBToOrigin float64 // PUT and POST bodies sent on
}

// Catalogue is the edge locations, the prices and the countries. It does not
// change once made.
type Catalogue struct {
	pops      []POP // by N
	byN       [maxN + 1]int
	byCode    map[string]int
	prices    map[string]Price
	countries map[string]Country
}

// maxN is the greatest number of a POP: it has to fit an octet of an address,
// and 255 is left to broadcasts.
const maxN = 254

//go:embed data/pops.csv
var popsCSV string

//go:embed data/prices.csv
var pricesCSV string

// LoadCatalogue returns the bundled catalogue and, unless popsFile is empty,
// the sites that file adds (see [ParsePOPs] for its columns). Errors name the
// file and the line.
func LoadCatalogue(popsFile string) (*Catalogue, error) {
	c, err := bundledCatalogue()
	if err != nil {
		return nil, err
	}
	if popsFile == "" {
		return c, nil
	}
	text, err := readLimited(popsFile, maxPOPsFile)
	if err != nil {
		return nil, fmt.Errorf("--pops-file: %w", err)
	}
	if err := c.add(string(text)); err != nil {
		return nil, fmt.Errorf("--pops-file %s, %w", popsFile, err)
	}
	return c, nil
}

// BundledCatalogue returns the catalogue without additions. It panics if the
// files compiled in are broken, which a test rules out.
func BundledCatalogue() *Catalogue {
	c, err := bundledCatalogue()
	if err != nil {
		panic(err)
	}
	return c
}

func bundledCatalogue() (*Catalogue, error) {
	c := &Catalogue{byCode: map[string]int{}}
	var err error
	if c.countries, err = parseCountries(countriesCSV); err != nil {
		return nil, err
	}
	if c.prices, err = parsePrices(pricesCSV); err != nil {
		return nil, err
	}
	if err := c.add(popsCSV); err != nil {
		return nil, fmt.Errorf("pops.csv, %w", err)
	}
	return c, nil
}

// add puts the POPs of a CSV text into the catalogue, all or none.
func (c *Catalogue) add(text string) error {
	more, err := c.ParsePOPs(text)
	if err != nil {
		return err
	}
	c.pops = append(c.pops, more...)
	sort.Slice(c.pops, func(i, j int) bool { return c.pops[i].N < c.pops[j].N })
	for i, p := range c.pops {
		c.byN[p.N] = i + 1
		c.byCode[p.Code] = i
	}
	return nil
}

// POPs returns every POP, by number.
func (c *Catalogue) POPs() []POP { return slices.Clone(c.pops) }

// Metro returns the POPs of kind "pop", by number: what `--pops all` runs.
func (c *Catalogue) Metro() []POP {
	return slices.DeleteFunc(c.POPs(), func(p POP) bool { return p.Kind != KindPOP })
}

// ByNumber returns the POP with number n.
func (c *Catalogue) ByNumber(n int) (POP, bool) {
	if n < 1 || n > maxN || c.byN[n] == 0 {
		return POP{}, false
	}
	return c.pops[c.byN[n]-1], true
}

// ByCode returns the POP with an IATA code, in any case.
func (c *Catalogue) ByCode(code string) (POP, bool) {
	i, ok := c.byCode[strings.ToUpper(code)]
	if !ok {
		return POP{}, false
	}
	return c.pops[i], true
}

// ByName returns the POP that s names: its code, its city in any usual
// spelling, or the beginning of a city's name where only one metropolitan POP
// fits. The error suggests the nearest names.
func (c *Catalogue) ByName(s string) (POP, error) {
	if p, ok := c.ByCode(strings.TrimSpace(s)); ok {
		return p, nil
	}
	want := fold(s)
	var begins []POP
	for _, p := range c.pops {
		city := fold(p.City)
		if city == want {
			return p, nil
		}
		if len(want) >= 3 && strings.HasPrefix(city, want) && p.Kind == KindPOP {
			begins = append(begins, p)
		}
	}
	if len(begins) == 1 {
		return begins[0], nil
	}
	if len(begins) == 0 {
		begins = closest(s, c.pops, 4)
	}
	return POP{}, &UnknownPOPError{Name: s, Suggestions: begins}
}

// Select returns the POPs of a list of names ("IAD, fra, Sao Paulo"), in the
// order given, or every metropolitan POP for "all".
func (c *Catalogue) Select(list string) ([]POP, error) {
	if strings.EqualFold(strings.TrimSpace(list), "all") {
		return c.Metro(), nil
	}
	var chosen []POP
	for name := range strings.SplitSeq(list, ",") {
		p, err := c.ByName(name)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(chosen, func(q POP) bool { return q.N == p.N }) {
			return nil, fmt.Errorf("POP %s is named twice", p.Code)
		}
		chosen = append(chosen, p)
	}
	return chosen, nil
}

// Country returns what is known about an ISO 3166-1 alpha-2 code.
func (c *Catalogue) Country(code string) (Country, bool) {
	country, ok := c.countries[code]
	return country, ok
}

// Price returns what CloudFront asks in a price region.
func (c *Catalogue) Price(region string) (Price, bool) {
	p, ok := c.prices[region]
	return p, ok
}

// UnknownPOPError says that a name is no POP's, and which it might have meant.
type UnknownPOPError struct {
	Name        string
	Suggestions []POP
}

func (e *UnknownPOPError) Error() string {
	if len(e.Suggestions) == 0 {
		return fmt.Sprintf("no edge location is called %q; name a city, an IATA code such as FRA, or an IP address", e.Name)
	}
	names := make([]string, len(e.Suggestions))
	for i, p := range e.Suggestions {
		names[i] = p.City + " (" + p.Code + ")"
	}
	return fmt.Sprintf("no edge location is called %q; did you mean %s?", e.Name, strings.Join(names, ", "))
}

// readLimited reads a whole file, unless it is larger than limit bytes.
func readLimited(name string, limit int64) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", name)
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s has %d bytes; the limit is %d", name, info.Size(), limit)
	}
	return os.ReadFile(name)
}
