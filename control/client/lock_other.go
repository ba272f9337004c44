//go:build !unix

package client

import "os"

// lockFile opens the file without a lock: elsewhere than on Unix it is the
// user's to run one process on a folder.
func lockFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
}
