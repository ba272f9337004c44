package template

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// MaxSize is how long a template may be, in bytes: CloudFormation's own quota.
const MaxSize = 1 << 20

// Template is a template that was read.
type Template struct {
	resources  map[string]resource
	parameters map[string]any
	mappings   map[string]any
	conditions map[string]any
}

type resource struct {
	kind       string
	condition  string
	properties any
	dependsOn  []string
}

// Parse reads a template. Parameters have their defaults, or what is given for them.
func Parse(text []byte, given map[string]string) (*Template, error) {
	if len(text) > MaxSize {
		return nil, fmt.Errorf("the template has %d bytes, at most %d are allowed", len(text), MaxSize)
	}
	doc, err := read(text)
	if err != nil {
		return nil, err
	}
	root, _ := doc.(map[string]any)
	declared, _ := root["Resources"].(map[string]any)
	if len(declared) == 0 {
		return nil, fmt.Errorf("the template has no Resources")
	}
	t := &Template{resources: map[string]resource{}, parameters: map[string]any{}}
	t.mappings, _ = root["Mappings"].(map[string]any)
	t.conditions, _ = root["Conditions"].(map[string]any)
	if err := t.readParameters(root["Parameters"], given); err != nil {
		return nil, err
	}
	for name, v := range declared {
		r, ok := v.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("the resource %s is no map", name)
		}
		kind, _ := r["Type"].(string)
		condition, _ := r["Condition"].(string)
		t.resources[name] = resource{kind, condition, r["Properties"], texts(r["DependsOn"])}
	}
	return t, nil
}

func texts(v any) (all []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, item := range v {
			if s, ok := item.(string); ok {
				all = append(all, s)
			}
		}
	}
	return all
}

func (t *Template) readParameters(declared any, given map[string]string) error {
	all, _ := declared.(map[string]any)
	for name, v := range all {
		p, _ := v.(map[string]any)
		value, set := given[name]
		switch {
		case set:
			t.parameters[name] = value
		case p["Default"] != nil:
			t.parameters[name] = p["Default"]
		}
		if kind, _ := p["Type"].(string); kind == "CommaDelimitedList" || strings.HasPrefix(kind, "List<") {
			if s, ok := t.parameters[name].(string); ok {
				t.parameters[name] = split(s, ",")
			}
		}
	}
	for name := range given {
		if all[name] == nil {
			return fmt.Errorf("the template has no parameter %s", name)
		}
	}
	return nil
}

// read reads JSON, and else YAML, into maps, lists, strings, numbers and booleans.
func read(text []byte) (any, error) {
	if trimmed := bytes.TrimSpace(text); len(trimmed) > 0 && trimmed[0] == '{' {
		var doc any
		if err := json.Unmarshal(text, &doc); err == nil {
			return doc, nil
		}
	}
	var n yaml.Node
	if err := yaml.Unmarshal(text, &n); err != nil {
		return nil, err
	}
	if len(n.Content) == 0 {
		return nil, fmt.Errorf("the template is empty")
	}
	return fromYAML(n.Content[0], 0)
}

// maxDepth is deeper than any resource is.
const maxDepth = 64

// fromYAML turns CloudFormation's short tags, such as !GetAtt Bucket.Arn, into the
// form that JSON has for them.
func fromYAML(n *yaml.Node, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("line %d is nested more than %d deep", n.Line, maxDepth)
	}
	var v any
	var err error
	switch n.Kind {
	case yaml.MappingNode:
		v, err = fromMapping(n, depth)
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			if list[i], err = fromYAML(item, depth+1); err != nil {
				return nil, err
			}
		}
		v = list
	case yaml.ScalarNode:
		if strings.HasPrefix(n.Tag, "!!") {
			err = n.Decode(&v)
		} else {
			v = n.Value
		}
	default: // an alias could make a small file a large document
		err = fmt.Errorf("line %d: YAML aliases are not supported", n.Line)
	}
	if err != nil || strings.HasPrefix(n.Tag, "!!") {
		return v, err
	}
	switch name := strings.TrimPrefix(n.Tag, "!"); name {
	case "":
		return v, nil
	case "Ref", "Condition":
		return map[string]any{name: v}, nil
	case "GetAtt":
		if s, ok := v.(string); ok {
			of, attribute, _ := strings.Cut(s, ".")
			v = []any{of, attribute}
		}
		return map[string]any{"Fn::GetAtt": v}, nil
	default:
		return map[string]any{"Fn::" + name: v}, nil
	}
}

func fromMapping(n *yaml.Node, depth int) (any, error) {
	m := make(map[string]any, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i].Value
		if _, twice := m[key]; twice {
			return nil, fmt.Errorf("line %d: %s is given twice", n.Content[i].Line, key)
		}
		v, err := fromYAML(n.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}
		m[key] = v
	}
	return m, nil
}

// Kinds returns how many resources there are of each type.
func (t *Template) Kinds() map[string]int {
	kinds := map[string]int{}
	for _, r := range t.resources {
		kinds[r.kind]++
	}
	return kinds
}

// Kind returns a resource's type, such as "AWS::CloudFront::Distribution".
func (t *Template) Kind(name string) string { return t.resources[name].kind }

// Order lists the resources of these types that the template's conditions allow, each
// after those it refers to, else by name.
func (t *Template) Order(kinds ...string) ([]string, error) {
	var order []string
	state := map[string]int{} // 1 while what it refers to is listed, 2 when it is listed
	var visit func(name string) error
	visit = func(name string) error {
		switch state[name] {
		case 1:
			return fmt.Errorf("the resource %s refers to itself", name)
		case 2:
			return nil
		}
		state[name] = 1
		r := t.resources[name]
		refs := map[string]bool{}
		references(r.properties, refs)
		for _, d := range r.dependsOn {
			refs[d] = true
		}
		for _, ref := range slices.Sorted(maps.Keys(refs)) {
			if _, isResource := t.resources[ref]; isResource && slices.Contains(kinds, t.resources[ref].kind) {
				if err := visit(ref); err != nil {
					return err
				}
			}
		}
		state[name] = 2
		order = append(order, name)
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(t.resources)) {
		if !slices.Contains(kinds, t.resources[name].kind) {
			continue
		}
		if made, err := t.allowed(name); err != nil {
			return nil, err
		} else if !made {
			continue
		}
		if err := visit(name); err != nil {
			return nil, err
		}
	}
	return order, nil
}

func (t *Template) allowed(name string) (bool, error) {
	condition := t.resources[name].condition
	if condition == "" {
		return true, nil
	}
	return (&evaluation{template: t}).condition(condition)
}

// references notes the names that a value refers to, in whatever function.
func references(v any, to map[string]bool) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			references(item, to)
		}
	case map[string]any:
		for key, item := range v {
			switch s, isText := item.(string); {
			case key == "Ref" && isText:
				to[s] = true
			case key == "Fn::GetAtt":
				if of := texts(item); len(of) > 0 {
					name, _, _ := strings.Cut(of[0], ".")
					to[name] = true
				}
			case key == "Fn::Sub":
				for _, name := range placeholders(item) {
					name, _, _ = strings.Cut(name, ".")
					to[name] = true
				}
			}
			references(item, to)
		}
	}
}
