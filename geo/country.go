package geo

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
)

// Country is what is known about a country from its ISO 3166-1 code alone.
type Country struct {
	Code      string // ISO 3166-1 alpha-2, upper case
	Name      string // in English
	Continent string // AF, AN, AS, EU, NA, OC or SA

	// Where an address is taken to be of which only the country is known; see
	// the package comment. City is empty where no address is known there.
	Lat, Lon float64
	City     string
}

//go:embed data/countries.csv
var countriesCSV string

// Continents maps the code of each continent to its English name.
func Continents() map[string]string {
	return map[string]string{
		"AF": "Africa", "AN": "Antarctica", "AS": "Asia", "EU": "Europe",
		"NA": "North America", "OC": "Oceania", "SA": "South America",
	}
}

// ParseContinent returns the code of the continent that s names, by code or by
// English name, in any case and with or without spaces ("EU", "south-america").
func ParseContinent(s string) (code string, ok bool) {
	want := fold(s)
	for code, name := range Continents() {
		if want == fold(code) || want == fold(name) {
			return code, true
		}
	}
	return "", false
}

// parseCountries reads the columns code, name, continent, lat, lon, city. The
// last three are empty for a country without a known address.
func parseCountries(text string) (map[string]Country, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = 6
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("countries: %w", err)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("countries: no header")
	}
	continents := Continents()
	byCode := make(map[string]Country, len(rows))
	for i, row := range rows[1:] {
		c := Country{Code: row[0], Name: row[1], Continent: row[2], City: row[5]}
		if _, ok := continents[c.Continent]; !ok || !isCountryCode(c.Code) {
			return nil, fmt.Errorf("countries, line %d: code %q, continent %q", i+2, c.Code, c.Continent)
		}
		if c.City != "" {
			if c.Lat, c.Lon, err = parsePoint(row[3], row[4]); err != nil {
				return nil, fmt.Errorf("countries, line %d: %w", i+2, err)
			}
		}
		byCode[c.Code] = c
	}
	return byCode, nil
}

func isCountryCode(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}

// parsePoint reads a latitude and a longitude in decimal degrees.
func parsePoint(latText, lonText string) (lat, lon float64, err error) {
	lat, err = strconv.ParseFloat(latText, 64)
	// Written so that NaN fails, which ParseFloat accepts.
	if err != nil || !(lat >= -90 && lat <= 90) {
		return 0, 0, fmt.Errorf("lat %q is not a number from -90 to 90", latText)
	}
	lon, err = strconv.ParseFloat(lonText, 64)
	if err != nil || !(lon >= -180 && lon <= 180) {
		return 0, 0, fmt.Errorf("lon %q is not a number from -180 to 180", lonText)
	}
	return lat, lon, nil
}
