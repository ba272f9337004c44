package lb

import (
	"encoding/json"
	"net/http"
)

// Status is what a balancer tells of itself at /status.
type Status struct {
	Addr      string         `json:"addr"`
	Algorithm string         `json:"algorithm"`
	Targets   []TargetStatus `json:"targets"`
}

// TargetStatus is one target. State is "initial", "healthy", "unhealthy" or "draining",
// as load balancers name them.
type TargetStatus struct {
	Address     string `json:"address"`
	State       string `json:"state"`
	Reason      string `json:"reason,omitempty"`
	Outstanding int64  `json:"outstanding"`
	Requests    int64  `json:"requests"`
}

// Status returns what the balancer is at now.
func (b *Balancer) Status() Status {
	s := Status{Addr: b.ln.Addr().String(), Algorithm: b.cfg.Algorithm, Targets: []TargetStatus{}}
	for _, t := range *b.targets.Load() {
		state, reason := t.state()
		s.Targets = append(s.Targets, TargetStatus{t.address, state, reason, t.outstanding.Load(), t.requests.Load()})
	}
	return s
}

// statusHandler serves /status, and /healthz: 200 while a target is healthy.
func (b *Balancer) statusHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(b.Status()) // who asked has left
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		for _, t := range b.Status().Targets {
			if t.State == "healthy" {
				_, _ = w.Write([]byte("ok\n"))
				return
			}
		}
		http.Error(w, "no target is healthy", http.StatusServiceUnavailable)
	})
	return mux
}
