package api

import calls "github.com/warmfront/warmfront/control/api/call"

const (
	upper    = calls.Upper
	lower    = calls.Lower
	idLength = calls.IDLength
)

// unusedID returns letter and thirteen random characters that are not taken.
func (h *handler) unusedID(letter, alphabet string, taken func(id string) bool) (string, error) {
	return calls.Unused(taken, func() (string, error) { return calls.NewID(h.Random, letter, alphabet) })
}

// newETag returns the version of a thing as clients see it.
func (h *handler) newETag() (string, error) { return calls.NewETag(h.Random) }

// requestID returns a random UUID, the form of AWS's request ids.
func (h *handler) requestID() string {
	id, err := calls.NewUUID(h.Random)
	if err != nil {
		return "00000000-0000-4000-8000-000000000000" // an answer must have one; nothing depends on it
	}
	return id
}
