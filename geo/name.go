package geo

import (
	"sort"
	"strings"
)

// plainLetters spells the letters of European city names as people type them
// on a keyboard that lacks them.
var plainLetters = strings.NewReplacer(
	"á", "a", "à", "a", "â", "a", "ã", "a", "ä", "a", "å", "a", "ă", "a", "ą", "a",
	"ç", "c", "ć", "c", "č", "c", "é", "e", "è", "e", "ê", "e", "ë", "e", "ę", "e", "ě", "e",
	"í", "i", "ì", "i", "î", "i", "ï", "i", "ı", "i", "ł", "l", "ñ", "n", "ń", "n",
	"ó", "o", "ò", "o", "ô", "o", "õ", "o", "ö", "o", "ø", "o", "ő", "o", "ř", "r",
	"ś", "s", "š", "s", "ş", "s", "ș", "s", "ț", "t", "ú", "u", "ù", "u", "û", "u", "ü", "u", "ű", "u", "ů", "u",
	"ý", "y", "ż", "z", "ź", "z", "ž", "z", "ß", "ss", "æ", "ae",
)

// fold makes two spellings of one name equal: "São Paulo", "sao-paulo" and
// "SaoPaulo"; "St. Louis" and "st louis".
func fold(s string) string {
	s = plainLetters.Replace(strings.ToLower(strings.TrimSpace(s)))
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 0x7f {
			return r
		}
		return -1
	}, s)
}

// closest returns the POPs whose code or city is most like name, at most limit
// of them, best first: first those of the country that name is, then by edit
// distance, leaving out what is nothing like it.
func closest(name string, pops []POP, limit int) []POP {
	want := fold(name)
	if want == "" {
		return nil
	}
	type scored struct {
		pop   POP
		score int
	}
	var found []scored
	for _, p := range pops {
		city := fold(p.City)
		score := min(
			editDistance(want, city), editDistance(want, fold(p.Code)),
			// "Frankfrut" is one slip from "Frankfurt am Main", not seven.
			editDistance(want, city[:min(len(city), len(want))])+1,
		)
		if country := fold(p.Country); want == country || want == fold(p.CountryCode) {
			score = 0
		}
		if score <= max(1, len(want)/2) {
			found = append(found, scored{p, score})
		}
	}
	sort.SliceStable(found, func(i, j int) bool { return found[i].score < found[j].score })
	near := make([]POP, 0, limit)
	for _, f := range found[:min(limit, len(found))] {
		near = append(near, f.pop)
	}
	return near
}

// editDistance is Levenshtein's, in bytes: folded names are nearly all ASCII.
// Names are cut at 64 bytes, because anybody may ask for anything.
func editDistance(a, b string) int {
	a, b = a[:min(len(a), 64)], b[:min(len(b), 64)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
