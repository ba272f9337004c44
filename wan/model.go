package wan

import (
	"math"
	"time"
)

// Place is a point on the globe in degrees, north and east positive.
type Place struct {
	Lat, Lon float64
}

// Model turns distance into time. The zero Scale is "off": every time is 0.
type Model struct {
	Seed  uint64  // chooses the spread of each pair and the last mile of each viewer
	Scale float64 // multiplies every time: 1 is the world as it is, 0.1 a tenth of it
}

// The fit to published tables of round trips between cloud regions, within
// 11 % at the median.
const (
	baseMillis     = 3.0
	millisPer100km = 1.6
	spreadSigma    = 0.25
	lastMileMin    = 5.0
	lastMileMax    = 15.0
	earthRadiusKm  = 6371.0
)

// RTT returns the round trip between two nodes:
// (3 ms + 1.6 ms per 100 km of great circle) times a lognormal factor (median
// 1, sigma 0.25) that belongs to the pair. RTT(a, b) == RTT(b, a). Nodes stand
// in data centres, so no last mile is added; see ViewerRTT.
func (m Model) RTT(a, b Place) time.Duration {
	return m.scaled(m.pairMillis(a, b))
}

// ViewerRTT returns the round trip between a viewer and a node: RTT plus the
// viewer's last mile, 5 to 15 ms, which belongs to the viewer's place and is
// therefore the same towards every node. It does not take part in the spread.
func (m Model) ViewerRTT(viewer, node Place) time.Duration {
	lastMile := lastMileMin + (lastMileMax-lastMileMin)*unit(mix(m.Seed^0x6c617374, viewer.key()))
	return m.scaled(m.pairMillis(viewer, node) + lastMile)
}

func (m Model) pairMillis(a, b Place) float64 {
	base := baseMillis + millisPer100km*DistanceKm(a, b)/100
	return base * math.Exp(spreadSigma*m.normal(a, b))
}

func (m Model) scaled(millis float64) time.Duration {
	if m.Scale <= 0 {
		return 0
	}
	return time.Duration(millis * m.Scale * float64(time.Millisecond)).Round(time.Microsecond)
}

// normal returns the pair's standard normal deviate (Box-Muller on two hashes
// of the unordered pair).
func (m Model) normal(a, b Place) float64 {
	lo, hi := a.key(), b.key()
	if lo > hi {
		lo, hi = hi, lo
	}
	h := mix(mix(m.Seed, lo), hi)
	u := 1 - unit(h) // (0, 1], for the logarithm
	v := unit(mix(h, 1))
	return math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*v)
}

// DistanceKm returns the great-circle distance on a sphere of 6,371 km.
func DistanceKm(a, b Place) float64 {
	const rad = math.Pi / 180
	dLat, dLon := (b.Lat-a.Lat)*rad, (b.Lon-a.Lon)*rad
	h := sq(math.Sin(dLat/2)) + math.Cos(a.Lat*rad)*math.Cos(b.Lat*rad)*sq(math.Sin(dLon/2))
	return 2 * earthRadiusKm * math.Asin(math.Min(1, math.Sqrt(h)))
}

// key identifies a place to about ten metres, so that the last bits of a float
// do not choose another spread.
func (p Place) key() uint64 {
	lat, lon := int32(math.Round(p.Lat*1e4)), int32(math.Round(p.Lon*1e4))
	return uint64(uint32(lat))<<32 | uint64(uint32(lon))
}

func sq(x float64) float64 { return x * x }

// mix is the splitmix64 finaliser over the two words: enough to make pairs
// independent, and the same on every platform.
func mix(a, b uint64) uint64 {
	z := a + 0x9e3779b97f4a7c15*(b+1)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// unit maps a hash to [0, 1).
func unit(h uint64) float64 { return float64(h>>11) / (1 << 53) }
