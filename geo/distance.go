package geo

import "math"

// earthRadiusKm is the mean radius R1 of the IUGG.
const earthRadiusKm = 6371.0088

// Distance returns the great-circle distance in kilometres between two points
// given in degrees, by the haversine formula.
//
// The conversions to float64 keep the compiler from fusing a multiplication
// and an addition on the processors that can: routers on different machines
// must rank POPs alike, or a viewer would be sent to and fro between two.
func Distance(lat1, lon1, lat2, lon2 float64) float64 {
	const degree = math.Pi / 180
	sinLat := math.Sin(float64((lat2-lat1)*degree) / 2)
	sinLon := math.Sin(float64((lon2-lon1)*degree) / 2)
	h := float64(sinLat*sinLat) + float64(float64(math.Cos(lat1*degree)*math.Cos(lat2*degree))*float64(sinLon*sinLon))
	return 2 * earthRadiusKm * math.Asin(math.Min(1, math.Sqrt(h)))
}

// Nearest returns the POP that is the least distance from a point, and that
// distance in kilometres; of two at the same distance, the one with the lower
// number. Without POPs it returns the zero POP and +Inf.
func Nearest(lat, lon float64, pops []POP) (POP, float64) {
	best, least := POP{}, math.Inf(1)
	for _, p := range pops {
		d := Distance(lat, lon, p.Lat, p.Lon)
		if d < least || d == least && p.N < best.N {
			best, least = p, d
		}
	}
	return best, least
}
