package arch

import (
	"errors"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

const oneProcess = "a hundred nodes run in one process, so state belongs to a struct that New makes"

// Globals finds init functions and package-level variables that are, or may become, state. A variable passes if it is
// given its value where it is declared, by an expression that makes no state, and nothing writes to it afterwards: a
// sentinel error, a compiled pattern, an embedded file, a table.
func Globals(r *Repo) (found []Finding) {
	for _, files := range r.packages() {
		files = slices.DeleteFunc(slices.Clone(files), func(f *File) bool { return f.Generated })
		for _, f := range files {
			found = append(found, r.declared(f)...)
		}
		found = append(found, r.writes(files)...)
	}
	return found
}

// declared checks a file's declarations: init functions, and how variables get their first value.
func (r *Repo) declared(f *File) (found []Finding) {
	for _, d := range f.AST.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil && d.Name.Name == "init" {
				found = append(found, r.at(d.Pos(), "init runs before anyone can pass a configuration or get an error back; %s", oneProcess))
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if spec, ok := s.(*ast.ValueSpec); ok && d.Tok == token.VAR && !embedded(d, spec) {
					found = append(found, r.initialized(spec)...)
				}
			}
		}
	}
	return found
}

// embedded tells whether the go command fills the variable in from a file.
func embedded(d *ast.GenDecl, spec *ast.ValueSpec) bool {
	for _, doc := range []*ast.CommentGroup{d.Doc, spec.Doc} {
		if doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") }) {
			return true
		}
	}
	return false
}

func (r *Repo) initialized(spec *ast.ValueSpec) (found []Finding) {
	for i, name := range spec.Names {
		switch {
		case name.Name == "_":
		case len(spec.Values) == 0:
			found = append(found, r.at(name.Pos(), "variable %s has no value here, so something writes it later: %s", name.Name, oneProcess))
		case len(spec.Values) == len(spec.Names) && stateful(spec.Values[i]) != "":
			found = append(found, r.at(name.Pos(), "variable %s holds %s: %s", name.Name, stateful(spec.Values[i]), oneProcess))
		}
	}
	return found
}

// stateTypes change through their methods or share connections. sync.Pool is not among them: what it holds is
// scratch, with no meaning from one use to the next.
var stateTypes = []string{
	"sync.Mutex", "sync.RWMutex", "sync.Map", "sync.Once", "sync.WaitGroup", "atomic.",
	"http.Client", "http.Transport", "http.Server", "http.ServeMux", "net.Dialer",
}

// stateless are functions whose result does not change, or, for sync.OnceValue, is the same whenever it is asked for.
var stateless = []string{
	"errors.New", "fmt.Errorf", "fmt.Sprintf", "strings.NewReplacer", "strings.Repeat", "strings.Fields", "strings.Split",
	"crc32.MakeTable", "big.NewInt", "netip.AddrFrom4", "netip.AddrFrom16", "netip.PrefixFrom", "net.IPv4", "time.Date",
	"time.Duration", "template.New", "sync.OnceValue", "sync.OnceValues", "reflect.TypeFor", "reflect.TypeOf",
	"base64.NewEncoding", "base32.NewEncoding", "bytes.Repeat", "math.Inf", "math.Pow", "math.Sqrt", "math.Log",
}

// stateful says what state evaluating the expression makes, or "".
func stateful(e ast.Expr) string {
	what := ""
	ast.Inspect(e, func(n ast.Node) bool {
		if what != "" {
			return false
		}
		switch n := n.(type) {
		case *ast.FuncLit:
			return false // makes nothing until it is called
		case *ast.CompositeLit:
			if t := typeName(n.Type); slices.ContainsFunc(stateTypes, func(p string) bool { return t == p || strings.HasSuffix(p, ".") && strings.HasPrefix(t, p) }) {
				what = "a " + t
			}
		case *ast.SelectorExpr:
			if strings.HasPrefix(n.Sel.Name, "Default") {
				what = "another package's " + n.Sel.Name
			}
		case *ast.CallExpr:
			what = statefulCall(n)
		}
		return what == ""
	})
	return what
}

func statefulCall(call *ast.CallExpr) string {
	name := typeName(call.Fun)
	switch {
	case name == "make" || name == "new":
		return "what " + name + " makes, empty, to be written"
	case !strings.Contains(name, "."): // a conversion, or a function of this package that builds a table
		return ""
	}
	_, method, _ := strings.Cut(name, ".")
	if strings.HasPrefix(method, "Must") || slices.Contains(stateless, name) {
		return ""
	}
	return "the result of " + name + ", which the list stateless does not know to be free of state"
}

// typeName is the dotted name of a type or function, without pointer, package path or type arguments.
func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.ParenExpr:
		return typeName(e.X)
	case *ast.IndexExpr:
		return typeName(e.X)
	case *ast.SelectorExpr:
		if x := typeName(e.X); x != "" {
			return x + "." + e.Sel.Name
		}
	}
	return ""
}

// writes finds statements that write to a package-level variable, of this package or of another of ours, or take its
// address. Names are resolved by the type checker, so a local of the same name does not count; imports are not loaded.
func (r *Repo) writes(files []*File) (found []Finding) {
	var syntax []*ast.File
	for _, f := range files {
		syntax = append(syntax, f.AST)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: noImports{}, Error: func(error) {}}
	pkg, _ := config.Check("p", r.Fset, syntax, info) // what it cannot know without imports does not matter here
	w := &writeFinder{pkg: pkg, uses: info.Uses}
	for _, f := range syntax {
		ast.Inspect(f, w.visit)
	}
	for _, id := range w.written {
		found = append(found, r.at(id.Pos(), "writes to package-level variable %s, or takes its address: %s", id.Name, oneProcess))
	}
	return found
}

type noImports struct{}

func (noImports) Import(string) (*types.Package, error) {
	return nil, errors.New("imports are not loaded")
}

type writeFinder struct {
	pkg     *types.Package
	uses    map[*ast.Ident]types.Object
	written []*ast.Ident
}

func (w *writeFinder) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.AssignStmt:
		w.targets(n.Lhs...)
	case *ast.IncDecStmt:
		w.targets(n.X)
	case *ast.RangeStmt:
		w.targets(n.Key, n.Value)
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			w.targets(n.X)
		}
	case *ast.CallExpr:
		if fn, ok := n.Fun.(*ast.Ident); ok && len(n.Args) > 0 && slices.Contains([]string{"delete", "clear", "copy"}, fn.Name) {
			w.targets(n.Args[0])
		}
	}
	return true
}

// targets notes those expressions whose root is a package-level variable.
func (w *writeFinder) targets(exprs ...ast.Expr) {
	for _, e := range exprs {
		if id := w.root(e); id != nil {
			w.written = append(w.written, id)
		}
	}
}

// root follows x.f, x[i], *x down to x and returns it if x is a package-level variable; for pkg.X it returns X.
func (w *writeFinder) root(e ast.Expr) *ast.Ident {
	switch e := e.(type) {
	case *ast.Ident:
		if v, ok := w.uses[e].(*types.Var); ok && w.pkg != nil && v.Parent() == w.pkg.Scope() {
			return e
		}
	case *ast.SelectorExpr:
		if id, ok := e.X.(*ast.Ident); ok {
			if _, imported := w.uses[id].(*types.PkgName); imported {
				return e.Sel
			}
		}
		return w.root(e.X)
	case *ast.IndexExpr:
		return w.root(e.X)
	case *ast.SliceExpr:
		return w.root(e.X)
	case *ast.StarExpr:
		return w.root(e.X)
	case *ast.ParenExpr:
		return w.root(e.X)
	}
	return nil
}
