// Package restriction says in which countries a distribution is served.
//
// Pure: no I/O, no clock.
package restriction

import (
	"slices"
	"strings"

	"github.com/warmfront/warmfront/cdn/apierror"
	"github.com/warmfront/warmfront/cdn/document"
)

// Countries is a geo restriction: ISO 3166-1 alpha-2 codes, sorted, in capitals.
type Countries struct {
	Allowed, Blocked []string // one of the two at most
}

// Admit reports whether viewers in a country are served. Who is nobody knows where is.
func (c Countries) Admit(country string) bool {
	if country == "" {
		return true
	}
	if _, found := slices.BinarySearch(c.Blocked, country); found {
		return false
	}
	_, found := slices.BinarySearch(c.Allowed, country)
	return found || len(c.Allowed) == 0
}

// Limited reports whether there is a limit at all.
func (c Countries) Limited() bool { return len(c.Allowed)+len(c.Blocked) > 0 }

// Compile reads a GeoRestriction.
func Compile(e *document.Element) (c Countries, err error) {
	var codes []string
	for _, code := range e.Texts() {
		codes = append(codes, strings.ToUpper(code))
	}
	slices.Sort(codes)
	switch kind := e.String("RestrictionType"); kind {
	case "none", "":
	case "whitelist":
		c.Allowed = codes
	case "blacklist":
		c.Blocked = codes
	default:
		return c, apierror.Errorf("InvalidGeoRestrictionParameter", "The geo restriction %.100q is not one of none, whitelist, blacklist.", kind)
	}
	return c, nil
}
