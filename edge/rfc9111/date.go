package rfc9111

import (
	"strings"
	"time"

	"github.com/warmfront/warmfront/edge/message"
)

// dateForm is the form in which dates are sent (RFC 9110 section 5.6.7).
const dateForm = "Mon, 02 Jan 2006 15:04:05 GMT"

// ParseDate reads an HTTP date in any of its three forms, letter by letter but
// for case: a time zone, a separator or a number of digits that is not of the form
// makes it no date at all. now is for the form whose year has two digits.
func ParseDate(s string, now time.Time) (time.Time, bool) {
	switch {
	case len(s) < len("Sun Nov  6 08:49:37 1994"):
		return time.Time{}, false
	case len(s) == len(dateForm) && s[3] == ',':
		return fixedDate(s)
	case len(s) == len("Sun Nov  6 08:49:37 1994"):
		return asctimeDate(s)
	}
	return rfc850Date(s, now)
}

// fixedDate reads "Sun, 06 Nov 1994 08:49:37 GMT".
func fixedDate(s string) (time.Time, bool) {
	if !weekday(s[:3], 3) || s[4] != ' ' || s[7] != ' ' || s[11] != ' ' || s[16] != ' ' || s[25] != ' ' || !strings.EqualFold(s[26:], "GMT") {
		return time.Time{}, false
	}
	return civil(s[12:16], s[8:11], s[5:7], s[17:25])
}

// rfc850Date reads "Sunday, 06-Nov-94 08:49:37 GMT". A year that seems to be more
// than 50 years ahead is the last one before that ends in the same two digits.
func rfc850Date(s string, now time.Time) (time.Time, bool) {
	name, s, ok := strings.Cut(s, ", ")
	if !ok || !weekday(name, 0) || len(s) != len("06-Nov-94 08:49:37 GMT") || s[2] != '-' || s[6] != '-' || s[9] != ' ' || s[18] != ' ' ||
		!strings.EqualFold(s[19:], "GMT") {
		return time.Time{}, false
	}
	year, ok := digits(s[7:9])
	year += (now.UTC().Year()/100 + 1) * 100
	for range 3 {
		if t, exists := clock(year, s[3:6], s[:2], s[10:18]); ok && exists && !t.After(now.AddDate(50, 0, 0)) {
			return t, true
		}
		year -= 100
	}
	return time.Time{}, false
}

// asctimeDate reads "Sun Nov  6 08:49:37 1994".
func asctimeDate(s string) (time.Time, bool) {
	if !weekday(s[:3], 3) || s[3] != ' ' || s[7] != ' ' || s[10] != ' ' || s[19] != ' ' {
		return time.Time{}, false
	}
	day := s[8:10]
	if day[0] == ' ' {
		day = day[1:]
	}
	return civil(s[20:], s[4:7], day, s[11:19])
}

// weekday reports whether s is the name of a day, or its first n letters. It need
// not be that of the date.
func weekday(s string, n int) bool {
	for d := time.Sunday; d <= time.Saturday; d++ {
		name := d.String()
		if n > 0 {
			name = name[:n]
		}
		if strings.EqualFold(s, name) {
			return true
		}
	}
	return false
}

func civil(year, month, day, hms string) (time.Time, bool) {
	y, ok := digits(year)
	if !ok {
		return time.Time{}, false
	}
	return clock(y, month, day, hms)
}

// clock is the moment that the parts of a date name; there may be a leap second.
func clock(year int, month, day, hms string) (time.Time, bool) {
	m := time.January
	for ; m <= time.December && !strings.EqualFold(month, m.String()[:3]); m++ {
	}
	d, ok1 := digits(day)
	hour, ok2 := digits(hms[:2])
	minute, ok3 := digits(hms[3:5])
	second, ok4 := digits(hms[6:])
	if m > time.December || !ok1 || !ok2 || !ok3 || !ok4 || hms[2] != ':' || hms[5] != ':' || hour > 23 || minute > 59 || second > 60 {
		return time.Time{}, false
	}
	t := time.Date(year, m, d, hour, minute, min(second, 59), 0, time.UTC)
	return t, t.Day() == d // or the month has no such day
}

func digits(s string) (int, bool) {
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, s != ""
}

// FormatDate writes an HTTP date.
func FormatDate(t time.Time) string { return t.UTC().Format(dateForm) }

// date returns the Date of a response, or when it was received where it has none
// that can be read (RFC 9110 section 6.6.1).
func date(h message.Header, received time.Time) time.Time {
	if t, ok := ParseDate(h.Get("Date"), received); ok {
		return t
	}
	return received
}

// ShiftDates moves what a response says of its own times, Date and Expires, by d, in place.
// Last-Modified stays: it is a validator too, and must come back as it was given.
func ShiftDates(h message.Header, d time.Duration, now time.Time) {
	for i := range h {
		if !strings.EqualFold(h[i].Name, "Date") && !strings.EqualFold(h[i].Name, "Expires") {
			continue
		}
		if t, ok := ParseDate(h[i].Value, now); ok {
			h[i].Value = FormatDate(t.Add(d))
		}
	}
}
