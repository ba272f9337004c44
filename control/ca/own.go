package ca

import "strings"

// Own reports whether a name, in lower case, is for the network itself, or is a
// wildcard that stands for such names: no viewer's certificate is made for it and
// no distribution has it as an alias, or edges could pass for control.
func Own(zone, name string) bool {
	label, found := strings.CutSuffix(name, "."+strings.ToLower(strings.Trim(zone, ".")))
	if !found {
		return false
	}
	switch label {
	case "*", "api", "console", "control", "edge", "health", "localhost", "origin", "router", "s3":
		return true
	}
	number, found := strings.CutPrefix(label, "ns")
	return found && strings.Trim(number, "0123456789") == ""
}
