// Package apierror is how a failure is told to who uses CloudFront's API: a code and a
// sentence.
package apierror

import (
	"errors"
	"fmt"
)

// Error is a failure that a person or a client is told of: CloudFront's error
// code and one sentence. What HTTP status a code has is decided in one place,
// control/cloudfront.
type Error struct {
	Code    string
	Message string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Errorf makes an Error.
func Errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Code returns the code of the Error in err's chain, or "".
func Code(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
