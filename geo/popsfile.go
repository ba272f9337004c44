package geo

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// maxPOPsFile is far above what 254 POPs need.
const maxPOPsFile = 1 << 20

// ParsePOPs reads POPs from CSV text with a header line and checks them
// against the catalogue, without adding them. Columns may come in any order:
//
//	n, code, city, country_code, lat, lon      required
//	price_region, price_class                  default: those of the nearest metropolitan POP
//	kind                                       default: pop
//	country, regional_edge_cache, source       optional
//
// Numbers and codes must be new: a number is part of addresses and log files,
// so it never changes hands. Errors name the line.
func (c *Catalogue) ParsePOPs(text string) ([]POP, error) {
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff")))
	r.Comment = '#'
	r.TrimLeadingSpace = true
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("line 1: no header")
	}
	if err != nil {
		return nil, csvError(err)
	}
	column, err := columns(header)
	if err != nil {
		return nil, fmt.Errorf("line 1: %w", err)
	}
	var pops []POP
	firstLine := map[string]int{} // of a number or a code
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return pops, nil
		}
		if err != nil {
			return nil, csvError(err)
		}
		line, _ := r.FieldPos(0)
		p, err := c.parsePOP(func(name string) string {
			if i, ok := column[name]; ok {
				return strings.TrimSpace(row[i])
			}
			return ""
		})
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		for _, id := range []string{"n " + strconv.Itoa(p.N), "code " + p.Code} {
			if first, taken := firstLine[id]; taken {
				return nil, fmt.Errorf("line %d: %s is already that of line %d", line, id, first)
			}
			firstLine[id] = line
		}
		pops = append(pops, p)
	}
}

// columns maps the names of a header to their positions.
func columns(header []string) (map[string]int, error) {
	required := []string{"n", "code", "city", "country_code", "lat", "lon"}
	known := append(slices.Clone(required), "country", "price_region", "price_class", "kind", "regional_edge_cache", "source")
	column := map[string]int{}
	for i, name := range header {
		name = strings.ToLower(strings.TrimSpace(name))
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("unknown column %q; the columns are %s", name, strings.Join(known, ", "))
		}
		if _, twice := column[name]; twice {
			return nil, fmt.Errorf("column %q appears twice", name)
		}
		column[name] = i
	}
	for _, name := range required {
		if _, ok := column[name]; !ok {
			return nil, fmt.Errorf("column %q is missing", name)
		}
	}
	return column, nil
}

// parsePOP makes one POP of a row whose cells field returns by column.
func (c *Catalogue) parsePOP(field func(column string) string) (POP, error) {
	p := POP{
		Code: field("code"), City: field("city"), Country: field("country"), CountryCode: field("country_code"),
		PriceRegion: field("price_region"), PriceClass: field("price_class"),
		Kind: field("kind"), Region: field("regional_edge_cache"), Source: field("source"),
	}
	var err error
	if p.N, err = strconv.Atoi(field("n")); err != nil || p.N < 1 || p.N > maxN {
		return p, fmt.Errorf("n %q is not a number from 1 to %d", field("n"), maxN)
	}
	if other, taken := c.ByNumber(p.N); taken {
		return p, fmt.Errorf("n %d is already %s's (%s); give it one from %d to %d", p.N, other.Code, other.City, c.lastNumber()+1, maxN)
	}
	if len(p.Code) != 3 || strings.Trim(p.Code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return p, fmt.Errorf("code %q is not three capital letters", p.Code)
	}
	if other, taken := c.ByCode(p.Code); taken {
		return p, fmt.Errorf("code %s is already that of n %d (%s)", p.Code, other.N, other.City)
	}
	if p.City == "" || len(p.City) > 100 {
		return p, errors.New("city is empty or longer than 100 bytes")
	}
	country, ok := c.countries[p.CountryCode]
	if !ok {
		return p, fmt.Errorf("country_code %q is not an ISO 3166-1 code such as DE", p.CountryCode)
	}
	p.Continent = country.Continent
	if p.Country == "" {
		p.Country = country.Name
	}
	if p.Lat, p.Lon, err = parsePoint(field("lat"), field("lon")); err != nil {
		return p, err
	}
	return c.price(p)
}

// price fills in the kind and the price columns, and checks them.
func (c *Catalogue) price(p POP) (POP, error) {
	if p.PriceRegion == "" || p.PriceClass == "" {
		near, _ := Nearest(p.Lat, p.Lon, c.Metro())
		p.PriceRegion = cmp.Or(p.PriceRegion, near.PriceRegion)
		p.PriceClass = cmp.Or(p.PriceClass, near.PriceClass)
	}
	if p.Kind == "" {
		p.Kind = KindPOP
	}
	if p.Kind == KindChina {
		return p, nil // outside the price list and the classes
	}
	if p.Kind != KindPOP && p.Kind != KindEmbedded {
		return p, fmt.Errorf("kind %q is not %s, %s or %s", p.Kind, KindPOP, KindEmbedded, KindChina)
	}
	if _, ok := c.prices[p.PriceRegion]; !ok {
		return p, fmt.Errorf("price_region %q is not in the price list", p.PriceRegion)
	}
	if p.PriceClass != PriceClass100 && p.PriceClass != PriceClass200 && p.PriceClass != PriceClassAll {
		return p, fmt.Errorf("price_class %q is not 100, 200 or All", p.PriceClass)
	}
	return p, nil
}

// lastNumber returns the greatest number in use, or 0.
func (c *Catalogue) lastNumber() int {
	if len(c.pops) == 0 {
		return 0
	}
	return c.pops[len(c.pops)-1].N
}

// parsePrices reads data/prices.csv.
func parsePrices(text string) (map[string]Price, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = 5
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("prices: %w", err)
	}
	prices := make(map[string]Price, len(rows))
	for i, row := range rows {
		if i == 0 {
			continue
		}
		var usd [4]float64
		for j := range usd {
			if usd[j], err = strconv.ParseFloat(row[j+1], 64); err != nil || usd[j] < 0 {
				return nil, fmt.Errorf("prices, line %d: %q is not a price", i+1, row[j+1])
			}
		}
		prices[row[0]] = Price{Region: row[0], PerGB: usd[0], Per10kHTTP: usd[1], Per10kHTTPS: usd[2], PerGBToOrigin: usd[3]}
	}
	return prices, nil
}

// csvError words an error of the CSV reader as "line 3: …".
func csvError(err error) error {
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return fmt.Errorf("line %d: %w", parse.Line, parse.Err)
	}
	return err
}
