package geo

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
)

// maxDatabaseFile bounds what --geoip may name; the largest city databases
// sold today have about 150 MB.
const maxDatabaseFile = 1 << 30

// DefaultHome is the POP that lab addresses without a city stand in.
const DefaultHome = "FRA"

// Config says where a DB takes its knowledge from.
type Config struct {
	// Catalogue places the lab ranges; nil is the bundled one.
	Catalogue *Catalogue
	// Home is --home: the POP, by code or city, of 127.0.x.x, 10.77.0.x and
	// ::1, and of addresses nobody knows. Empty is DefaultHome.
	Home string
	// Files is --geoip: city databases, asked in this order before the
	// bundled one. Packs that split IPv4 from IPv6 are simply two files.
	Files []string
}

// DB finds the place of an address. One is shared by all that a process runs.
type DB struct {
	catalogue *Catalogue
	home      POP
	files     []string
	bundled   *source

	reloading sync.Mutex
	content   atomic.Pointer[content] // replaced as one
}

// Open reads the databases of a configuration. With no files it takes a
// fraction of a second.
func Open(cfg Config) (*DB, error) {
	db := &DB{catalogue: cfg.Catalogue, files: cfg.Files}
	if db.catalogue == nil {
		db.catalogue = BundledCatalogue()
	}
	var err error
	if db.home, err = db.catalogue.ByName(cmp.Or(cfg.Home, DefaultHome)); err != nil {
		return nil, fmt.Errorf("--home: %w", err)
	}
	if db.bundled, err = bundledSource(db.catalogue.countries); err != nil {
		return nil, err
	}
	sources, err := db.read()
	if err != nil {
		return nil, err
	}
	db.content.Store(db.newContent(sources))
	return db, nil
}

// Reload reads the files again, as on SIGHUP. Either all of them take effect,
// at once, or none: then the error says what is wrong, and lookups go on with
// what was read before.
func (db *DB) Reload() error {
	db.reloading.Lock()
	defer db.reloading.Unlock()
	sources, err := db.read()
	if err != nil {
		return fmt.Errorf("geo databases not reloaded, the last good ones stay in use: %w", err)
	}
	next := db.newContent(sources)
	if db.content.Load().mapped.Load() {
		// Whoever uses the table has the new one at once.
		if _, err := next.table(); err != nil {
			return fmt.Errorf("geo databases not reloaded, the last good ones stay in use: %w", err)
		}
	}
	db.content.Store(next)
	return nil
}

func (db *DB) read() ([]*source, error) {
	var sources []*source
	var errs []error
	for _, file := range db.files {
		s, err := openSource(file, db.catalogue.countries)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		sources = append(sources, s)
	}
	return append(sources, db.bundled), errors.Join(errs...)
}

// openSource reads a database file and checks it. It is read, not mapped:
// writing over a mapped file changes answers, or ends the process.
func openSource(file string, countries map[string]Country) (*source, error) {
	content, err := readLimited(file, maxDatabaseFile)
	if err != nil {
		return nil, fmt.Errorf("--geoip: %w", err)
	}
	s, err := newSource(filepath.Base(file), content, countries)
	if err != nil {
		return nil, fmt.Errorf("--geoip %s: %w", file, err)
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("--geoip %s is damaged: %w", file, err)
	}
	return s, nil
}

// Locate returns the place of an address: of a lab range the city of its POP,
// of any other what the first database says that holds it. IPv4-mapped IPv6
// addresses count as IPv4, and all addresses of an IPv6 /64 are at one place. If
// nobody knows the address ok is false, and of the place only Prefix is set.
func (db *DB) Locate(a netip.Addr) (place Place, ok bool) {
	a = a.Unmap().WithZone("")
	if !a.IsValid() {
		return Place{}, false
	}
	if n, prefix, lab := labRange(a); lab {
		if n == 0 {
			return db.home.place("lab", prefix), true
		}
		pop, ok := db.catalogue.ByNumber(n)
		if !ok {
			return Place{Prefix: prefix}, false
		}
		return pop.place("lab", prefix), true
	}
	prefix := netip.PrefixFrom(a, 0)
	for _, s := range db.content.Load().sources {
		place, ok := s.locate(a)
		// That an earlier database does not hold the address is true of its
		// own, perhaps narrower, network only.
		if place.Prefix.Bits() > prefix.Bits() {
			prefix = place.Prefix
		}
		if ok {
			place.Prefix = besideLab(prefix, a)
			return place, true
		}
	}
	return Place{Prefix: besideLab(prefix.Masked(), a)}, false
}

// Home returns the place of --home, which stands in for addresses that nobody
// knows.
func (db *DB) Home() Place {
	return db.home.place("home", netip.Prefix{})
}

// Catalogue returns the POPs that place the lab ranges.
func (db *DB) Catalogue() *Catalogue { return db.catalogue }

// Networks yields every network of a database file, or of the bundled database
// if file is empty, with its place, in the order of addresses. Networks that
// are not even in a country are left out.
func Networks(file string) (iter.Seq2[Place, error], error) {
	countries := BundledCatalogue().countries
	if file == "" {
		s, err := bundledSource(countries)
		if err != nil {
			return nil, err
		}
		return s.networks(), nil
	}
	s, err := openSource(file, countries)
	if err != nil {
		return nil, err
	}
	return s.networks(), nil
}
