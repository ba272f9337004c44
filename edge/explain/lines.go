package explain

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/warmfront/warmfront/edge/policy"
	"github.com/warmfront/warmfront/edge/rfc9111"
)

// Line is one fact: what it is about, and what is to be said of it.
type Line struct{ About, Text string }

// Lines tells the explanation to a person.
func (x Explanation) Lines() []Line {
	var l lines
	ahead := ""
	if x.Ahead != 0 {
		ahead = ", which is " + short(x.Ahead) + " ahead"
	}
	l.add("edge", "%s (%s), at %s%s", x.Node, x.POP, x.Time.UTC().Format(time.RFC3339), ahead)
	where := ""
	if x.Request.Country != "" {
		where = " in " + x.Request.Country
	}
	l.add("request", "%s %s://%s%s from %s%s", x.Request.Method, x.Request.Scheme, x.Request.Host, x.Request.URI, x.Request.Viewer, where)
	if d := x.Distribution; d != nil {
		l.add("distribution", "%s (%s), by its %s %s; as of version %v, by the rules of %s", d.ID, d.Domain, names[d.Named.By], d.Named.Name, d.Since, d.Rules)
	}
	if d := x.Distribution; d != nil && d.Deployment != nil {
		l.add("deployment", "%s, by the policy %s: %s", d.Deployment.ID, d.Deployment.Policy, d.Deployment.Why)
	}
	if b := x.Behavior; b != nil {
		which := fmt.Sprintf("%d of %d", b.Index+1, b.Of)
		if b.Index == b.Of-1 {
			which += ", the default"
		}
		l.add("behavior", "%q (%s) for %s, cache policy %s", b.Pattern, which, b.Path, b.CachePolicy)
		for _, p := range b.Passed {
			l.add("passed over", "%s", p)
		}
	}
	for _, c := range x.Checks {
		l.add("check", "%s", c)
	}
	x.Function.lines(&l)
	if r := x.Refused; r != nil {
		l.add("refused", "%d: %s", r.Status, r.Why)
	}
	if x.Functions != "" {
		l.add("functions", "%s", x.Functions)
	}
	for _, f := range x.Lambdas {
		l.add("lambda", "%s", f)
	}
	for _, p := range x.Key {
		l.add("cache key", "%s: %s", p.Name, keyValue(p))
	}
	if x.Stored != nil {
		x.Stored.lines(&l)
	}
	if d := x.Decision; d != nil {
		l.add("decision", "%s: %s", d.Action, d.Why)
	}
	for _, t := range x.Tiers {
		l.add("tier", "%s, the %s", t.Node, levels[t.Level])
	}
	if x.Origin != nil {
		x.Origin.lines(&l)
	}
	return l
}

var names = map[string]string{"domain": "domain name", "alias": "alias", "wildcard": "wildcard alias", "pop": "domain name at this edge location:"}

var levels = map[string]string{
	"peer": "node of this edge location that owns the key", "regional": "nearest regional edge cache", "shield": "Origin Shield",
}

type lines []Line

func (l *lines) add(about, format string, args ...any) {
	*l = append(*l, Line{about, fmt.Sprintf(format, args...)})
}

// String says why a behavior does not apply.
func (p Passed) String() string {
	switch {
	case p.Lacks == "":
		return fmt.Sprintf("%q ends before the path does", p.Pattern)
	case p.Fits == "":
		return fmt.Sprintf("%q does not fit from its beginning", p.Pattern)
	}
	return fmt.Sprintf("%q fits as far as %q, and nothing fits %q", p.Pattern, p.Fits, p.Lacks)
}

// String is "method passed: the rule is HEAD, GET; the request has GET".
func (c Check) String() string {
	outcome, why := "passed", ""
	if !c.Passed {
		outcome, why = "failed", ": "+c.Why
	}
	return fmt.Sprintf("%s %s: the rule is %s; the request has %s%s", c.Name, outcome, c.Rule, c.Found, why)
}

func keyValue(p policy.KeyPart) string {
	if p.Value == "" {
		return "(empty)"
	}
	return p.Value
}

func (s *Stored) lines(l *lines) {
	switch {
	case s.Tier == "" && s.Variants > 0:
		l.add("stored", "nothing for this request, %d of other variants in memory", s.Variants)
		return
	case s.Tier == "":
		l.add("stored", "nothing")
		return
	}
	what := fmt.Sprintf("in %s: %d, %s", s.Tier, s.Status, size(s.Bytes))
	if s.Sliced {
		what += ", in slices"
	}
	if len(s.Vary) > 0 {
		what += ", varies by " + strings.Join(s.Vary, ", ")
	}
	if s.Failure != "" {
		what += ", an error page of the edge's own: " + s.Failure
	}
	l.add("stored", "%s", what)
	s.Freshness.lines(l)
	if i := s.Invalidation; i != nil {
		said := "none that is still known"
		if len(i.Matches) > 0 {
			said = ""
			for _, m := range i.Matches {
				said += fmt.Sprintf(", %s at %v", m.Name, m.Version)
			}
			said = "newest " + strings.TrimPrefix(said, ", ")
		}
		lease := "the node has its lease"
		if !i.Leased {
			lease = "the node has no lease"
		}
		l.add("invalidations", "%s; the object was born at %v, the node has applied %v, %s", said, i.Birth, i.Applied, lease)
	}
}

func size(n int64) string {
	if n < 0 {
		return "of a size that is not known yet"
	}
	return strconv.FormatInt(n, 10) + " bytes"
}

func (f *Freshness) lines(l *lines) {
	sum := short(f.Stated)
	if f.Aged != 0 {
		sum += " - " + short(f.Aged) + " of age"
	}
	if f.Least != nil {
		sum += ", at least " + short(*f.Least)
	}
	if f.Most != nil {
		sum += ", at most " + short(*f.Most)
	}
	l.add("lifetime", "%s = %s, by %s", sum, short(f.Sum), sources[f.Source])
	if d := f.Lifetime - f.Sum; d != 0 {
		l.add("lifetime", "it was stored with %s: the settings were changed since, or it was kept on while the origin failed", short(f.Lifetime))
	}
	l.add("age", "%s when received + %s here = %s", short(f.Initial), short(f.Resident), short(f.Age))
	left := fmt.Sprintf("%s - %s here = %s left", short(f.Lifetime), short(f.Resident), short(f.Left))
	if f.Left <= 0 {
		left = fmt.Sprintf("%s - %s here: stale for %s", short(f.Lifetime), short(f.Resident), short(-f.Left))
	}
	l.add("freshness", "%s; stale it may be served for %s while it is confirmed, %s if the origin fails, %s if it does not answer",
		left, short(f.WhileRevalidate), short(f.OnFailure), short(f.Unreachable))
}

var sources = map[rfc9111.Source]string{
	rfc9111.SourceError: "ErrorCachingMinTTL and the origin's max-age", rfc9111.SourceForbidden: "the minimum TTL: the origin says no-cache, no-store or private",
	rfc9111.SourceSMaxAge: "the origin's s-maxage", rfc9111.SourceMaxAge: "the origin's max-age", rfc9111.SourceExpires: "the origin's Expires",
	rfc9111.SourceDefault: "the default TTL: the origin says nothing", rfc9111.SourceHeuristic: "a tenth of the time since Last-Modified",
	rfc9111.SourceNone: "nothing: it is not kept by its age",
}

// short is a time to the second, but for times below one. -1 ns is without end.
func short(d time.Duration) string {
	switch {
	case d == -1:
		return "ever"
	case d > -time.Second && d < time.Second:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

func (o *Origin) lines(l *lines) {
	l.add("origin", "%s (%s): %s %s, Host %s", o.ID, o.Domain, o.Method, o.URI, o.Host)
	l.add("origin is sent", "%s", strings.Join(o.Headers, ", "))
	if o.Shield != "" {
		l.add("origin shield", "%s", o.Shield)
	}
	if g := o.Group; g != nil {
		statuses := strings.Trim(strings.Join(strings.Fields(fmt.Sprint(g.Statuses)), ", "), "[]")
		if !g.Used {
			l.add("origin group", "%s: %s is not asked for a request of this method", g.ID, g.Second)
			return
		}
		l.add("origin group", "%s: %s is asked where %s gives no answer, or one of %s", g.ID, g.Second, o.ID, statuses)
	}
}

const (
	// maxFields and maxField bound what response headers tell: clients limit what they read.
	maxFields = 48
	maxField  = 512
)

// Fields returns the lines as values of response headers: printable ASCII, bounded.
func (x Explanation) Fields() []string {
	all := x.Lines()
	var out []string
	for i, line := range all {
		if i == maxFields {
			return append(out, fmt.Sprintf("and %d lines more: ask with %s: %s", len(all)-i, Header, Only))
		}
		s := strconv.QuoteToASCII(line.About + ": " + line.Text)
		s = strings.ReplaceAll(s[1:len(s)-1], `\"`, `"`)
		if len(s) > maxField {
			s = s[:maxField] + " ..."
		}
		out = append(out, s)
	}
	return out
}
