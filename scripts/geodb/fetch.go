package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// withPack calls use with dir or, if dir is empty, with a temporary folder
// into which the npm package was unpacked.
func withPack(dir, pack string, use func(dir string) error) error {
	if dir != "" {
		return use(dir)
	}
	dir, err := os.MkdirTemp("", "geodb-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Fprintln(os.Stderr, "fetching", pack)
	npm := exec.Command("npm", "pack", "--silent", "--pack-destination", dir, pack)
	npm.Stderr = os.Stderr
	if err := npm.Run(); err != nil {
		return fmt.Errorf("npm pack %s: %w", pack, err)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil {
		return err
	}
	if len(found) != 1 {
		return fmt.Errorf("npm pack left %d archives", len(found))
	}
	if err := unpack(found[0], dir); err != nil {
		return fmt.Errorf("%s: %w", found[0], err)
	}
	return use(dir)
}

// unpack writes the databases of an archive to dir, without their folders.
func unpack(archive, dir string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	plain, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	for entries := tar.NewReader(plain); ; {
		entry, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if filepath.Ext(entry.Name) != ".mmdb" {
			continue
		}
		out, err := os.Create(filepath.Join(dir, filepath.Base(entry.Name)))
		if err != nil {
			return err
		}
		_, err = io.Copy(out, entries)
		if err := errors.Join(err, out.Close()); err != nil {
			return err
		}
	}
}
