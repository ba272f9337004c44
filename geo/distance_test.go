package geo

import (
	"math"
	"testing"
)

func TestDistance(t *testing.T) {
	tests := []struct {
		name                   string
		lat1, lon1, lat2, lon2 float64
		km                     float64
	}{
		{"same point", 50.11, 8.68, 50.11, 8.68, 0},
		{"a degree of the equator", 0, 0, 0, 1, 111.195},
		{"pole to pole", 90, 0, -90, 0, math.Pi * earthRadiusKm},
		{"antipodes", 12.5, 40, -12.5, -140, math.Pi * earthRadiusKm},
		{"across the date line", 0, 179.5, 0, -179.5, 111.195},
		{"Berlin to Tokyo", 52.5167, 13.3833, 35.7, 139.7667, 8918},
		{"Nashville to Los Angeles", 36.12, -86.67, 33.94, -118.40, 2886.4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Distance(tt.lat1, tt.lon1, tt.lat2, tt.lon2)
			if math.Abs(got-tt.km) > 0.001*tt.km+0.001 {
				t.Errorf("%.3f km, want %.3f", got, tt.km)
			}
			if back := Distance(tt.lat2, tt.lon2, tt.lat1, tt.lon1); math.Abs(back-got) > 1e-9 {
				t.Errorf("%v km there, %v back", got, back)
			}
		})
	}
}

func TestNearest(t *testing.T) {
	pops := BundledCatalogue().Metro()
	tests := []struct {
		name     string
		lat, lon float64
		want     string
	}{
		{"Bonn", 50.73, 7.1, "DUS"},
		{"Kyoto", 35.01, 135.77, "KIX"},
		{"Perth", -31.9, 115.9, "PER"},
		{"Fiji, across the date line", -18.1, -179.9, "AKL"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, _ := Nearest(tt.lat, tt.lon, pops); got.Code != tt.want {
				t.Errorf("%s, want %s", got.Code, tt.want)
			}
		})
	}
	twins := []POP{{N: 9, Lat: 1}, {N: 4, Lat: -1}}
	if got, _ := Nearest(0, 0, twins); got.N != 4 {
		t.Errorf("of two at the same distance n %d, want the lower", got.N)
	}
	if _, km := Nearest(0, 0, nil); !math.IsInf(km, 1) {
		t.Errorf("without POPs %v km, want +Inf", km)
	}
}
