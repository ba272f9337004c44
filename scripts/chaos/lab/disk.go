package lab

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// ballast is the name of the file that fills a disk.
const ballast = "ballast"

// Fill writes to the disk at dir until nothing more fits. Called again it takes what was freed since.
func Fill(dir string) error {
	f, err := os.OpenFile(filepath.Join(dir, ballast), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		if errors.Is(err, syscall.ENOSPC) {
			return nil
		}
		return err
	}
	block := make([]byte, 256<<10)
	for err == nil {
		_, err = f.Write(block)
	}
	if errors.Is(err, syscall.ENOSPC) {
		err = nil
	}
	return errors.Join(err, f.Close())
}

// Free ends what Fill did.
func Free(dir string) error {
	err := os.Remove(filepath.Join(dir, ballast))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Copy makes a copy of a folder's tree, holes included. To must not exist.
func Copy(from, to string) error { return run("cp", "-a", "--sparse=always", from, to) }

// PutBack replaces what is in a folder by what is in a copy of it; the folder itself stays, for it may be a disk's.
func PutBack(copied, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	if err != nil {
		return err
	}
	return run("cp", "-a", "--sparse=always", copied+"/.", dir)
}
