package wan

import (
	"math"
	"sort"
	"testing"
	"time"
)

var (
	frankfurt = Place{50.03, 8.57}
	tokyo     = Place{35.76, 140.39}
	sydney    = Place{-33.95, 151.18}
	ashburn   = Place{38.95, -77.45}
)

func TestDistanceKm(t *testing.T) {
	for _, tt := range []struct {
		name string
		a, b Place
		want float64
	}{
		{"same place", tokyo, tokyo, 0},
		{"FRA-NRT", frankfurt, tokyo, 9358},
		{"IAD-FRA", ashburn, frankfurt, 6547},
		{"across the date line", Place{0, 179}, Place{0, -179}, 222.4},
		{"pole to pole", Place{90, 0}, Place{-90, 57}, 20015},
		{"antipodes", Place{10, 20}, Place{-10, -160}, 20015},
	} {
		if got := DistanceKm(tt.a, tt.b); math.Abs(got-tt.want) > tt.want*0.003 {
			t.Errorf("%s: %.1f km, want %.1f", tt.name, got, tt.want)
		}
	}
}

func TestRTTIsSymmetricAndSeeded(t *testing.T) {
	m := Model{Seed: 7, Scale: 1}
	if ab, ba := m.RTT(frankfurt, sydney), m.RTT(sydney, frankfurt); ab != ba || ab <= 0 {
		t.Errorf("RTT(FRA, SYD) = %v, RTT(SYD, FRA) = %v: want one positive time", ab, ba)
	}
	nearly := Place{frankfurt.Lat + 1e-9, frankfurt.Lon}
	if a, b := m.RTT(frankfurt, tokyo), m.RTT(nearly, tokyo); a != b {
		t.Errorf("float noise in a coordinate changes the time: %v, %v", a, b)
	}
	other := Model{Seed: 8, Scale: 1}
	if m.RTT(frankfurt, sydney) == other.RTT(frankfurt, sydney) {
		t.Error("two seeds give the same spread")
	}
	// Pinned: a recorded run must mean the same on another machine.
	if got, want := m.RTT(frankfurt, sydney), 271038*time.Microsecond; got != want {
		t.Errorf("RTT(FRA, SYD) with seed 7 = %v, want %v", got, want)
	}
}

func TestScale(t *testing.T) {
	world, tenth, off := Model{1, 1}, Model{1, 0.1}, Model{}
	if off.RTT(tokyo, sydney) != 0 || off.ViewerRTT(tokyo, sydney) != 0 {
		t.Error("the zero model is not off")
	}
	ratio := float64(world.RTT(tokyo, sydney)) / float64(tenth.RTT(tokyo, sydney))
	if math.Abs(ratio-10) > 0.01 {
		t.Errorf("scale 0.1 divides by %.3f", ratio)
	}
}

func TestViewerPaysALastMile(t *testing.T) {
	m := Model{Seed: 3, Scale: 1}
	seen := map[time.Duration]bool{}
	for lat := -60.0; lat <= 60; lat += 7 {
		viewer := Place{lat, lat * 2}
		toTokyo := m.ViewerRTT(viewer, tokyo) - m.RTT(viewer, tokyo)
		toSydney := m.ViewerRTT(viewer, sydney) - m.RTT(viewer, sydney)
		if d := toTokyo - toSydney; d.Abs() > 2*time.Microsecond {
			t.Errorf("viewer at %v: last mile %v towards Tokyo, %v towards Sydney", viewer, toTokyo, toSydney)
		}
		if toTokyo < 4999*time.Microsecond || toTokyo > 15001*time.Microsecond {
			t.Errorf("viewer at %v: last mile %v, want 5 to 15 ms", viewer, toTokyo)
		}
		seen[toTokyo.Round(time.Millisecond)] = true
	}
	if len(seen) < 4 {
		t.Errorf("last miles take only %d values", len(seen))
	}
}

// The spread is lognormal with median 1 and sigma 0.25.
func TestSpread(t *testing.T) {
	m := Model{Seed: 11, Scale: 1}
	var logs []float64
	for i := range 4000 {
		a := Place{math.Mod(float64(i)*7.31, 120) - 60, math.Mod(float64(i)*13.7, 360) - 180}
		b := Place{math.Mod(float64(i)*3.17, 120) - 60, math.Mod(float64(i)*29.3, 360) - 180}
		base := 3 + 1.6*DistanceKm(a, b)/100
		logs = append(logs, math.Log(m.RTT(a, b).Seconds()*1000/base))
	}
	sort.Float64s(logs)
	var sum, squares float64
	for _, x := range logs {
		sum += x
		squares += x * x
	}
	mean := sum / float64(len(logs))
	sigma := math.Sqrt(squares/float64(len(logs)) - mean*mean)
	if median := logs[len(logs)/2]; math.Abs(median) > 0.02 {
		t.Errorf("median of the logarithm %.3f, want 0", median)
	}
	if math.Abs(sigma-0.25) > 0.01 {
		t.Errorf("sigma %.3f, want 0.25", sigma)
	}
}
