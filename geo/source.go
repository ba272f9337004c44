package geo

import (
	"fmt"
	"iter"
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/oschwald/geoip2-golang/v2"
	"github.com/oschwald/maxminddb-golang/v2"
)

// cachedRecords is how many decoded records a source keeps. The bundled
// database has fewer different ones, so each is decoded about once.
const cachedRecords = 1 << 14

// longestIPv6 is the network that counts as one place: the smallest that a site is
// given.
const longestIPv6 = 64

// maxSchemaProbe is how many networks check looks at in search of a place.
const maxSchemaProbe = 1_000_000

// source is one database file, read into memory.
type source struct {
	name      string
	file      []byte
	db        *maxminddb.Reader
	decode    func(maxminddb.Result) (Place, error)
	countries map[string]Country

	// decoded keeps records by their offset in the file, without a Prefix:
	// many networks share a record, and decoding costs ten lookups. A slot is
	// overwritten by whatever hashes to it, so the memory has a bound.
	decoded []atomic.Pointer[decodedRecord]
}

type decodedRecord struct {
	offset uintptr
	place  Place // the zero Place if the record names no known country
	err    error
}

// newSource reads a database in the GeoIP2 City schema (MaxMind GeoLite2-City
// and GeoIP2-City, DB-IP City) or in the flat schema of the npm packs of
// ip-location-db, told apart by the type the file states.
func newSource(name string, file []byte, countries map[string]Country) (*source, error) {
	db, err := maxminddb.OpenBytes(file)
	if err != nil {
		return nil, fmt.Errorf("not a MaxMind DB: %w", err)
	}
	s := &source{name: name, file: file, db: db, countries: countries, decoded: make([]atomic.Pointer[decodedRecord], cachedRecords)}
	if strings.HasPrefix(db.Metadata.DatabaseType, "city ipv") {
		s.decode = s.decodeFlat
		return s, nil
	}
	s.decode = s.decodeCity
	// geoip2 keeps the list of types that answer City, whose names do not
	// always tell ("DBIP-Location (compat=City)").
	reader, err := geoip2.OpenBytes(file)
	if err == nil {
		_, err = reader.City(netip.IPv4Unspecified())
	}
	if err != nil {
		return nil, fmt.Errorf("not a city database: %w", err)
	}
	return s, nil
}

// locate returns the place of an address, and ok false with the prefix in
// which nothing is known if the database lacks it or its record does not even
// name a country.
func (s *source) locate(a netip.Addr) (Place, bool) {
	if a.Is6() && s.db.Metadata.IPVersion == 4 {
		return Place{Prefix: netip.PrefixFrom(netip.IPv6Unspecified(), 0)}, false
	}
	if a.Is6() {
		a = netip.PrefixFrom(a, longestIPv6).Masked().Addr()
	}
	result := s.db.Lookup(a)
	if !result.Found() {
		return Place{Prefix: within(result.Prefix(), a)}, false
	}
	place, ok := s.read(result)
	place.Prefix = within(place.Prefix, a)
	return place, ok
}

// read returns the place a result stands for.
func (s *source) read(result maxminddb.Result) (Place, bool) {
	r := s.record(result)
	place := r.place
	place.Prefix = result.Prefix()
	return place, r.place.Precision != 0
}

// record decodes a result, or finds it decoded already.
func (s *source) record(result maxminddb.Result) *decodedRecord {
	offset := result.Offset()
	slot := &s.decoded[uint64(offset)*0x9E3779B97F4A7C15>>50%cachedRecords]
	r := slot.Load()
	if r == nil || r.offset != offset {
		place, err := s.decode(result)
		r = &decodedRecord{offset: offset, place: place, err: err}
		slot.Store(r)
	}
	return r
}

// within returns a prefix as one of the address's family: for IPv4 addresses a
// file without IPv4 answers with a network of IPv6.
func within(prefix netip.Prefix, a netip.Addr) netip.Prefix {
	if a.Is4() && !prefix.Addr().Is4() {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	if a.Is6() && prefix.Bits() > longestIPv6 {
		return netip.PrefixFrom(a, longestIPv6)
	}
	return prefix
}

// networks yields every network of the database with its place.
func (s *source) networks() iter.Seq2[Place, error] {
	return func(yield func(Place, error) bool) {
		for result := range s.db.Networks() {
			if err := result.Err(); err != nil {
				yield(Place{}, err)
				return
			}
			if place, ok := s.read(result); ok && !yield(place, nil) {
				return
			}
		}
	}
}

// decodeCity reads a record in the GeoIP2 City schema.
func (s *source) decodeCity(result maxminddb.Result) (Place, error) {
	var record geoip2.City
	if err := result.Decode(&record); err != nil {
		return Place{}, err
	}
	p := Place{
		City: record.City.Names.English, Country: record.Country.ISOCode,
		CountryName: record.Country.Names.English, Continent: record.Continent.Code,
		AccuracyKm: int(record.Location.AccuracyRadius),
		PostalCode: record.Postal.Code, TimeZone: record.Location.TimeZone,
	}
	if len(record.Subdivisions) > 0 {
		p.Region, p.RegionCode = record.Subdivisions[0].Names.English, record.Subdivisions[0].ISOCode
	}
	return s.settle(p, record.Location.Latitude, record.Location.Longitude), nil
}

// flatRecord is the schema of the npm packs "city ipv4" and "city ipv6".
type flatRecord struct {
	Country   string   `maxminddb:"country_code"`
	Region    string   `maxminddb:"state1"`
	City      string   `maxminddb:"city"`
	Latitude  *float64 `maxminddb:"latitude"`
	Longitude *float64 `maxminddb:"longitude"`
}

func (s *source) decodeFlat(result maxminddb.Result) (Place, error) {
	var record flatRecord
	if err := result.Decode(&record); err != nil {
		return Place{}, err
	}
	p := Place{City: record.City, Region: record.Region, Country: record.Country}
	return s.settle(p, record.Latitude, record.Longitude), nil
}

// settle decides what a record amounts to: a city with a point, a country, or
// nothing (the zero Place).
func (s *source) settle(p Place, lat, lon *float64) Place {
	p.Source = s.name
	country, known := s.countries[p.Country]
	if known { // the same names whichever file answers
		p.CountryName, p.Continent = country.Name, country.Continent
	}
	// The comparisons are false for NaN.
	if p.City != "" && lat != nil && lon != nil && *lat >= -90 && *lat <= 90 && *lon >= -180 && *lon <= 180 {
		p.Lat, p.Lon, p.Precision = *lat, *lon, CityLevel
		return p
	}
	if !known || country.City == "" {
		return Place{}
	}
	p.City, p.Region, p.AccuracyKm = "", "", 0
	p.Lat, p.Lon, p.Precision = country.Lat, country.Lon, CountryLevel
	return p
}

// check reads the whole file, as one that is damaged in the middle opens all the
// same and would fail one lookup at a time. Walking the networks would not do:
// in a damaged tree there can be more of them than a lifetime has seconds.
func (s *source) check() error {
	if len(s.db.Metadata.Description) == 0 {
		// Verify insists on one, and the npm packs have none.
		s.db.Metadata.Description = map[string]string{"en": s.name}
	}
	if err := s.db.Verify(); err != nil {
		return err
	}
	seen := 0
	for result := range s.db.Networks(maxminddb.IncludeNetworksWithoutData()) {
		if result.Found() {
			if _, ok := s.read(result); ok {
				return nil
			}
		}
		if seen++; seen == maxSchemaProbe {
			break
		}
	}
	return fmt.Errorf("none of its first %d networks is in a known country: it may have another schema", seen)
}
