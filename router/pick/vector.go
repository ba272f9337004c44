package pick

import "math"

// Point is a place on the globe, in degrees.
type Point struct{ Lat, Lon float64 }

// earthRadiusKm is the mean radius R1 of the IUGG.
const earthRadiusKm = 6371.0088

// vector is a Point on the unit sphere. The straight line between two of them
// grows with the great-circle distance, so that comparing its square ranks POPs
// without trigonometry for each of them.
type vector struct{ x, y, z float64 }

func (p Point) vector() vector {
	sinLat, cosLat := math.Sincos(p.Lat * math.Pi / 180)
	sinLon, cosLon := math.Sincos(p.Lon * math.Pi / 180)
	return vector{float64(cosLat * cosLon), float64(cosLat * sinLon), sinLat}
}

// chord2 is the square of the straight line between a and b. The conversions
// keep the compiler from fusing multiplications and additions on processors that
// can: routers on different machines must rank alike.
func (a vector) chord2(b vector) float64 {
	x, y, z := a.x-b.x, a.y-b.y, a.z-b.z
	return float64(float64(x*x)+float64(y*y)) + float64(z*z)
}

// kilometres turns what chord2 returns into a great-circle distance.
func kilometres(chord2 float64) float64 {
	return 2 * earthRadiusKm * math.Asin(math.Min(1, math.Sqrt(chord2)/2))
}
