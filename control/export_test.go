package control

import "time"

// Unfounded makes a replica believe that it leads for as long as nobody tells it
// otherwise: rule N is broken.
func (r *Replica) Unfounded() { r.cfg.Control.Leads = func(time.Time) bool { return true } }
