package cloudfront

import (
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Version is the API version whose shapes these are.
const Version = "2020-05-31"

// namespace returns the XML namespace of a version's documents.
func namespace(version string) string {
	return "http://cloudfront.amazonaws.com/doc/" + version + "/"
}

// Operation is one thing the API can be asked to do.
type Operation struct {
	Name            string // as in the API: "CreateDistribution"
	Method          string
	URI             string // template: {Label}, and the query that belongs to it, as "?WithTags"
	Status          int    // of success
	Query           []QueryParam
	RequestHeaders  []string
	ResponseHeaders []string // headers in which the model returns members: ETag, Location, Content-Type
	Errors          []Code   // the model's; any operation may also answer those common to all

	request, response func() any
}

// QueryParam is a parameter that an operation reads from the query string.
type QueryParam struct {
	Name              string
	Integer, Required bool
}

// Operations returns all operations, in the order of their names.
func Operations() []Operation { return slices.Clone(operations[:]) }

// IfMatch tells whether the operation needs the header If-Match.
func (o Operation) IfMatch() bool { return slices.Contains(o.RequestHeaders, "If-Match") }

// NewRequest returns a pointer to a new shape of the request's body, nil if the
// operation takes none.
func (o Operation) NewRequest() any { return call(o.request) }

// NewResponse returns a pointer to a new shape of the response's body, nil if
// there is none or it is no XML (GetFunction and GetConnectionFunction answer
// with the code itself).
func (o Operation) NewResponse() any { return call(o.response) }

func call(f func() any) any {
	if f == nil {
		return nil
	}
	return f()
}

// RequestRoot returns the name of the request body's root element, which is the
// name of its shape too, or "".
func (o Operation) RequestRoot() string {
	v := o.NewRequest()
	if v == nil {
		return ""
	}
	return reflect.TypeOf(v).Elem().Name()
}

// Params are the parameters of one request.
type Params struct {
	Version string            // that the client speaks, for Decode and Marshal
	Values  map[string]string // labels of the path and the query, by the API's names
}

// Get returns the parameter of that name, "" if it was not given.
func (p Params) Get(name string) string { return p.Values[name] }

// maxItems is both CloudFront's default and its upper bound for one page.
const maxItems = 100

// MaxItems returns how many items the client wants on a page, from 1 to 100.
func (p Params) MaxItems() (int, error) {
	v := p.Get("MaxItems")
	if v == "" {
		return maxItems, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		return 0, CodeInvalidArgument.Errorf("The parameter MaxItems must be a positive number, not %q.", clip(v))
	}
	return min(n, maxItems), nil
}

// Check returns an InvalidArgument that names the first parameter of the query
// which the operation needs and was not given, or which should be a number.
func (o Operation) Check(p Params) error {
	for _, q := range o.Query {
		v := p.Get(q.Name)
		if v == "" && q.Required {
			return CodeInvalidArgument.Errorf("The parameter %s is required.", q.Name)
		}
		if _, err := strconv.Atoi(v); v != "" && q.Integer && err != nil {
			return CodeInvalidArgument.Errorf("The parameter %s must be a number, not %q.", q.Name, clip(v))
		}
	}
	return nil
}

// Route finds the operation of a request from its method, its path in the
// escaped form (an ARN in a path has escaped slashes) and its raw query. It
// accepts any earlier API version in place of 2020-05-31, for old clients send
// the same bodies in that version's namespace, and a slash at the end.
func Route(method, escapedPath, rawQuery string) (Operation, Params, bool) {
	rest, ok := strings.CutPrefix(escapedPath, "/")
	version, path, _ := strings.Cut(rest, "/")
	query, err := url.ParseQuery(rawQuery)
	if !ok || !isVersion(version) || err != nil {
		return Operation{}, Params{}, false
	}
	path = strings.TrimSuffix(path, "/")

	// More than one operation can have the path; the one whose own query says
	// more is meant: CreateDistribution has none, CreateDistributionWithTags
	// ?WithTags.
	var best *Operation
	bestOwn := -1
	for i := range operations {
		op := &operations[i]
		template, own := op.split()
		if op.Method != method || !matchPath(template, path, nil) || !hasAll(query, own) {
			continue
		}
		if len(own) > bestOwn {
			best, bestOwn = op, len(own)
		}
	}
	if best == nil {
		return Operation{}, Params{}, false
	}
	p := Params{Version: version, Values: map[string]string{}}
	for _, q := range best.Query {
		if query.Has(q.Name) {
			p.Values[q.Name] = query.Get(q.Name)
		}
	}
	template, _ := best.split()
	return *best, p, matchPath(template, path, p.Values)
}

// split returns the path of the URI without the version, and the query that
// tells the operation from others with the same path.
func (o Operation) split() (path string, own url.Values) {
	path, rawQuery, found := strings.Cut(strings.TrimPrefix(o.URI, "/"+Version+"/"), "?")
	if found {
		own, _ = url.ParseQuery(rawQuery)
	}
	return path, own
}

// isVersion tells whether s is a date no later than the version served here.
// Later versions may have other shapes.
func isVersion(s string) bool {
	if len(s) != len(Version) || s > Version {
		return false
	}
	for i := range len(s) {
		if (Version[i] == '-') != (s[i] == '-') || s[i] != '-' && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return true
}

func hasAll(query, own url.Values) bool {
	for name, values := range own {
		if !query.Has(name) || values[0] != "" && query.Get(name) != values[0] {
			return false
		}
	}
	return true
}

// matchPath compares segment by segment and puts what the labels stand for into
// labels, if that is not nil.
func matchPath(template, path string, labels map[string]string) bool {
	for {
		t, moreTemplate, tCut := strings.Cut(template, "/")
		s, morePath, sCut := strings.Cut(path, "/")
		if tCut != sCut {
			return false
		}
		if strings.HasPrefix(t, "{") {
			v, err := url.PathUnescape(s)
			if err != nil || v == "" {
				return false
			}
			if labels != nil {
				labels[strings.Trim(t, "{}")] = v
			}
		} else if t != s {
			return false
		}
		if !tCut {
			return true
		}
		template, path = moreTemplate, morePath
	}
}
