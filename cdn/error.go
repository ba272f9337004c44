package cdn

import "github.com/warmfront/warmfront/cdn/apierror"

// Error is a failure that a person or a client is told of, with CloudFront's code.
type Error = apierror.Error

// Errorf makes an Error.
func Errorf(code, format string, args ...any) *Error { return apierror.Errorf(code, format, args...) }

// ErrorCode returns the code of the Error in err's chain, or "".
func ErrorCode(err error) string { return apierror.Code(err) }
