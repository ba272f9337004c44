// Package awsjson serves the protocol of those AWS services that take and give JSON
// (awsJson1_1): the header X-Amz-Target names the operation, the body is its input.
//
// One call goes through it like this: admission, then the operation that X-Amz-Target
// names decodes its input and answers with what becomes JSON. Errors become the
// service's in one place (fail).
package awsjson

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/warmfront/warmfront/cdn"
	"github.com/warmfront/warmfront/control/admission"
	"github.com/warmfront/warmfront/sigv4"
)

// Operation answers a call, given its body, with what becomes JSON; nil is no body. Its
// errors for callers are *cdn.Error.
type Operation func(ctx context.Context, body []byte) (any, error)

// Handle decodes the input of an operation.
func Handle[In any](f func(context.Context, *In) (any, error)) Operation {
	return func(ctx context.Context, body []byte) (any, error) {
		in := new(In)
		if err := json.Unmarshal(body, in); err != nil {
			return nil, cdn.Errorf("SerializationException", "The body is not the JSON of this call: %v", err)
		}
		return f(ctx, in)
	}
}

// Service is one service: it is its own http.Handler.
type Service struct {
	Name string // to people who read the log
	// Target is how X-Amz-Target begins, before the operation's name.
	Target string
	// Operations are by name; nil for one that is known and not served.
	Operations map[string]Operation
	// Served says, to who asks for an operation that is not known, what is here of a
	// service of which there is only a part. "": nothing is said.
	Served string
	// Internal is the service's code for what is not the caller's fault.
	Internal  string
	Gate      admission.Gate
	RequestID func() string
	Logger    *slog.Logger
}

const contentType = "application/x-amz-json-1.1"

func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := s.RequestID()
	w.Header().Set("x-amzn-RequestId", id)
	name := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), s.Target)
	answer, err := s.do(w, r, name)
	if err != nil {
		s.fail(w, id, name, err)
		return
	}
	w.Header().Set("Content-Type", contentType)
	if answer == nil {
		return
	}
	_ = json.NewEncoder(w).Encode(answer) // the caller is gone
}

func (s *Service) do(w http.ResponseWriter, r *http.Request, name string) (any, error) {
	body, err := s.Gate.Admit(w, r)
	if err != nil {
		return nil, err
	}
	serve, known := s.Operations[name]
	switch {
	case (r.Method != http.MethodPost || !known) && s.Served != "":
		return nil, cdn.Errorf("UnknownOperationException", "There is no operation %.128s here: %s.", name, s.Served)
	case r.Method != http.MethodPost || !known:
		return nil, cdn.Errorf("UnknownOperationException", "There is no operation %.128s.", name)
	case serve == nil:
		return nil, cdn.Errorf("UnsupportedOperationException", "Warmfront does not support the operation %s.", name)
	}
	return serve(r.Context(), body)
}

// fail is the one place where errors become the service's.
func (s *Service) fail(w http.ResponseWriter, id, name string, err error) {
	code, message, status := s.Internal, "The request could not be processed because of an internal error.", http.StatusInternalServerError
	var coded *cdn.Error
	var signature *sigv4.Error
	switch {
	case errors.As(err, &signature):
		code, message, status = signature.JSON()
	case errors.As(err, &coded):
		code, message, status = coded.Code, coded.Message, http.StatusBadRequest
		if code == "AccessDenied" {
			code = "AccessDeniedException"
		}
	default:
		s.Logger.Error(s.Name+" failed", "operation", name, "request", id, "error", err)
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("x-amzn-ErrorType", code)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": message}) // the caller is gone
}
