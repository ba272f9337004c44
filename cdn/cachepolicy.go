package cdn

import (
	"slices"
	"strings"

	"github.com/warmfront/warmfront/cdn/document"
)

// century bounds TTLs, in seconds.
const century = 100 * 31536000

// compileCachePolicy makes a CachePolicy of a CachePolicyConfig.
func compileCachePolicy(doc *document.Element, r *Resource) (*CachePolicy, error) {
	least, def, most, err := compileTTLs(doc)
	if err != nil {
		return nil, err
	}
	key := doc.Child("ParametersInCacheKeyAndForwardedToOrigin")
	p := &CachePolicy{
		ID: r.ID, Name: doc.String("Name"), MinTTL: seconds(least), DefaultTTL: seconds(def), MaxTTL: seconds(most),
		Gzip: key.Bool("EnableAcceptEncodingGzip"), Brotli: key.Bool("EnableAcceptEncodingBrotli"),
	}
	if p.Headers, err = selection(key, "HeadersConfig", "HeaderBehavior", "Headers"); err != nil {
		return nil, err
	}
	if p.Cookies, err = selection(key, "CookiesConfig", "CookieBehavior", "Cookies"); err != nil {
		return nil, err
	}
	p.Query, err = selection(key, "QueryStringsConfig", "QueryStringBehavior", "QueryStrings")
	return p, err
}

// compileTTLs reads MinTTL, DefaultTTL and MaxTTL, in seconds: of a cache policy, or
// the older settings of a behavior.
func compileTTLs(e *document.Element) (least, def, most int64, err error) {
	least, err1 := e.Int(0, "MinTTL")
	def, err2 := e.Int(max(86400, least), "DefaultTTL")
	most, err3 := e.Int(max(31536000, def), "MaxTTL")
	if err1 != nil || err2 != nil || err3 != nil || least < 0 || least > def || def > most || most > century {
		return 0, 0, 0, Errorf("InvalidTTLOrder", "MinTTL, DefaultTTL and MaxTTL must be whole seconds and rise in this order.")
	}
	return least, def, most, nil
}

// OriginRequestPolicy says what of a viewer's request the origin gets beside what
// the cache key selects.
type OriginRequestPolicy struct {
	ID, Name                string
	Headers, Cookies, Query Selection
}

// forwards is what the origin gets under both policies, of which the latter may be nil
// (developer guide, "Understand how origin request policies and cache policies work
// together").
func forwards(c *CachePolicy, o *OriginRequestPolicy) Forwarding {
	if o == nil {
		o = &OriginRequestPolicy{}
	}
	same := func(a, b string) bool { return a == b }
	f := Forwarding{
		Headers: union(c.Headers, o.Headers, strings.EqualFold),
		Cookies: union(c.Cookies, o.Cookies, same), Query: union(c.Query, o.Query, same),
	}
	for _, s := range [...]Selection{c.Headers, o.Headers} {
		for _, n := range s.Names {
			if s.Mode != SelectAllExcept && !contains(f.Named, n, strings.EqualFold) {
				f.Named = append(f.Named, n)
			}
		}
	}
	return f
}

// union selects what either does; same compares names.
func union(a, b Selection, same func(a, b string) bool) Selection {
	var names, except []string
	var all, allBut bool
	for _, s := range [...]Selection{a, b} {
		switch s.Mode {
		case SelectNone:
		case SelectAll, SelectAllAndNames:
			all = true
		case SelectNames:
			names = append(names, s.Names...)
		case SelectAllExcept:
			kept := s.Names
			if allBut { // but what both leave out
				kept = slices.DeleteFunc(slices.Clone(kept), func(n string) bool { return !contains(except, n, same) })
			}
			allBut, except = true, kept
		}
	}
	if allBut {
		except = slices.DeleteFunc(slices.Clone(except), func(n string) bool { return contains(names, n, same) })
		all = all || len(except) == 0
	}
	switch {
	case all:
		return Selection{Mode: SelectAll}
	case allBut:
		return Selection{SelectAllExcept, except}
	case len(names) > 0:
		return Selection{SelectNames, names}
	}
	return Selection{}
}

func contains(names []string, name string, same func(a, b string) bool) bool {
	return slices.ContainsFunc(names, func(n string) bool { return same(n, name) })
}

// compileOriginRequestPolicy makes an OriginRequestPolicy of an
// OriginRequestPolicyConfig.
func compileOriginRequestPolicy(doc *document.Element, r *Resource) (*OriginRequestPolicy, error) {
	p := &OriginRequestPolicy{ID: r.ID, Name: doc.String("Name")}
	var err error
	if p.Headers, err = selection(doc, "HeadersConfig", "HeaderBehavior", "Headers"); err != nil {
		return nil, err
	}
	if p.Cookies, err = selection(doc, "CookiesConfig", "CookieBehavior", "Cookies"); err != nil {
		return nil, err
	}
	p.Query, err = selection(doc, "QueryStringsConfig", "QueryStringBehavior", "QueryStrings")
	return p, err
}

// selection reads one of the parts that policies are made of: config holds the
// behavior and the names.
func selection(e *document.Element, config, behavior, names string) (Selection, error) {
	e = e.Child(config)
	s := Selection{Names: e.Texts(names)}
	b := e.String(behavior)
	switch b {
	case "none", "":
		s.Mode = SelectNone
	case "whitelist":
		s.Mode = SelectNames
	case "all", "allViewer":
		s.Mode = SelectAll
	case "allExcept":
		s.Mode = SelectAllExcept
	case "allViewerAndWhitelistCloudFront":
		s.Mode = SelectAllAndNames
	default:
		return s, Errorf("InvalidArgument", "The %s %.100q is none that there is.", behavior, b)
	}
	needs := s.Mode == SelectNames || s.Mode == SelectAllExcept || s.Mode == SelectAllAndNames
	if needs != (len(s.Names) > 0) {
		return s, Errorf("InvalidArgument", "With the %s %q there must be %s.", behavior, b, map[bool]string{true: "names", false: "no names"}[needs])
	}
	if slices.Contains(s.Names, "") {
		return s, Errorf("InvalidArgument", "A name in %s is empty.", names)
	}
	return s, nil
}
