package geo

import (
	_ "embed"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// Credit is what the licence of the bundled database (CC BY 4.0) asks to be
// shown to whoever sees its answers, and CreditURL what it must link to.
const (
	Credit    = "IP Geolocation by DB-IP"
	CreditURL = "https://db-ip.com"
)

// worldDB is made from DB-IP City Lite by scripts/geodb.
//
//go:embed data/world.mmdb.zst
var worldDB []byte

// maxBundled bounds what the bundled database may unfold to: it stays in
// memory for as long as the process runs.
const maxBundled = 40 << 20

// bundledSource returns the bundled database.
func bundledSource(countries map[string]Country) (*source, error) {
	content, err := unfold(worldDB)
	if err != nil {
		return nil, fmt.Errorf("bundled geo database: %w", err)
	}
	s, err := newSource("DB-IP City Lite (bundled)", content, countries)
	if err != nil {
		return nil, fmt.Errorf("bundled geo database: %w", err)
	}
	return s, nil
}

// unfold returns the content of a zstd frame, whose checksum vouches for it.
func unfold(packed []byte) ([]byte, error) {
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBundled))
	if err != nil {
		return nil, err
	}
	defer decoder.Close()
	return decoder.DecodeAll(packed, nil)
}
