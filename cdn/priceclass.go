package cdn

import "fmt"

// PriceClass limits the edge locations that serve a distribution. A POP has the
// cheapest class that includes it; a distribution is served from POPs of its
// own class and of cheaper ones.
type PriceClass int

// The price classes, cheapest first.
const (
	PriceClass100 PriceClass = 100
	PriceClass200 PriceClass = 200
	PriceClassAll PriceClass = 1000
)

// ParsePriceClass reads CloudFront's names ("PriceClass_200") and the short form
// of the POP catalogue ("200", "All"). An empty string is PriceClass_All, as in
// CloudFront's API.
func ParsePriceClass(s string) (PriceClass, error) {
	switch s {
	case "PriceClass_100", "100":
		return PriceClass100, nil
	case "PriceClass_200", "200":
		return PriceClass200, nil
	case "PriceClass_All", "All", "":
		return PriceClassAll, nil
	}
	return 0, Errorf("InvalidArgument", "The price class %q is not one of PriceClass_100, PriceClass_200, PriceClass_All.", s)
}

// Includes reports whether a distribution of class c may be served from a POP of
// class pop.
func (c PriceClass) Includes(pop PriceClass) bool { return pop <= c }

func (c PriceClass) String() string {
	if c == PriceClassAll {
		return "PriceClass_All"
	}
	return fmt.Sprintf("PriceClass_%d", int(c))
}
