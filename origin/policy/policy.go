// Package policy parses S3 bucket policies and decides by them. It is pure: a
// request is a principal, an action, a resource and the condition keys that the
// caller knows; the answer is one of three decisions.
//
// What it promises: a document that Parse accepts is evaluated whole. An
// element, operator or variable that Evaluate would not act on is refused when
// the policy is put, never ignored when it is asked, because a condition that
// is dropped is an access that nobody granted.
//
// One request goes through it like this: every statement whose principal,
// action, resource and conditions all match takes part; one Deny among them
// decides, otherwise one Allow, otherwise nobody has said anything and the
// caller's default stands (the account itself may, anyone else may not).
package policy

import (
	"slices"
	"strings"
)

// Decision is what a policy says about a request.
type Decision int

const (
	NoOpinion Decision = iota // no statement matches
	Allow
	Deny // an explicit Deny, which no Allow outweighs
)

// Principal is who asks. The zero value is an anonymous caller.
type Principal struct {
	Account string // the 12 digits of an account whose own key signed the request
	Service string // a service principal such as cloudfront.amazonaws.com
	// User is the ARN of a user, and Canonical the canonical user id that stands for
	// the same: an origin access identity is named by either.
	User, Canonical string
}

// Anonymous tells whether nobody signed.
func (p Principal) Anonymous() bool { return p == Principal{} }

// Request is what a decision is asked for.
type Request struct {
	Principal Principal
	Action    string // s3:GetObject
	Resource  string // arn:aws:s3:::bucket/key
	// Context holds the values of condition keys, by the key's lower-case name
	// (aws:sourcearn). A key that is absent has no value.
	Context map[string][]string
}

// Policy is a parsed bucket policy. It is immutable.
type Policy struct {
	statements []statement
}

type statement struct {
	deny         bool
	principal    principals
	notPrincipal bool
	actions      []string // lower case
	notAction    bool
	resources    []string
	notResource  bool
	conditions   []condition
}

// principals is the Principal element of a statement.
type principals struct {
	everyone bool
	accounts []string // 12 digits
	services []string
	// users are ARNs, canonical are canonical user ids. Those that no caller of this
	// store has, as those of roles, match nobody; nor do federated users.
	users, canonical []string
}

// Evaluate decides by the policy; a nil policy has no opinion.
func (p *Policy) Evaluate(r Request) Decision {
	if p == nil {
		return NoOpinion
	}
	decision := NoOpinion
	for _, s := range p.statements {
		if !s.matches(r) {
			continue
		}
		if s.deny {
			return Deny
		}
		decision = Allow
	}
	return decision
}

func (s *statement) matches(r Request) bool {
	action := strings.ToLower(r.Action)
	return s.principal.include(r.Principal) != s.notPrincipal &&
		slices.ContainsFunc(s.actions, func(p string) bool { return glob(p, action) }) != s.notAction &&
		slices.ContainsFunc(s.resources, func(p string) bool { return glob(p, r.Resource) }) != s.notResource &&
		!slices.ContainsFunc(s.conditions, func(c condition) bool { return !c.holds(r.Context) })
}

func (p principals) include(who Principal) bool {
	switch {
	case p.everyone:
		return true
	case who.Service != "":
		return slices.Contains(p.services, who.Service)
	case who.User != "":
		return slices.Contains(p.users, who.User) || slices.Contains(p.canonical, who.Canonical)
	case who.Account != "":
		return slices.Contains(p.accounts, who.Account)
	}
	return false
}

// Public tells whether the policy opens the bucket to the world, as Block
// Public Access defines it: an Allow for everyone that no condition narrows to
// fixed values of a key the caller cannot choose.
func (p *Policy) Public() bool {
	if p == nil {
		return false
	}
	return slices.ContainsFunc(p.statements, func(s statement) bool {
		everyone := s.principal.everyone || s.notPrincipal
		return !s.deny && everyone && !slices.ContainsFunc(s.conditions, condition.narrows)
	})
}

// glob matches s against a pattern in which * stands for any run of bytes and
// ? for one. It backtracks to the last * only, so its cost is bounded by the
// product of the lengths whatever the pattern.
func glob(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
