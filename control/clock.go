package control

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/journal"
)

// MoveClock moves a sandbox's clock ahead by d, or where reset is set back to the real time,
// and waits until every node goes by that, or ctx ends. It returns the edges that have not
// said so by then, though they hold a lease.
func (c *Control) MoveClock(ctx context.Context, d time.Duration, reset bool) (waiting []string, err error) {
	v, err := c.Propose(ctx, func(s *cdn.State) ([]cdn.Change, error) {
		clock, err := s.Clock().Advanced(d)
		if reset {
			clock, err = s.Clock().Reset(s.Version.Next()), nil
		}
		if err != nil || clock == s.Clock() {
			return nil, err
		}
		value, err := json.Marshal(clock)
		if err != nil {
			return nil, err
		}
		change, err := cdn.NewChange(cdn.KindSetting, cdn.Setting{Name: cdn.SettingClock, Value: value}, time.Now())
		return []cdn.Change{change}, err
	})
	if err != nil {
		return nil, err
	}
	if c.WaitSettled(ctx, journal.Deployed, v) == nil {
		return nil, nil
	}
	for _, n := range c.NodeStatus() {
		if n.Node.Role == cdn.RoleEdge && n.Leased() && n.Acked.Before(v) {
			waiting = append(waiting, n.Node.ID)
		}
	}
	slices.Sort(waiting)
	return waiting, nil
}
