package geo

import (
	"net/netip"
	"strings"
)

// Precision says how much of a Place is known.
type Precision uint8

const (
	// CountryLevel means that only the country is known. Lat and Lon are the
	// best guess within it, not a measurement: see the package comment.
	CountryLevel Precision = iota + 1
	// CityLevel means that Lat and Lon are those of a city.
	CityLevel
)

func (p Precision) String() string {
	switch p {
	case CityLevel:
		return "city"
	case CountryLevel:
		return "country"
	}
	return "unknown"
}

// Place is where an address is.
type Place struct {
	Lat, Lon    float64
	City        string // in English; "" at CountryLevel
	Region      string // the first subdivision (state, Land …) in English, or ""
	RegionCode  string // its ISO 3166-2 code without the country's, or ""
	PostalCode  string // or ""
	TimeZone    string // its IANA name, or ""
	Country     string // ISO 3166-1 alpha-2
	CountryName string // in English
	Continent   string // AF, AN, AS, EU, NA, OC or SA
	Precision   Precision
	AccuracyKm  int // the database's accuracy radius, 0 if it has none

	// Source says who knows: the name of a database, "lab" for a lab range or
	// "home" for what stands for an address that nobody knows.
	Source string
	// Prefix is the network that holds the address and within which this
	// answer is the same. It is valid even where nothing is found.
	Prefix netip.Prefix
}

// String returns the place as a person writes it: "Osaka, Japan".
func (p Place) String() string {
	name := p.CountryName
	if name == "" {
		name = p.Country
	}
	if p.City == "" {
		return name
	}
	// City states: "Singapore", not "Singapore, Singapore".
	if name == "" || strings.EqualFold(p.City, name) {
		return p.City
	}
	return p.City + ", " + name
}

// place returns the Place of a POP's city.
func (p POP) place(source string, prefix netip.Prefix) Place {
	return Place{
		Lat: p.Lat, Lon: p.Lon, City: p.City, Country: p.CountryCode, CountryName: p.Country,
		Continent: p.Continent, Precision: CityLevel, Source: source, Prefix: prefix,
	}
}
