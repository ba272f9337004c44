package main

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"github.com/warmfront/warmfront/geo"
)

// The limits that the files are held to: in the repository, and in the memory
// of every process.
const (
	maxCommitted = 16 << 20
	maxUnfolded  = 40 << 20
)

// sourceDate is when the pinned pack was published; the file must not depend
// on when it is made.
var sourceDate = time.Date(2026, 6, 5, 0, 0, 0, 0, time.UTC)

// build makes world.mmdb.zst and countries.csv in out from the pack in dir.
func build(dir, out string) error {
	catalogue := geo.BundledCatalogue()
	a := newAtlas(catalogue)
	blocks := map[string][]block{}
	for _, f := range families {
		file, err := packFile(dir, f.name)
		if err != nil {
			return err
		}
		if blocks[f.name], err = readBlocks(file, f, a); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%s: %d blocks, %d cells\n", f.name, len(blocks[f.name]), len(a.cells)-1)
	}
	tree, err := mmdbwriter.New(mmdbwriter.Options{
		BuildEpoch: sourceDate.Unix(),
		// One of the names that geoip2 readers know; the description says the rest.
		DatabaseType: "DBIP-City-Lite",
		Description:  map[string]string{"en": "DB-IP City Lite " + sourceDate.Format("2006-01") + ", coarsened for Warmfront. " + geo.Credit + " (" + geo.CreditURL + "), CC BY 4.0"},
		Languages:    []string{"en"},
		RecordSize:   24,
	})
	if err != nil {
		return err
	}
	records := make([]mmdbtype.Map, len(a.cells))
	for _, f := range families {
		p := &pruner{family: f, cells: a.cells}
		best := p.prune(blocks[f.name])
		fmt.Fprintf(os.Stderr, "%s: %d splits\n", f.name, p.kept(best.tree))
		err := p.leaves(best.tree, func(prefix uint64, bits int, label int32) error {
			if records[label] == nil {
				records[label] = record(a.shownAs(label), catalogue)
			}
			return insert(tree, f, prefix, bits, records[label])
		})
		if err != nil {
			return err
		}
	}
	if err := writeDatabase(filepath.Join(out, "world.mmdb.zst"), tree); err != nil {
		return err
	}
	return writeCountries(filepath.Join(out, "countries.csv"), a.countryPoints())
}

// record returns the City record of a cell.
func record(c city, catalogue *geo.Catalogue) mmdbtype.Map {
	country, _ := catalogue.Country(c.country)
	english := func(name string) mmdbtype.Map {
		return mmdbtype.Map{"names": mmdbtype.Map{"en": mmdbtype.String(name)}}
	}
	r := mmdbtype.Map{
		"country":   mmdbtype.Map{"iso_code": mmdbtype.String(c.country)},
		"continent": mmdbtype.Map{"code": mmdbtype.String(country.Continent)},
	}
	if !c.byCity {
		return r
	}
	r["city"] = english(c.name)
	r["location"] = mmdbtype.Map{"latitude": mmdbtype.Float64(c.lat), "longitude": mmdbtype.Float64(c.lon)}
	if c.region != "" {
		r["subdivisions"] = mmdbtype.Slice{english(c.region)}
	}
	return r
}

func insert(tree *mmdbwriter.Tree, f family, prefix uint64, bits int, value mmdbtype.Map) error {
	ip, size := make(net.IP, net.IPv4len), 32
	if f.name == "ipv4" {
		binary.BigEndian.PutUint32(ip, uint32(prefix)<<(32-bits))
	} else {
		ip, size = make(net.IP, net.IPv6len), 128
		binary.BigEndian.PutUint64(ip, prefix<<(64-bits))
	}
	err := tree.Insert(&net.IPNet{IP: ip, Mask: net.CIDRMask(bits, size)}, value)
	// Reserved space is left out where a leaf spreads over it.
	var reserved *mmdbwriter.ReservedNetworkError
	var aliased *mmdbwriter.AliasedNetworkError
	if errors.As(err, &reserved) || errors.As(err, &aliased) {
		return nil
	}
	return err
}

func writeDatabase(file string, tree *mmdbwriter.Tree) error {
	var plain bytes.Buffer
	if _, err := tree.WriteTo(&plain); err != nil {
		return err
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(32<<20), zstd.WithEncoderCRC(true))
	if err != nil {
		return err
	}
	packed := encoder.EncodeAll(plain.Bytes(), nil)
	fmt.Fprintf(os.Stderr, "%s: %d bytes, unfolded %d\n", file, len(packed), plain.Len())
	if len(packed) > maxCommitted || plain.Len() > maxUnfolded {
		return fmt.Errorf("too large: the limits are %d bytes and %d unfolded", maxCommitted, maxUnfolded)
	}
	return os.WriteFile(file, packed, 0o644)
}

// writeCountries fills in the last three columns of the table of countries.
func writeCountries(file string, points map[string]city) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	rows, err := csv.NewReader(bytes.NewReader(old)).ReadAll()
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, row := range rows[1:] {
		c, ok := points[row[0]]
		if !ok {
			row[3], row[4], row[5] = "", "", ""
			continue
		}
		row[3], row[4] = strconv.FormatFloat(c.lat, 'f', -1, 64), strconv.FormatFloat(c.lon, 'f', -1, 64)
		row[5] = c.name
	}
	var fresh bytes.Buffer
	if err := csv.NewWriter(&fresh).WriteAll(rows); err != nil {
		return err
	}
	return os.WriteFile(file, fresh.Bytes(), 0o644)
}
