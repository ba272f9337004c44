// Package demo is the small real site that a new network starts with: a page, a
// style sheet, an image, an error page and a ten-megabyte file. The image and the
// file are made when asked for, always with the same bytes.
package demo

import (
	"bytes"
	"embed"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"math"
	"math/rand/v2"
	"path"
)

//go:embed site
var files embed.FS

// Object is one object of the site.
type Object struct {
	Key, ContentType string
	Body             []byte
}

// LargeKey is the key of the large file and LargeSize its length in bytes.
const (
	LargeKey  = "large.bin"
	LargeSize = 10 << 20
)

// Site returns the site's objects.
func Site() ([]Object, error) {
	types := map[string]string{".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8"}
	var objects []Object
	entries, err := fs.ReadDir(files, "site")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		body, err := fs.ReadFile(files, "site/"+e.Name())
		if err != nil {
			return nil, err
		}
		objects = append(objects, Object{e.Name(), types[path.Ext(e.Name())], body})
	}
	picture, err := front()
	if err != nil {
		return nil, err
	}
	return append(objects,
		Object{"images/front.png", "image/png", picture},
		Object{LargeKey, "application/octet-stream", large()}), nil
}

// large is incompressible and the same each time.
func large() []byte {
	r := rand.New(rand.NewPCG(77, 0))
	b := make([]byte, 0, LargeSize)
	for len(b) < LargeSize {
		b = binary.LittleEndian.AppendUint64(b, r.Uint64())
	}
	return b
}

// front draws the symbol of a warm front, half discs on a curve, over a sky that
// warms from left to right.
func front() ([]byte, error) {
	const w, h, radius = 640, 240, 22.0
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	curve := func(x float64) float64 { return 150 + 34*math.Sin(x/105) }
	for x := range w {
		for y := range h {
			t := float64(x) / w
			img.Set(x, y, color.RGBA{uint8(120 + 120*t), uint8(178 + 12*t), uint8(226 - 90*t), 255})
		}
	}
	ink := color.RGBA{0xc2, 0x41, 0x0c, 0xff}
	for x := range w {
		line := curve(float64(x))
		for y := range h {
			center := math.Round(float64(x)/90) * 90
			inDisc := math.Hypot(float64(x)-center, float64(y)-curve(center)) < radius && float64(y) < line
			if math.Abs(float64(y)-line) < 3 || inDisc {
				img.Set(x, y, ink)
			}
		}
	}
	var b bytes.Buffer
	err := png.Encode(&b, img)
	return b.Bytes(), err
}
