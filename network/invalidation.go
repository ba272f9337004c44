package network

import (
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control"
	"github.com/warmfront/warmfront/control/operator"
)

// invalidation tells an operator how far an invalidation is.
func (c *Control) invalidation(distribution, id string) (operator.Invalidation, error) {
	state := c.Core().State()
	plan := state.Plans[distribution]
	if plan == nil {
		return operator.Invalidation{}, cdn.Errorf("NoSuchDistribution", "There is no distribution %.100q; see `warmfront distribution list`.", distribution)
	}
	for inv := range state.InvalidationRecords(distribution) {
		if inv.ID == id {
			return describeInvalidation(inv, plan.WhenIsolated, c.Core().Completion(distribution, inv.Version)), nil
		}
	}
	return operator.Invalidation{}, cdn.Errorf("NoSuchInvalidation", "%s has no invalidation %.100q; see `warmfront invalidations list %s`.", distribution, id, distribution)
}

func describeInvalidation(inv cdn.Invalidation, when cdn.WhenIsolated, how control.Completion) operator.Invalidation {
	d := operator.Invalidation{
		ID: inv.ID, Distribution: inv.Distribution, Paths: inv.Paths, CreateTime: inv.CreateTime, Version: inv.Version,
		Status: operator.InProgress, WhenIsolated: when.String(),
		Edges: how.Edges, Acknowledged: how.Acknowledged, Fenced: how.Fenced, Waiting: []operator.Waiting{}, QuietLeft: how.Quiet,
	}
	if d.Fenced == nil {
		d.Fenced = []string{}
	}
	longest, endless := how.Quiet, false
	for _, w := range how.Waiting {
		left := max(0, w.Left)
		longest, endless = max(longest, left), endless || w.Endless
		d.Waiting = append(d.Waiting, operator.Waiting{
			Node: w.Node, Incarnation: w.Incarnation, Replaced: w.Replaced, Applied: w.Acked, LeaseLeft: left, Endless: w.Endless,
		})
	}
	if !endless {
		d.EndsWithin = new(time.Duration)
		*d.EndsWithin = longest
	}
	if how.Completed {
		d.Status = operator.Completed
	}
	return d
}
