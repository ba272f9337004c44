package template

import (
	"fmt"
	"strconv"
	"strings"
)

// Made is what there is of a resource that was made: the value of Ref, under "", and
// its attributes.
type Made map[string]string

// evaluation evaluates the functions in one resource.
type evaluation struct {
	template *Template
	made     map[string]Made
	pseudo   map[string]string
	depth    int
}

// Properties evaluates a resource's properties. made has what the resources before it
// came to, by name; pseudo the pseudo parameters, such as "AWS::Region". What cannot be
// evaluated is an error that names where it is.
func (t *Template) Properties(name string, made map[string]Made, pseudo map[string]string) (map[string]any, error) {
	e := &evaluation{template: t, made: made, pseudo: pseudo}
	v, err := e.value(t.resources[name].properties)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	m, _ := v.(map[string]any)
	return m, nil
}

// noValue is what AWS::NoValue comes to: the member is left out.
type noValue struct{}

func (e *evaluation) value(v any) (any, error) {
	if e.depth++; e.depth > 4*maxDepth {
		return nil, fmt.Errorf("functions are nested too deep")
	}
	defer func() { e.depth-- }()
	switch v := v.(type) {
	case []any:
		var list []any
		for i, item := range v {
			x, err := e.value(item)
			if err != nil {
				return nil, fmt.Errorf("%d: %w", i+1, err)
			}
			if _, left := x.(noValue); !left {
				list = append(list, x)
			}
		}
		return list, nil
	case map[string]any:
		if len(v) == 1 {
			for name, argument := range v {
				if name == "Ref" || name == "Condition" || strings.HasPrefix(name, "Fn::") {
					return e.function(name, argument)
				}
			}
		}
		m := map[string]any{}
		for name, item := range v {
			x, err := e.value(item)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if _, left := x.(noValue); !left {
				m[name] = x
			}
		}
		return m, nil
	}
	return v, nil
}

func (e *evaluation) function(name string, argument any) (any, error) {
	switch name {
	case "Ref":
		s, _ := argument.(string)
		return e.ref(s, "")
	case "Condition":
		s, _ := argument.(string)
		return e.condition(s)
	case "Fn::GetAtt":
		of := texts(argument)
		if len(of) == 1 {
			of = strings.SplitN(of[0], ".", 2)
		}
		if len(of) != 2 {
			return nil, fmt.Errorf("Fn::GetAtt takes a resource and an attribute")
		}
		return e.ref(of[0], of[1])
	case "Fn::Sub":
		return e.sub(argument)
	case "Fn::If":
		return e.choose(argument)
	}
	v, err := e.value(argument)
	if err != nil {
		return nil, err
	}
	list, _ := v.([]any)
	switch {
	case name == "Fn::Join" && len(list) == 2:
		return join(list)
	case name == "Fn::Select" && len(list) == 2:
		of, _ := list[1].([]any)
		i, err := strconv.Atoi(fmt.Sprint(list[0]))
		if err != nil || i < 0 || i >= len(of) {
			return nil, fmt.Errorf("Fn::Select: there is no item %v", list[0])
		}
		return of[i], nil
	case name == "Fn::Split" && len(list) == 2:
		return split(fmt.Sprint(list[1]), fmt.Sprint(list[0])), nil
	case name == "Fn::FindInMap" && len(list) >= 3:
		first, _ := e.template.mappings[fmt.Sprint(list[0])].(map[string]any)
		second, _ := first[fmt.Sprint(list[1])].(map[string]any)
		if found, ok := second[fmt.Sprint(list[2])]; ok {
			return found, nil
		}
		return nil, fmt.Errorf("Fn::FindInMap: there is no %v in the mappings", list)
	case name == "Fn::Equals" && len(list) == 2:
		return fmt.Sprint(list[0]) == fmt.Sprint(list[1]), nil
	case name == "Fn::Not" && len(list) == 1:
		return list[0] != true, nil
	case name == "Fn::And", name == "Fn::Or":
		for _, x := range list {
			if (x == true) == (name == "Fn::Or") {
				return x, nil
			}
		}
		return name == "Fn::And", nil
	}
	return nil, fmt.Errorf("%s is not supported, or not with these arguments", name)
}

// ref is what Ref (attribute "") and Fn::GetAtt come to.
func (e *evaluation) ref(name, attribute string) (any, error) {
	if name == "AWS::NoValue" {
		return noValue{}, nil
	}
	if v, ok := e.pseudo[name]; ok && attribute == "" {
		return v, nil
	}
	if v, ok := e.template.parameters[name]; ok && attribute == "" {
		return v, nil
	}
	if v, ok := e.made[name][attribute]; ok {
		return v, nil
	}
	r, isResource := e.template.resources[name]
	switch {
	case isResource && attribute != "":
		return nil, fmt.Errorf("the attribute %s of %s (%s) is not known here", attribute, name, r.kind)
	case isResource:
		return nil, fmt.Errorf("%s (%s) is not made here", name, r.kind)
	}
	return nil, fmt.Errorf("%s has no value: give it with --parameter %s=VALUE", name, name)
}

func (e *evaluation) condition(name string) (bool, error) {
	c, ok := e.template.conditions[name]
	if !ok {
		return false, fmt.Errorf("there is no condition %q", name)
	}
	v, err := e.value(c)
	return v == true, err
}

func (e *evaluation) choose(argument any) (any, error) {
	list, _ := argument.([]any)
	if len(list) != 3 {
		return nil, fmt.Errorf("Fn::If takes a condition and two values")
	}
	name, _ := list[0].(string)
	holds, err := e.condition(name)
	if err != nil {
		return nil, err
	}
	if holds {
		return e.value(list[1])
	}
	return e.value(list[2])
}

// sub replaces ${Name} and ${Name.Attribute}; ${!x} stands for ${x}.
func (e *evaluation) sub(argument any) (any, error) {
	text, _ := argument.(string)
	own := map[string]any{}
	if list, isList := argument.([]any); isList && len(list) == 2 {
		text, _ = list[0].(string)
		v, err := e.value(list[1])
		if err != nil {
			return nil, err
		}
		own, _ = v.(map[string]any)
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, fmt.Errorf("Fn::Sub: ${ without } in %.100q", rest)
		}
		text = after
		if literal, is := strings.CutPrefix(name, "!"); is {
			b.WriteString("${" + literal + "}")
			continue
		}
		v, isOwn := own[name]
		if !isOwn {
			of, attribute, _ := strings.Cut(name, ".")
			var err error
			if v, err = e.ref(of, attribute); err != nil {
				return nil, err
			}
		}
		fmt.Fprint(&b, v)
	}
}

// placeholders lists the names in what Fn::Sub is given.
func placeholders(argument any) (names []string) {
	text, _ := argument.(string)
	if list, isList := argument.([]any); isList && len(list) > 0 {
		text, _ = list[0].(string)
	}
	for {
		_, rest, found := strings.Cut(text, "${")
		name, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			return names
		}
		names = append(names, name)
		text = after
	}
}

func join(list []any) (any, error) {
	items, _ := list[1].([]any)
	parts := make([]string, len(items))
	for i, item := range items {
		parts[i] = fmt.Sprint(item)
	}
	return strings.Join(parts, fmt.Sprint(list[0])), nil
}

func split(s, by string) []any {
	var list []any
	for part := range strings.SplitSeq(s, by) {
		list = append(list, strings.TrimSpace(part))
	}
	return list
}
