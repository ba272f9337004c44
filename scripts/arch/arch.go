// Package arch holds the rules of this repository that a compiler does not check: who may import whom, how long
// things may get, what is documented, what state a package may keep. Its test applies every rule to the repository.
//
// A rule is a function from the parsed Repo to the places that break it. Each finding says why the rule is there, so
// that whoever meets it can tell whether to mend the code or, with a reason, the rule.
package arch

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// Module is the import path of the repository's root.
const Module = "github.com/warmfront/warmfront"

// A Finding is one place that breaks a rule.
type Finding struct {
	Place string // file, file:line or folder, from the root
	Text  string // what is wrong, and why that matters
}

func (f Finding) String() string { return f.Place + ": " + f.Text }

// A Repo is the parsed content of the repository.
type Repo struct {
	Fset  *token.FileSet
	Files []*File           // Go files, in the order of their paths
	Texts map[string][]byte // every text file by path, Go files included
}

// A File is one Go file.
type File struct {
	Path      string // from the root, with slashes
	Dir       string // "." for the root
	AST       *ast.File
	Lines     int
	Test      bool // _test.go
	Generated bool // marked by the standard "DO NOT EDIT" line
}

// skipped are folders that are not part of what is kept in version control, and test inputs, which may be anything.
var skipped = []string{".git", ".warmfront", "bin", "testdata", "node_modules"}

// Load reads and parses all of fsys. It fails on a Go file that does not parse.
func Load(fsys fs.FS) (*Repo, error) {
	r := &Repo{Fset: token.NewFileSet(), Texts: map[string][]byte{}}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains(skipped, d.Name()):
			return fs.SkipDir
		case d.IsDir(), d.Name() == ".git": // a file in a second work tree
			return nil
		}
		content, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		if utf8.Valid(content) {
			r.Texts[name] = content
		}
		if path.Ext(name) == ".go" {
			return r.parse(name, content)
		}
		return nil
	})
	return r, err
}

func (r *Repo) parse(name string, content []byte) error {
	f, err := parser.ParseFile(r.Fset, name, content, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("parsing %s: %w", name, err)
	}
	r.Files = append(r.Files, &File{
		Path:      name,
		Dir:       path.Dir(name),
		AST:       f,
		Lines:     bytes.Count(content, []byte("\n")),
		Test:      strings.HasSuffix(name, "_test.go"),
		Generated: ast.IsGenerated(f),
	})
	return nil
}

// packages returns the non-test files by folder.
func (r *Repo) packages() map[string][]*File {
	dirs := map[string][]*File{}
	for _, f := range r.Files {
		if !f.Test {
			dirs[f.Dir] = append(dirs[f.Dir], f)
		}
	}
	return dirs
}

// at is a finding at a position in a Go file.
func (r *Repo) at(pos token.Pos, format string, args ...any) Finding {
	p := r.Fset.Position(pos)
	return Finding{fmt.Sprintf("%s:%d", p.Filename, p.Line), fmt.Sprintf(format, args...)}
}
