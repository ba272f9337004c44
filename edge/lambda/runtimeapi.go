package lambda

import (
	"errors"
	"io"
	"net/http"
	"strconv"
)

// api is the Lambda runtime API (Lambda developer guide, "Using the Lambda runtime API").
func (q *process) api() http.Handler {
	mux := http.NewServeMux()
	const root = "/2018-06-01/runtime/"
	mux.HandleFunc("GET "+root+"invocation/next", q.serveNext)
	mux.HandleFunc("POST "+root+"invocation/{id}/response", func(w http.ResponseWriter, r *http.Request) { q.serveSaid(w, r, false) })
	mux.HandleFunc("POST "+root+"invocation/{id}/error", func(w http.ResponseWriter, r *http.Request) { q.serveSaid(w, r, true) })
	mux.HandleFunc("POST "+root+"init/error", func(w http.ResponseWriter, r *http.Request) {
		why, _ := io.ReadAll(io.LimitReader(r.Body, 4<<10)) // as much of it as came
		select {
		case q.broken <- string(why):
		default: // it has said so already
		}
		reply(w, http.StatusAccepted, `{"status":"OK"}`)
	})
	return mux
}

func reply(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // who does not read it goes on or is killed
}

// serveNext gives the process an event, when there is one.
func (q *process) serveNext(w http.ResponseWriter, r *http.Request) {
	q.once.Do(func() { close(q.asked) })
	select {
	case e := <-q.next:
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", e.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(e.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", q.arn)
		_, _ = w.Write(e.body) // it asks again, or is killed
	case <-r.Context().Done():
	}
}

// serveSaid takes what the process says of the event it has.
func (q *process) serveSaid(w http.ResponseWriter, r *http.Request, failed bool) {
	b, err := read(r.Body)
	e := q.answered(r.PathValue("id"))
	switch {
	case e == nil:
		reply(w, http.StatusBadRequest, `{"errorType":"InvalidRequestID","errorMessage":"This is not the event that you have."}`)
	case errors.Is(err, errTooMuch):
		e.said <- answer{[]byte(err.Error()), true}
		reply(w, http.StatusRequestEntityTooLarge, `{"errorType":"RequestEntityTooLarge","errorMessage":"A response has at most 6 MB."}`)
	case err != nil:
		e.said <- answer{[]byte("what it said did not come whole"), true}
	default:
		e.said <- answer{b, failed}
		reply(w, http.StatusAccepted, `{"status":"OK"}`)
	}
}
