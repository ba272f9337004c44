package network

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/operator"
	"github.com/warmfront/warmfront/geo"
	"github.com/warmfront/warmfront/network/gate"
	"github.com/warmfront/warmfront/network/supervise"
)

// slot is one node's place in `up`: what it is made from, whatever runs there
// now, and the faults in force on it.
type slot struct {
	id, pop, continent string
	role               cdn.Role
	gate               *gate.Gate
	make               func() (supervise.Program, error)

	changing sync.Mutex // held while the node is started or stopped, which takes time
	mu       sync.Mutex
	program  supervise.Program
	running  *supervise.Started // nil while the node is stopped
}

// start makes the node anew and runs it.
func (u *Up) start(ctx context.Context, s *slot) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	if s.current() != nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	p, err := s.make()
	if err != nil {
		return fmt.Errorf("%s: %w", s.id, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.program, s.running = p, u.sup.Start(ctx, fmt.Sprintf("%s %s", s.role, s.id), p)
	return nil
}

// stop ends the node as SIGTERM would.
func (s *slot) stop() {
	s.changing.Lock()
	defer s.changing.Unlock()
	s.mu.Lock()
	running := s.running
	s.running, s.program = nil, nil
	s.mu.Unlock()
	s.gate.Heal() // a paused node could not stop
	if running != nil {
		running.Stop()
	}
}

func (s *slot) current() supervise.Program {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.program
}

// ready waits until the node has been level with control.
func (s *slot) ready(ctx context.Context) error {
	follower, ok := s.current().(interface{ Ready(context.Context) error })
	if !ok {
		return nil
	}
	if err := follower.Ready(ctx); err != nil {
		return fmt.Errorf("%s: %w", s.id, err)
	}
	return nil
}

// fault does what `warmfront fault` asks for, on every node that the target
// names.
func (u *Up) fault(ctx context.Context, f operator.Fault) (operator.Faulted, error) {
	act, ok := map[string]func(*slot) error{
		"stop":      func(s *slot) error { s.stop(); return nil },
		"pause":     func(s *slot) error { s.gate.Pause(); return nil },
		"partition": func(s *slot) error { s.gate.Partition(f.From != ""); return nil },
		"slow":      func(s *slot) error { s.gate.Slow(f.Delay); return nil },
		"heal":      func(s *slot) error { s.gate.Heal(); return u.start(ctx, s) },
	}[f.Kind]
	if !ok {
		return operator.Faulted{}, cdn.Errorf("InvalidArgument", "The fault %q is not one of stop, pause, partition, slow, heal.", f.Kind)
	}
	if f.From != "" && (f.Kind != "partition" || f.From != "control") {
		return operator.Faulted{}, cdn.Errorf("InvalidArgument", "Only a partition is from something, and only from control.")
	}
	if f.Delay < 0 {
		return operator.Faulted{}, cdn.Errorf("InvalidArgument", "The delay must not be negative.")
	}
	var hit []*slot
	for _, s := range u.slots {
		if !s.named(f.Target) && !(f.Kind == "heal" && strings.EqualFold(f.Target, "all")) {
			continue
		}
		if f.Kind == "slow" && s.role == cdn.RoleRouter {
			return operator.Faulted{}, cdn.Errorf("InvalidArgument", "Routers cannot be slow: they stand for name servers near every viewer.")
		}
		hit = append(hit, s)
	}
	if len(hit) == 0 {
		return operator.Faulted{}, cdn.Errorf("NoSuchResource", "No node, edge location or continent here is called %q; see `warmfront nodes`.", f.Target)
	}
	slices.SortFunc(hit, func(a, b *slot) int { return strings.Compare(a.id, b.id) })
	done := operator.Faulted{Nodes: []string{}}
	errs := make(chan error, len(hit))
	for _, s := range hit {
		done.Nodes = append(done.Nodes, s.id)
		go func() { errs <- act(s) }()
	}
	var err error
	for range hit {
		if e := <-errs; err == nil {
			err = e
		}
	}
	return done, err
}

// named reports whether a target means the node: its id, its POP, its continent,
// or "all", which means every edge (and, to heal, every node).
func (s *slot) named(target string) bool {
	if strings.EqualFold(target, s.id) || s.pop != "" && (strings.EqualFold(target, s.pop) || strings.EqualFold(target, "all")) {
		return true
	}
	continent, ok := geo.ParseContinent(target)
	return ok && s.pop != "" && continent == s.continent
}

// faultOf names the fault in force on a node, "" for none.
func (u *Up) faultOf(id string) string {
	s := u.slots[id]
	if s == nil {
		return ""
	}
	if s.current() == nil {
		return "stopped"
	}
	return s.gate.State()
}
