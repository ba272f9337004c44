package operator

import (
	"encoding/json"
	"net/http"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/accesskey"
)

// AccessKeys is the answer to GET /warmfront/v1/access-keys.
type AccessKeys struct {
	Keys []accesskey.Key `json:"keys"`
}

// NewAccessKey is the body of POST /warmfront/v1/access-keys, whose answer is an
// accesskey.Key with its secret.
type NewAccessKey struct {
	Name     string   `json:"name,omitempty"`
	Services []string `json:"services,omitempty"` // none: all
}

func (h handler) createAccessKey(r *http.Request, body []byte) (any, error) {
	var asked NewAccessKey
	if err := json.Unmarshal(body, &asked); err != nil {
		return nil, cdn.Errorf("InvalidArgument", "The body is not the JSON of an access key: %v.", err)
	}
	return h.cfg.AccessKeys.Create(r.Context(), asked.Name, asked.Services)
}
