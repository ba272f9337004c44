package api_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"github.com/warmfront/warmfront/control/cloudfront"
)

func TestLifeOfAnInvalidation(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	id := f.create("site").Distribution.Id
	out := must(f.CreateInvalidation(ctx, &sdk.CreateInvalidationInput{DistributionId: id, InvalidationBatch: &types.InvalidationBatch{
		CallerReference: aws.String("ref"), Paths: &types.Paths{Quantity: aws.Int32(2), Items: []string{"/b", "/a*"}},
	}}))(t)
	inv := out.Invalidation
	if !regexp.MustCompile(`^I[A-Z0-9]{13}$`).MatchString(*inv.Id) || *inv.Status != "InProgress" || inv.CreateTime == nil {
		t.Errorf("%+v", inv)
	}
	if want := "https://cloudfront.amazonaws.com/2020-05-31/distribution/" + *id + "/invalidation/" + *inv.Id; *out.Location != want {
		t.Errorf("location %s, want %s", *out.Location, want)
	}
	if !slices.Equal(inv.InvalidationBatch.Paths.Items, []string{"/b", "/a*"}) || *inv.InvalidationBatch.CallerReference != "ref" {
		t.Errorf("the batch comes back as %+v", inv.InvalidationBatch)
	}
	if f.journal.State().Invalidations(*id).Newest("/abc").IsZero() {
		t.Error("/abc was not invalidated")
	}
	f.journal.settle()
	got := must(f.GetInvalidation(ctx, &sdk.GetInvalidationInput{DistributionId: id, Id: inv.Id}))(t).Invalidation
	if *got.Status != "Completed" || !got.CreateTime.Equal(*inv.CreateTime) {
		t.Errorf("%+v", got)
	}

	other := f.create("other").Distribution.Id // and the journal goes on
	before := f.journal.changes
	again := must(f.invalidate(*id, "ref", "/a*", "/b"))(t)
	if *again.Id != *inv.Id || *again.Status != "Completed" || f.journal.changes != before {
		t.Errorf("the same once more is %+v", again)
	}
	_, err := f.invalidate(*id, "ref", "/a*", "/c")
	wantCode(t, err, cloudfront.CodeInvalidationBatchAlreadyExists)
	// References are a distribution's own.
	if inv := must(f.invalidate(*other, "ref", "/c"))(t); *inv.Id == *again.Id {
		t.Error("one distribution's invalidation is another's")
	}
	_, err = f.GetInvalidation(ctx, &sdk.GetInvalidationInput{DistributionId: other, Id: inv.Id})
	wantCode(t, err, cloudfront.CodeNoSuchInvalidation)
}

func TestListInvalidations(t *testing.T) {
	f := newFixture(t)
	id := *f.create("site").Distribution.Id
	var want []string
	for i := range 7 {
		inv := must(f.invalidate(id, fmt.Sprint(i), "/a"))(t)
		want = append([]string{*inv.Id}, want...)
		if i == 3 {
			f.journal.settle()
		}
	}
	var got, status []string
	input := &sdk.ListInvalidationsInput{DistributionId: &id, MaxItems: aws.Int32(3)}
	for len(got) <= len(want) {
		list := must(f.ListInvalidations(t.Context(), input))(t).InvalidationList
		for _, inv := range list.Items {
			got, status = append(got, *inv.Id), append(status, *inv.Status)
		}
		if len(got) == 3 { // what is new meanwhile comes before this page
			must(f.invalidate(id, "meanwhile", "/a"))(t)
		}
		if !*list.IsTruncated {
			break
		}
		input.Marker = list.NextMarker
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if s := strings.Join(status, " "); s != "InProgress InProgress InProgress Completed Completed Completed Completed" {
		t.Errorf("status %s", s)
	}
	input.Marker = aws.String("INONE")
	_, err := f.ListInvalidations(t.Context(), input)
	wantCode(t, err, cloudfront.CodeInvalidArgument)
}

func paths(n int, suffix string) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("/%d%s", i, suffix)
	}
	return out
}

func TestInvalidationQuotas(t *testing.T) {
	f := newFixture(t)
	id := *f.create("site").Distribution.Id
	for _, c := range []struct {
		name     string
		before   [][]string // in progress
		paths    []string
		code     cloudfront.Code
		settling bool // what was before is completed
	}{
		{"as many as are allowed", nil, append(paths(3000, ""), paths(15, "*")...), "", false},
		{"too many at once", nil, paths(3001, ""), cloudfront.CodeTooManyInvalidationsInProgress, false},
		{"more than could ever be", nil, paths(3016, ""), cloudfront.CodeBatchTooLarge, false},
		{"too many wildcards at once", nil, paths(16, "*"), cloudfront.CodeTooManyInvalidationsInProgress, false},
		{"one too many", [][]string{paths(1500, ""), paths(1500, "")}, []string{"/x"}, cloudfront.CodeTooManyInvalidationsInProgress, false},
		{"a wildcard is no path", [][]string{paths(3000, "")}, []string{"/x*"}, "", false},
		{"one wildcard too many", [][]string{paths(8, "*"), paths(7, "*")}, []string{"/x*"}, cloudfront.CodeTooManyInvalidationsInProgress, false},
		{"a path is no wildcard", [][]string{paths(15, "*")}, []string{"/x"}, "", false},
		{"what is completed does not count", [][]string{paths(3000, ""), paths(15, "*")}, append(paths(3000, ""), paths(15, "*")...), "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f.journal.settle()
			for i, p := range c.before {
				must(f.invalidate(id, fmt.Sprint(c.name, i), p...))(t)
			}
			if c.settling {
				f.journal.settle()
			}
			before := f.journal.changes
			_, err := f.invalidate(id, c.name, c.paths...)
			if c.code == "" && err != nil {
				t.Error(err)
			}
			if c.code != "" {
				wantCode(t, err, c.code)
				if f.journal.changes != before {
					t.Error("the journal has changed")
				}
			}
		})
	}
}

// TestWhatAnInvalidationMayName is by CloudFront's rules for paths and tags, with
// its codes and statuses.
func TestWhatAnInvalidationMayName(t *testing.T) {
	f := newFixture(t)
	id := *f.create("site").Distribution.Id
	for i, c := range []struct {
		items  []string
		code   string
		status int
	}{
		{items: []string{"/"}},
		{items: []string{"/*"}},
		{items: []string{"/a?b=1", "/a?b=1*", "/A"}},
		{items: []string{"/a*b", "/**"}}, // an asterisk within is itself
		{items: []string{"/a", "/a"}},
		{items: []string{"/caf%C3%A9", "/~x", "/a//b", "/a/../b"}},
		{items: []string{"#product:TV", "#a*", "#/x"}},
		{items: []string{"/index.html", "#brand", "/images/*"}},
		{items: []string{"#" + strings.Repeat("x", 256), "/" + strings.Repeat("x", 3999)}},
		{[]string{"images/a.png"}, "InvalidArgument", 400},
		{[]string{"/a", "https://d1.cloudfront.net/a"}, "InvalidArgument", 400},
		{[]string{""}, "InvalidArgument", 400},
		{[]string{"/a b"}, "InvalidArgument", 400},
		{[]string{"/café"}, "InvalidArgument", 400},
		{[]string{"/" + strings.Repeat("x", 4000)}, "InvalidArgument", 400},
		{[]string{"#"}, "InvalidArgument", 400},
		{[]string{"#a,b"}, "InvalidArgument", 400},
		{[]string{"#a b"}, "InvalidArgument", 400},
		{[]string{"#" + strings.Repeat("x", 257)}, "InvalidArgument", 400},
		{nil, "InvalidArgument", 400},
		{paths(3016, ""), "BatchTooLarge", 413},
		{paths(3001, ""), "TooManyInvalidationsInProgress", 400},
		{paths(16, "*"), "TooManyInvalidationsInProgress", 400},
	} {
		f.journal.settle()
		before := f.journal.changes
		inv, err := f.invalidate(id, fmt.Sprint(i), c.items...)
		switch {
		case c.code != "":
			wantCode(t, err, cloudfront.Code(c.code))
			if status := cloudfront.Code(c.code).Status(); status != c.status || f.journal.changes != before {
				t.Errorf("%.40q: status %d, want %d; %d changes", c.items, status, c.status, f.journal.changes-before)
			}
		case err != nil:
			t.Errorf("%.40q: %v", c.items, err)
		default:
			if got := must(f.GetInvalidation(t.Context(), &sdk.GetInvalidationInput{DistributionId: &id, Id: inv.Id}))(t); !slices.Equal(got.Invalidation.InvalidationBatch.Paths.Items, c.items) {
				t.Errorf("%.40q comes back as %.40q", c.items, got.Invalidation.InvalidationBatch.Paths.Items)
			}
		}
	}
	_, err := f.CreateInvalidation(t.Context(), &sdk.CreateInvalidationInput{DistributionId: &id, InvalidationBatch: &types.InvalidationBatch{
		CallerReference: aws.String("q"), Paths: &types.Paths{Quantity: aws.Int32(2), Items: []string{"/a"}},
	}})
	wantCode(t, err, cloudfront.CodeInconsistentQuantities)
	_, err = f.invalidate("ENONE", "x", "/a")
	wantCode(t, err, cloudfront.CodeNoSuchDistribution)
}

func TestInvalidationsByTag(t *testing.T) {
	f := newFixture(t)
	id := *f.create("site").Distribution.Id
	inv := must(f.invalidate(id, "one", "/index.html", "#Brand:ACME"))(t)
	index := f.journal.State().Invalidations(id)
	if index.Newest("#brand:acme").IsZero() || index.Newest("/index.html").IsZero() || !index.Newest("/brand:acme").IsZero() {
		t.Error("the tag was not invalidated, or something else was")
	}
	if again := must(f.invalidate(id, "one", "#Brand:ACME", "/index.html"))(t); *again.Id != *inv.Id {
		t.Error("the same batch is another invalidation")
	}
	_, err := f.invalidate(id, "one", "#brand", "/index.html")
	wantCode(t, err, cloudfront.CodeInvalidationBatchAlreadyExists)
	// Tags count as paths, an asterisk at their end or not.
	f.journal.settle()
	must(f.invalidate(id, "many", paths(2984, "")...))(t)
	for i := range 16 {
		must(f.invalidate(id, fmt.Sprint("tag", i), fmt.Sprintf("#t%d*", i)))(t)
	}
	_, err = f.invalidate(id, "too many", "#more")
	wantCode(t, err, cloudfront.CodeTooManyInvalidationsInProgress)
}
