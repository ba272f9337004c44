package result

import (
	"errors"
	"io"

	"github.com/warmfront/warmfront/edge/accesslog"
	"github.com/warmfront/warmfront/edge/fetch"
	"github.com/warmfront/warmfront/edge/upstream"
)

// DetailOfOrigin is the detailed result type of an answer which an origin owes.
func DetailOfOrigin(err error) string {
	var failed *upstream.Error
	var told interface {
		error
		Sentence() string
	}
	var reason upstream.Reason
	switch {
	case errors.As(err, &failed):
		reason = failed.Reason
	case errors.As(err, &told): // a tier asked the origin, and says so to a person
		reason = upstream.ReasonOf(told.Sentence())
	}
	switch reason {
	case "":
		return accesslog.AbortedOrigin
	case upstream.ConnectTimeout, upstream.ReadTimeout:
		return accesslog.OriginCommError
	case upstream.NotAllowed, upstream.TLS:
		return accesslog.OriginConnectError
	}
	return string(reason)
}

// DetailOfBroken is that of an answer which broke off.
func DetailOfBroken(err error) string {
	var failed *upstream.Error
	var broken *fetch.BrokenOff
	if errors.As(err, &failed) || errors.As(err, &broken) || errors.Is(err, fetch.ErrChanged) || errors.Is(err, io.ErrUnexpectedEOF) {
		return DetailOfOrigin(err)
	}
	return accesslog.ClientCommError
}
