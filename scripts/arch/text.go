package arch

import (
	"fmt"
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// machinePath matches folders that exist on one developer's machine only.
var machinePath = regexp.MustCompile(`(^|[^A-Za-z0-9_.])/(work|farm|root|Users|home/[a-z]+)/|\.\./shared\b`)

// MachinePaths finds paths of a particular machine in any text file.
func MachinePaths(r *Repo) (found []Finding) {
	for name, text := range r.Texts {
		if path.Dir(name) == "scripts/arch" {
			continue // speaks of them
		}
		for i, line := range strings.Split(string(text), "\n") {
			if m := machinePath.FindString(line); m != "" {
				found = append(found, Finding{fmt.Sprintf("%s:%d", name, i+1), fmt.Sprintf("%q is a path of one machine; a fresh clone elsewhere does not have it", m)})
			}
		}
	}
	return found
}

var (
	makeTarget  = regexp.MustCompile(`(?m)^([a-z0-9-]+):(.*)$`)
	fence       = regexp.MustCompile("(?s)```.*?```")
	codeSpan    = regexp.MustCompile("`[^`\n]+`")
	comment     = regexp.MustCompile(`(?m)(^|\s)#\s.*$`)
	makeCommand = regexp.MustCompile(`(?:^|[\s;&|(])make ([a-z][a-z0-9-]*)`)
	warmfront   = regexp.MustCompile(`(?:^|[\s;&|(/])warmfront ([a-z][a-z0-9-]*)`)
)

// targets returns the Makefile's targets, each with what follows its colon.
func (r *Repo) targets() map[string]string {
	targets := map[string]string{}
	for _, m := range makeTarget.FindAllStringSubmatch(string(r.Texts["Makefile"]), -1) {
		targets[m[1]] = m[2]
	}
	return targets
}

// Targets finds Makefile targets that `make help` would not list.
func Targets(r *Repo) (found []Finding) {
	for name, rest := range r.targets() {
		if !strings.Contains(rest, "## ") {
			found = append(found, Finding{"Makefile", fmt.Sprintf("target %s has no ## description, so `make help` does not list it", name)})
		}
	}
	return found
}

// commands returns the first words of every cobra Use in and below cmd/warmfront, and the two commands that cobra adds.
func (r *Repo) commands() []string {
	names := []string{"help", "completion"}
	for _, f := range r.Files {
		if !matches("cmd/warmfront/...", f.Dir) || f.Test {
			continue
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			kv, ok := n.(*ast.KeyValueExpr)
			if !ok || typeName(kv.Key) != "Use" {
				return true
			}
			if lit, ok := kv.Value.(*ast.BasicLit); ok {
				use, _ := strconv.Unquote(lit.Value)
				name, _, _ := strings.Cut(use, " ")
				names = append(names, name)
			}
			return true
		})
	}
	return names
}

// Commands finds commands in the documents' code (blocks and spans) that do not exist: `make` targets and `warmfront`
// commands. The changelog is excepted: it speaks of what once was.
func Commands(r *Repo) (found []Finding) {
	targets, commands := r.targets(), r.commands()
	for name, text := range r.Texts {
		if path.Ext(name) != ".md" || name == "CHANGELOG.md" {
			continue
		}
		for _, code := range code(string(text)) {
			for _, m := range makeCommand.FindAllStringSubmatch(code, -1) {
				if _, ok := targets[m[1]]; !ok {
					found = append(found, Finding{name, fmt.Sprintf("says make %s, which the Makefile does not have", m[1])})
				}
			}
			for _, m := range warmfront.FindAllStringSubmatch(code, -1) {
				if !slices.Contains(commands, m[1]) {
					found = append(found, Finding{name, fmt.Sprintf("says warmfront %s, which cmd/warmfront does not have", m[1])})
				}
			}
		}
	}
	return found
}

// code returns a document's code: fenced blocks without their shell comments, and inline spans.
func code(text string) (parts []string) {
	for _, block := range fence.FindAllString(text, -1) {
		parts = append(parts, comment.ReplaceAllString(block, ""))
	}
	for _, span := range codeSpan.FindAllString(fence.ReplaceAllString(text, ""), -1) {
		parts = append(parts, strings.Trim(span, "`"))
	}
	return parts
}
