package api

import (
	"iter"
	"slices"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/cloudfront"
)

// CloudFront's quotas for the paths in progress of one distribution.
const (
	maxPaths     = 3000 // without a wildcard
	maxWildcards = 15
)

func (h *handler) invalidationOperations() map[string]operation {
	return map[string]operation{
		"CreateInvalidation": h.createInvalidation,
		"GetInvalidation":    h.getInvalidation,
		"ListInvalidations":  h.listInvalidations,
	}
}

func (h *handler) createInvalidation(c *call) (*answer, error) {
	batch, err := decode[cloudfront.InvalidationBatch](c)
	if err != nil {
		return nil, err
	}
	if err := checkBatch(batch); err != nil {
		return nil, err
	}
	at := h.settled(c.get("DistributionId"))
	inv := cdn.Invalidation{
		Distribution: c.get("DistributionId"), CallerReference: batch.CallerReference,
		Paths: batch.Paths.Items, CreateTime: h.now(),
	}
	isNew := true
	version, err := h.Journal.Propose(c, func(s *cdn.State) ([]cdn.Change, error) {
		if _, err := distribution(s, inv.Distribution); err != nil {
			return nil, err
		}
		for old := range s.InvalidationRecords(inv.Distribution) {
			if old.CallerReference != inv.CallerReference {
				continue
			}
			if !samePaths(old.Paths, inv.Paths) {
				return nil, cloudfront.CodeInvalidationBatchAlreadyExists.Errorf("The caller reference that you are using to create an invalidation is associated with another invalidation, of other paths: %s.", old.ID)
			}
			inv, isNew = old, false
			return nil, nil
		}
		if err := checkProgress(s, &inv, at); err != nil {
			return nil, err
		}
		var err error
		inv.ID, err = h.unusedID("I", upper, func(id string) bool {
			_, found := invalidation(s, inv.Distribution, id)
			return found
		})
		if err != nil {
			return nil, err
		}
		return h.change(cdn.KindInvalidation, inv)
	})
	if err != nil {
		return nil, err
	}
	if isNew {
		inv.Version = version
	}
	return &answer{location: "distribution/" + inv.Distribution + "/invalidation/" + inv.ID, body: at.showInvalidation(inv)}, nil
}

func checkBatch(batch *cloudfront.InvalidationBatch) error {
	switch n := len(batch.Paths.Items); {
	case batch.CallerReference == "":
		return cloudfront.CodeInvalidArgument.Errorf("The parameter CallerReference is required.")
	case n == 0:
		return cloudfront.CodeInvalidArgument.Errorf("Your request contains no invalidation path.")
	case n > maxPaths+maxWildcards:
		return cloudfront.CodeBatchTooLarge.Errorf("Invalidation batch specified is too large: it has %d paths.", n)
	}
	for _, path := range batch.Paths.Items {
		if err := cdn.CheckInvalidationPath(path); err != nil {
			return err
		}
	}
	return nil
}

// checkProgress holds what is in progress, with inv added, to the quotas.
func checkProgress(s *cdn.State, inv *cdn.Invalidation, at settled) error {
	paths, wildcards := countPaths(inv)
	for old := range inProgress(s, inv.Distribution, at) {
		p, w := countPaths(&old)
		paths, wildcards = paths+p, wildcards+w
	}
	switch {
	case paths > maxPaths:
		return cloudfront.CodeTooManyInvalidationsInProgress.Errorf("Processing your request will cause you to exceed the maximum number of in-progress invalidations.")
	case wildcards > maxWildcards:
		return cloudfront.CodeTooManyInvalidationsInProgress.Errorf("Processing your request will cause you to exceed the maximum number of in-progress wildcard invalidations.")
	}
	return nil
}

func countPaths(inv *cdn.Invalidation) (paths, wildcards int) {
	for _, p := range inv.Paths {
		if cdn.IsWildcard(p) {
			wildcards++
		} else {
			paths++
		}
	}
	return paths, wildcards
}

// samePaths compares without regard to order.
func samePaths(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

func (h *handler) getInvalidation(c *call) (*answer, error) {
	at, s := h.settled(c.get("DistributionId")), h.Journal.State()
	if _, err := distribution(s, c.get("DistributionId")); err != nil {
		return nil, err
	}
	inv, found := invalidation(s, c.get("DistributionId"), c.get("Id"))
	if !found {
		return nil, cloudfront.CodeNoSuchInvalidation.Errorf("The specified invalidation does not exist.")
	}
	return &answer{body: at.showInvalidation(inv)}, nil
}

func (h *handler) listInvalidations(c *call) (*answer, error) {
	at, s := h.settled(c.get("DistributionId")), h.Journal.State()
	id, marker := c.get("DistributionId"), c.get("Marker")
	if _, err := distribution(s, id); err != nil {
		return nil, err
	}
	if _, found := invalidation(s, id, marker); marker != "" && !found {
		return nil, cloudfront.CodeInvalidArgument.Errorf("The parameter Marker is not an id from an earlier page: %.100q.", marker)
	}
	p, err := newPage(c.params, older(s.InvalidationRecords(id), marker))
	if err != nil {
		return nil, err
	}
	list := &cloudfront.InvalidationList{
		Marker: p.marker, NextMarker: p.next, MaxItems: p.maxItems, IsTruncated: p.truncated(), Quantity: len(p.items),
	}
	for _, inv := range p.items {
		list.Items = append(list.Items, cloudfront.InvalidationSummary{Id: inv.ID, CreateTime: inv.CreateTime, Status: at.progress(inv)})
	}
	return &answer{body: list}, nil
}

// older yields what follows marker in a list that has the newest first.
func older(all iter.Seq[cdn.Invalidation], marker string) iter.Seq2[string, cdn.Invalidation] {
	return func(yield func(string, cdn.Invalidation) bool) {
		found := marker == ""
		for inv := range all {
			if found && !yield(inv.ID, inv) {
				return
			}
			found = found || inv.ID == marker
		}
	}
}

func invalidation(s *cdn.State, distribution, id string) (cdn.Invalidation, bool) {
	for inv := range s.InvalidationRecords(distribution) {
		if inv.ID == id {
			return inv, true
		}
	}
	return cdn.Invalidation{}, false
}

// inProgress yields a distribution's invalidations that are not completed. They
// complete in the order in which they were made.
func inProgress(s *cdn.State, distribution string, at settled) iter.Seq[cdn.Invalidation] {
	return func(yield func(cdn.Invalidation) bool) {
		for inv := range s.InvalidationRecords(distribution) {
			if at.progress(inv) == completed || !yield(inv) {
				return
			}
		}
	}
}

func (at settled) progress(inv cdn.Invalidation) string {
	if at.completed.Before(inv.Version) {
		return unfinished
	}
	return completed
}

func (at settled) showInvalidation(inv cdn.Invalidation) *cloudfront.Invalidation {
	return &cloudfront.Invalidation{
		Id: inv.ID, Status: at.progress(inv), CreateTime: inv.CreateTime,
		InvalidationBatch: cloudfront.InvalidationBatch{
			CallerReference: inv.CallerReference,
			Paths:           cloudfront.Paths{Quantity: len(inv.Paths), Items: inv.Paths},
		},
	}
}
