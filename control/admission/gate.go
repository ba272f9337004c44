package admission

import (
	"io"
	"net/http"
	"time"

	"github.com/warmfront/warmfront/cdn"
)

// readTimeout is how long a caller may take to send a body.
const readTimeout = 30 * time.Second

// Gate is what a request passes before it is looked at any further.
type Gate struct {
	Hosts        Names
	Authenticate Authenticate
	MaxBody      int64 // bytes
}

// Admit checks the names that r was sent to and by, reads its body, and checks that
// it is authentic. Its errors are *cdn.Error, with the codes AccessDenied,
// RequestEntityTooLarge and MalformedInput, and those of Authenticate.
func (g Gate) Admit(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if err := g.Hosts.Check(r); err != nil {
		return nil, err
	}
	// Whoever sends a body byte by byte would hold the connection for ever. Not
	// every writer can do it, and without it the request is served all the same.
	deadline := http.NewResponseController(w)
	_ = deadline.SetReadDeadline(time.Now().Add(readTimeout))
	body, err := io.ReadAll(io.LimitReader(r.Body, g.MaxBody+1))
	_ = deadline.SetReadDeadline(time.Time{})
	if err != nil {
		return nil, cdn.Errorf("MalformedInput", "The request body could not be read: %v.", err)
	}
	if int64(len(body)) > g.MaxBody {
		return nil, cdn.Errorf("RequestEntityTooLarge", "The request body is larger than %d bytes.", g.MaxBody)
	}
	return body, g.Authenticate(r, body)
}
