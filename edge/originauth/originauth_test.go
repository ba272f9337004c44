package originauth

import (
	"testing"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/cdn/origins"
	"github.com/warmfront/warmfront/edge/message"
)

// noted says for whom it was asked to sign.
type noted struct{ arn string }

func (n *noted) Sign(_ *message.Request, _ *origins.Origin, arn string, _ time.Time) error {
	n.arn = arn
	return nil
}

// TestWhoIsSignedFor: access controls by their signing behavior (belief 80), access
// identities always (belief 460), nothing else.
func TestWhoIsSignedFor(t *testing.T) {
	const distribution = "arn:aws:cloudfront::1:distribution/E1"
	identity := &origins.AccessIdentity{ID: "EOAI"}
	control := func(behavior string) *origins.AccessControl { return &origins.AccessControl{SigningBehavior: behavior} }
	for _, c := range []struct {
		name          string
		origin        origins.Origin
		authorization bool
		want          string
	}{
		{"neither", origins.Origin{Kind: origins.S3}, false, ""},
		{"always", origins.Origin{Kind: origins.S3, AccessControl: control("always")}, true, distribution},
		{"never", origins.Origin{Kind: origins.S3, AccessControl: control("never")}, false, ""},
		{"no-override, of a viewer without", origins.Origin{Kind: origins.S3, AccessControl: control("no-override")}, false, distribution},
		{"no-override, of a viewer with a signature", origins.Origin{Kind: origins.S3, AccessControl: control("no-override")}, true, ""},
		{"an identity", origins.Origin{Kind: origins.S3, AccessIdentity: identity}, true, identity.ARN()},
		{"both", origins.Origin{Kind: origins.S3, AccessIdentity: identity, AccessControl: control("never")}, false, ""},
		{"a custom origin", origins.Origin{AccessControl: control("always"), AccessIdentity: identity}, false, ""},
	} {
		r, by := &message.Request{Header: message.Header{{Name: "X-Amz-Acl", Value: "public-read"}, {Name: "X-Amz-Cf-Id", Value: "id"}}}, noted{}
		if c.authorization {
			r.Header.Add("Authorization", "Basic x")
		}
		if err := Sign(&by, r, &cdn.Plan{ARN: distribution}, &c.origin); err != nil || by.arn != c.want {
			t.Errorf("%s: signed for %q, %v, want %q", c.name, by.arn, err, c.want)
		}
		if signed := c.want != ""; r.Header.Has("X-Amz-Acl") == signed || !r.Header.Has("X-Amz-Cf-Id") {
			t.Errorf("%s: %v", c.name, r.Header)
		}
	}
	if err := Sign(nil, &message.Request{}, &cdn.Plan{}, &origins.Origin{Kind: origins.S3, AccessIdentity: identity}); err == nil {
		t.Error("an edge without a key asked in the identity's name")
	}
}
