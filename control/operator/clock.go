package operator

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"

	"github.com/warmfront/warmfront/cdn"
)

// Clock is the answer to GET and POST /warmfront/v1/clock: a sandbox's time.
type Clock struct {
	// Now is that time, Ahead how far it was moved.
	Now   time.Time     `json:"now"`
	Ahead time.Duration `json:"ahead_ns"`
	// Waiting are the edges that hold a lease and have not applied what was asked for yet.
	Waiting []string `json:"waiting,omitempty"`
}

// MoveClock is the body of POST /warmfront/v1/clock: by how much the clock is to be moved
// ahead, or that it is to be set back to the real time.
type MoveClock struct {
	Advance time.Duration `json:"advance_ns,omitempty"`
	Reset   bool          `json:"reset,omitempty"`
}

func (h handler) clock(*http.Request, []byte) (any, error) {
	if h.cfg.Clock == nil {
		return nil, notHere("The clock is moved")
	}
	return h.cfg.Clock(), nil
}

func (h handler) moveClock(r *http.Request, body []byte) (any, error) {
	if h.cfg.MoveClock == nil {
		return nil, notHere("The clock is moved")
	}
	var m MoveClock
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil || d.More() || m.Reset == (m.Advance != 0) {
		return nil, cdn.Errorf("InvalidArgument", "The body is not of the form {\"advance_ns\": N} or {\"reset\": true}.")
	}
	return h.cfg.MoveClock(r.Context(), m)
}

func notHere(what string) error {
	return cdn.Errorf("NotASandbox", "%s in a sandbox only: run `warmfront up`.", what)
}
