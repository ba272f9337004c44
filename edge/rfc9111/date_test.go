package rfc9111

import (
	"net/http"
	"testing"
	"time"
)

func TestParseDate(t *testing.T) {
	for _, s := range []string{
		"Sun, 01 Mar 2026 12:00:00 GMT", "Sunday, 01-Mar-26 12:00:00 GMT", "Sun Mar  1 12:00:00 2026", "Sun Mar 01 12:00:00 2026",
		"SUN, 01 Mar 2026 12:00:00 GMT", "Sun, 01 MAR 2026 12:00:00 gmt", "sunday, 01-mar-26 12:00:00 gMT",
		"Mon, 01 Mar 2026 12:00:00 GMT", // the day of the week says nothing
	} {
		if got, ok := ParseDate(s, noon); !ok || !got.Equal(noon) {
			t.Errorf("%q: %v %v", s, got, ok)
		}
	}
	for _, s := range []string{
		"", "0", "-1", "Sun, 01 Mar 2026 12:00:00 +0100", "2026-03-01T12:00:00Z",
		"Sun, 01 Mar 2026 12:00:00 UTC", "Sun, 01 Mar 2026 12:00:00 AEST", "Sun, 01 Mar 26 12:00:00 GMT", "Sun 01 Mar 2026 12:00:00 GMT",
		"Sun, 01  Mar  2026 12:00:00 GMT", "Sun, 01-Mar-2026 12:00:00 GMT", "Sun, 01 Mar 2026 12.00.00 GMT", "Sun, 01 Mar 2026 2:00:00 GMT",
		"Sun, 1 Mar 2026 12:00:00 GMT", "Sun, 31 Feb 2026 12:00:00 GMT", "Sun, 01 Mar 2026 24:00:00 GMT", "Sun, 00 Mar 2026 12:00:00 GMT",
		"Xxx, 01 Mar 2026 12:00:00 GMT", "Sun, 01 Mrz 2026 12:00:00 GMT", "Sun, 01 Mar 2026 12:00:00 GMT ", "Sun-day, 01-Mar-26 12:00:0 GMT",
	} {
		if got, ok := ParseDate(s, noon); ok {
			t.Errorf("%q was read as %v", s, got)
		}
	}
}

// TestTwoDigitYears: more than 50 years ahead means the past (RFC 9110 section
// 5.6.7).
func TestTwoDigitYears(t *testing.T) {
	for s, want := range map[string]int{
		"Thursday, 18-Aug-50 02:01:18 GMT": 2050, "Thursday, 18-Aug-75 02:01:18 GMT": 2075, "Thursday, 18-Aug-76 02:01:18 GMT": 1976,
		"Sunday, 06-Nov-94 08:49:37 GMT": 1994, "Saturday, 29-Feb-00 00:00:00 GMT": 2000,
	} {
		if got, ok := ParseDate(s, noon); !ok || got.Year() != want {
			t.Errorf("%q: %v %v", s, got, ok)
		}
	}
	if got, _ := ParseDate("Friday, 01-Jan-10 00:00:00 GMT", time.Date(2080, 1, 1, 0, 0, 0, 0, time.UTC)); got.Year() != 2110 {
		t.Error(got)
	}
}

// FuzzParseDate: what is written is read, and what net/http reads of a current
// form with four digits is the same here.
func FuzzParseDate(f *testing.F) {
	for _, s := range []string{"Sun, 01 Mar 2026 12:00:00 GMT", "Sunday, 01-Mar-26 12:00:00 GMT", "Sun Mar  1 12:00:00 2026", "Sun, 01 Mar 2026 12:00:60 GMT"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := ParseDate(s, noon)
		if !ok {
			return
		}
		if again, ok := ParseDate(FormatDate(got), noon); !ok || !again.Equal(got) {
			t.Fatalf("%q: %v %v", s, got, again)
		}
		if want, err := http.ParseTime(s); err == nil && len(s) != len("Sunday, 01-Mar-26 12:00:00 GMT") && s[3] == ',' && !want.Equal(got) {
			t.Fatalf("%q: %v, net/http says %v", s, got, want)
		}
	})
}
