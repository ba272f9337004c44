package api_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"github.com/warmfront/warmfront/control/cloudfront"
)

func TestAssociateAlias(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	a := f.create("a", withAliases("keep.example.com", "www.example.com", "*.example.net"))
	b := f.create("b")
	move := func(id *string, alias string) error {
		_, err := f.AssociateAlias(ctx, &sdk.AssociateAliasInput{TargetDistributionId: id, Alias: &alias})
		return err
	}
	get := func(id *string) *sdk.GetDistributionOutput {
		t.Helper()
		return must(f.GetDistribution(ctx, &sdk.GetDistributionInput{Id: id}))(t)
	}
	for _, alias := range []string{"WWW.example.com", "*.example.net"} {
		if err := move(b.Distribution.Id, alias); err != nil {
			t.Fatal(err)
		}
	}
	gave, gained := get(a.Distribution.Id), get(b.Distribution.Id)
	if got := strings.Join(gave.Distribution.DistributionConfig.Aliases.Items, " "); got != "keep.example.com" || *gave.ETag == *a.ETag {
		t.Errorf("what gave them has %s, ETag %s", got, *gave.ETag)
	}
	if got := strings.Join(gained.Distribution.DistributionConfig.Aliases.Items, " "); got != "www.example.com *.example.net" || *gained.ETag == *b.ETag {
		t.Errorf("what gained them has %s, ETag %s", got, *gained.ETag)
	}
	for _, host := range []string{"www.example.com", "x.example.net"} {
		if p := f.journal.State().PlanFor(host); p == nil || p.ID != *b.Distribution.Id {
			t.Errorf("%s is served by %+v", host, p)
		}
	}

	before := f.journal.State()
	if err := move(b.Distribution.Id, "www.example.com"); err != nil || f.journal.State() != before {
		t.Errorf("what it has already: %v", err)
	}
	full := f.create("full", aliases(100))
	before = f.journal.State()
	for _, c := range []struct {
		name string
		err  error
		code cloudfront.Code
	}{
		{"to none", move(aws.String("ENONE"), "www.example.com"), cloudfront.CodeNoSuchDistribution},
		{"no name", move(b.Distribution.Id, "a b"), cloudfront.CodeInvalidArgument},
		{"one too many", move(full.Distribution.Id, "www.example.com"), cloudfront.CodeTooManyDistributionCNAMEs},
	} {
		t.Run(c.name, func(t *testing.T) { wantCode(t, c.err, c.code) })
	}
	if f.journal.State() != before {
		t.Error("the journal has changed")
	}
	if err := move(b.Distribution.Id, "new.example.com"); err != nil { // nobody had it
		t.Error(err)
	}
}

func TestListConflictingAliases(t *testing.T) {
	f := newFixture(t)
	own := f.create("own", withAliases("www.example.com")).Distribution
	f.create("a", withAliases("*.example.com", "shop.example.org", "a.example.net", "b.example.net"))
	list := func(alias string, marker *string, n int32) *types.ConflictingAliasesList {
		t.Helper()
		return must(f.ListConflictingAliases(t.Context(), &sdk.ListConflictingAliasesInput{DistributionId: own.Id, Alias: &alias, Marker: marker, MaxItems: &n}))(t).ConflictingAliasesList
	}
	for alias, want := range map[string]string{
		"www.example.com": "*.example.com", "*.example.com": "*.example.com", "example.com": "", "shop.example.org": "shop.example.org", "*.example.net": "a.example.net b.example.net",
	} {
		got := list(alias, nil, 100)
		var found []string
		for _, c := range got.Items {
			found = append(found, *c.Alias)
			if !strings.HasPrefix(*c.DistributionId, "*******") || strings.HasSuffix(*c.DistributionId, "*") || *c.AccountId != "******789012" {
				t.Errorf("ids %s, %s", *c.DistributionId, *c.AccountId)
			}
		}
		if strings.Join(found, " ") != want || int(*got.Quantity) != len(found) || *got.MaxItems != 100 {
			t.Errorf("%s conflicts with %q, want %q", alias, found, want)
		}
	}
	first := list("*.example.net", nil, 1)
	second := list("*.example.net", first.NextMarker, 1)
	if *first.Items[0].Alias != "a.example.net" || *second.Items[0].Alias != "b.example.net" || second.NextMarker != nil {
		t.Errorf("pages %+v, %+v", first, second)
	}
	_, err := f.ListConflictingAliases(t.Context(), &sdk.ListConflictingAliasesInput{DistributionId: aws.String("ENONE"), Alias: aws.String("a.example.com")})
	wantCode(t, err, cloudfront.CodeNoSuchDistribution)
}

func TestWebACL(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	d := f.create("site")
	arn := aws.String("arn:aws:wafv2:us-east-1:123456789012:global/webacl/name/6a7b")
	set := must(f.AssociateDistributionWebACL(ctx, &sdk.AssociateDistributionWebACLInput{Id: d.Distribution.Id, IfMatch: d.ETag, WebACLArn: arn}))(t)
	got := must(f.GetDistribution(ctx, &sdk.GetDistributionInput{Id: d.Distribution.Id}))(t)
	if *set.Id != *d.Distribution.Id || *set.WebACLArn != *arn || *set.ETag != *got.ETag || *got.Distribution.DistributionConfig.WebACLId != *arn {
		t.Errorf("%+v, then %+v", set, got.Distribution.DistributionConfig)
	}
	_, err := f.AssociateDistributionWebACL(ctx, &sdk.AssociateDistributionWebACLInput{Id: d.Distribution.Id, IfMatch: d.ETag, WebACLArn: arn})
	wantCode(t, err, cloudfront.CodePreconditionFailed)
	_, err = f.AssociateDistributionWebACL(ctx, &sdk.AssociateDistributionWebACLInput{Id: d.Distribution.Id, IfMatch: got.ETag, WebACLArn: aws.String("acl")})
	wantCode(t, err, cloudfront.CodeInvalidArgument)
	_, err = f.DisassociateDistributionWebACL(ctx, &sdk.DisassociateDistributionWebACLInput{Id: aws.String("ENONE"), IfMatch: got.ETag})
	wantCode(t, err, cloudfront.CodeEntityNotFound)
	off := must(f.DisassociateDistributionWebACL(ctx, &sdk.DisassociateDistributionWebACLInput{Id: d.Distribution.Id, IfMatch: got.ETag}))(t)
	got = must(f.GetDistribution(ctx, &sdk.GetDistributionInput{Id: d.Distribution.Id}))(t)
	if *off.ETag != *got.ETag || *got.Distribution.DistributionConfig.WebACLId != "" {
		t.Errorf("%+v, then %+v", off, got.Distribution.DistributionConfig)
	}
}
