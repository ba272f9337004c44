package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"syscall"
)

// Reason says why an origin gave no answer.
type Reason string

// The reasons, named as CloudFront's logs name them where they do
// (x-edge-detailed-result-type).
const (
	DNS            Reason = "OriginDnsError"
	NotAllowed     Reason = "OriginNotAllowed"
	Connect        Reason = "OriginConnectError"
	ConnectTimeout Reason = "OriginConnectTimeout"
	TLS            Reason = "OriginTlsError"
	ReadTimeout    Reason = "OriginReadTimeout"
	HeaderTooBig   Reason = "OriginHeaderTooBigError"
	Read           Reason = "OriginReadError"
	Write          Reason = "OriginWriteError"
	BadResponse    Reason = "OriginInvalidResponseError"
)

// Error is why an origin gave no answer.
type Error struct {
	Reason Reason
	Err    error
}

var errClosed = fmt.Errorf("the origin closed the connection: %w", io.ErrUnexpectedEOF)

// Passing reports whether asking again may well be answered, so that the failure is
// not to be kept: an origin that closes a connection without a word may have meant
// the request before.
func (e *Error) Passing() bool { return errors.Is(e.Err, errClosed) }

func (e *Error) Error() string { return string(e.Reason) + ": " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Status is what the viewer is told: 504 where the origin was waited for in vain,
// 502 for the rest (developer guide, "Troubleshooting error response status
// codes").
func (e *Error) Status() int {
	if e.Reason == ConnectTimeout || e.Reason == ReadTimeout {
		return 504
	}
	return 502
}

// Sentence says it to a person who may not know the network.
func (e *Error) Sentence() string { return sentences()[e.Reason] }

func sentences() map[Reason]string {
	return map[Reason]string{
		DNS:            "The name of the origin could not be resolved.",
		NotAllowed:     "The origin's address is not one that this network connects to.",
		Connect:        "The origin refused the connection.",
		ConnectTimeout: "The origin did not accept the connection in time.",
		TLS:            "The origin's TLS certificate or protocol was not acceptable.",
		ReadTimeout:    "The origin did not answer in time.",
		HeaderTooBig:   "The header of the origin's answer is too large.",
		Read:           "The origin broke its answer off.",
		Write:          "The origin did not take the request.",
		BadResponse:    "The origin did not give a valid answer.",
	}
}

// ReasonOf is the reason that a sentence says, "" if it is none's: what another node was
// told by an origin it hands on as a sentence.
func ReasonOf(sentence string) Reason {
	for reason, s := range sentences() {
		if s == sentence {
			return reason
		}
	}
	return ""
}

var errReadTimeout = errors.New("the origin's response time-out is over")

// classify makes an Error of what a round trip or a read of a body returned. The
// viewer's own leaving (ctx) is not the origin's failure and stays as it is.
func classify(ctx context.Context, err error) error {
	var known *Error
	var dns *net.DNSError
	var unknownCA x509.UnknownAuthorityError
	var wrongHost x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verify *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var timeout net.Error
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return err
	case errors.Is(context.Cause(ctx), errReadTimeout):
		return &Error{ReadTimeout, errReadTimeout}
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &known):
		return known
	case errors.As(err, &dns):
		return &Error{DNS, err}
	case errors.As(err, &unknownCA), errors.As(err, &wrongHost), errors.As(err, &invalid), errors.As(err, &verify), errors.As(err, &record), errors.As(err, &alert):
		return &Error{TLS, err}
	case errors.As(err, &timeout) && timeout.Timeout():
		return &Error{ConnectTimeout, err}
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return &Error{Connect, err}
	}
	return &Error{BadResponse, err}
}

// isTimeout reports whether a deadline of a connection is over.
func isTimeout(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// broken is an Error of a connection that was there: a time-out of whatever it
// did is the origin's not answering.
func broken(reason Reason, err error) error {
	if isTimeout(err) {
		return &Error{ReadTimeout, errReadTimeout}
	}
	return &Error{reason, err}
}

func notAllowed(address, why string) error {
	return &Error{NotAllowed, errors.New("the address " + strconv.Quote(address) + ": " + why)}
}
