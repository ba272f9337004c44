package lambda

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// maxSaid is how much a function may say, in bytes: Lambda takes no more of any (Lambda
// developer guide, "Lambda quotas", invocation payload). What is less, and more than an
// event allows, is not valid.
const maxSaid = 6 << 20

var errTooMuch = errors.New("the function said more than 6 MB")

// endpoint posts events to a local HTTP server, as Lambda's runtime interface emulator
// takes them at /2015-03-31/functions/function/invocations.
type endpoint struct {
	url    string
	client *http.Client
}

// newEndpoint makes one with connections of its own, one for each event at a time: kept, as
// many as there were at once lately. It is asked directly, and where it says: by no proxy,
// and not where a redirect leads.
func newEndpoint(url string) *endpoint {
	return &endpoint{url, &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 256, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (e *endpoint) close() { e.client.CloseIdleConnections() }

func (e *endpoint) invoke(ctx context.Context, event []byte, within time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(event))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := e.client.Do(req)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, timedOut()
	case err != nil:
		return nil, &Fault{503, ExecutionError, err.Error()}
	}
	defer func() { _ = resp.Body.Close() }() // nothing more is wanted from it
	said, err := read(resp.Body)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, timedOut()
	case err != nil:
		return nil, &Fault{503, ExecutionError, err.Error()}
	case resp.StatusCode == http.StatusTooManyRequests:
		return nil, &Fault{503, LimitExceeded, "the endpoint has no room for another event"}
	case resp.StatusCode != http.StatusOK || resp.Header.Get("X-Amz-Function-Error") != "":
		return nil, &Fault{503, ExecutionError, fmt.Sprintf("the endpoint answered %d: %.500s", resp.StatusCode, said)}
	}
	return said, nil
}

// read reads what a function says.
func read(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxSaid+1))
	if err == nil && len(b) > maxSaid {
		return nil, errTooMuch
	}
	return b, err
}
