package rfc9111

import (
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// dateForm is the form in which dates are sent (RFC 9110 section 5.6.7).
const dateForm = "Mon, 02 Jan 2006 15:04:05 GMT"

// ParseDate reads an HTTP date in any of its three forms.
func ParseDate(s string) (time.Time, bool) {
	if s == "" { // the usual case
		return time.Time{}, false
	}
	for _, form := range [...]string{dateForm, "Monday, 02-Jan-06 15:04:05 GMT", "Mon Jan _2 15:04:05 2006"} {
		if t, err := time.Parse(form, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// FormatDate writes an HTTP date.
func FormatDate(t time.Time) string { return t.UTC().Format(dateForm) }

// date returns the Date of a response, or when it was received where it has none
// that can be read (RFC 9110 section 6.6.1).
func date(h message.Header, received time.Time) time.Time {
	if t, ok := ParseDate(h.Get("Date")); ok {
		return t
	}
	return received
}
