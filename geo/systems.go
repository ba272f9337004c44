package geo

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/oschwald/maxminddb-golang/v2"
)

// Systems says which autonomous system an address is of. None is bundled.
type Systems struct {
	db *maxminddb.Reader
	// named is set where records say "AS64496" by the name asn, instead of the number by
	// MaxMind's.
	named bool
}

// OpenSystems reads a file in the MaxMind format whose records have an
// autonomous_system_number (GeoLite2 ASN, DB-IP ASN Lite) or an asn ("AS64496"). Of no
// file it returns nil.
func OpenSystems(file string) (*Systems, error) {
	if file == "" {
		return nil, nil
	}
	content, err := readLimited(file, maxDatabaseFile)
	if err != nil {
		return nil, err
	}
	n := &Systems{}
	if n.db, err = maxminddb.OpenBytes(content); err != nil {
		return nil, fmt.Errorf("%s: not a MaxMind DB: %w", file, err)
	}
	names, numbers := &Systems{db: n.db, named: true}, 0
	for result := range n.db.Networks() { // all of it, so that what is damaged is found now
		if err := result.Err(); err != nil {
			return nil, fmt.Errorf("%s is damaged: %w", file, err)
		}
		if n.of(result) != 0 {
			numbers++
		} else if numbers == 0 && names.of(result) != 0 {
			return names, nil
		}
	}
	if numbers == 0 {
		return nil, fmt.Errorf("%s (%s) names no autonomous system", file, n.db.Metadata.DatabaseType)
	}
	return n, nil
}

// Number is the number of the autonomous system that an address is of, 0 if nobody
// knows. A nil Systems knows none.
func (n *Systems) Number(a netip.Addr) uint32 {
	a = a.Unmap().WithZone("")
	if n == nil || !a.IsValid() || a.Is6() && n.db.Metadata.IPVersion == 4 {
		return 0
	}
	return n.of(n.db.Lookup(a))
}

func (n *Systems) of(result maxminddb.Result) (number uint32) {
	if !n.named {
		if result.DecodePath(&number, "autonomous_system_number") != nil {
			return 0
		}
		return number
	}
	var name string
	if result.DecodePath(&name, "asn") != nil {
		return 0
	}
	parsed, err := strconv.ParseUint(strings.TrimPrefix(name, "AS"), 10, 32)
	if err != nil {
		return 0
	}
	return uint32(parsed)
}
