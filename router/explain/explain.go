// Package explain holds why a router answers as it does, and writes it as the
// strings of a TXT record: one line a fact, which a person can read in the output
// of dig and [Parse] reads back.
//
// A line is a word that says what it is about, then fields: `answer pop=NRT;
// node=NRT-1; addr=127.120.0.1; ttl=60; scope=20`. Parse passes over lines and fields
// that it does not know, so that releases can differ.
package explain

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Explanation is why a viewer is given an edge.
type Explanation struct {
	Name         string `json:"name"`
	Distribution string `json:"distribution"`
	PriceClass   string `json:"price_class"`
	Viewer       Viewer `json:"viewer"`
	Place        Place  `json:"place"`
	Answer       Answer `json:"answer"`
	// DNSSEC is how the answer is signed, nil where it is not.
	DNSSEC *DNSSEC `json:"dnssec,omitempty"`
	// Ranking is every edge location by its distance, or by its way; the answer is the first that
	// is not excluded.
	Ranking []POP `json:"ranking"`
}

// Viewer is who asks, as far as the router knows.
type Viewer struct {
	Network netip.Prefix `json:"network"`
	// By says how the viewer was placed: by its "subnet" (EDNS Client Subnet), by the
	// asking "address", or not, "unknown": then it is taken to be at home.
	By string `json:"by"`
}

// Place is where the viewer is taken to be, and who says so.
type Place struct {
	City      string       `json:"city"`
	Country   string       `json:"country"`
	Lat       float64      `json:"lat"`
	Lon       float64      `json:"lon"`
	Precision string       `json:"precision"` // "city" or "country"
	Source    string       `json:"source"`    // the database
	Prefix    netip.Prefix `json:"prefix"`    // its record's network
}

// Answer is what DNS gives.
type Answer struct {
	POP  string     `json:"pop"` // "" where there is no edge to give
	Node string     `json:"node"`
	Addr netip.Addr `json:"addr"`
	// Others are the further addresses of the answer.
	Others []netip.Addr `json:"others,omitempty"`
	TTL    int          `json:"ttl"`
	// Scope is the length of the prefix within which others are given the same
	// (RFC 7871); -1 where the query had no subnet.
	Scope int `json:"scope"`
	// Degraded says that no edge of the price class is healthy, and that this is one
	// that was good last.
	Degraded bool `json:"degraded"`
	// Overflow says that every edge of the price class is down, and that this is one
	// outside it.
	Overflow bool `json:"overflow"`
	// Block is the viewers for whom the answer was made; zero where it is the same for all
	// who are nearest to the POP.
	Block netip.Prefix `json:"block,omitzero"`
	// From is the nearest POP, where that sends on this block for its load.
	From string `json:"from,omitempty"`
	// At is the POP that the viewer is taken to be at, where POPs are ranked by measured
	// ways from there; "" where they are ranked by distance.
	At string `json:"at,omitempty"`
}

// DNSSEC is how the answers of a zone are signed, for those who ask for it.
type DNSSEC struct {
	Zone      string `json:"zone"`
	Algorithm string `json:"algorithm"` // its mnemonic
	Keys      []int  `json:"keys"`      // their tags
}

// POP is an edge location in the ranking.
type POP struct {
	Code string  `json:"pop"`
	Km   float64 `json:"km"`
	// RoundTrip is what the distance model says of the way there.
	RoundTrip time.Duration `json:"round_trip_ns"`
	Edges     int           `json:"edges"`   // registered
	Healthy   int           `json:"healthy"` // of them
	// Use is its load as a part of its capacity, -1 where that is not known; Spill the part
	// of the blocks of viewers nearest to it that it sends on to others.
	Use   float64 `json:"use"`
	Spill float64 `json:"spill"`
	// Way is the round trip from the POP that the viewer is taken to be at, and Measured
	// whether it was measured or is the model's.
	Way      time.Duration `json:"way_ns,omitempty"`
	Measured bool          `json:"measured,omitempty"`
	// Excluded says why it cannot be answered; "" where it can.
	Excluded string `json:"excluded,omitempty"`
}

// maxLine is what one string of a TXT record holds.
const maxLine = 255

// Lines returns the explanation as the strings of a TXT record.
func (x Explanation) Lines() []string {
	lines := []string{
		line("question", "name", x.Name, "distribution", x.Distribution, "class", x.PriceClass),
		line("viewer", "network", x.Viewer.Network, "by", x.Viewer.By),
		line("place", "city", x.Place.City, "country", x.Place.Country, "lat", decimal(x.Place.Lat, 4), "lon", decimal(x.Place.Lon, 4),
			"precision", x.Place.Precision, "source", x.Place.Source, "prefix", x.Place.Prefix),
		line("answer", "pop", x.Answer.POP, "node", x.Answer.Node, "addr", x.Answer.Addr, "ttl", x.Answer.TTL,
			"scope", x.Answer.Scope, "degraded", x.Answer.Degraded, "overflow", x.Answer.Overflow, "block", x.Answer.Block, "from", x.Answer.From, "at", x.Answer.At,
			"others", list(x.Answer.Others)),
	}
	if d := x.DNSSEC; d != nil {
		lines = append(lines, line("dnssec", "zone", d.Zone, "algorithm", d.Algorithm, "keys", strings.Trim(fmt.Sprint(d.Keys), "[]"), "denial", "compact"))
	}
	for _, p := range x.Ranking {
		use, spill, way, measured := "", "", "", ""
		if x.Answer.At != "" {
			way, measured = p.Way.String(), strconv.FormatBool(p.Measured)
		}
		if p.Use >= 0 {
			use = decimal(p.Use, 3)
		}
		if p.Spill > 0 {
			spill = decimal(p.Spill, 3)
		}
		lines = append(lines, line("pop", "code", p.Code, "km", decimal(p.Km, 1), "rtt", p.RoundTrip,
			"edges", p.Edges, "healthy", p.Healthy, "use", use, "spill", spill, "way", way, "measured", measured, "excluded", p.Excluded))
	}
	return lines
}

// list writes addresses as one value.
func list(addrs []netip.Addr) string {
	out := make([]string, 0, len(addrs))
	for _, a := range addrs {
		out = append(out, a.String())
	}
	return strings.Join(out, ",")
}

func decimal(f float64, digits int) string { return strconv.FormatFloat(f, 'f', digits, 64) }

// line writes fields, without those that say nothing.
func line(about string, fields ...any) string {
	b := strings.Builder{}
	b.WriteString(about)
	for i := 0; i < len(fields); i += 2 {
		value := clean(fmt.Sprint(fields[i+1]))
		if value == "" || value == "invalid IP" || value == "invalid Prefix" {
			continue
		}
		if i > 0 && b.Len() > len(about) {
			b.WriteByte(';')
		}
		field := fmt.Sprintf(" %s=%s", fields[i], value)
		if b.Len()+len(field) > maxLine-1 {
			break
		}
		b.WriteString(field)
	}
	return strings.TrimSuffix(b.String(), ";")
}

// clean takes out of a value what would end it, and what a TXT record would have to
// escape.
func clean(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == ';':
			return ','
		case r < ' ' || r == '"' || r == '\\' || r == 0x7f:
			return -1
		}
		return r
	}, s))
}

// Parse reads what Lines wrote.
func Parse(lines []string) (x Explanation, err error) {
	x.Answer.Scope = -1
	known := false
	for _, l := range lines {
		about, rest, _ := strings.Cut(l, " ")
		f := fields{of: map[string]string{}}
		for part := range strings.SplitSeq(rest, "; ") {
			key, value, _ := strings.Cut(part, "=")
			f.of[key] = value
		}
		switch about {
		case "question":
			known = true
			x.Name, x.Distribution, x.PriceClass = f.of["name"], f.of["distribution"], f.of["class"]
		case "viewer":
			x.Viewer = Viewer{f.prefix("network"), f.of["by"]}
		case "place":
			x.Place = Place{
				City: f.of["city"], Country: f.of["country"], Lat: f.float("lat"), Lon: f.float("lon"),
				Precision: f.of["precision"], Source: f.of["source"], Prefix: f.prefix("prefix"),
			}
		case "answer":
			x.Answer = Answer{
				POP: f.of["pop"], Node: f.of["node"], Addr: f.addr("addr"), TTL: f.int("ttl"),
				Scope: f.int("scope"), Degraded: f.of["degraded"] == "true",
				Overflow: f.of["overflow"] == "true", Block: f.prefix("block"), From: f.of["from"], At: f.of["at"], Others: f.addrs("others"),
			}
		case "dnssec":
			x.DNSSEC = &DNSSEC{Zone: f.of["zone"], Algorithm: f.of["algorithm"], Keys: f.ints("keys")}
		case "pop":
			p := POP{
				Code: f.of["code"], Km: f.float("km"), RoundTrip: f.duration("rtt"), Edges: f.int("edges"), Healthy: f.int("healthy"),
				Use: -1, Spill: f.float("spill"), Way: f.duration("way"), Measured: f.of["measured"] == "true", Excluded: f.of["excluded"],
			}
			if _, known := f.of["use"]; known {
				p.Use = f.float("use")
			}
			x.Ranking = append(x.Ranking, p)
		}
		if f.err != nil {
			return x, fmt.Errorf("the explanation's line %q: %w", l, f.err)
		}
	}
	if !known {
		return x, errors.New("the router's text is no explanation")
	}
	return x, nil
}

// fields are those of one line; err is the first that could not be read.
type fields struct {
	of  map[string]string
	err error
}

func read[T any](f *fields, key string, parse func(string) (T, error)) (v T) {
	s, ok := f.of[key]
	if !ok || f.err != nil {
		return v
	}
	v, f.err = parse(s)
	return v
}

func (f *fields) prefix(key string) netip.Prefix { return read(f, key, netip.ParsePrefix) }
func (f *fields) addr(key string) netip.Addr     { return read(f, key, netip.ParseAddr) }
func (f *fields) int(key string) int             { return read(f, key, strconv.Atoi) }

func (f *fields) ints(key string) []int {
	return read(f, key, func(s string) (out []int, err error) {
		for field := range strings.FieldsSeq(s) {
			n, err := strconv.Atoi(field)
			if err != nil {
				return nil, err
			}
			out = append(out, n)
		}
		return out, nil
	})
}

func (f *fields) addrs(key string) []netip.Addr {
	return read(f, key, func(s string) (out []netip.Addr, err error) {
		for one := range strings.SplitSeq(s, ",") {
			a, err := netip.ParseAddr(one)
			if err != nil {
				return nil, err
			}
			out = append(out, a)
		}
		return out, nil
	})
}

func (f *fields) float(key string) float64 {
	return read(f, key, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) })
}

func (f *fields) duration(key string) time.Duration { return read(f, key, time.ParseDuration) }
