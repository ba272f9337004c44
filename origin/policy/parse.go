package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// MaxBytes is how large a bucket policy may be, as at S3: 20 KB.
const MaxBytes = 20 * 1024

// Error says why a document is not a policy for this bucket, in the words that
// S3 puts into MalformedPolicy.
type Error struct{ Message string }

func (e *Error) Error() string { return e.Message }

func malformed(format string, args ...any) *Error {
	return &Error{fmt.Sprintf(format, args...)}
}

type document struct {
	Version   string
	ID        string `json:"Id"`
	Statement json.RawMessage
}

type rawStatement struct {
	Sid          string
	Effect       string
	Principal    json.RawMessage
	NotPrincipal json.RawMessage
	Action       oneOrMore
	NotAction    oneOrMore
	Resource     oneOrMore
	NotResource  oneOrMore
	Condition    map[string]map[string]oneOrMore
}

// oneOrMore is a string or a list of them; booleans and numbers, which
// conditions may hold, become their text.
type oneOrMore []string

func (o *oneOrMore) UnmarshalJSON(b []byte) error {
	items := []json.RawMessage{b}
	if len(b) > 0 && b[0] == '[' {
		if err := json.Unmarshal(b, &items); err != nil {
			return err
		}
	}
	*o = make([]string, 0, len(items))
	for _, item := range items {
		var s string
		switch item[0] {
		case '"':
			if err := json.Unmarshal(item, &s); err != nil {
				return err
			}
		case '{', '[', 'n':
			return errors.New("expected a string")
		default:
			s = string(item)
		}
		*o = append(*o, s)
	}
	return nil
}

// Parse reads the policy of a bucket. Every error is an *Error.
func Parse(bucket string, doc []byte) (*Policy, error) {
	if len(doc) > MaxBytes {
		return nil, malformed("Policy exceeds the maximum allowed document size.")
	}
	var d document
	if err := strict(doc, &d); err != nil {
		return nil, malformed("Policies must be valid JSON and the first byte must be '{': %v", err)
	}
	if d.Version != "" && d.Version != "2012-10-17" && d.Version != "2008-10-17" {
		return nil, malformed("The policy must contain a valid version string")
	}
	raw, err := statements(d.Statement)
	if err != nil {
		return nil, err
	}
	p := &Policy{}
	for _, rs := range raw {
		s, err := rs.compile(bucket, d.Version)
		if err != nil {
			return nil, err
		}
		p.statements = append(p.statements, s)
	}
	return p, nil
}

func statements(raw json.RawMessage) ([]rawStatement, error) {
	var list []rawStatement
	var err error
	switch trimmed := bytes.TrimSpace(raw); {
	case len(trimmed) > 0 && trimmed[0] == '{':
		list = make([]rawStatement, 1)
		err = strict(raw, &list[0])
	case len(trimmed) > 0:
		err = strict(raw, &list)
	}
	if err != nil {
		return nil, malformed("Invalid policy syntax: %v", err)
	}
	if len(list) == 0 {
		return nil, malformed("Missing required field Statement")
	}
	return list, nil
}

// strict refuses fields that nobody knows: a misspelt Condition would
// otherwise grant what it was meant to withhold.
func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the document")
	}
	return nil
}

func (rs rawStatement) compile(bucket, version string) (statement, error) {
	s := statement{deny: rs.Effect == "Deny", notPrincipal: rs.NotPrincipal != nil, notAction: rs.NotAction != nil, notResource: rs.NotResource != nil}
	if rs.Effect != "Allow" && rs.Effect != "Deny" {
		return s, malformed("Invalid effect: %.64s", rs.Effect)
	}
	switch {
	case (rs.Principal != nil) == s.notPrincipal:
		return s, malformed("Missing required field Principal")
	case (rs.Action != nil) == s.notAction:
		return s, malformed("Missing required field Action")
	case (rs.Resource != nil) == s.notResource:
		return s, malformed("Missing required field Resource")
	case s.notPrincipal && !s.deny:
		return s, malformed("Allow with NotPrincipal is not allowed.")
	}
	var err error
	if s.principal, err = parsePrincipals(slices.Concat(rs.Principal, rs.NotPrincipal)); err != nil {
		return s, err
	}
	if s.actions, err = parseActions(slices.Concat(rs.Action, rs.NotAction)); err != nil {
		return s, err
	}
	if s.resources, err = parseResources(bucket, version, slices.Concat(rs.Resource, rs.NotResource)); err != nil {
		return s, err
	}
	if !s.notAction && !s.notResource && !applies(s.actions, s.resources) {
		return s, malformed("Action does not apply to any resource(s) in statement")
	}
	s.conditions, err = parseConditions(version, rs.Condition)
	return s, err
}

func parsePrincipals(raw json.RawMessage) (principals, error) {
	var p principals
	var everyone string
	if json.Unmarshal(raw, &everyone) == nil && everyone == "*" {
		return principals{everyone: true}, nil
	}
	var kinds map[string]oneOrMore
	if err := json.Unmarshal(raw, &kinds); err != nil || len(kinds) == 0 {
		return p, malformed("Invalid principal in policy")
	}
	for kind, names := range kinds {
		for _, name := range names {
			switch {
			case kind == "AWS" && name == "*":
				p.everyone = true
			case kind == "AWS" && account(name) != "":
				p.accounts = append(p.accounts, account(name))
			case kind == "AWS" && strings.HasPrefix(name, "arn:aws:iam::"):
				p.users = append(p.users, name)
			case kind == "CanonicalUser" && name != "":
				p.canonical = append(p.canonical, name)
			case kind == "Federated" && name != "":
			case kind == "Service" && strings.HasSuffix(name, ".amazonaws.com"):
				p.services = append(p.services, name)
			default:
				return p, malformed("Invalid principal in policy: \"%.32s\":\"%.128s\"", kind, name)
			}
		}
	}
	return p, nil
}

// account is the account that a principal names whole: its 12 digits, or the
// ARN of its root.
func account(name string) string {
	if rest, ok := strings.CutPrefix(name, "arn:aws:iam::"); ok {
		name, ok = strings.CutSuffix(rest, ":root")
		if !ok {
			return ""
		}
	}
	if len(name) != 12 || strings.Trim(name, "0123456789") != "" {
		return ""
	}
	return name
}

func parseActions(actions []string) ([]string, error) {
	if len(actions) == 0 {
		return nil, malformed("Missing required field Action")
	}
	lower := make([]string, len(actions))
	for i, a := range actions {
		lower[i] = strings.ToLower(a)
		if a != "*" && !strings.HasPrefix(lower[i], "s3:") {
			return nil, malformed("Policy has invalid action")
		}
	}
	return lower, nil
}

func parseResources(bucket, version string, resources []string) ([]string, error) {
	arn := "arn:aws:s3:::" + bucket
	if len(resources) == 0 {
		return nil, malformed("Missing required field Resource")
	}
	for _, r := range resources {
		if rest, ok := strings.CutPrefix(r, arn); !ok || (rest != "" && rest[0] != '/' && rest[0] != '*') {
			return nil, malformed("Policy has invalid resource")
		}
		if hasVariable(version, r) {
			return nil, malformed("Policy variables are not supported: %.128s", r)
		}
	}
	return resources, nil
}

// hasVariable finds a policy variable, which only version 2012-10-17 has.
func hasVariable(version, s string) bool {
	return version == "2012-10-17" && strings.Contains(s, "${")
}

// applies tells whether every action that is named in full has a resource of
// its kind: a bucket action needs the bucket, an object action something in it.
func applies(actions, resources []string) bool {
	bucket := slices.ContainsFunc(resources, func(r string) bool { return !strings.Contains(r, "/") })
	object := slices.ContainsFunc(resources, func(r string) bool { return strings.ContainsAny(r, "/*") })
	return !slices.ContainsFunc(actions, func(a string) bool {
		switch {
		case strings.ContainsAny(a, "*?"):
			return false
		case strings.Contains(a, "bucket"):
			return !bucket
		case strings.Contains(a, "object"):
			return !object
		}
		return false
	})
}

func parseConditions(version string, raw map[string]map[string]oneOrMore) ([]condition, error) {
	var out []condition
	for name, keys := range raw {
		c := condition{op: strings.ToLower(name)}
		if set, op, ok := strings.Cut(c.op, ":"); ok {
			if set != "forallvalues" && set != "foranyvalue" {
				return nil, malformed("Invalid Condition type : %.64s", name)
			}
			c.set, c.op = set, op
		}
		c.op, c.ifExists = strings.CutSuffix(c.op, "ifexists")
		match, negated := operator(c.op)
		if match == nil && (c.op != "null" || c.ifExists || c.set != "") {
			return nil, malformed("Invalid Condition type : %.64s", name)
		}
		c.negated = negated
		for key, values := range keys {
			c.key, c.values = strings.ToLower(key), values
			if len(values) == 0 || !c.check() {
				return nil, malformed("Invalid value in condition %.64s of %.64s", name, key)
			}
			if slices.ContainsFunc(values, func(v string) bool { return hasVariable(version, v) }) {
				return nil, malformed("Policy variables are not supported: %.64s", key)
			}
			if !knownKey(c.key) {
				return nil, malformed("Policy has an invalid condition key: %.64s", key)
			}
			out = append(out, c)
		}
	}
	return out, nil
}

// knownKey tells whether a condition on the key means something here. Of the
// global keys (aws:) those that no request here can have, such as a VPC, are
// truly absent; an s3: key must be one that the store gives a value.
func knownKey(key string) bool {
	name, tag, tagged := strings.Cut(key, "/")
	if tagged {
		return tag != "" && (name == "s3:existingobjecttag" || name == "aws:principaltag" || name == "aws:requesttag" || name == "aws:resourcetag")
	}
	switch key {
	case "s3:prefix", "s3:delimiter", "s3:max-keys", "s3:authtype", "s3:signatureversion", "s3:signatureage",
		"s3:x-amz-acl", "s3:x-amz-content-sha256", "s3:x-amz-copy-source", "s3:x-amz-metadata-directive",
		"s3:x-amz-server-side-encryption", "s3:x-amz-storage-class", "s3:dataaccesspointarn", "s3:dataaccesspointaccount":
		return true
	}
	return strings.HasPrefix(key, "aws:")
}
