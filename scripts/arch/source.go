package arch

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
)

// Limits on length, in lines. Tests and generated code are excepted.
const (
	maxFunction = 80
	maxFile     = 600
	maxPackage  = 3000
)

// Sizes finds functions, files and packages that have outgrown their limits.
func Sizes(r *Repo) (found []Finding) {
	packages := map[string]int{}
	for _, f := range r.Files {
		if f.Test || f.Generated {
			continue
		}
		packages[f.Dir] += f.Lines
		if f.Lines > maxFile {
			found = append(found, Finding{f.Path, fmt.Sprintf("%d lines, over %d: a file is one concept, named by it", f.Lines, maxFile)})
		}
		for _, d := range f.AST.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				lines := r.Fset.Position(fn.End()).Line - r.Fset.Position(fn.Pos()).Line + 1
				if lines > maxFunction {
					found = append(found, r.at(fn.Pos(), "%s has %d lines, over %d: a reader cannot hold it in view", fn.Name.Name, lines, maxFunction))
				}
			}
		}
	}
	for dir, lines := range packages {
		if lines > maxPackage {
			found = append(found, Finding{dir, fmt.Sprintf("%d lines, over %d: a package that outgrows its comment is split by what it is about", lines, maxPackage)})
		}
	}
	return found
}

// vague are package names that say nothing of what is inside, so everything ends up there.
var vague = []string{"util", "utils", "common", "helper", "helpers", "types", "pkg", "misc", "shared", "base", "lib"}

// Names finds package names that say nothing.
func Names(r *Repo) (found []Finding) {
	for dir, files := range r.packages() {
		for part := range strings.SplitSeq(dir, "/") {
			if slices.Contains(vague, part) {
				found = append(found, Finding{dir, fmt.Sprintf("a folder named %s: a package is named by what it is about", part)})
			}
		}
		if name := files[0].AST.Name.Name; slices.Contains(vague, name) && name != path.Base(dir) {
			found = append(found, Finding{dir, fmt.Sprintf("package %s: a package is named by what it is about", name)})
		}
	}
	return found
}

// Comments finds packages without a package comment.
func Comments(r *Repo) (found []Finding) {
	for dir, files := range r.packages() {
		documented := slices.ContainsFunc(files, func(f *File) bool {
			text := f.AST.Doc.Text()
			return strings.HasPrefix(text, "Package "+f.AST.Name.Name+" ") ||
				f.AST.Name.Name == "main" && strings.HasPrefix(text, "Command ")
		})
		if !documented {
			found = append(found, Finding{dir, fmt.Sprintf("no comment that begins \"Package %s …\" (or \"Command …\"): it says what the package promises and how one request goes through it", files[0].AST.Name.Name)})
		}
	}
	return found
}

// Sleeps finds tests that sleep.
func Sleeps(r *Repo) (found []Finding) {
	for _, f := range r.Files {
		if !f.Test {
			continue
		}
		for _, pos := range calls(f.AST, "time", "Sleep") {
			found = append(found, r.at(pos, "time.Sleep in a test is too short on a slow machine and too long on a fast one: use testing/synctest, or poll with a deadline"))
		}
	}
	return found
}

// calls returns where one of those functions of the imported package is used, called or not.
func calls(f *ast.File, pkg string, names ...string) (at []token.Pos) {
	ast.Inspect(f, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && slices.Contains(names, sel.Sel.Name) {
			if id, ok := sel.X.(*ast.Ident); ok && id.Name == pkg {
				at = append(at, sel.Pos())
			}
		}
		return true
	})
	return at
}
