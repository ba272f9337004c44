package admission

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/warmfront/warmfront/sigv4"
)

// Authenticate returns why a request with this body is not authentic, nil if it
// is.
type Authenticate func(r *http.Request, body []byte) error

// Signature takes requests that are signed (SigV4) for a service with one of the
// keys. Its errors are *sigv4.Error.
func Signature(service string, keys sigv4.Lookup, now func() time.Time) Authenticate {
	v := sigv4.Verifier{Service: service, Lookup: keys}
	return func(r *http.Request, body []byte) error {
		sum := sha256.Sum256(body)
		_, err := v.Verify(r, hex.EncodeToString(sum[:]), now())
		return err
	}
}
