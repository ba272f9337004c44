package policies

import (
	"slices"
	"strings"
	"time"

	"github.com/warmfront/warmfront/cdn/apierror"
	"github.com/warmfront/warmfront/cdn/document"
)

// Cache says for how long objects stay fresh and what, besides the path,
// is part of the cache key (and is therefore forwarded to the origin).
type Cache struct {
	ID, Name                   string
	MinTTL, DefaultTTL, MaxTTL time.Duration
	Headers, Cookies, Query    Selection
	Gzip, Brotli               bool
	// Legacy is set where this stands for a behavior's ForwardedValues: headers
	// that it does not name are then forwarded too.
	Legacy bool
}

// Forwarding says what of a viewer's request is sent on.
type Forwarding struct {
	Headers, Cookies, Query Selection
	// Named are the headers that are chosen by their names, among them those that
	// CloudFront makes.
	Named []string
}

// Selection names which of a request's headers, cookies or query parameters are
// chosen.
type Selection struct {
	Mode  SelectionMode
	Names []string // as configured; header names compare without case
}

// SelectionMode says how Names is meant.
type SelectionMode int

// The modes of a Selection.
const (
	SelectNone SelectionMode = iota
	SelectNames
	SelectAll
	SelectAllExcept
	// SelectAllAndNames is all that the viewer sent, and those of CloudFront's own
	// headers that are named.
	SelectAllAndNames
)

// century bounds TTLs, in seconds.
const century = 100 * 31536000

// CompileCache makes a Cache of a CachePolicyConfig.
func CompileCache(doc *document.Element, id string) (*Cache, error) {
	least, def, most, err := CompileTTLs(doc)
	if err != nil {
		return nil, err
	}
	key := doc.Child("ParametersInCacheKeyAndForwardedToOrigin")
	p := &Cache{
		ID: id, Name: doc.String("Name"), MinTTL: seconds(least), DefaultTTL: seconds(def), MaxTTL: seconds(most),
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

// CompileTTLs reads MinTTL, DefaultTTL and MaxTTL, in seconds: of a cache policy, or
// the older settings of a behavior.
func CompileTTLs(e *document.Element) (least, def, most int64, err error) {
	least, err1 := e.Int(0, "MinTTL")
	def, err2 := e.Int(max(86400, least), "DefaultTTL")
	most, err3 := e.Int(max(31536000, def), "MaxTTL")
	if err1 != nil || err2 != nil || err3 != nil || least < 0 || least > def || def > most || most > century {
		return 0, 0, 0, apierror.Errorf("InvalidTTLOrder", "MinTTL, DefaultTTL and MaxTTL must be whole seconds and rise in this order.")
	}
	return least, def, most, nil
}

// OriginRequest says what of a viewer's request the origin gets beside what
// the cache key selects.
type OriginRequest struct {
	ID, Name                string
	Headers, Cookies, Query Selection
}

// Forwards is what the origin gets under both policies, of which the latter may be nil
// (developer guide, "Understand how origin request policies and cache policies work
// together").
func Forwards(c *Cache, o *OriginRequest) Forwarding {
	if o == nil {
		o = &OriginRequest{}
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

// CompileOriginRequest makes an OriginRequest of an
// OriginRequestPolicyConfig.
func CompileOriginRequest(doc *document.Element, id string) (*OriginRequest, error) {
	p := &OriginRequest{ID: id, Name: doc.String("Name")}
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
		return s, apierror.Errorf("InvalidArgument", "The %s %.100q is none that there is.", behavior, b)
	}
	needs := s.Mode == SelectNames || s.Mode == SelectAllExcept || s.Mode == SelectAllAndNames
	if needs != (len(s.Names) > 0) {
		return s, apierror.Errorf("InvalidArgument", "With the %s %q there must be %s.", behavior, b, map[bool]string{true: "names", false: "no names"}[needs])
	}
	if slices.Contains(s.Names, "") {
		return s, apierror.Errorf("InvalidArgument", "A name in %s is empty.", names)
	}
	return s, nil
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }
