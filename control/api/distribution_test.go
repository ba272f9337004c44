package api_test

import (
	"fmt"
	"regexp"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/cloudfront"
)

func TestLifeOfADistribution(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	created := f.create("site-1")
	d := created.Distribution
	for _, c := range []struct{ what, got, form string }{
		{"id", *d.Id, `^E[A-Z0-9]{13}$`},
		{"ETag", *created.ETag, `^E[A-Z0-9]{13}$`},
		{"domain name", *d.DomainName, `^d[a-z0-9]{13}\.warmfront\.test$`},
		{"ARN", *d.ARN, `^arn:aws:cloudfront::123456789012:distribution/` + *d.Id + `$`},
		{"location", *created.Location, `^https://cloudfront\.amazonaws\.com/2020-05-31/distribution/` + *d.Id + `$`},
		{"status", *d.Status, `^InProgress$`},
	} {
		if !regexp.MustCompile(c.form).MatchString(c.got) {
			t.Errorf("%s is %q, not of the form %s", c.what, c.got, c.form)
		}
	}
	// The provider for Terraform reads these without asking whether they are there.
	if *d.DistributionConfig.OriginGroups.Quantity != 0 || *d.DistributionConfig.ViewerCertificate.CloudFrontDefaultCertificate != true ||
		d.ActiveTrustedSigners == nil || d.ActiveTrustedKeyGroups == nil || d.LastModifiedTime == nil {
		t.Errorf("defaults are missing: %+v", d)
	}
	f.journal.settle()
	got := must(f.GetDistribution(ctx, &sdk.GetDistributionInput{Id: d.Id}))(t)
	if *got.Distribution.Status != "Deployed" || *got.ETag != *created.ETag {
		t.Errorf("status %s, ETag %s", *got.Distribution.Status, *got.ETag)
	}

	must(f.invalidate(*d.Id, "1", "/*"))(t)
	got = must(f.GetDistribution(ctx, &sdk.GetDistributionInput{Id: d.Id}))(t)
	if *got.Distribution.InProgressInvalidationBatches != 1 || *got.Distribution.Status != "Deployed" {
		t.Errorf("%d invalidations in progress, status %s", *got.Distribution.InProgressInvalidationBatches, *got.Distribution.Status)
	}

	_, err := f.DeleteDistribution(ctx, &sdk.DeleteDistributionInput{Id: d.Id, IfMatch: got.ETag})
	wantCode(t, err, cloudfront.CodeDistributionNotDisabled)
	updated := must(f.UpdateDistribution(ctx, &sdk.UpdateDistributionInput{Id: d.Id, IfMatch: got.ETag, DistributionConfig: siteConfig("site-1", disabled)}))(t)
	if *updated.ETag == *created.ETag || *updated.Distribution.DomainName != *d.DomainName || *updated.Distribution.Status != "InProgress" || *updated.Distribution.DistributionConfig.Enabled {
		t.Errorf("updated to %+v, ETag %s", updated.Distribution, *updated.ETag)
	}
	_, err = f.DeleteDistribution(ctx, &sdk.DeleteDistributionInput{Id: d.Id, IfMatch: updated.ETag})
	wantCode(t, err, cloudfront.CodeDistributionNotDisabled) // not deployed yet
	f.journal.settle()
	_, err = f.DeleteDistribution(ctx, &sdk.DeleteDistributionInput{Id: d.Id, IfMatch: created.ETag})
	wantCode(t, err, cloudfront.CodePreconditionFailed)
	must(f.DeleteDistribution(ctx, &sdk.DeleteDistributionInput{Id: d.Id, IfMatch: updated.ETag}))(t)
	_, err = f.GetDistribution(ctx, &sdk.GetDistributionInput{Id: d.Id})
	wantCode(t, err, cloudfront.CodeNoSuchDistribution)
	if len(f.journal.State().Distributions) != 0 {
		t.Error("it is still in the state")
	}
}

func TestListDistributions(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	empty := must(f.ListDistributions(ctx, &sdk.ListDistributionsInput{}))(t).DistributionList
	if *empty.Quantity != 0 || *empty.IsTruncated || *empty.MaxItems != 100 {
		t.Errorf("of none: %+v", empty)
	}
	want := map[string]string{}
	for i := range 7 {
		out := f.create(fmt.Sprint("site-", i))
		want[*out.Distribution.Id] = *out.ETag
	}
	pages := 0
	input := &sdk.ListDistributionsInput{MaxItems: aws.Int32(3)}
	for {
		list := must(f.ListDistributions(ctx, input))(t).DistributionList
		pages++
		if *list.MaxItems != 3 || int(*list.Quantity) != len(list.Items) || *list.Marker != aws.ToString(input.Marker) {
			t.Errorf("page %d: %+v", pages, list)
		}
		for _, d := range list.Items {
			if want[*d.Id] != *d.ETag {
				t.Errorf("%s: ETag %s, want %s once", *d.Id, *d.ETag, want[*d.Id])
			}
			delete(want, *d.Id)
		}
		if !*list.IsTruncated {
			if list.NextMarker != nil {
				t.Error("a marker after the end")
			}
			break
		}
		input.Marker = list.NextMarker
	}
	if pages != 3 || len(want) != 0 {
		t.Errorf("%d pages, %d not listed", pages, len(want))
	}
}

// TestOnlyOneOfMany makes the same call many times at once: each is decided on
// what the others have done.
func TestOnlyOneOfMany(t *testing.T) {
	const callers = 16
	f := newFixture(t)
	site := f.create("site")
	for _, c := range []struct {
		name string
		call func(i int) error
		lose cloudfront.Code
	}{
		{"the same caller reference", func(int) error {
			_, err := f.CreateDistribution(t.Context(), &sdk.CreateDistributionInput{DistributionConfig: siteConfig("same")})
			return err
		}, cloudfront.CodeDistributionAlreadyExists},
		{"the same alias", func(i int) error {
			_, err := f.CreateDistribution(t.Context(), &sdk.CreateDistributionInput{DistributionConfig: siteConfig(fmt.Sprint("alias-", i), withAliases("www.example.com"))})
			return err
		}, cloudfront.CodeCNAMEAlreadyExists},
		{"the same ETag", func(int) error {
			_, err := f.UpdateDistribution(t.Context(), &sdk.UpdateDistributionInput{Id: site.Distribution.Id, IfMatch: site.ETag, DistributionConfig: siteConfig("site")})
			return err
		}, cloudfront.CodePreconditionFailed},
		{"the same name", func(int) error {
			_, err := f.CreateOriginAccessControl(t.Context(), &sdk.CreateOriginAccessControlInput{OriginAccessControlConfig: accessConfig("same")})
			return err
		}, cloudfront.CodeOriginAccessControlAlreadyExists},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := f.journal.changes
			errs := make([]error, callers)
			var wait sync.WaitGroup
			for i := range callers {
				wait.Go(func() { errs[i] = c.call(i) })
			}
			wait.Wait()
			won := 0
			for _, err := range errs {
				if err == nil {
					won++
					continue
				}
				wantCode(t, err, c.lose)
			}
			if won != 1 || f.journal.changes != before+1 {
				t.Errorf("%d succeeded, with %d changes", won, f.journal.changes-before)
			}
		})
	}
	t.Run("the same invalidation", func(t *testing.T) {
		ids := make([]string, callers)
		var wait sync.WaitGroup
		for i := range callers {
			wait.Go(func() {
				if inv, err := f.invalidate(*site.Distribution.Id, "same", "/a", "/b"); err == nil {
					ids[i] = *inv.Id
				}
			})
		}
		wait.Wait()
		for _, id := range ids {
			if id == "" || id != ids[0] {
				t.Fatalf("invalidations %v, want one", ids)
			}
		}
	})
}

func TestAliases(t *testing.T) {
	f := newFixture(t)
	a := f.create("a", withAliases("www.example.com", "*.example.net"))
	b := f.create("b", withAliases("*.example.com", "shop.example.net")) // overlap is no clash
	for host, want := range map[string]*types.Distribution{
		"www.example.com": a.Distribution, "other.example.com": b.Distribution,
		"shop.example.net": b.Distribution, "other.example.net": a.Distribution,
	} {
		if p := f.journal.State().PlanFor(host); p == nil || p.ID != *want.Id {
			t.Errorf("%s is served by %+v", host, p)
		}
	}
	// An update may keep its own names.
	must(f.UpdateDistribution(t.Context(), &sdk.UpdateDistributionInput{
		Id: a.Distribution.Id, IfMatch: a.ETag, DistributionConfig: siteConfig("a", withAliases("www.example.com")),
	}))(t)
	got := must(f.GetDistribution(t.Context(), &sdk.GetDistributionInput{Id: a.Distribution.Id}))(t)
	if r := got.Distribution.AliasICPRecordals; len(r) != 1 || *r[0].CNAME != "www.example.com" {
		t.Errorf("AliasICPRecordals %+v", r)
	}
	// What the update gave up is free.
	f.create("c", withAliases("*.example.net"))

	for _, name := range []string{
		"example", "", "www..example.com", "-a.example.com", "a b.example.com", "www.*.com", "*a.example.com", "*", "*.", "10.0.0.1",
		"dabcdefghijklm.warmfront.test", *a.Distribution.DomainName,
		"control.warmfront.test", "Control.Warmfront.Test", "ns1.warmfront.test", "ns12.warmfront.test", "ns.warmfront.test",
		"health.warmfront.test", "localhost.warmfront.test", "*.warmfront.test",
	} {
		_, err := f.CreateDistribution(t.Context(), &sdk.CreateDistributionInput{DistributionConfig: siteConfig("bad", withAliases(name))})
		wantCode(t, err, cloudfront.CodeInvalidArgument)
	}
	f.create("in the zone", withAliases("www.warmfront.test", "_x.under.example.com",
		"control.example.com", "nsx.warmfront.test", "a.control.warmfront.test", "*.shop.warmfront.test"))
}

// TestTheJournalIsWhatIsShown holds the answers to a State that other hands made,
// such as one from a snapshot.
func TestTheJournalIsWhatIsShown(t *testing.T) {
	f := newFixture(t)
	created := f.create("site")
	must(f.invalidate(*created.Distribution.Id, "1", "/*"))(t)
	snapshot := must(f.journal.State().Snapshot())(t)
	f.journal.state = must(cdn.Restore(snapshot))(t)
	got := must(f.GetDistribution(t.Context(), &sdk.GetDistributionInput{Id: created.Distribution.Id}))(t)
	if *got.ETag != *created.ETag || *got.Distribution.Status != "InProgress" || *got.Distribution.InProgressInvalidationBatches != 1 {
		t.Errorf("%+v", got.Distribution)
	}
	_, err := f.CreateDistribution(t.Context(), &sdk.CreateDistributionInput{DistributionConfig: siteConfig("site")})
	wantCode(t, err, cloudfront.CodeDistributionAlreadyExists)
}
